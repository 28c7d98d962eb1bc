"""AWS Backup: settings, vaults with their recovery points, plans with their selections, jobs.

And what proves protection or holds it: restore testing, legal holds, frameworks, report plans, tiering.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from scanner.collect.calls import Caller
from scanner.collect.fields import rows, text, texts
from scanner.collect.later import Later
from scanner.collect.operations import Operation
from scanner.model.names import Shard, parse_arn

_PAGE: Final = 1000  # the largest that the service takes (facts 10.1)

OPERATIONS: Final = (
    Operation("backup", "DescribeGlobalSettings", "backup:DescribeGlobalSettings"),
    Operation("backup", "DescribeRegionSettings", "backup:DescribeRegionSettings"),
    Operation(
        "backup",
        "ListBackupVaults",
        "backup:ListBackupVaults",
        _PAGE,
        own=("BackupVaultList[].BackupVaultArn",),
    ),
    Operation(
        "backup",
        "GetBackupVaultAccessPolicy",
        "backup:GetBackupVaultAccessPolicy",
        after=("backup:ListBackupVaults",),
        own=("BackupVaultArn",),
    ),
    Operation(
        "backup",
        "GetBackupVaultNotifications",
        "backup:GetBackupVaultNotifications",
        after=("backup:ListBackupVaults",),
        own=("BackupVaultArn",),
    ),
    Operation(
        "backup",
        "ListRecoveryPointsByBackupVault",
        "backup:ListRecoveryPointsByBackupVault",
        _PAGE,
        after=("backup:ListBackupVaults",),
        own=("RecoveryPoints[].BackupVaultArn",),
    ),
    # Asked of continuous recovery points that were scanned: the list has no result for a point in time.
    Operation(
        "backup",
        "GetPITRMalwareScanResults",
        "backup:GetPITRMalwareScanResults",
        after=("backup:ListRecoveryPointsByBackupVault",),
    ),
    Operation(
        "backup", "ListBackupPlans", "backup:ListBackupPlans", _PAGE, own=("BackupPlansList[].BackupPlanArn",)
    ),
    Operation(
        "backup",
        "GetBackupPlan",
        "backup:GetBackupPlan",
        after=("backup:ListBackupPlans",),
        own=("BackupPlanArn",),
    ),
    Operation(
        "backup",
        "ListBackupSelections",
        "backup:ListBackupSelections",
        _PAGE,
        after=("backup:ListBackupPlans",),
    ),
    Operation(
        "backup", "GetBackupSelection", "backup:GetBackupSelection", after=("backup:ListBackupSelections",)
    ),
    Operation("backup", "ListProtectedResources", "backup:ListProtectedResources", _PAGE),
    Operation("backup", "ListBackupJobs", "backup:ListBackupJobs", _PAGE),
    Operation("backup", "ListCopyJobs", "backup:ListCopyJobs", _PAGE),
    Operation("backup", "ListRestoreJobs", "backup:ListRestoreJobs", _PAGE),
    # Limited to ten a second: asked of the account's own resources, of which alone controls ask when they
    # were restored. The histories of jobs reach back 30 days only (catalogue, ruling 9).
    Operation(
        "backup",
        "DescribeProtectedResource",
        "backup:DescribeProtectedResource",
        after=("backup:ListProtectedResources",),
    ),
    # Limited to five a second: asked of the few vaults of whom the list leaves something out (facts 5).
    Operation(
        "backup",
        "DescribeBackupVault",
        "backup:DescribeBackupVault",
        after=("backup:ListBackupVaults",),
        own=("BackupVaultArn",),
    ),
    Operation(
        "backup",
        "ListRestoreTestingPlans",
        "backup:ListRestoreTestingPlans",
        _PAGE,
        own=("RestoreTestingPlans[].RestoreTestingPlanArn",),
    ),
    Operation(
        "backup",
        "GetRestoreTestingPlan",
        "backup:GetRestoreTestingPlan",
        after=("backup:ListRestoreTestingPlans",),
        own=("RestoreTestingPlan.RestoreTestingPlanArn",),
    ),
    Operation(
        "backup",
        "ListRestoreTestingSelections",
        "backup:ListRestoreTestingSelections",
        _PAGE,
        after=("backup:ListRestoreTestingPlans",),
    ),
    Operation(
        "backup",
        "GetRestoreTestingSelection",
        "backup:GetRestoreTestingSelection",
        # The model marks it as sensitive: metadata of a restore may hold the password of a directory.
        secrets=("RestoreTestingSelection.RestoreMetadataOverrides",),
        after=("backup:ListRestoreTestingSelections",),
    ),
    Operation("backup", "ListLegalHolds", "backup:ListLegalHolds", _PAGE, own=("LegalHolds[].LegalHoldArn",)),
    Operation(
        "backup",
        "GetLegalHold",
        "backup:GetLegalHold",
        after=("backup:ListLegalHolds",),
        own=("LegalHoldArn",),
    ),
    Operation("backup", "ListFrameworks", "backup:ListFrameworks", _PAGE, own=("Frameworks[].FrameworkArn",)),
    Operation(
        "backup",
        "DescribeFramework",
        "backup:DescribeFramework",
        after=("backup:ListFrameworks",),
        own=("FrameworkArn",),
    ),
    Operation(
        "backup", "ListReportPlans", "backup:ListReportPlans", _PAGE, own=("ReportPlans[].ReportPlanArn",)
    ),
    Operation(
        "backup",
        "ListTieringConfigurations",
        "backup:ListTieringConfigurations",
        _PAGE,
        own=("TieringConfigurations[].TieringConfigurationArn",),
    ),
    Operation(
        "backup",
        "GetTieringConfiguration",
        "backup:GetTieringConfiguration",
        after=("backup:ListTieringConfigurations",),
        own=("TieringConfiguration.TieringConfigurationArn",),
    ),
)

_AWS_OWNED: Final = "AWS_OWNED_KMS_KEY"
_DESCRIBED: Final = {"LOGICALLY_AIR_GAPPED_BACKUP_VAULT", "RESTORE_ACCESS_BACKUP_VAULT"}
_CONTINUOUS: Final = ":continuous:"  # the model has no flag: the ARN says so (facts 9)
_CANCELED: Final = "CANCELED"
_COMPLETED: Final = "COMPLETED"

Restored = Later[frozenset[str]]
"""The resources of which the list of restore jobs shows a completed restore; empty where it was not read."""


def collect(caller: Caller) -> set[str]:
    """Record all of AWS Backup in one account and Region; give the keys that were named."""
    restored = Restored()
    return caller.beside(
        _vaults,
        _plans,
        partial(_protected_resources, restored=restored),
        partial(_list, operation="ListBackupJobs"),
        partial(_list, operation="ListCopyJobs"),
        partial(_restore_jobs, restored=restored),
        partial(_list, operation="ListReportPlans"),
        _restore_testing,
        _legal_holds,
        _frameworks,
        _tiering,
        _settings,
    )


def _settings(caller: Caller) -> None:
    caller.call("backup", "DescribeRegionSettings")


def _list(caller: Caller, *, operation: str) -> None:
    for _ in caller.pages("backup", operation):
        pass


def _vaults(caller: Caller) -> set[str]:
    names: dict[str, None] = {}
    described: dict[str, None] = {}
    keys: set[str] = set()
    for answer in caller.pages("backup", "ListBackupVaults"):
        keys.update(_keys(answer, "BackupVaultList"))
        found = [row for row in rows(answer, "BackupVaultList") if text(row, "BackupVaultName")]
        names |= {text(row, "BackupVaultName"): None for row in found}
        described |= {
            text(row, "BackupVaultName"): None for row in found if row.get("VaultType") in _DESCRIBED
        }
    caller.each(described, _describe_vault)
    return keys | caller.each(names, _vault)


def _describe_vault(caller: Caller, name: str) -> tuple[str, ...]:
    caller.call("backup", "DescribeBackupVault", BackupVaultName=name)
    return ()


def _vault(caller: Caller, name: str) -> set[str]:
    caller.call("backup", "GetBackupVaultAccessPolicy", BackupVaultName=name)
    caller.call("backup", "GetBackupVaultNotifications", BackupVaultName=name)
    keys: set[str] = set()
    for answer in caller.pages("backup", "ListRecoveryPointsByBackupVault", BackupVaultName=name):
        keys.update(_keys(answer, "RecoveryPoints"))
        _scans(caller, name, answer)
    return keys


def _scans(caller: Caller, vault: str, answer: Mapping[str, Any]) -> None:
    """Read the newest malware scan of continuous recovery points, as of the time of the aggregated result."""
    for row in rows(answer, "RecoveryPoints"):
        arn, scanned = text(row, "RecoveryPointArn"), row.get("AggregatedScanResult")
        if _CONTINUOUS in arn and isinstance(scanned, Mapping) and (computed := scanned.get("LastComputed")):
            caller.call(
                "backup",
                "GetPITRMalwareScanResults",
                RecoveryPointArn=arn,
                BackupVaultName=vault,
                ScanEndTime=computed,
                MalwareScanner="GUARDDUTY",
            )


def _restore_jobs(caller: Caller, *, restored: Restored) -> None:
    """Record restore jobs, those of restore testing plans too; tell which resources were restored."""
    completed: set[str] = set()
    found: frozenset[str] = frozenset()
    try:
        for answer in caller.pages("backup", "ListRestoreJobs"):
            jobs = (row for row in rows(answer, "RestoreJobs") if row.get("Status") == _COMPLETED)
            completed.update(text(row, "SourceResourceArn") for row in jobs)
        if "backup:ListRestoreJobs" not in caller.failures:
            found = frozenset(completed)
    finally:  # the protected resources go on in any case
        restored.tell(found)


def _protected_resources(caller: Caller, *, restored: Restored) -> None:
    """Ask the resources of this account and Region when they were restored last (catalogue, ruling 9).

    A resource whose completed restore the list of restore jobs shows is left out: its latest restore is that
    one, or is in the list as well.
    """
    names: dict[str, None] = {}
    for answer in caller.pages("backup", "ListProtectedResources"):
        names |= dict.fromkeys(_own(answer, caller.shard))
    if not caller.collects("backup:DescribeProtectedResource"):
        return
    describe = caller.later()

    def ask(listed: frozenset[str]) -> None:
        open_ones = [name for name in names if name not in listed]
        describe(lambda own: own.each(open_ones, _latest_restore))

    restored.then(ask)


def _own(answer: Mapping[str, Any], shard: Shard) -> Iterator[str]:
    """Give the resources of a list that are not those of another account, of which copies lie here."""
    for row in rows(answer, "Results"):
        arn = parse_arn(text(row, "ResourceArn"))
        # The ARN of a bucket names neither account nor Region.
        if arn and arn.account in ("", shard.account) and arn.region in ("", shard.region):
            yield text(row, "ResourceArn")


def _latest_restore(caller: Caller, resource: str) -> tuple[str, ...]:
    caller.call("backup", "DescribeProtectedResource", ResourceArn=resource)
    return ()


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


def _restore_testing(caller: Caller) -> None:
    pages = caller.pages("backup", "ListRestoreTestingPlans")
    caller.each(texts(pages, "RestoreTestingPlans", "RestoreTestingPlanName"), _restore_testing_plan)


def _restore_testing_plan(caller: Caller, plan: str) -> tuple[str, ...]:
    caller.call("backup", "GetRestoreTestingPlan", RestoreTestingPlanName=plan)
    pages = caller.pages("backup", "ListRestoreTestingSelections", RestoreTestingPlanName=plan)
    for selection in texts(pages, "RestoreTestingSelections", "RestoreTestingSelectionName"):
        which = {"RestoreTestingPlanName": plan, "RestoreTestingSelectionName": selection}
        caller.call("backup", "GetRestoreTestingSelection", **which)
    return ()


def _legal_holds(caller: Caller) -> None:
    """Record legal holds; what a canceled one held matters to nobody any more."""
    holds = (row for answer in caller.pages("backup", "ListLegalHolds") for row in rows(answer, "LegalHolds"))
    held = (text(row, "LegalHoldId") for row in holds if row.get("Status") != _CANCELED)
    caller.each([hold for hold in held if hold], _legal_hold)


def _legal_hold(caller: Caller, hold: str) -> tuple[str, ...]:
    caller.call("backup", "GetLegalHold", LegalHoldId=hold)
    return ()


def _frameworks(caller: Caller) -> None:
    names = texts(caller.pages("backup", "ListFrameworks"), "Frameworks", "FrameworkName")
    caller.each(names, _framework)


def _framework(caller: Caller, name: str) -> tuple[str, ...]:
    caller.call("backup", "DescribeFramework", FrameworkName=name)
    return ()


def _tiering(caller: Caller) -> None:
    pages = caller.pages("backup", "ListTieringConfigurations")
    caller.each(texts(pages, "TieringConfigurations", "TieringConfigurationName"), _tiering_configuration)


def _tiering_configuration(caller: Caller, name: str) -> tuple[str, ...]:
    caller.call("backup", "GetTieringConfiguration", TieringConfigurationName=name)
    return ()
