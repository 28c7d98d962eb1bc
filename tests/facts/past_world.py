"""What happened in the organisation from which each read is taken away: jobs, restores, copies elsewhere."""

from collections.abc import Iterable

from tests.fakes.bundles import (
    ACCOUNT,
    FAR,
    OTHER,
    REGION,
    BundleBuilder,
    ShardScript,
    instance_arn,
    plan_arn,
    stamp,
    table_arn,
    vault_arn,
    volume_arn,
)

AWAY = vault_arn("away", OTHER, FAR)
TAGGED = {"BackupPlanArn": plan_arn("tagged"), "BackupRuleId": "rule-daily"}
VOLUME = volume_arn("vol-1")

NEVER_RESTORED = (
    *(volume_arn(f"vol-{number}") for number in (2, 3, 4, 5)),
    *(instance_arn(name) for name in ("i-1", "i-2")),
    *(table_arn(name) for name in ("orders", "drafts", "last")),
    f"arn:aws:rds:{REGION}:{ACCOUNT}:db:one",
    f"arn:aws:rds:{REGION}:{ACCOUNT}:db:two",
    f"arn:aws:rds:{REGION}:{ACCOUNT}:cluster:c",
    f"arn:aws:elasticfilesystem:{REGION}:{ACCOUNT}:file-system/fs-1",
    "arn:aws:s3:::logs",
)


def add_past(bundle: BundleBuilder) -> None:
    """Record what happened: definite, as everything else in this organisation."""
    source = bundle.shard(ACCOUNT, REGION)
    restored = {"LatestRestoreExecutionTimeMinutes": 90, "LatestRestoreJobCreationDate": stamp(60 * 24)}
    source.listed("backup:ListProtectedResources", {"ResourceArn": VOLUME, "ResourceType": "EBS"})
    source.call("backup:DescribeProtectedResource", restored, ResourceArn=VOLUME)
    _never_restored(source, NEVER_RESTORED)
    _never_restored(
        bundle.shard(ACCOUNT, FAR),
        (instance_arn("i-far", ACCOUNT, FAR), volume_arn("vol-far", ACCOUNT, FAR), "arn:aws:s3:::far"),
    )
    _never_restored(bundle.shard(OTHER, REGION), ("arn:aws:s3:::placed",))
    _jobs(source)
    away = bundle.shard(OTHER, FAR)
    away.point("away", VOLUME, hours_ago=26).point("away", volume_arn("vol-9"), hours_ago=27)
    away.listed(
        "backup:ListRestoreJobs", _job("RestoreJobId", "r-1", 20, Status="FAILED", SourceResourceArn=VOLUME)
    )
    source.point("main", volume_arn("vol-9"), hours_ago=28)


def _never_restored(script: ShardScript, arns: Iterable[str]) -> None:
    for arn in arns:
        script.listed("backup:ListProtectedResources", {"ResourceArn": arn, "ResourceType": "any"})
        described = {"ResourceArn": arn, "ResourceType": "any"}
        script.call("backup:DescribeProtectedResource", described, ResourceArn=arn)


def _jobs(source: ShardScript) -> None:
    ours = {"ResourceArn": VOLUME, "CreatedBy": TAGGED}
    source.listed(
        "backup:ListBackupJobs",
        _job("BackupJobId", "b-1", 28, State="COMPLETED", **ours),
        _job("BackupJobId", "b-2", 4, State="FAILED", ResourceArn=volume_arn("vol-2")),
        _job("BackupJobId", "b-3", 3, State="RUNNING", **ours),
        _job("BackupJobId", "b-4", 52, State="EXPIRED", **ours),
    )
    copied = {"DestinationBackupVaultArn": AWAY, "CreatedByBackupJobId": "b-1", **ours}
    source.listed(
        "backup:ListCopyJobs",
        _job("CopyJobId", "c-1", 27, State="COMPLETED", **copied),
        _job("CopyJobId", "c-2", 51, State="FAILED", **copied),
    )
    source.listed(
        "backup:ListRestoreJobs",
        _job(
            "RestoreJobId",
            "r-2",
            9,
            Status="COMPLETED",
            SourceResourceArn=volume_arn("vol-2"),
            ResourceType="EBS",
        ),
        _job(
            "RestoreJobId",
            "r-3",
            8,
            Status="ABORTED",
            SourceResourceArn=volume_arn("vol-2"),
            ResourceType="EBS",
        ),
    )


def _job(key: str, name: str, hours_ago: float, **more: object) -> dict[str, object]:
    ended = {} if more.get("State") == "RUNNING" else {"CompletionDate": stamp(hours_ago - 1)}
    return {key: name, "CreationDate": stamp(hours_ago), **ended, **more}
