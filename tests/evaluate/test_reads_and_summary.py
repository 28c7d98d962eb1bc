"""Which reads a control rests on; findings in figures."""

from typing import Any

import pytest

from scanner.evaluate.loader import load_controls
from scanner.evaluate.reads import blinds, reads_of
from scanner.evaluate.summary import summarise
from scanner.model.finding import Finding, Severity, Status

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
    assert name in blinds(SHIPPED.values())[read]


def test_what_is_blinded_is_in_order() -> None:
    found = blinds(reversed(list(SHIPPED.values())))
    assert list(found) == sorted(found)
    assert all(list(names) == sorted(names) for names in found.values())


def finding(status: Status, control: str = "a", **given: Any) -> Finding:
    place = {"account": "1", "region": "r", "subject_type": "EBS", "severity": Severity.HIGH}
    return Finding(control=control, status=status, subject="s", reason="", **{**place, **given})


def test_a_share_comes_with_its_numerator_and_denominator() -> None:
    statuses = [Status.PASS] * 3 + [Status.FAIL, Status.WAIVED] + [Status.UNKNOWN] * 2
    statuses += [Status.NOT_APPLICABLE, Status.ERROR]
    total = summarise(map(finding, statuses)).total
    assert (total.passed, total.judged, total.unknown, total.percentage) == (3, 5, 2, 60.0)


def test_nothing_judged_is_no_share() -> None:
    assert summarise([finding(Status.UNKNOWN)]).total.percentage is None
    assert summarise([]).total.percentage is None


def test_findings_are_counted_by_each_property() -> None:
    summary = summarise(
        [
            finding(Status.PASS, "b", severity=Severity.LOW, account="2"),
            finding(Status.FAIL, "a", region="q", subject_type="S3"),
            finding(Status.FAIL, "a", severity=Severity.CRITICAL),
        ],
        controls=("a", "c"),
    )
    assert summary.document() == {
        "controls": {"a": {"fail": 2}, "b": {"pass": 1}, "c": {}},
        "accounts": {"1": {"fail": 2}, "2": {"pass": 1}},
        "regions": {"q": {"fail": 1}, "r": {"pass": 1, "fail": 1}},
        "subject_types": {"EBS": {"pass": 1, "fail": 1}, "S3": {"fail": 1}},
        "severities": {"critical": {"fail": 1}, "high": {"fail": 1}, "low": {"pass": 1}},
        "total": {"pass": 1, "fail": 2, "passed": 1, "judged": 3},
    }
    assert list(summary.severities) == ["critical", "high", "low"]
