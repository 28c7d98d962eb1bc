"""What holds for every type: where tags come from, partitions of ARNs, answers of another shape."""

from typing import Any, Final

import pytest

from scanner.errors import BundleError
from scanner.model.known import GapKind, Unread
from tests.fakes.bundles import ACCOUNT, pairs, parsed
from tests.fakes.readings import (
    GET_RESOURCES,
    here,
    only,
    shard,
    tags_of,
)

OWN_TAGS: Final[tuple[tuple[str, str, dict[str, Any], dict[str, Any], str], ...]] = (
    (
        "dsql:ListTagsForResource",
        "dsql:ListClusters",
        {"identifier": "c", "arn": here("dsql", "cluster/c")},
        {"tags": {"a": "b"}},
        "resourceArn",
    ),
    (
        "storagegateway:ListTagsForResource",
        "storagegateway:ListVolumes",
        {"VolumeARN": here("storagegateway", "gateway/sgw-1/volume/vol-1")},
        {"Tags": pairs({"a": "b"})},
        "ResourceARN",
    ),
    (
        "redshift-serverless:ListTagsForResource",
        "redshift-serverless:ListNamespaces",
        {"namespaceArn": here("redshift-serverless", "namespace/1")},
        {"tags": [{"key": "a", "value": "b"}]},
        "resourceArn",
    ),
    (
        "timestream-write:ListTagsForResource",
        "timestream-write:ListTables",
        {"DatabaseName": "d", "TableName": "t", "Arn": here("timestream", "database/d/table/t")},
        {"Tags": pairs({"a": "b"})},
        "ResourceARN",
    ),
    (
        "backup-gateway:ListTagsForResource",
        "backup-gateway:ListVirtualMachines",
        {"ResourceArn": here("backup-gateway", "vm/vm-1")},
        {"ResourceArn": here("backup-gateway", "vm/vm-1"), "Tags": pairs({"a": "b"})},
        "ResourceArn",
    ),
)


@pytest.mark.parametrize("case", OWN_TAGS, ids=lambda case: str(case[0]))
@pytest.mark.parametrize(
    ("own", "whole", "expected"),
    [
        ("answered", "", {"a": "b"}),
        ("answered", "whole", {"a": "b"}),
        ("refused", "", GapKind.REFUSED),
        ("refused", "whole", {}),
        ("never", "whole", {}),
        ("never", "", GapKind.NEVER_ASKED),
    ],
)
def test_tags_of_one_resource_or_of_the_tagging_api(
    case: tuple[str, str, dict[str, Any], dict[str, Any], str], own: str, whole: str, expected: object
) -> None:
    operation, listing, row, answer, parameter = case
    script = shard().listed(listing, row)
    arn = next(value for value in row.values() if str(value).startswith("arn:"))
    if own == "answered":
        script.call(operation, answer, **{parameter: arn})
    if own == "refused":
        script.call(operation, error="AccessDeniedException", **{parameter: arn})
    if not whole:
        script.call(GET_RESOURCES, {}, TagFilters=["nothing else is completed"])
    assert tags_of(only(script)) == expected


NO_TAGS: Final[dict[str, Any]] = {"ResourceTagMappingList": []}


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (["eks:cluster"], {}),
        (["eks"], {}),
        (["eks:nodegroup"], GapKind.NEVER_ASKED),
        (["ec2:volume", "s3"], GapKind.NEVER_ASKED),
    ],
)
def test_a_list_of_other_tagged_types_says_nothing(filters: list[str], expected: object) -> None:
    script = shard().listed("eks:ListClusters", "c").call(GET_RESOURCES, NO_TAGS, ResourceTypeFilters=filters)
    assert tags_of(only(script)) == expected


# Partitions

ELSEWHERE: Final[tuple[tuple[str, dict[str, Any] | str, str], ...]] = (
    (
        "fsx:DescribeFileSystems",
        {"FileSystemId": "fs-1", "FileSystemType": "LUSTRE"},
        "fsx:{}:file-system/fs-1",
    ),
    ("dsql:ListClusters", {"identifier": "c"}, "dsql:{}:cluster/c"),
    ("eks:ListClusters", "c", "eks:{}:cluster/c"),
    ("redshift:DescribeClusters", {"ClusterIdentifier": "c"}, "redshift:{}:cluster:c"),
    (
        "timestream-write:ListTables",
        {"DatabaseName": "d", "TableName": "t"},
        "timestream:{}:database/d/table/t",
    ),
)


@pytest.mark.parametrize(("listing", "row", "expected"), ELSEWHERE)
@pytest.mark.parametrize(
    ("region", "partition"),
    [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov"), ("eusc-de-east-1", "aws-eusc")],
)
def test_arns_lie_in_the_partition_of_their_region(
    listing: str, row: dict[str, Any] | str, expected: str, region: str, partition: str
) -> None:
    found = only(shard(region).listed(listing, row))
    assert found.arn == f"arn:{partition}:{expected.format(f'{region}:{ACCOUNT}')}"


@pytest.mark.parametrize(
    ("listing", "row"),
    [
        ("fsx:DescribeFileSystems", {"FileSystemId": ""}),
        ("fsx:DescribeVolumes", {"VolumeId": None}),
        ("storagegateway:ListVolumes", {"VolumeARN": 5}),
        ("dsql:ListClusters", {}),
        ("eks:ListClusters", {"not": "a name"}),
        ("redshift:DescribeClusters", {"ClusterIdentifier": "c", "Encrypted": "yes"}),
        ("redshift-serverless:ListNamespaces", {"namespaceName": "n"}),
        ("timestream-write:ListTables", {"TableName": "t"}),
        ("backup-gateway:ListVirtualMachines", {"Name": "n"}),
        ("cloudformation:DescribeStacks", {"StackName": "n"}),
        ("cloudformation:DescribeStacks", {"StackId": "s", "Tags": {"a": "b"}}),
        ("ssm-sap:ListDatabases", {"Arn": here("ssm-sap", "HANA/a/DB/d"), "Tags": ["a"]}),
    ],
)
def test_what_has_no_identity_or_another_shape_is_a_corrupt_bundle(listing: str, row: object) -> None:
    with pytest.raises(BundleError, match=listing):
        parsed(shard().listed(listing, row))


def test_a_resource_that_was_listed_twice_is_one() -> None:
    script = shard().listed(
        "redshift:DescribeClusters", {"ClusterIdentifier": "c"}, {"ClusterIdentifier": "c"}
    )
    assert len(parsed(script).resources) == 1


def test_readings_that_are_open_are_no_answers() -> None:
    """No failed description may pass for "not encrypted"."""
    for script in (
        shard().listed("dsql:ListClusters", {"identifier": "c"}),
        shard().listed("eks:ListClusters", "c"),
    ):
        assert isinstance(only(script).encryption, Unread)
