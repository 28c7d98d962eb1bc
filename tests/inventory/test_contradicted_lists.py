"""A list that another read contradicts is a gap; what may be gone contradicts nothing."""

from typing import Any, Final

import pytest

from scanner.model.known import CONTRADICTION, Known, Unread
from tests.fakes.bundles import (
    ACCOUNT,
    OTHER,
    REGION,
    ShardScript,
    instance_arn,
    parsed,
    stamp,
    vault_arn,
    volume_arn,
)

VAULTS: Final = "backup:ListBackupVaults"
PLANS: Final = "backup:ListBackupPlans"
JOBS: Final = "backup:ListBackupJobs"
COPIES: Final = "backup:ListCopyJobs"
PROTECTED: Final = "backup:ListProtectedResources"
TAGGED: Final = "resourcegroupstaggingapi:GetResources"


def shard() -> ShardScript:
    """Return an account-Region whose lists were all read."""
    return ShardScript(ACCOUNT, REGION)


def protected(**row: Any) -> ShardScript:
    return shard().listed(PROTECTED, {"ResourceArn": volume_arn("v"), "ResourceType": "EBS", **row})


def job(vault: str, state: str, hours_ago: float = 2, **row: Any) -> ShardScript:
    times = {"CreationDate": stamp(hours_ago), "State": state}
    return shard().listed(JOBS, {"BackupJobId": "j", "BackupVaultArn": vault, **times, **row})


LATER: Final = {"at": "2026-11-22T17:00:01.000Z"}
EARLIER: Final = {"at": "2026-11-22T16:59:59.000Z"}
POLICY: Final = "backup:GetBackupVaultAccessPolicy"


@pytest.mark.parametrize(
    ("script", "name", "about"),
    [
        (shard().vault("v").call(POLICY, {"Policy": "{}"}, BackupVaultName="gone"), VAULTS, "gone"),
        (shard().call("backup:GetBackupPlan", {"BackupPlan": {}}, **LATER, BackupPlanId="p"), PLANS, "p"),
        (
            shard().call("dynamodb:DescribeTable", {"Table": {"TableName": "t"}}, TableName="t"),
            "dynamodb:ListTables",
            "t",
        ),
        (protected(LastBackupVaultArn=vault_arn("gone")).vault("v"), VAULTS, "gone"),
        (job(vault_arn("gone"), "RUNNING").vault("v"), VAULTS, "gone"),
        (job(vault_arn("gone"), "COMPLETED"), VAULTS, "gone"),
        (job(vault_arn("v"), "COMPLETED", CreatedBy={"BackupPlanId": "p"}).vault("v"), PLANS, "p"),
        (shard().listed(COPIES, {"CopyJobId": "c", "CreatedByBackupJobId": "j"}), JOBS, "j"),
        (protected(LastBackupTime=stamp(48)), JOBS, volume_arn("v")),
        (
            protected().listed(TAGGED, {"ResourceARN": volume_arn("v")}),
            "ec2:DescribeVolumes",
            volume_arn("v"),
        ),
        (
            shard().volume("v", Attachments=[{"InstanceId": "i", "State": "attached"}]),
            "ec2:DescribeInstances",
            "i",
        ),
    ],
)
def test_a_list_without_what_another_read_names_is_a_gap(script: ShardScript, name: str, about: str) -> None:
    reading = parsed(script).lists[name]
    assert isinstance(reading, Unread)
    assert (reading.gap.code, reading.gap.about) == (CONTRADICTION, about)
    assert "names it, and the list lacks it." in reading.gap.sentence()


@pytest.mark.parametrize(
    ("script", "name"),
    [
        # It was deleted between the two calls.
        (shard().call(POLICY, {"Policy": "{}"}, **EARLIER, BackupVaultName="gone"), VAULTS),
        (shard().call(POLICY, error="AccessDenied", BackupVaultName="gone"), VAULTS),
        (protected(LastBackupVaultArn=vault_arn("v", OTHER)), VAULTS),
        (job(vault_arn("gone"), "COMPLETED").vault("v"), VAULTS),
        (job(vault_arn("v"), "COMPLETED", 30, CreatedBy={"BackupPlanId": "p"}).vault("v"), PLANS),
        (protected(LastBackupTime=stamp(24 * 31)), JOBS),
        (protected(), "ec2:DescribeVolumes"),
        (shard().listed(TAGGED, {"ResourceARN": volume_arn("v")}), "ec2:DescribeVolumes"),
        (shard().listed(TAGGED, {"ResourceARN": instance_arn("i")}).volume("v"), "ec2:DescribeInstances"),
    ],
)
def test_what_may_be_gone_contradicts_nothing(script: ShardScript, name: str) -> None:
    assert isinstance(parsed(script).lists[name], Known)


def test_the_last_recovery_point_contradicts_an_empty_vault() -> None:
    script = protected(LastBackupVaultArn=vault_arn("v"), LastRecoveryPointArn="arn:p").vault("v").vault("w")
    first, second = parsed(script).vaults
    assert isinstance(first.recovery_points_read, Unread)
    assert first.recovery_points_read.gap.code == CONTRADICTION
    assert isinstance(second.recovery_points_read, Known)
