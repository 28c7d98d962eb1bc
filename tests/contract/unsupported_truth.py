"""Kinds that AWS Backup cannot back up (ruling 19): selected by name, by tag and by everything."""

from typing import Any, Final

from tests.contract.world import FAIL, IN_PLAN, NOT_APPLICABLE, PASS, UNKNOWN, Truth
from tests.fakes.bundles import (
    REGION,
    BundleBuilder,
    ShardScript,
    instance_arn,
    pairs,
    plan_arn,
    rule,
    stamp,
    volume_arn,
)

MATCHES: Final = "selection-matches-resources"
PROTECTS: Final = "plan-protects-something"
OUTPOST: Final = {"SubnetOutpost": {"Arn": "arn:aws:outposts:eu-west-1:111111111111:outpost/op-1"}}
IN_REGION: Final[dict[str, Any]] = {"SubnetOutpost": {}}

OF_RESOURCES: Final = (
    IN_PLAN,
    "backup-jobs-succeed",
    "resource-backed-up-recently",
    "resource-continuous-backup",
    "resource-cross-account-copy",
    "resource-cross-region-copy",
    "resource-in-air-gapped-vault",
    "resource-meets-rpo",
    "resource-opted-in",
    "resource-retention",
    "resource-single-continuous-rule",
    "restore-tested",
    "restore-time-target",
    "survives-account-compromise",
    "survives-backup-account-loss",
    "survives-key-loss",
    "survives-region-loss",
    "survives-vault-loss",
    "three-two-one-one-zero",
)


def database(name: str, **row: Any) -> dict[str, Any]:
    told = {"DBInstanceIdentifier": name, "DBInstanceArn": database_arn(name), "Engine": "mysql"}
    return {**told, "DBInstanceStatus": "available", "StorageEncrypted": False, "TagList": [], **row}


def database_arn(name: str) -> str:
    return f"arn:aws:rds:{REGION}:111111111111:db:{name}"


def fsx_arn(name: str) -> str:
    return f"arn:aws:fsx:{REGION}:111111111111:{name}"


def _estate(shard: ShardScript) -> tuple[str, ...]:
    """Add one resource of each kind; return their ARNs."""
    store = {"RootDeviceType": "instance-store"}
    attached = [{"InstanceId": "i-store", "State": "attached"}]
    shard.instance("i-store", {"backup": "daily"}, **store).volume("vol-data", Attachments=attached)
    shard.listed(
        "rds:DescribeDBInstances",
        database("custom", Engine="custom-oracle-ee"),
        database("outpost", DBSubnetGroup={"Subnets": [OUTPOST]}),
        database("mixed", DBSubnetGroup={"Subnets": [OUTPOST, IN_REGION]}),
        database("plain", DBSubnetGroup={"Subnets": [IN_REGION, IN_REGION]}),
    )
    volume = {"FileSystemId": "fs-1", "VolumeType": "ONTAP", "Lifecycle": "CREATED", "Tags": pairs({})}
    for kind in ("DP", "LS", "RW"):
        more = {"VolumeId": f"fsvol-{kind}", "ResourceARN": fsx_arn(f"volume/fs-1/fsvol-{kind}")}
        shard.listed(
            "fsx:DescribeVolumes", {**volume, **more, "OntapConfiguration": {"OntapVolumeType": kind}}
        )
    system = {"FileSystemId": "fs-1", "FileSystemType": "ONTAP", "Lifecycle": "AVAILABLE"}
    scratch = {"FileSystemId": "fs-2", "FileSystemType": "LUSTRE", "Lifecycle": "AVAILABLE"}
    lustre = {
        "LustreConfiguration": {"DeploymentType": "SCRATCH_2"},
        "ResourceARN": fsx_arn("file-system/fs-2"),
    }
    shard.listed("fsx:DescribeFileSystems", system, {**scratch, **lustre})
    return (
        instance_arn("i-store"),
        database_arn("custom"),
        database_arn("outpost"),
        fsx_arn("volume/fs-1/fsvol-DP"),
        fsx_arn("volume/fs-1/fsvol-LS"),
        fsx_arn("file-system/fs-2"),
    )


def everything(bundle: BundleBuilder) -> Truth:
    """Check a plan that selects everything; jobs and recovery points of the instance change nothing."""
    shard = bundle.shard(page=3).vault("main")
    unsupported = _estate(shard)
    shard.plan("all", rules=[rule()], selections=[{"Resources": ["*"]}])
    shard.point("main", instance_arn("i-store"), ResourceType="EC2", arn="arn:aws:ec2:eu-west-1::image/ami-1")
    job = {
        "BackupJobId": "j",
        "State": "FAILED",
        "ResourceArn": instance_arn("i-store"),
        "ResourceType": "EC2",
    }
    shard.listed("backup:ListBackupJobs", {**job, "CreationDate": stamp(5)})
    truth: Truth = {(control, arn): NOT_APPLICABLE for control in OF_RESOURCES for arn in unsupported}
    return truth | {
        (IN_PLAN, volume_arn("vol-data")): PASS,  # it is selected itself
        (IN_PLAN, database_arn("plain")): PASS,
        (IN_PLAN, database_arn("mixed")): UNKNOWN,
        (IN_PLAN, fsx_arn("volume/fs-1/fsvol-RW")): PASS,
        (MATCHES, f"{plan_arn('all')}#s1"): PASS,
    }


def only_such(bundle: BundleBuilder) -> Truth:
    """Check selections that match nothing but such kinds, by ARN, type and tag: they select nothing."""
    shard = bundle.shard(page=3).vault("main")
    unsupported = _estate(shard)
    terms: tuple[dict[str, Any], ...] = (
        {"Resources": [instance_arn("i-store"), database_arn("custom")]},
        {"Resources": ["arn:aws:ec2:*:*:instance/*"]},
        {
            "ListOfTags": [
                {"ConditionType": "STRINGEQUALS", "ConditionKey": "backup", "ConditionValue": "daily"}
            ]
        },
    )
    truth: Truth = {(IN_PLAN, arn): NOT_APPLICABLE for arn in unsupported}
    for number, each in enumerate(terms):
        shard.plan(f"p{number}", rules=[rule()], selections=[each])
        truth |= {(MATCHES, f"{plan_arn(f'p{number}')}#s1"): FAIL, (PROTECTS, plan_arn(f"p{number}")): FAIL}
    shard.plan("perhaps", rules=[rule()], selections=[{"Resources": [database_arn("mixed")]}])
    return truth | {
        (IN_PLAN, volume_arn("vol-data")): FAIL,  # nothing comes to it through its instance
        (IN_PLAN, database_arn("mixed")): UNKNOWN,
        (IN_PLAN, database_arn("plain")): FAIL,
        (IN_PLAN, fsx_arn("volume/fs-1/fsvol-RW")): FAIL,
        (MATCHES, f"{plan_arn('perhaps')}#s1"): UNKNOWN,
        (PROTECTS, plan_arn("perhaps")): UNKNOWN,
    }


def in_a_stack(bundle: BundleBuilder) -> Truth:
    """Check a backed-up stack whose instance cannot be backed up, with volumes in and out of the stack."""
    shard = bundle.shard(page=3).vault("main")
    _estate(shard)
    stack = f"arn:aws:cloudformation:{REGION}:111111111111:stack/shop/1"
    shard.listed(
        "cloudformation:DescribeStacks",
        {"StackId": stack, "StackName": "shop", "StackStatus": "CREATE_COMPLETE"},
    )
    attached = [{"InstanceId": "i-own", "State": "attached"}]
    of_stack = {"aws:cloudformation:stack-id": stack}
    shard.instance("i-own", of_stack, RootDeviceType="instance-store").volume("vol-own", Attachments=attached)
    shard.volume("vol-of-stack", of_stack, Attachments=attached)
    shard.plan("stacks", rules=[rule()], selections=[{"Resources": [stack]}])
    return {
        (IN_PLAN, stack): PASS,
        (IN_PLAN, instance_arn("i-own")): NOT_APPLICABLE,
        (IN_PLAN, volume_arn("vol-own")): FAIL,
        (IN_PLAN, volume_arn("vol-of-stack")): PASS,
    }
