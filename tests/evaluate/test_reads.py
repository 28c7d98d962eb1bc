"""Which reads a control rests on."""

from typing import Any

import pytest

from scanner.evaluate.controls.loader import load_controls
from scanner.evaluate.needs import affected_controls, reads_of

SHIPPED = {control.id: control for control in load_controls()}


def test_the_reads_of_a_control_are_those_of_the_columns_that_decide(control: Any) -> None:
    asked = control("encrypted", population="versioned", reason="{len(copies)}", evidence=("rules",))
    assert "s3:GetBucketVersioning" in reads_of(asked)
    assert "s3:GetBucketEncryption" in reads_of(asked)
    assert "backup:GetBackupPlan" not in reads_of(asked)
    assert reads_of(control("name = 'x'", population="true")) == frozenset()


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("resource-in-backup-plan", "backup:GetBackupSelection"),
        ("resource-in-backup-plan", "backup:DescribeRegionSettings"),
        ("resource-backed-up-recently", "backup:ListRecoveryPointsByBackupVault"),
        ("plan-frequency-and-retention", "backup:GetBackupPlan"),
        ("vault-manual-deletion-denied", "backup:GetBackupVaultAccessPolicy"),
        ("vault-locked", "backup:ListBackupVaults"),
        ("resource-cross-account-copy", "organizations:ListAccounts"),
        ("copy-customer-managed-key", "kms:DescribeKey"),
    ],
)
def test_a_read_that_is_missing_blinds_the_controls_that_need_it(name: str, read: str) -> None:
    assert name in affected_controls(SHIPPED.values())[read]


def test_what_is_blinded_is_in_order() -> None:
    found = affected_controls(reversed(list(SHIPPED.values())))
    assert list(found) == sorted(found)
    assert all(list(names) == sorted(names) for names in found.values())
