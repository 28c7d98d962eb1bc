"""Which kinds that AWS Backup cannot back up the inventory recognises, and by which field of the answer."""

from typing import Any, Final

import pytest

from scanner.protection.capabilities import unsupported_kinds
from tests.fakes.bundles import REGION, ShardScript, parsed
from tests.services.test_storage import ONTAP, fsx, volume

OUTPOST: Final = "arn:aws:outposts:eu-west-1:111111111111:outpost/op-1"
DATABASE: Final = {"DBInstanceArn": "arn:aws:rds:eu-west-1:111111111111:db:d", "Engine": "mysql"}


def shard() -> ShardScript:
    return ShardScript("111111111111", REGION)


def subnets(*outposts: str | None) -> dict[str, Any]:
    """Return an instance's subnet group: RDS sends an empty SubnetOutpost with the subnets of a Region."""
    rows = [
        {"SubnetIdentifier": f"s{n}", "SubnetOutpost": {"Arn": arn} if arn else {}}
        for n, arn in enumerate(outposts)
    ]
    return {"DBSubnetGroup": {"DBSubnetGroupName": "g", "Subnets": rows}}


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ({}, ""),  # EC2 always sends it: an answer without it came from another program
        ({"RootDeviceType": "ebs"}, ""),
        ({"RootDeviceType": "instance-store"}, "instance_store"),
    ],
)
def test_instances(row: dict[str, Any], kind: str) -> None:
    (found,) = parsed(shard().instance("i-1", **row)).resources
    assert found.unsupported_kind == kind


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ({}, ""),
        (subnets(None, None), ""),
        ({**subnets(None), "BackupTarget": "region"}, ""),
        ({"Engine": "custom-oracle-ee"}, "rds_custom"),
        ({"Engine": "custom-sqlserver-se"}, "rds_custom"),
        (subnets(OUTPOST), "rds_outposts"),
        ({**subnets(OUTPOST), "BackupTarget": "region"}, "rds_outposts"),  # it still runs there
        ({"BackupTarget": "outposts"}, "rds_outposts"),
        ({"CustomerOwnedIpEnabled": True}, "rds_outposts"),
        ({"CustomerOwnedIpEnabled": False}, ""),
        (subnets(OUTPOST, None), None),  # which of them the instance is in is not said
    ],
)
def test_database_instances(row: dict[str, Any], kind: str | None) -> None:
    (found,) = parsed(shard().listed("rds:DescribeDBInstances", {**DATABASE, **row})).resources
    assert found.unsupported_kind == kind


@pytest.mark.parametrize(
    ("ontap", "kind"),
    [
        ({}, ""),
        ({"OntapVolumeType": "RW"}, ""),
        ({"OntapVolumeType": "DP"}, "ontap_data_protection"),
        ({"OntapVolumeType": "LS"}, "ontap_load_sharing"),
        ({"OntapVolumeType": "RW", "FlexCacheEndpointType": "CACHE"}, "ontap_flexcache"),
        ({"OntapVolumeType": "RW", "FlexCacheEndpointType": "ORIGIN"}, ""),
    ],
)
def test_ontap_volumes(ontap: dict[str, str], kind: str) -> None:
    (found,) = parsed(fsx(ONTAP, volumes=(volume(OntapConfiguration=ontap),))).resources
    assert (found.capability, found.unsupported_kind) == ("FSx_ONTAP", kind)


@pytest.mark.parametrize(
    ("lustre", "kind"),
    [
        ({"DeploymentType": "PERSISTENT_2"}, ""),
        ({}, ""),
        ({"DeploymentType": "SCRATCH_1"}, "lustre_scratch"),
        ({"DeploymentType": "SCRATCH_2"}, "lustre_scratch"),
        ({"DeploymentType": "PERSISTENT_1", "DataRepositoryConfiguration": {}}, "lustre_data_repository"),
    ],
)
def test_lustre_file_systems(lustre: dict[str, Any], kind: str) -> None:
    system = {"FileSystemId": "fs-1", "FileSystemType": "LUSTRE", "LustreConfiguration": lustre}
    (found,) = parsed(fsx(system)).resources
    assert found.unsupported_kind == kind


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ({"Name": "logs"}, ""),
        ({"Name": "logs", "BucketArn": "arn:aws:s3:::logs"}, ""),
        ({"Name": "logs--use1-az4--x-s3"}, "s3_directory"),
        ({"Name": "b", "BucketArn": "arn:aws:s3express:eu-west-1:111111111111:bucket/b"}, "s3_directory"),
        (
            {"Name": "b", "BucketArn": "arn:aws:s3-outposts:eu-west-1:111111111111:outpost/op-1/bucket/b"},
            "s3_outposts",
        ),
    ],
)
def test_buckets(row: dict[str, str], kind: str) -> None:
    account = ShardScript("111111111111", "aws-global").listed(
        "s3:ListBuckets", {"BucketRegion": REGION, **row}
    )
    script = shard().bucket_details(row["Name"])
    (found,) = parsed(script, account).resources
    assert found.unsupported_kind == kind


def test_every_kind_of_the_table_is_one_that_the_inventory_finds() -> None:
    tested = {"instance_store", "rds_custom", "rds_outposts", "s3_directory", "s3_outposts"}
    tested |= {"ontap_data_protection", "ontap_load_sharing", "ontap_flexcache"}
    tested |= {"lustre_scratch", "lustre_data_repository"}
    assert {kind.key for kind in unsupported_kinds()} == tested
