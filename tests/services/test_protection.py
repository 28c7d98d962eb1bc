"""What vaults, jobs, keys, recovery points and protected resources tell beyond the first lists."""

from datetime import UTC, datetime
from typing import Any

import pytest

from scanner.errors import BundleError
from scanner.inventory.tables import assurance_rows, governance_rows, inventory_rows
from scanner.model.inventory import (
    LatestRestore,
    ScanResult,
    ShardInventory,
    Vault,
    VaultDetails,
    VaultNotifications,
)
from scanner.model.inventory_tables import INVENTORY_TABLES, EffectivePolicyTable, VaultTable
from scanner.model.known import GapKind, Known, Unread
from scanner.services.organizations import parse_account, parse_governance
from scanner.storage.parquet import write_parquet
from tests.fakes.bundles import (
    ACCOUNT,
    MANAGEMENT,
    REGION,
    ShardScript,
    answers_of,
    key_arn,
    parsed,
    plan_arn,
    vault_arn,
    volume_arn,
)

AIR_GAPPED = "LOGICALLY_AIR_GAPPED_BACKUP_VAULT"
POINTS = "backup:ListRecoveryPointsByBackupVault"
NOTIFICATIONS = "backup:GetBackupVaultNotifications"
DESCRIBE = "backup:DescribeBackupVault"


def shard() -> ShardScript:
    return ShardScript(ACCOUNT, REGION)


def row(**more: Any) -> dict[str, Any]:
    return {"BackupVaultName": "v", "BackupVaultArn": vault_arn("v"), **more}


def gaps_of(inventory: ShardInventory, operation: str) -> list[GapKind]:
    return [gap.kind for gap in inventory.gaps if gap.operation == operation]


# Vaults


def bare_vault(**more: Any) -> ShardScript:
    """Give a vault of which only the list tells."""
    return shard().listed("backup:ListBackupVaults", row(**more))


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            {"response": {"SNSTopicArn": "arn:topic", "BackupVaultEvents": ["COPY_JOB_FAILED"]}},
            VaultNotifications("arn:topic", ("COPY_JOB_FAILED",)),
        ),
        ({"response": {}}, VaultNotifications(None, None)),
        (
            {"response": {"SNSTopicArn": "arn:topic", "BackupVaultEvents": []}},
            VaultNotifications("arn:topic", ()),
        ),
        ({"error": "ResourceNotFoundException"}, None),
        ({"error": "ERROR_2106"}, None),
    ],
)
def test_whom_a_vault_tells(answer: dict[str, Any], expected: VaultNotifications | None) -> None:
    inventory = parsed(bare_vault().call(NOTIFICATIONS, **answer, BackupVaultName="v"))
    result = inventory.vaults[0].notifications
    assert isinstance(result, Known)
    assert result.value == expected
    assert gaps_of(inventory, NOTIFICATIONS) == []


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (bare_vault(), GapKind.NEVER_ASKED),
        (bare_vault().call(NOTIFICATIONS, error="AccessDenied", BackupVaultName="v"), GapKind.REFUSED),
    ],
)
def test_notifications_that_were_not_read_are_a_gap(script: ShardScript, kind: GapKind) -> None:
    inventory = parsed(script)
    assert isinstance(inventory.vaults[0].notifications, Unread)
    assert gaps_of(inventory, NOTIFICATIONS) == [kind]


def described(script: ShardScript, **answer: Any) -> Vault:
    return parsed(script.call(DESCRIBE, {"BackupVaultName": "v", **answer}, BackupVaultName="v")).vaults[0]


def test_an_air_gapped_vault_tells_its_team() -> None:
    vault = described(
        shard().vault("v", VaultType=AIR_GAPPED, VaultState="AVAILABLE"),
        MpaApprovalTeamArn="arn:team",
        LatestMpaApprovalTeamUpdate={"Status": "APPROVED"},
    )
    assert isinstance(vault.details, Known)
    assert vault.details.value == VaultDetails("arn:team", "APPROVED", None)
    assert vault.state == "AVAILABLE"


def test_an_air_gapped_vault_without_a_team() -> None:
    vault = described(shard().vault("v", VaultType=AIR_GAPPED))
    assert isinstance(vault.details, Known)
    assert vault.details.value == VaultDetails(None, None, None)


def test_a_restore_access_vault_tells_its_source() -> None:
    vault = described(
        shard().vault("v", VaultType="RESTORE_ACCESS_BACKUP_VAULT"), SourceBackupVaultArn="arn:s"
    )
    assert isinstance(vault.details, Known)
    assert vault.details.value.source_vault == "arn:s"


def test_only_of_such_vaults_a_description_is_missed() -> None:
    refused = shard().vault("v").call(DESCRIBE, error="AccessDeniedException", BackupVaultName="v")
    plain = parsed(refused)
    assert plain.vaults[0].details is None
    assert gaps_of(plain, DESCRIBE) == []
    assert isinstance(described(shard().vault("v")).details, Known)  # another program asked all the same
    gapped = parsed(shard().vault("v", VaultType=AIR_GAPPED))
    assert isinstance(gapped.vaults[0].details, Unread)
    assert gaps_of(gapped, DESCRIBE) == [GapKind.NEVER_ASKED]


# Recovery points and jobs


def test_malware_scans_and_restores_of_recovery_points() -> None:
    result = {"FailedScan": False, "Findings": ["MALWARE"], "LastComputed": "2026-11-01T00:00:00Z"}
    script = shard().vault("v")
    script.point("v", volume_arn("vol-1"), arn="a", AggregatedScanResult=result)
    script.point("v", volume_arn("vol-1"), arn="b", AggregatedScanResult={}, hours_ago=6)
    script.point("v", volume_arn("vol-1"), arn="c", LastRestoreTime="2026-10-01T00:00:00+00:00", hours_ago=7)
    first, second, third = parsed(script).recovery_points
    assert first.scan == ScanResult(failed=False, findings=("MALWARE",), computed_at=_day(11))
    assert second.scan == ScanResult(None, None, None)  # an empty list would say that nothing was found
    assert third.scan is None
    assert third.last_restored_at == _day(10)


def test_what_a_row_leaves_out_is_told_by_the_call_that_gave_it() -> None:
    script = shard().listed("backup:ListBackupVaults", {"BackupVaultName": "v"})
    script.listed(POINTS, {"RecoveryPointArn": "p"}, BackupVaultName="v")
    script.listed("backup:ListBackupPlans", {"BackupPlanId": "daily"})
    found = parsed(script)
    assert [vault.arn for vault in found.vaults] == [vault_arn("v")]
    assert [point.vault for point in found.recovery_points] == [vault_arn("v")]
    assert [plan.arn for plan in found.plans] == [plan_arn("daily")]


def test_a_recovery_point_of_a_shared_vault_names_its_vault() -> None:
    foreign = {"BackupVaultName": "v", "BackupVaultAccountId": "222222222222"}
    script = shard().vault("v").listed(POINTS, {"RecoveryPointArn": "p"}, **foreign)
    with pytest.raises(BundleError, match="BackupVaultArn"):
        parsed(script)


def _day(month: int) -> datetime:
    return datetime(2026, month, 1, tzinfo=UTC)


def test_restore_jobs_tell_whether_they_were_validated_and_who_started_them() -> None:
    script = shard().listed(
        "backup:ListRestoreJobs",
        {
            "RestoreJobId": "1",
            "Status": "COMPLETED",
            "ValidationStatus": "TIMED_OUT",
            "CreatedBy": {"RestoreTestingPlanArn": "arn:plan"},
        },
        {"RestoreJobId": "2", "CreatedBy": {}},
    )
    script.listed("backup:ListBackupJobs", {"BackupJobId": "0", "MessageCategory": "VSS_ERROR"})
    backup, tested, other = parsed(script).jobs
    assert (tested.validation_status, tested.restore_testing_plan) == ("TIMED_OUT", "arn:plan")
    assert (other.validation_status, other.restore_testing_plan, other.created_by_rule) == (None, None, None)
    assert backup.message_category == "VSS_ERROR"


# Protected resources

PROTECTED = "backup:DescribeProtectedResource"


def protected(**answer: Any) -> ShardInventory:
    script = shard().listed("backup:ListProtectedResources", {"ResourceArn": "arn:r"})
    return parsed(script.call(PROTECTED, **answer, ResourceArn="arn:r") if answer else script)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            {
                "LatestRestoreExecutionTimeMinutes": 95,
                "LatestRestoreJobCreationDate": "2026-09-01T00:00:00Z",
                "LatestRestoreRecoveryPointCreationDate": "2026-08-01T00:00:00Z",
            },
            LatestRestore(_day(9), 95, _day(8)),
        ),
        ({"LatestRestoreExecutionTimeMinutes": 95}, LatestRestore(None, 95, None)),
        ({"LastBackupTime": "2026-09-01T00:00:00Z"}, None),
    ],
)
def test_the_latest_restore(answer: dict[str, Any], expected: LatestRestore | None) -> None:
    (resource,) = protected(response=answer).protected_resources
    assert isinstance(resource.latest_restore, Known)
    assert resource.latest_restore.value == expected


def test_a_listed_resource_that_its_description_denies_is_unknown() -> None:
    inventory = protected(error="ResourceNotFoundException")
    assert isinstance(inventory.protected_resources[0].latest_restore, Unread)
    assert gaps_of(inventory, PROTECTED) == [GapKind.FAILED]


def test_a_restore_that_nobody_asked_for_is_not_known_and_missed_only_where_refused() -> None:
    asked, refused = protected(), protected(error="AccessDeniedException")
    for inventory, kinds in ((asked, []), (refused, [GapKind.REFUSED])):
        assert isinstance(inventory.protected_resources[0].latest_restore, Unread)
        assert gaps_of(inventory, PROTECTED) == kinds


# Keys


def test_keys_tell_when_they_end_and_where_they_are_replicated() -> None:
    arn, far = key_arn("mrk-1"), "arn:aws:kms:us-east-1:111111111111:key/mrk-1"
    metadata = {
        "KeyId": "mrk-1",
        "Arn": arn,
        "KeyManager": "CUSTOMER",
        "KeyState": "PendingDeletion",
        "Enabled": False,
        "DeletionDate": "2026-12-01T00:00:00Z",
        "MultiRegion": True,
        "MultiRegionConfiguration": {
            "MultiRegionKeyType": "REPLICA",
            "PrimaryKey": {"Arn": far, "Region": "us-east-1"},
            "ReplicaKeys": [{"Arn": arn, "Region": REGION}],
        },
    }
    script = shard().vault("v", key=arn).call("kms:DescribeKey", {"KeyMetadata": metadata}, KeyId=arn)
    key = parsed(script).keys[arn]
    assert (key.state, key.enabled, key.deletion_at) == ("PendingDeletion", False, _day(12))
    assert (key.multi_region, key.primary, key.replicas) == (True, far, (arn,))
    plain = parsed(shard().vault("v", key=key_arn("k")).key("k")).keys[key_arn("k")]
    assert (plain.enabled, plain.deletion_at, plain.primary, plain.replicas) == (None, None, None, ())


# Tables


def full() -> ShardInventory:
    script = (
        shard()
        .vault("v", VaultType=AIR_GAPPED)
        .plan("p", selections=[{"IamRoleArn": "arn:aws:iam::9:role/r"}])
    )
    script.call(DESCRIBE, {"MpaApprovalTeamArn": "arn:team"}, BackupVaultName="v")
    script.point("v", volume_arn("vol-1"), AggregatedScanResult={"Findings": []})
    script.listed("backup:ListProtectedResources", {"ResourceArn": "arn:r"})
    script.call(PROTECTED, {"LatestRestoreExecutionTimeMinutes": 5}, ResourceArn="arn:r")
    script.listed(
        "backup:ListRestoreTestingPlans", {"RestoreTestingPlanName": "t", "RestoreTestingPlanArn": "arn:t"}
    )
    scope = {"RestoreTestingPlan": {"RecoveryPointSelection": {"IncludeVaults": ["*"]}}}
    script.call("backup:GetRestoreTestingPlan", scope, RestoreTestingPlanName="t")
    chosen = {"RestoreTestingSelectionName": "s"}
    script.listed("backup:ListRestoreTestingSelections", chosen, RestoreTestingPlanName="t")
    conditions = {
        "StringEquals": [{"Key": "k", "Value": "v"}],
        "StringNotEquals": [{"Key": "l", "Value": ""}],
    }
    script.call(
        "backup:GetRestoreTestingSelection",
        {"RestoreTestingSelection": {"ProtectedResourceConditions": conditions}},
        RestoreTestingPlanName="t",
        RestoreTestingSelectionName="s",
    )
    script.listed("backup:ListLegalHolds", {"LegalHoldId": "h", "Status": "ACTIVE"})
    script.call("backup:GetLegalHold", {"LegalHoldId": "h"}, LegalHoldId="h")
    script.listed("backup:ListFrameworks", {"FrameworkName": "f"})
    controls = [
        {"ControlName": "C", "ControlInputParameters": [{"ParameterName": "n", "ParameterValue": "1"}]}
    ]
    script.call("backup:DescribeFramework", {"FrameworkControls": controls}, FrameworkName="f")
    script.listed("backup:ListReportPlans", {"ReportPlanName": "r"})
    script.listed("backup:ListTieringConfigurations", {"TieringConfigurationName": "c"})
    rule = {"ResourceType": "S3", "Resources": ["*"], "TieringDownSettingsInDays": 60}
    tiering = {"TieringConfiguration": {"ResourceSelection": [rule]}}
    script.call("backup:GetTieringConfiguration", tiering, TieringConfigurationName="c")
    return parsed(script)


def test_the_rows_say_what_was_read() -> None:
    rows = {name: list(made) for name, made in assurance_rows(full()).items()}
    (selection,) = rows["restore_testing_selections"]
    assert selection.conditions == ("k = v", "l <> ")  # type: ignore[attr-defined]  # one table's row
    (control,) = rows["framework_controls"]
    assert (control.control, control.parameters) == ("C", ("n=1",))  # type: ignore[attr-defined]  # as above
    assert rows["tiering_configurations"][0].rules == ("S3 *: 60 days",)  # type: ignore[attr-defined]  # as above
    (role,) = rows["roles"]
    assert (role.exists, role.trust_policy) == (None, None)  # type: ignore[attr-defined]  # as above
    assert {name: len(made) for name, made in rows.items()} == dict.fromkeys(rows, 1)


def test_what_was_not_read_is_none_and_what_is_not_there_is_empty() -> None:
    def vault_row(script: ShardScript) -> VaultTable:
        (found,) = inventory_rows(parsed(script))["vaults"]
        assert isinstance(found, VaultTable)
        return found

    nobody, unread = vault_row(shard().vault("v")), vault_row(bare_vault())
    assert (nobody.notified_topic, nobody.notified_events, nobody.approval_team) == ("", (), None)
    assert (unread.notified_topic, unread.notified_events) == (None, None)
    (gapped,) = inventory_rows(full())["vaults"]
    assert isinstance(gapped, VaultTable)
    assert gapped.approval_team == "arn:team"


def test_every_row_fits_its_table(tmp_path: Any) -> None:
    organization = ShardScript("", "org")
    about = {"Filter": "BACKUP_POLICY"}
    organization.call("organizations:ListPolicies", {"Policies": [{"Id": "p"}]}, **about)
    answers = answers_of(organization.lines(), MANAGEMENT, "org")
    account = ShardScript(ACCOUNT, "aws-global").call(
        "organizations:DescribeEffectivePolicy",
        {"EffectivePolicy": {"PolicyContent": "{}"}},
        PolicyType="BACKUP_POLICY",
    )
    accounts = [parse_account(answers_of(account.lines(), ACCOUNT, "aws-global"), answers)]
    tables = {**inventory_rows(full()), **governance_rows(parse_governance(answers), accounts)}
    for name, rows in tables.items():
        assert write_parquet(tmp_path, name, INVENTORY_TABLES[name], rows).is_file()
    assert set(tables) | {"accounts", "protection_groups", "policy_settings"} == set(INVENTORY_TABLES)


@pytest.mark.parametrize(
    ("answer", "reached", "plans"),
    [
        ({"response": {"EffectivePolicy": {"PolicyContent": '{"plans": {"a": {}}}'}}}, True, ("a",)),
        ({"error": "EffectivePolicyNotFoundException"}, False, None),
        ({"error": "AccessDeniedException"}, None, None),
    ],
)
def test_whether_a_policy_reaches_an_account(
    answer: dict[str, Any],
    reached: bool | None,  # noqa: FBT001 -- a row
    plans: tuple[str, ...] | None,
) -> None:
    script = ShardScript(ACCOUNT, "aws-global")
    script.call("organizations:DescribeEffectivePolicy", **answer, PolicyType="BACKUP_POLICY")
    nothing = answers_of([], MANAGEMENT, "org")
    account = parse_account(answers_of(script.lines(), ACCOUNT, "aws-global"), nothing)
    (found,) = governance_rows(parse_governance(nothing), [account])["effective_policies"]
    assert isinstance(found, EffectivePolicyTable)
    assert (found.reached, found.plans) == (reached, plans)


# Parts of composites, and what copy jobs were started by


def test_copy_jobs_tell_which_backup_they_copy() -> None:
    fields = {"SourceRecoveryPointArn": "arn:point", "CreatedByBackupJobId": "b-1", "ParentJobId": "c-0"}
    script = shard().listed("backup:ListCopyJobs", {"CopyJobId": "1", **fields}, {"CopyJobId": "2"})
    joined, alone = parsed(script).jobs
    assert (joined.source_recovery_point, joined.backup_job, joined.parent_job) == ("arn:point", "b-1", "c-0")
    assert (alone.source_recovery_point, alone.backup_job, alone.parent_job) == (None, None, None)


def test_composite_recovery_points_and_their_parts() -> None:
    script = shard().vault("v").point("v", "arn:stack", hours_ago=2, IsParent=True)
    script.point("v", "arn:part", hours_ago=1, IsParent=False, ParentRecoveryPointArn="arn:whole")
    part, whole = sorted(parsed(script).recovery_points, key=lambda point: point.is_parent)
    assert (whole.is_parent, whole.parent) == (True, None)
    assert (part.is_parent, part.parent) == (False, "arn:whole")
