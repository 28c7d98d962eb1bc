"""Recovery points: usable, of something that is still there, clean; and those in an air-gapped vault."""

from typing import Any, Final

from tests.contract.world import FAIL, NOT_APPLICABLE, PASS, UNKNOWN, Truth
from tests.fakes.bundles import (
    ACCOUNT,
    FAR,
    OTHER,
    REGION,
    BundleBuilder,
    Lines,
    ShardScript,
    copy_to,
    plan_arn,
    rule,
    stamp,
    table_arn,
    vault_arn,
    volume_arn,
)

USABLE: Final = "recovery-point-usable"
PARENTED: Final = "recovery-point-not-orphaned"
CLEAN: Final = "recovery-point-clean"
GAPPED: Final = "resource-in-air-gapped-vault"

P, F, N, U = PASS, FAIL, NOT_APPLICABLE, UNKNOWN
LIVES: Final = volume_arn("vol-1")
TEMPORARY: Final[dict[str, Any]] = {"Lifecycle": {"DeleteAfterEvent": "DELETE_AFTER_COPY"}}
AIR_GAPPED: Final[dict[str, Any]] = {
    "VaultType": "LOGICALLY_AIR_GAPPED_BACKUP_VAULT",
    "Locked": True,
    "LockDate": stamp(9999),
    "MinRetentionDays": 7,
    "MaxRetentionDays": 365,
}


def point_arn(name: str, account: str = ACCOUNT, region: str = REGION) -> str:
    return f"arn:aws:backup:{region}:{account}:recovery-point:{name}"


# (name, what the list tells of the recovery point, the verdict)
STATUSES: Final[tuple[tuple[str, dict[str, Any], str], ...]] = (
    ("completed", {"Status": "COMPLETED"}, P),
    ("available", {"Status": "AVAILABLE"}, P),
    ("partial", {"Status": "PARTIAL"}, F),
    ("expired", {"Status": "EXPIRED"}, F),
    ("deleting", {"Status": "DELETING"}, F),
    ("stopped", {"Status": "STOPPED"}, F),
    ("being-made", {"Status": "CREATING", "CreationDate": stamp(1)}, P),
    ("nearly-a-day", {"Status": "CREATING", "CreationDate": stamp(23.99)}, P),
    ("a-day", {"Status": "CREATING", "CreationDate": stamp(24)}, F),
    ("stuck", {"Status": "CREATING", "CreationDate": stamp(25)}, F),
    ("of-tomorrow", {"Status": "CREATING", "CreationDate": stamp(-20)}, P),
    ("undated", {"Status": "CREATING", "CreationDate": None}, U),
    ("undated-done", {"Status": "COMPLETED", "CreationDate": None}, P),
    ("untold", {"Status": None}, U),
    ("temporary", {"Status": "PARTIAL", **TEMPORARY}, N),
)
# (name, AggregatedScanResult, the verdict)
SCANS: Final[tuple[tuple[str, dict[str, Any] | None, str], ...]] = (
    ("unscanned", None, N),
    ("clean", {"FailedScan": False, "Findings": [], "LastComputed": stamp(3)}, P),
    ("dirty", {"FailedScan": False, "Findings": ["MALWARE"], "LastComputed": stamp(3)}, F),
    ("half-dirty", {"FailedScan": True, "Findings": ["MALWARE"], "LastComputed": stamp(3)}, F),
    ("failed", {"FailedScan": True, "Findings": [], "LastComputed": stamp(3)}, U),
    ("untold-findings", {"FailedScan": False, "LastComputed": stamp(3)}, U),
    ("untold-end", {"Findings": []}, U),
    ("untold-end-dirty", {"Findings": ["MALWARE"]}, F),
    ("told-nothing", {}, U),
)


def points(bundle: BundleBuilder) -> Truth:
    shard, truth = bundle.shard(page=3).vault("main").volume("vol-1"), Truth()
    for name, row, verdict in STATUSES:
        told: dict[str, Any] = {"CreationDate": stamp(5), "Status": "COMPLETED", **row}
        _listed(shard, point_arn(name), {key: value for key, value in told.items() if value is not None})
        truth[USABLE, point_arn(name)] = verdict
        truth[PARENTED, point_arn(name)] = N if name == "temporary" else P
    for name, scan, verdict in SCANS:
        told = {} if scan is None else {"AggregatedScanResult": scan}
        shard.point("main", LIVES, arn=point_arn(f"scan-{name}"), **told)
        truth[CLEAN, point_arn(f"scan-{name}")] = verdict
    return truth | _orphans(bundle) | _orphans_unseen(bundle)


def _listed(shard: ShardScript, arn: str, told: dict[str, Any]) -> None:
    """List a recovery point of which nothing but this is told."""
    row = {"RecoveryPointArn": arn, "BackupVaultArn": vault_arn("main"), "ResourceArn": LIVES, **told}
    asked = {"BackupVaultName": "main"}
    shard.listed("backup:ListRecoveryPointsByBackupVault", {**row, "ResourceType": "EBS"}, **asked)


STACK: Final = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/app/"
CLUSTER: Final = f"arn:aws:rds:{REGION}:{ACCOUNT}:cluster:"
FILES: Final = f"arn:aws:elasticfilesystem:{REGION}:{ACCOUNT}:file-system/"
# (name, the resource, its type, the verdict)
ORPHANS: Final[tuple[tuple[str, str, str, str], ...]] = (
    ("volume-gone", volume_arn("vol-gone"), "EBS", F),
    ("instance-gone", f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/i-gone", "EC2", F),
    ("instance-terminated", f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/i-terminated", "EC2", F),
    ("instance-stopped", f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/i-stopped", "EC2", P),
    ("table", table_arn("t-1"), "DynamoDB", P),
    ("table-refused", table_arn("t-refused"), "DynamoDB", P),
    ("table-gone", table_arn("t-gone"), "DynamoDB", F),
    ("cluster", f"{CLUSTER}au", "Aurora", P),
    ("cluster-gone", f"{CLUSTER}gone", "Aurora", F),
    ("stack", f"{STACK}1", "CloudFormation", P),
    ("stack-of-before", f"{STACK}0", "CloudFormation", F),
    ("files", f"{FILES}fs-1", "EFS", P),
    ("files-gone", f"{FILES}fs-2", "EFS", F),
    ("bucket", "arn:aws:s3:::here", "S3", P),
    ("bucket-gone", "arn:aws:s3:::gone", "S3", F),
    ("bucket-copied", "arn:aws:s3:::copied", "S3", F),
    ("bucket-of-stranger", "arn:aws:s3:::strange", "S3", U),
    ("bucket-of-no-place", "arn:aws:s3:::untold", "S3", U),
    ("member", volume_arn("vol-1", OTHER), "EBS", P),
    ("member-gone", volume_arn("vol-gone", OTHER), "EBS", F),
    ("member-refused", volume_arn("vol-1", "444444444444"), "EBS", U),
    ("stranger", volume_arn("vol-1", "555555555555"), "EBS", U),
    ("far", volume_arn("vol-far", region=FAR), "EBS", P),
    ("far-gone", volume_arn("vol-1", region=FAR), "EBS", F),
    ("beyond", volume_arn("vol-1", region="us-east-1"), "EBS", U),
    ("new-type", f"arn:aws:new:{REGION}:{ACCOUNT}:thing/1", "Novelty", U),
)


# The ARN of a bucket tells no place; what tells where its backup was made
PLACED: Final[dict[str, dict[str, Any]]] = {
    "bucket-gone": {"CreatedBy": {"BackupPlanArn": plan_arn("p"), "BackupRuleId": "rule-daily"}},
    "bucket-copied": {"SourceBackupVaultArn": vault_arn("main", OTHER)},
    "bucket-of-stranger": {"SourceBackupVaultArn": vault_arn("main", "555555555555")},
}


def _orphans(bundle: BundleBuilder) -> Truth:
    shard, truth = bundle.shard(), Truth()
    for name, resource, kind, verdict in ORPHANS:
        told = {"ResourceType": kind, **PLACED.get(name, {})}
        shard.point("main", resource, arn=point_arn(f"of-{name}"), **told)
        truth[PARENTED, point_arn(f"of-{name}")] = verdict
    shard.instance("i-terminated", State={"Name": "terminated"})
    shard.instance("i-stopped", State={"Name": "stopped"}).table("t-1")
    shard.listed("dynamodb:ListTables", "t-refused")
    shard.call("dynamodb:DescribeTable", error="AccessDeniedException", TableName="t-refused")
    cluster = {"DBClusterIdentifier": "au", "DBClusterArn": f"{CLUSTER}au", "Engine": "aurora-mysql"}
    shard.listed("rds:DescribeDBClusters", {**cluster, "Status": "stopped", "StorageEncrypted": True})
    stack = {"StackName": "app", "StackStatus": "CREATE_COMPLETE"}
    shard.listed("cloudformation:DescribeStacks", {**stack, "StackId": f"{STACK}1"})
    files = {"FileSystemId": "fs-1", "FileSystemArn": f"{FILES}fs-1", "LifeCycleState": "available"}
    shard.listed("efs:DescribeFileSystems", {**files, "Encrypted": False, "Tags": []})
    bundle.account().bucket("here")
    shard.bucket_details("here")
    bundle.shard(OTHER).volume("vol-1")
    bundle.shard("444444444444").call("ec2:DescribeVolumes", error="UnauthorizedOperation")
    bundle.shard(ACCOUNT, FAR).volume("vol-far")
    return truth


CUT: Final = "666666666666"


def _orphans_unseen(bundle: BundleBuilder) -> Truth:
    """A list that lacks its end proves that something is there, never that it is not."""
    volume = {"VolumeId": "vol-1", "State": "in-use", "Encrypted": False}
    shard = bundle.shard(CUT).vault("main")
    shard.call("ec2:DescribeVolumes", {"Volumes": [volume], "NextToken": "more"})
    truth = Truth()
    for name, verdict in (("vol-1", P), ("vol-2", U)):
        arn = point_arn(name, CUT)
        shard.point("main", volume_arn(name, CUT), arn=arn)
        truth[PARENTED, arn] = verdict
    return truth


NEARBY: Final = vault_arn("gap")
AWAY: Final = vault_arn("gap", OTHER)
UNSEEN: Final = vault_arn("gap", "555555555555")


def air_gapped(old: str) -> Any:
    """`old`: the verdict on a recovery point that is older than some limit."""

    def build(bundle: BundleBuilder) -> Truth:
        shard, truth = bundle.shard(page=3), Truth()
        shard.vault("main").vault("gap", **AIR_GAPPED)
        _in_the_gap(shard, truth, old)
        away = bundle.shard(OTHER).vault("gap", **AIR_GAPPED).vault("plain")
        for name in ("by-action", "by-job", "by-nobody"):
            away.point("gap", volume_arn(f"vol-{name}"), arn=point_arn(f"away-{name}", OTHER))
        aims = rule("away", CopyActions=[copy_to(AWAY)]), rule("unseen", CopyActions=[copy_to(UNSEEN)])
        for name, aim in (("by-action", aims[0]), ("aims-only", aims[0]), ("unseen", aims[1])):
            shard.plan(name, rules=[aim], selections=[{"Resources": [volume_arn(f"vol-{name}")]}])
        job = {"CopyJobId": "c1", "ResourceArn": volume_arn("vol-by-job"), "ResourceType": "EBS"}
        done = {"State": "COMPLETED", "CreationDate": stamp(9), "DestinationBackupVaultArn": AWAY}
        shard.listed("backup:ListCopyJobs", job | done)
        told = (("by-action", P), ("by-job", P), ("by-nobody", P), ("aims-only", F), ("unseen", U))
        for name, verdict in told:
            shard.volume(f"vol-{name}")
            truth[GAPPED, volume_arn(f"vol-{name}")] = verdict
        return truth | _gaps_unseen(bundle)

    return build


def _in_the_gap(shard: ShardScript, truth: Truth, old: str) -> None:
    cases: tuple[tuple[str, str, dict[str, Any], str], ...] = (
        ("inside", "gap", {}, P),
        ("outside", "main", {}, F),
        ("partial", "gap", {"Status": "PARTIAL"}, F),
        ("creating", "gap", {"Status": "CREATING"}, F),
        ("limit", "gap", {"CreationDate": stamp(720)}, P),
        ("past-limit", "gap", {"CreationDate": stamp(720.1)}, old),
        ("nowhere", "", {}, F),
    )
    for name, vault, row, verdict in cases:
        shard.volume(f"vol-{name}")
        truth[GAPPED, volume_arn(f"vol-{name}")] = verdict
        if vault:
            shard.point(vault, volume_arn(f"vol-{name}"), arn=point_arn(f"gap-{name}"), **row)
    shard.volume("vol-gone", State="deleting")
    database = {"DBInstanceIdentifier": "db", "Engine": "mysql", "DBInstanceStatus": "available"}
    arn = f"arn:aws:rds:{REGION}:{ACCOUNT}:db:db"
    shard.listed("rds:DescribeDBInstances", {**database, "DBInstanceArn": arn, "TagList": []})
    truth |= {(GAPPED, volume_arn("vol-gone")): N, (GAPPED, arn): N}


# Of accounts of their own: what was not read, and the verdict on a volume without a recovery point there
BLIND: Final = (
    ("320000000001", "ListRecoveryPointsByBackupVault", "gap", U),
    # Rulings 2 and 10: each vault of the own shard is a place, so that the list of places may be incomplete
    ("320000000002", "ListRecoveryPointsByBackupVault", "main", U),
    ("320000000003", "ListBackupVaults", "", U),
    ("320000000004", "ListCopyJobs", "", U),
    ("320000000005", "ListBackupPlans", "", U),
    ("320000000006", "ListBackupJobs", "", F),
    ("320000000007", "ListRestoreJobs", "", F),
)


def _gaps_unseen(bundle: BundleBuilder) -> Truth:
    truth = Truth()
    for account, _, _, verdict in BLIND:
        shard = (
            bundle.shard(account).vault("main").vault("gap", **AIR_GAPPED).volume("vol-1").volume("vol-in")
        )
        shard.point("gap", volume_arn("vol-in", account), arn=point_arn("in", account))
        truth[GAPPED, volume_arn("vol-1", account)] = verdict
        if account not in ("320000000001", "320000000003"):
            truth[GAPPED, volume_arn("vol-in", account)] = P
    return truth


def spoil(lines: Lines) -> Lines:
    """Leave out what the accounts of BLIND did not read."""
    left = dict(lines)
    for account, operation, vault, _ in BLIND:
        stem = f"evidence/{account}/{REGION}"
        left[stem] = [
            line
            for line in lines[stem]
            if line["operation"] != operation
            or vault not in str(line["parameters"].get("BackupVaultName", ""))
        ]
        assert left[stem] != lines[stem]
    return left
