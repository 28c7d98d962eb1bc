"""Amazon RDS, and with the same calls Aurora, Neptune and DocumentDB."""

from typing import Final

from scanner.collect.calls import Caller
from scanner.collect.fields import texts
from scanner.collect.operations import Operation

_PAGE: Final = 100

OPERATIONS: Final = (
    Operation(
        "rds",
        "DescribeDBInstances",
        "rds:DescribeDBInstances",
        _PAGE,
        secrets=("DBInstances[].PendingModifiedValues.MasterUserPassword",),
        own=("DBInstances[].DBInstanceArn",),
    ),
    Operation(
        "rds",
        "DescribeDBClusters",
        "rds:DescribeDBClusters",
        _PAGE,
        secrets=("DBClusters[].PendingModifiedValues.MasterUserPassword",),
        own=("DBClusters[].DBClusterArn",),
    ),
)


def collect(caller: Caller) -> set[str]:
    """Record databases and clusters; give the keys that were named."""
    instances = texts(caller.pages("rds", "DescribeDBInstances"), "DBInstances", "KmsKeyId")
    clusters = texts(caller.pages("rds", "DescribeDBClusters"), "DBClusters", "KmsKeyId")
    return {*instances, *clusters}
