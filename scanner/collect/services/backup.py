"""AWS Backup: settings, vaults with their recovery points, plans with their selections, jobs."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from scanner.collect.calls import Caller
from scanner.collect.fields import rows, text, texts
from scanner.collect.operations import Operation

_PAGE: Final = 1000  # the largest that the service takes (facts 10.1)

OPERATIONS: Final = (
    Operation("backup", "DescribeGlobalSettings", "backup:DescribeGlobalSettings"),
    Operation("backup", "DescribeRegionSettings", "backup:DescribeRegionSettings"),
    Operation("backup", "ListBackupVaults", "backup:ListBackupVaults", _PAGE),
    Operation("backup", "GetBackupVaultAccessPolicy", "backup:GetBackupVaultAccessPolicy"),
    Operation("backup", "GetBackupVaultNotifications", "backup:GetBackupVaultNotifications"),
    Operation("backup", "ListRecoveryPointsByBackupVault", "backup:ListRecoveryPointsByBackupVault", _PAGE),
    Operation("backup", "ListBackupPlans", "backup:ListBackupPlans", _PAGE),
    Operation("backup", "GetBackupPlan", "backup:GetBackupPlan"),
    Operation("backup", "ListBackupSelections", "backup:ListBackupSelections", _PAGE),
    Operation("backup", "GetBackupSelection", "backup:GetBackupSelection"),
    Operation("backup", "ListProtectedResources", "backup:ListProtectedResources", _PAGE),
    Operation("backup", "ListBackupJobs", "backup:ListBackupJobs", _PAGE),
    Operation("backup", "ListCopyJobs", "backup:ListCopyJobs", _PAGE),
    Operation("backup", "ListRestoreJobs", "backup:ListRestoreJobs", _PAGE),
)

_AWS_OWNED: Final = "AWS_OWNED_KMS_KEY"


def collect(caller: Caller) -> set[str]:
    """Record all of AWS Backup in one account and Region; give the keys that were named."""
    caller.call("backup", "DescribeRegionSettings")
    keys = _vaults(caller)
    _plans(caller)
    for operation in ("ListProtectedResources", "ListBackupJobs", "ListCopyJobs", "ListRestoreJobs"):
        for _ in caller.pages("backup", operation):
            pass
    return keys


def _vaults(caller: Caller) -> set[str]:
    names: dict[str, None] = {}
    keys: set[str] = set()
    for answer in caller.pages("backup", "ListBackupVaults"):
        keys.update(_keys(answer, "BackupVaultList"))
        names |= dict.fromkeys(texts([answer], "BackupVaultList", "BackupVaultName"))
    return keys | caller.each(names, _vault)


def _vault(caller: Caller, name: str) -> set[str]:
    caller.call("backup", "GetBackupVaultAccessPolicy", BackupVaultName=name)
    caller.call("backup", "GetBackupVaultNotifications", BackupVaultName=name)
    keys: set[str] = set()
    for answer in caller.pages("backup", "ListRecoveryPointsByBackupVault", BackupVaultName=name):
        keys.update(_keys(answer, "RecoveryPoints"))
    return keys


def _keys(answer: Mapping[str, Any], key: str) -> Iterator[str]:
    """Give the keys named, less those that AWS owns: they lie in AWS's accounts and nobody can ask."""
    for row in rows(answer, key):
        if (name := text(row, "EncryptionKeyArn")) and row.get("EncryptionKeyType") != _AWS_OWNED:
            yield name


def _plans(caller: Caller) -> None:
    plans = texts(caller.pages("backup", "ListBackupPlans"), "BackupPlansList", "BackupPlanId")
    caller.each(plans, _plan)


def _plan(caller: Caller, plan: str) -> tuple[str, ...]:
    caller.call("backup", "GetBackupPlan", BackupPlanId=plan)
    pages = caller.pages("backup", "ListBackupSelections", BackupPlanId=plan)
    for selection in texts(pages, "BackupSelectionsList", "SelectionId"):
        caller.call("backup", "GetBackupSelection", BackupPlanId=plan, SelectionId=selection)
    return ()
