"""The size of resources and recovery points: where a service reports one, and that nothing is made up."""

from typing import Any

import pytest

from scanner.model.inventory import Size, SizeKind
from scanner.model.known import Known, Reading, Unread
from tests.fakes.bundles import ShardScript, instance_arn, parsed, table_arn, volume_arn
from tests.fakes.readings import here, only, shard

GIB = 2**30


def size_of(size: Reading[Size] | None) -> tuple[int, SizeKind] | str | None:
    """Return the bytes and the kind, the missing read, or None where the service reports no size."""
    if isinstance(size, Unread):
        return size.gap.operation
    return None if size is None else (size.value.bytes, size.value.kind)


def provisioned(gib: int) -> tuple[int, SizeKind]:
    return gib * GIB, SizeKind.PROVISIONED


def rds_instance(**row: Any) -> ShardScript:
    row = {"DBInstanceArn": here("rds", "db:a"), "DBInstanceIdentifier": "a", "Engine": "oracle-ee", **row}
    return shard().listed("rds:DescribeDBInstances", row)


def rds_cluster(engine: str) -> ShardScript:
    row = {"DBClusterArn": here("rds", "cluster:a"), "Engine": engine, "AllocatedStorage": 1}
    return shard().listed("rds:DescribeDBClusters", row)


def fsx_system(**row: Any) -> ShardScript:
    return shard().listed(
        "fsx:DescribeFileSystems", {"FileSystemId": "fs-1", "FileSystemType": "LUSTRE", **row}
    )


def ontap_volume(**sizes: int) -> ShardScript:
    script = shard().listed("fsx:DescribeFileSystems", {"FileSystemId": "fs-1", "FileSystemType": "ONTAP"})
    row = {"FileSystemId": "fs-1", "VolumeId": "fsvol-1", "VolumeType": "ONTAP", "OntapConfiguration": sizes}
    return script.listed("fsx:DescribeVolumes", row)


def gateway_volume(**row: Any) -> ShardScript:
    arn = here("storagegateway", "gateway/sgw-1/volume/vol-1")
    return shard().listed("storagegateway:ListVolumes", {"VolumeARN": arn, "VolumeType": "CACHED", **row})


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (shard().volume("vol-1", Size=500), provisioned(500)),
        (shard().volume("vol-1"), None),
        (rds_instance(AllocatedStorage=100), provisioned(100)),
        (
            rds_instance(AllocatedStorage=100, AdditionalStorageVolumes=[{"AllocatedStorage": 200}]),
            provisioned(300),
        ),
        # Of one volume the size is missing: the sum of the others would be too small.
        (rds_instance(AllocatedStorage=100, AdditionalStorageVolumes=[{"VolumeName": "b"}]), None),
        (rds_cluster("mysql"), provisioned(1)),
        # The storage of these grows, and RDS returns 1.
        (rds_cluster("aurora-mysql"), None),
        (rds_cluster("docdb"), None),
        (rds_cluster("neptune"), None),
        (fsx_system(StorageCapacity=1200), provisioned(1200)),
        (fsx_system(StorageType="INTELLIGENT_TIERING"), None),
        (ontap_volume(SizeInBytes=5 * GIB, SizeInMegabytes=1), provisioned(5)),
        (ontap_volume(SizeInMegabytes=2048), provisioned(2)),
        (ontap_volume(), None),
        (gateway_volume(VolumeSizeInBytes=GIB), provisioned(1)),
        (
            shard().listed(
                "redshift:DescribeClusters",
                {"ClusterIdentifier": "a", "TotalStorageCapacityInMegaBytes": 1024},
            ),
            provisioned(1),
        ),
        (
            shard().listed(
                "efs:DescribeFileSystems", {"FileSystemId": "fs-1", "SizeInBytes": {"Value": 6144}}
            ),
            (6144, SizeKind.USED),
        ),
        # S3, EKS and others report no size in what is read.
        (shard().listed("eks:ListClusters", "a"), None),
    ],
)
def test_the_size_of_a_resource(script: ShardScript, expected: tuple[int, SizeKind] | None) -> None:
    assert size_of(only(script).size) == expected


def test_the_size_of_a_table_needs_its_description() -> None:
    described = only(shard().table("a", TableSizeBytes=123))
    assert (described.arn, size_of(described.size)) == (table_arn("a"), (123, SizeKind.USED))
    listed = only(shard().call("dynamodb:ListTables", {"TableNames": ["a"]}))
    assert size_of(listed.size) == "dynamodb:DescribeTable"


def attached(volume: str, **row: Any) -> dict[str, Any]:
    return {"Attachments": [{"InstanceId": "i-1", "State": "attached", "VolumeId": volume}], **row}


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [({"vol-1": 8, "vol-2": 100}, provisioned(108)), ({"vol-1": 8, "vol-2": None}, None), ({}, None)],
)
def test_the_size_of_an_instance_is_that_of_its_volumes(
    sizes: dict[str, int | None], expected: tuple[int, SizeKind] | None
) -> None:
    script = shard().instance("i-1")
    for volume, size in sizes.items():
        row = attached(volume) if size is None else attached(volume, Size=size)
        script.volume(volume, **row)
    resources = {str(resource.arn): resource for resource in parsed(script.complete()).resources}
    assert size_of(resources[instance_arn("i-1")].size) == expected
    assert len(resources) == len(sizes) + 1


def test_the_size_of_an_instance_is_unknown_if_its_volumes_were_not_read() -> None:
    script = shard().instance("i-1").call("ec2:DescribeVolumes", error="UnauthorizedOperation")
    assert size_of(only(script).size) == "ec2:DescribeVolumes"


@pytest.mark.parametrize(("size", "expected"), [(GIB, GIB), (0, 0), (None, None)])
def test_the_size_of_a_recovery_point(size: Any, expected: int | None) -> None:
    more = {} if size is None else {"BackupSizeInBytes": size}
    script = shard().vault("main").point("main", volume_arn("vol-1"), **more)
    (point,) = parsed(script).recovery_points
    assert point.size_bytes == expected


def test_known_sizes_name_their_evidence() -> None:
    size = only(shard().volume("vol-1", Size=500)).size
    assert isinstance(size, Known)
    assert size.refs
