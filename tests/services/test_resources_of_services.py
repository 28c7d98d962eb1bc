"""Resources out of their services' answers, as third parties may have recorded them."""

from typing import Any

import pytest

from scanner.errors import BundleError
from scanner.model.inventory import Encryption, Resource, ShardInventory
from scanner.model.known import GapKind, Known, Unread
from tests.fakes.bundles import (
    ACCOUNT,
    REGION,
    ShardScript,
    instance_arn,
    key_arn,
    pairs,
    parsed,
    table_arn,
    volume_arn,
)


def shard() -> ShardScript:
    return ShardScript(ACCOUNT, REGION)


def account() -> ShardScript:
    return ShardScript(ACCOUNT, "aws-global")


def one(inventory: ShardInventory, arn: str) -> Resource:
    return next(resource for resource in inventory.resources if resource.arn == arn)


def encryption(inventory: ShardInventory, arn: str) -> Encryption | None:
    result = one(inventory, arn).encryption
    return result.value if isinstance(result, Known) else None


# EC2


def test_volumes_and_instances() -> None:
    script = shard().volume(
        "vol-1",
        {"Name": "data"},
        Encrypted=True,
        KmsKeyId=key_arn("k"),
        Attachments=[{"InstanceId": "i-1", "State": "attached"}, {"InstanceId": "i-2", "State": "detached"}],
    )
    script.instance(
        "i-1",
        State={"Name": "stopped"},
        ProductCodes=[{"ProductCodeId": "p", "ProductCodeType": "marketplace"}],
    )
    found = parsed(script)
    volume, instance = one(found, volume_arn("vol-1")), one(found, instance_arn("i-1"))
    assert (volume.name, volume.attached_to, volume.type) == ("data", (instance_arn("i-1"),), "EBS")
    assert (instance.name, instance.state, instance.product_codes) == ("i-1", "stopped", ("p",))
    assert encryption(found, instance_arn("i-1")) == Encryption(encrypted=True, keys=(key_arn("k"),))


@pytest.mark.parametrize(
    ("volumes", "expected"),
    [
        ([{"Encrypted": False}], Encryption(encrypted=False)),
        (
            [{"Encrypted": True, "KmsKeyId": "a"}, {"Encrypted": False}],
            Encryption(encrypted=True, keys=("a",)),
        ),
        (
            [{"Encrypted": True, "KmsKeyId": "b"}, {"Encrypted": True, "KmsKeyId": "a"}],
            Encryption(encrypted=True, keys=("a", "b")),
        ),
        (
            [{"Encrypted": True, "KmsKeyId": "a"}, {"Encrypted": True, "KmsKeyId": None}],
            Encryption(encrypted=True),
        ),
        ([{"Encrypted": None}], Encryption(encrypted=None)),
        ([], Encryption(encrypted=False)),
    ],
)
def test_an_instance_is_encrypted_as_its_volumes_are(
    volumes: list[dict[str, Any]], expected: Encryption
) -> None:
    mappings = [{"Ebs": {"VolumeId": f"vol-{number}"}} for number in range(len(volumes))]
    script = shard().instance("i-1", BlockDeviceMappings=mappings)
    for number, row in enumerate(volumes):
        script.volume(f"vol-{number}", **row)
    assert encryption(parsed(script), instance_arn("i-1")) == expected


def test_an_instance_with_a_volume_that_nobody_listed_is_open() -> None:
    found = parsed(shard().instance("i-1", BlockDeviceMappings=[{"Ebs": {"VolumeId": "vol-9"}}]))
    result = one(found, instance_arn("i-1")).encryption
    assert isinstance(result, Unread)
    assert "vol-9" in result.gap.sentence()


def test_null_lists_are_empty_ones() -> None:
    script = shard().volume("vol-1", Tags=None, Attachments=None, State=None)
    script.instance("i-1", Tags=None, BlockDeviceMappings=None, ProductCodes=None, State=None)
    found = parsed(script)
    assert one(found, volume_arn("vol-1")).tags == Known({}, one(found, volume_arn("vol-1")).refs)
    assert [resource.state for resource in found.resources] == [None, None]


def test_a_volume_without_an_id_is_a_corrupt_bundle() -> None:
    with pytest.raises(BundleError, match=r"ec2:DescribeVolumes\.Volumes\[0\]\.VolumeId"):
        parsed(shard().listed("ec2:DescribeVolumes", {"VolumeId": None}))


# Databases


@pytest.mark.parametrize(
    ("engine", "kind", "capability"),
    [
        ("aurora-mysql", "Aurora", "Aurora"),
        ("aurora-postgresql", "Aurora", "Aurora"),
        ("neptune", "Neptune", "Neptune"),
        ("docdb", "DocumentDB", "DocumentDB"),
        ("mysql", "RDS", "RDS_MULTI_AZ_CLUSTER"),
        ("postgres", "RDS", "RDS_MULTI_AZ_CLUSTER"),
    ],
)
def test_clusters_are_told_apart_by_engine(engine: str, kind: str, capability: str) -> None:
    row = {
        "DBClusterArn": "arn:aws:rds:eu-west-1:111111111111:cluster:c",
        "Engine": engine,
        "TagList": pairs({"a": "b"}),
    }
    (found,) = parsed(shard().listed("rds:DescribeDBClusters", row)).resources
    assert (found.type, found.capability) == (kind, capability)
    assert isinstance(found.tags, Known)
    assert found.tags.value == {"a": "b"}


@pytest.mark.parametrize(
    ("row", "counts"),
    [
        ({"Engine": "mysql"}, True),
        ({"Engine": "mysql", "DBClusterIdentifier": None}, True),
        ({"Engine": "mysql", "DBClusterIdentifier": "c"}, False),
        ({"Engine": "aurora-mysql"}, False),
        ({"Engine": "neptune"}, False),
        ({"Engine": "docdb"}, False),
    ],
)
def test_members_of_clusters_are_no_resources(row: dict[str, Any], *, counts: bool) -> None:
    arn = "arn:aws:rds:eu-west-1:111111111111:db:d"
    found = parsed(shard().listed("rds:DescribeDBInstances", {"DBInstanceArn": arn, **row})).resources
    assert [resource.arn for resource in found] == [arn] * counts


# DynamoDB


def test_a_table_without_its_description_is_of_unknown_state_and_key() -> None:
    found = parsed(shard().listed("dynamodb:ListTables", "t"))
    table = one(found, table_arn("t"))
    assert (table.state, table.name) == (None, "t")
    assert isinstance(table.encryption, Unread)
    assert {gap.operation for gap in found.gaps} == {"dynamodb:DescribeTable"}


def test_a_table_in_two_lists_is_one_table() -> None:
    script = (
        shard().table("t").call("dynamodb:ListTables", {"TableNames": ["t"]}, ExclusiveStartTableName="s")
    )
    script.call("dynamodb:ListTables", {"TableNames": ["t"]}, Odd="x")
    assert [resource.arn for resource in parsed(script).resources] == [table_arn("t")]


def test_an_answer_without_its_payload_is_a_corrupt_bundle() -> None:
    script = (
        shard()
        .listed("dynamodb:ListTables", "t")
        .call("dynamodb:DescribeTable", {"Table": None}, TableName="t")
    )
    with pytest.raises(BundleError, match=r"dynamodb:DescribeTable\.Table"):
        parsed(script)


# Tags that need a read of their own

GET_RESOURCES = "resourcegroupstaggingapi:GetResources"
OWN = "dynamodb:ListTagsOfResource"


def tags_of_table(script: ShardScript) -> dict[str, str] | GapKind:
    result = one(parsed(script.table("t")), table_arn("t")).tags
    return dict(result.value) if isinstance(result, Known) else result.gap.kind


def get_resources(*arns: str, **parameters: Any) -> ShardScript:
    rows = [{"ResourceARN": arn, "Tags": pairs({"a": "b"})} for arn in arns]
    return shard().call(GET_RESOURCES, {"ResourceTagMappingList": rows}, **parameters)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (get_resources(table_arn("t")), {"a": "b"}),
        (get_resources(), {}),
        (get_resources(ResourcesPerPage=100), {}),
        (get_resources(ResourceTypeFilters=["dynamodb"]), {}),
        (get_resources(ResourceTypeFilters=["dynamodb:table", "s3"]), {}),
        (get_resources(ResourceTypeFilters=["s3"]), GapKind.NEVER_ASKED),
        (get_resources(TagFilters=[{"Key": "x"}]), GapKind.NEVER_ASKED),
        (get_resources(TagFilters=[]), {}),
        (get_resources(ResourceARNList=[table_arn("u")]), GapKind.NEVER_ASKED),
        (get_resources(ExcludeCompliantResources=True), GapKind.NEVER_ASKED),
        (get_resources(table_arn("t"), TagFilters=[{"Key": "x"}]), {"a": "b"}),
        (shard().call(GET_RESOURCES, error="AccessDeniedException"), GapKind.REFUSED),
        (get_resources().call(OWN, {"Tags": pairs({"own": "1"})}, ResourceArn=table_arn("t")), {"own": "1"}),
        (get_resources().call(OWN, error="AccessDeniedException", ResourceArn=table_arn("t")), {}),
        (
            shard().call(OWN, {"Tags": pairs({"own": "1"})}, ResourceArn=table_arn("t")),
            {"own": "1"},
        ),
        (
            shard()
            .call(OWN, {"Tags": pairs({"own": "1"}), "NextToken": "n"}, ResourceArn=table_arn("t"))
            .call(OWN, {"Tags": pairs({"more": "2"})}, ResourceArn=table_arn("t"), NextToken="n"),
            {"own": "1", "more": "2"},
        ),
        (
            shard().call(OWN, {"Tags": pairs({"own": "1"}), "NextToken": "n"}, ResourceArn=table_arn("t")),
            GapKind.HALF_READ,
        ),
    ],
)
def test_tags_come_from_the_table_or_the_tagging_api(script: ShardScript, expected: object) -> None:
    if not any(line["service"] == "resourcegroupstaggingapi" for line in script.lines()):
        script.call(GET_RESOURCES, {}, TagFilters=["nothing else is completed"])
    assert tags_of_table(script) == expected


# S3


def test_buckets_lie_in_the_shard_of_their_region() -> None:
    listed = account().bucket("here").bucket("there", "eu-central-1")
    found = parsed(shard().bucket_details("here", key=key_arn("k"), tags={"a": "b"}), listed)
    bucket = one(found, "arn:aws:s3:::here")
    assert [resource.name for resource in found.resources] == ["here"]
    assert isinstance(bucket.tags, Known)
    assert bucket.versioned is not None
    assert (bucket.tags.value, bucket.versioned) == ({"a": "b"}, Known(True, bucket.versioned.refs))  # type: ignore[union-attr]  # noqa: FBT003 -- its value
    assert encryption(found, bucket.arn) == Encryption(encrypted=True, keys=(key_arn("k"),))


@pytest.mark.parametrize(
    ("place", "region"),
    [("eu-west-1", "eu-west-1"), ("EU", "eu-west-1"), (None, "us-east-1"), ("eu-central-1", "eu-central-1")],
)
def test_get_bucket_location_places_a_bucket(place: str | None, region: str) -> None:
    listed = (
        account().bucket("b", None).call("s3:GetBucketLocation", {"LocationConstraint": place}, Bucket="b")
    )
    for where in ("eu-west-1", "us-east-1", "eu-central-1"):
        found = parsed(ShardScript(ACCOUNT, where).bucket_details("b"), listed)
        assert bool(found.resources) is (where == region)
        assert isinstance(found.lists["s3:ListBuckets"], Known)


@pytest.mark.parametrize("error", ["", "AccessDenied"])
def test_a_bucket_that_nobody_places_keeps_the_list_of_every_region_open(error: str) -> None:
    listed = account().bucket("lost", None)
    if error:
        listed.call("s3:GetBucketLocation", error=error, Bucket="lost")
    found = parsed(shard(), listed)
    assert isinstance(found.lists["s3:ListBuckets"], Unread)
    (gap,) = found.gaps
    assert (gap.about, gap.region) == ("lost", REGION)
    if error:
        assert (
            gap.sentence()
            == f"s3:GetBucketLocation of lost in {ACCOUNT}/{REGION} was refused (AccessDenied)."
        )
    else:
        where = f"{ACCOUNT}/{REGION}"
        assert (
            gap.sentence() == f"s3:ListBuckets in {where} was answered without the Region of the bucket lost."
        )


def test_errors_of_a_bucket_that_are_answers() -> None:
    script = shard().call("s3:GetBucketTagging", error="NoSuchTagSet", Bucket="b")
    script.call("s3:GetBucketEncryption", error="ServerSideEncryptionConfigurationNotFoundError", Bucket="b")
    script.call("s3:GetBucketVersioning", {"Status": "Suspended"}, Bucket="b")
    found = parsed(script, account().bucket("b"))
    (bucket,) = found.resources
    assert isinstance(bucket.tags, Known)
    assert bucket.tags.value == {}
    assert encryption(found, bucket.arn) == Encryption(encrypted=False)
    assert isinstance(bucket.versioned, Known)
    assert bucket.versioned.value is False
    assert found.gaps == ()


def test_kms_without_a_key_is_the_managed_alias() -> None:
    default = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
    rules = {"ServerSideEncryptionConfiguration": {"Rules": [default]}}
    found = parsed(shard().call("s3:GetBucketEncryption", rules, Bucket="b"), account().bucket("b"))
    assert encryption(found, "arn:aws:s3:::b") == Encryption(encrypted=True, keys=("alias/aws/s3",))
    assert [gap.operation for gap in found.gaps] == ["s3:GetBucketVersioning"]


def test_partitions_of_arns() -> None:
    script = ShardScript(ACCOUNT, "cn-north-1").listed("efs:DescribeFileSystems", {"FileSystemId": "fs-1"})
    (found,) = parsed(script).resources
    assert found.arn == f"arn:aws-cn:elasticfilesystem:cn-north-1:{ACCOUNT}:file-system/fs-1"
