"""The resources of workloads: EC2 instances and volumes, EFS, S3, RDS instances and clusters, DynamoDB."""

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any, Literal

from moto.ec2.models import ec2_backends
from moto.efs.models import efs_backends
from moto.rds.models import rds_backends
from moto.s3.models import s3_backends

from scanner.demo.clock import demo_utcnow
from scanner.demo.estate.site import Resource, Site, Tags, tag_list
from scanner.demo.services.stock import Sketch

_IMAGE = "ami-12c6146b"  # one that moto knows
_US_EAST_1 = "us-east-1"  # the one Region that a location constraint must not name
Engine = Literal["aurora-mysql", "docdb", "neptune", "mysql"]

_TYPES: Mapping[str, str] = {
    "aurora-mysql": "Aurora",
    "docdb": "DocumentDB",
    "neptune": "Neptune",
    "mysql": "RDS",
}

_MOTOS_OWN: Mapping[str, str] = {"docdb": "aurora-mysql"}
"""Engines that moto does not know, and one that it takes instead."""


def volume(site: Site, name: str, tags: Tags, key: str | None = None, size: int = 100) -> Resource:
    """Create a volume without an instance; `key` None leaves it unencrypted. `size` in GiB."""
    encryption: dict[str, Any] = {"Encrypted": True, "KmsKeyId": key} if key else {"Encrypted": False}
    answer = site.do(
        "ec2",
        "CreateVolume",
        AvailabilityZone=f"{site.region}a",
        Size=size,
        VolumeType="gp3",
        TagSpecifications=_tagged("volume", name, tags),
        **encryption,
    )
    return _volume(site, answer["VolumeId"], name, key)


def instance(
    site: Site, name: str, tags: Tags, keys: Sequence[str | None] = (None,)
) -> tuple[Resource, tuple[Resource, ...]]:
    """A running instance with one volume for each of `keys` (the first is the root), and those volumes."""
    answer = site.do(
        "ec2",
        "RunInstances",
        ImageId=_IMAGE,
        InstanceType="m6i.large",
        MinCount=1,
        MaxCount=1,
        BlockDeviceMappings=[_disk(number, key) for number, key in enumerate(keys)],
        TagSpecifications=_tagged("instance", name, tags),
    )
    instance_id = answer["Instances"][0]["InstanceId"]
    arn = site.arn("ec2", f"instance/{instance_id}")
    resource = Resource(arn, "EC2", name, site.account, site.region, keys[0])
    return resource, tuple(_attached(site, instance_id, name, keys))


def launch_from_marketplace(site: Site, resource: Resource) -> None:
    """Add the product code of an AWS Marketplace image to the instance, which moto does not support."""
    backend = ec2_backends[site.account][site.region]
    code: Any = {"ProductCodeId": "aw0evgkw8e5c1q413zgy5pjce", "ProductCodeType": "marketplace"}
    backend.get_instance(resource.arn.rpartition("/")[2]).product_codes = [code]


def boot_from_instance_store(site: Site, resource: Resource) -> None:
    """Make the instance's root device an instance store, which moto has no request for."""
    backend = ec2_backends[site.account][site.region]
    backend.get_instance(resource.arn.rpartition("/")[2]).root_device_type = "instance-store"


def stop(site: Site, resource: Resource) -> None:
    """Stop an instance: its volumes still hold data."""
    site.do("ec2", "StopInstances", InstanceIds=[resource.arn.rpartition("/")[2]])


def terminate(site: Site, resource: Resource) -> None:
    """Terminate an instance: EC2 lists it for about an hour more."""
    site.do("ec2", "TerminateInstances", InstanceIds=[resource.arn.rpartition("/")[2]])


def _attached(site: Site, instance_id: str, name: str, keys: Sequence[str | None]) -> list[Resource]:
    """The instance's volumes in the order of its disks; each gets a Name, as the console would give it."""
    filters = [{"Name": "attachment.instance-id", "Values": [instance_id]}]
    volumes = site.do("ec2", "DescribeVolumes", Filters=filters)["Volumes"]
    # EC2 lists volumes in no order, and `keys` is in that of the disks.
    volumes.sort(key=lambda volume: str(volume["Attachments"][0]["Device"]))
    resources = []
    for number, (described, key) in enumerate(zip(volumes, keys, strict=True)):
        disk = f"{name}-disk-{number}"
        site.do("ec2", "CreateTags", Resources=[described["VolumeId"]], Tags=tag_list({"Name": disk}))
        resources.append(_volume(site, described["VolumeId"], disk, key))
    return resources


def _volume(site: Site, volume_id: str, name: str, key: str | None) -> Resource:
    return Resource(site.arn("ec2", f"volume/{volume_id}"), "EBS", name, site.account, site.region, key)


def _disk(number: int, key: str | None) -> dict[str, Any]:
    encryption: dict[str, Any] = {"Encrypted": True, "KmsKeyId": key} if key else {"Encrypted": False}
    return {
        "DeviceName": f"/dev/sd{'abcdef'[number]}1",
        "Ebs": {"VolumeSize": 50, "VolumeType": "gp3", "DeleteOnTermination": True, **encryption},
    }


def _tagged(kind: str, name: str, tags: Tags) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": tag_list({"Name": name, **tags})}]


def file_system(site: Site, name: str, tags: Tags, key: str | None = None) -> Resource:
    """An EFS file system; `key` None leaves it unencrypted."""
    encryption: dict[str, Any] = {"Encrypted": True, "KmsKeyId": key} if key else {"Encrypted": False}
    answer = site.do(
        "efs", "CreateFileSystem", CreationToken=name, Tags=tag_list({"Name": name, **tags}), **encryption
    )
    # Moto asks the real clock for this date.
    planted = efs_backends[site.account][site.region].file_systems_by_id[answer["FileSystemId"]]
    planted.creation_time = demo_utcnow().replace(tzinfo=UTC).timestamp()
    return Resource(planted.file_system_arn, "EFS", name, site.account, site.region, key, fully_managed=True)


def bucket(site: Site, name: str, tags: Tags, key: str | None = None, *, versioned: bool = True) -> Resource:
    """An S3 bucket; `key` None means Amazon S3's own keys. Without versions it cannot be backed up."""
    place = {} if site.region == _US_EAST_1 else {"LocationConstraint": site.region}
    site.do("s3", "CreateBucket", Bucket=name, CreateBucketConfiguration=place)
    _encrypt(site, name, key)
    if tags:
        site.do("s3", "PutBucketTagging", Bucket=name, Tagging={"TagSet": tag_list(tags)})
    if versioned:
        site.do("s3", "PutBucketVersioning", Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    # Moto asks the real clock for this date.
    s3_backends[site.account]["aws"].buckets[name].creation_date = demo_utcnow().replace(tzinfo=UTC)
    arn = f"arn:aws:s3:::{name}"
    return Resource(arn, "S3", name, site.account, site.region, key, fully_managed=True)


def _encrypt(site: Site, name: str, key: str | None) -> None:
    kms = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    rule = {
        "ApplyServerSideEncryptionByDefault": kms if key else {"SSEAlgorithm": "AES256"},
        "BucketKeyEnabled": bool(key),
    }
    site.do(
        "s3",
        "PutBucketEncryption",
        Bucket=name,
        ServerSideEncryptionConfiguration={"Rules": [rule]},
    )


def database(site: Site, name: str, tags: Tags, key: str | None = None, engine: str = "postgres") -> Resource:
    """An RDS instance; `key` None leaves its storage unencrypted."""
    answer = site.do(
        "rds",
        "CreateDBInstance",
        DBInstanceIdentifier=name,
        DBInstanceClass="db.m6g.large",
        Engine=engine,
        AllocatedStorage=100,
        MasterUsername="postgres",
        MasterUserPassword="only-simulated",
        # RDS's own backups: they are none of AWS Backup's.
        BackupRetentionPeriod=1,
        Tags=tag_list(tags),
        **_encryption(key),
    )["DBInstance"]
    return Resource(answer["DBInstanceArn"], "RDS", name, site.account, site.region, key)


def aurora_cluster(site: Site, name: str, tags: Tags, key: str | None = None, members: int = 2) -> Resource:
    """An Aurora cluster with its member instances."""
    answer = site.do(
        "rds",
        "CreateDBCluster",
        DBClusterIdentifier=name,
        Engine="aurora-postgresql",
        MasterUsername="postgres",
        MasterUserPassword="only-simulated",
        Tags=tag_list(tags),
        **_encryption(key),
    )["DBCluster"]
    for number in range(1, members + 1):
        site.do(
            "rds",
            "CreateDBInstance",
            DBInstanceIdentifier=f"{name}-{number}",
            DBInstanceClass="db.r6g.large",
            Engine="aurora-postgresql",
            DBClusterIdentifier=name,
        )
    return Resource(answer["DBClusterArn"], "Aurora", name, site.account, site.region, key)


def table(site: Site, name: str, tags: Tags, key: str | None = None) -> Resource:
    """A DynamoDB table; `key` None leaves it under the key that AWS owns."""
    encryption = (
        {"SSESpecification": {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}} if key else {}
    )
    answer = site.do(
        "dynamodb",
        "CreateTable",
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        Tags=tag_list(tags),
        **encryption,
    )["TableDescription"]
    # With the advanced features AWS Backup fully manages the table's backups.
    advanced = site.backup.management["DynamoDB"]
    return Resource(answer["TableArn"], "DynamoDB", name, site.account, site.region, key, advanced)


def _encryption(key: str | None) -> dict[str, Any]:
    return {"StorageEncrypted": True, "KmsKeyId": key} if key else {"StorageEncrypted": False}


def cluster(site: Site, sketch: Sketch, engine: Engine) -> Resource:
    """A cluster; one of engine `mysql` is an RDS Multi-AZ cluster. Without a key it is not encrypted."""
    answer = site.do(
        "rds",
        "CreateDBCluster",
        DBClusterIdentifier=sketch.name,
        Engine=_MOTOS_OWN.get(engine, engine),
        Tags=tag_list(sketch.tags),
        StorageEncrypted=sketch.key is not None,
        **_login(engine),
        **({"KmsKeyId": sketch.key} if sketch.key else {}),
        **_multi_az(engine),
    )["DBCluster"]
    stored = rds_backends[site.account][site.region].clusters[sketch.name]
    if engine in _MOTOS_OWN:
        stored.engine, stored.engine_version = engine, "5.0.0"
    stored.status = sketch.state or "available"
    return Resource(
        answer["DBClusterArn"], _TYPES[engine], sketch.name, site.account, site.region, sketch.key
    )


def await_password(site: Site, arn: str, password: str) -> None:
    """Let a database or cluster wait for its maintenance window with a new password: the API shows it."""
    site.stock.add("rds.pending", {"arn": arn, "password": password})


def _login(engine: str) -> dict[str, str]:
    # Neptune has no master user.
    if engine == "neptune":
        return {}
    return {"MasterUsername": "root_user", "MasterUserPassword": "only-simulated"}


def _multi_az(engine: str) -> dict[str, Any]:
    if engine != "mysql":
        return {}
    # These two make a cluster of MySQL a Multi-AZ DB cluster of RDS.
    size = {"DBClusterInstanceClass": "db.m6gd.large", "AllocatedStorage": 100}
    return {**size, "StorageType": "io1", "Iops": 1000}
