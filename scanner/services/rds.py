"""Amazon RDS, and Aurora, Neptune and DocumentDB, which share its API.

DescribeDBClusters returns Aurora, Neptune, DocumentDB and RDS Multi-AZ clusters, which differ in their
engine. The cluster is the unit of backup; its instances are not resources. RDS Custom and RDS on Outposts
have an `unsupported_kind`, since AWS Backup cannot back them up (AWS Backup Developer Guide).
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from scanner.evidence.answers import Answers
from scanner.evidence.shape import Shape
from scanner.model.inventory import Encryption, Resource, Size
from scanner.model.known import EvidenceRef, Known
from scanner.model.names import Arn
from scanner.services.base import GIB, Operation, distinct, provisioned_size, rows, texts, total_size
from scanner.services.caller import Caller
from scanner.services.sources import Sources
from scanner.services.tagging import STACK_TAG, tag_pairs

_PAGE: Final = 100

OPERATIONS: Final = (
    Operation(
        "rds",
        "DescribeDBInstances",
        "rds:DescribeDBInstances",
        _PAGE,
        secrets=("DBInstances[].PendingModifiedValues.MasterUserPassword",),
        own=("DBInstances[].DBInstanceArn",),
        identity=("DBInstances[].DBInstanceArn",),
    ),
    Operation(
        "rds",
        "DescribeDBClusters",
        "rds:DescribeDBClusters",
        _PAGE,
        secrets=("DBClusters[].PendingModifiedValues.MasterUserPassword",),
        own=("DBClusters[].DBClusterArn",),
        identity=("DBClusters[].DBClusterArn",),
    ),
)


def collect(caller: Caller) -> set[str]:
    """Record databases and clusters; return the keys that they name."""
    instances = texts(caller.pages("rds", "DescribeDBInstances"), "DBInstances", "KmsKeyId")
    clusters = texts(caller.pages("rds", "DescribeDBClusters"), "DBClusters", "KmsKeyId")
    return {*instances, *clusters}


_CLUSTER_ENGINES: Final = {"neptune": "Neptune", "docdb": "DocumentDB"}
# Beginnings of names: aurora-mysql, oracle-ee, sqlserver-se.
_ENGINES: Final = (
    "aurora",
    "docdb",
    "neptune",
    "mysql",
    "mariadb",
    "postgres",
    "oracle-",
    "sqlserver-",
    "db2-",
)
_CUSTOM: Final = "custom-"  # engines of RDS Custom: custom-oracle-ee, custom-sqlserver-se ...


def parse(sources: Sources) -> Iterator[Resource]:
    """Parse DB instances outside of clusters, and clusters with their members."""
    answers = sources.answers
    instances = distinct(
        (
            (row, ref)
            for row, ref in rows(answers, "rds:DescribeDBInstances", "DBInstances")
            if not _is_member(row)
        ),
        "DBInstanceArn",
    )
    for _, (row, ref) in sorted(instances.items()):
        database = _database(answers, row, ref, "DBInstance", ("RDS", "RDS"))
        yield replace(database, unsupported_kind=_unsupported_kind(row), size=_instance_size(row))
    clusters = distinct(rows(answers, "rds:DescribeDBClusters", "DBClusters"), "DBClusterArn")
    for _, (row, ref) in sorted(clusters.items()):
        cluster = _database(answers, row, ref, "DBCluster", _cluster_type(row))
        yield replace(cluster, members=_members(sources, row), size=_cluster_size(row, cluster.type))


def _instance_size(row: Shape) -> Known[Size] | None:
    """Return the allocated storage of an instance, with its additional volumes (Oracle and SQL Server)."""
    parts = (row, *row.children("AdditionalStorageVolumes"))
    return total_size(provisioned_size(part, "AllocatedStorage", GIB) for part in parts)


def _cluster_size(row: Shape, resource_type: str) -> Known[Size] | None:
    """Return the allocated storage of a Multi-AZ DB cluster; None for clusters whose storage grows.

    Aurora, Neptune and DocumentDB allocate storage as they need it, and return a number that is not its size
    (RDS API reference, "DBCluster").
    """
    return provisioned_size(row, "AllocatedStorage", GIB) if resource_type == "RDS" else None


def _is_member(row: Shape) -> bool:
    engine = row.text("Engine") or ""
    # AWS Backup backs up clusters as a whole; their instances cannot be selected (Developer Guide).
    in_cluster = bool(row.text("DBClusterIdentifier"))
    return in_cluster or engine.startswith(("aurora", "neptune", "docdb"))


def _is_documented(row: Shape) -> bool:
    """Return whether RDS documents the engine: only a documented one determines the resource type."""
    engine = row.text("Engine")
    return engine is None or engine.startswith(_ENGINES)


def _unsupported_kind(row: Shape) -> str | None:
    """Return why AWS Backup cannot back up an instance (a kind), or empty; None: not known.

    An instance is on an Outpost if its backups are stored there, or all of its subnets are there. RDS returns
    an empty `SubnetOutpost` for subnets of a Region (API reference, "DBInstance", "Subnet").
    """
    if (row.text("Engine") or "").startswith(_CUSTOM):
        return "rds_custom"
    # Customer-owned IP addresses exist on Outposts only (API reference, "DBInstance").
    if row.text("BackupTarget") == "outposts" or row.flag("CustomerOwnedIpEnabled"):
        return "rds_outposts"
    if not _is_documented(row):
        return None
    group = row.child("DBSubnetGroup")
    outposts = [_is_on_outpost(subnet) for subnet in group.children("Subnets")] if group else []
    if not any(outposts):
        return ""
    # Subnets of both: nothing says which one the instance is in (docs/assumptions.md).
    return "rds_outposts" if all(outposts) else None


def _is_on_outpost(subnet: Shape) -> bool:
    outpost = subnet.child("SubnetOutpost")
    return outpost is not None and bool(outpost.text("Arn"))


def _members(sources: Sources, row: Shape) -> tuple[Arn, ...]:
    ids = (member.text("DBInstanceIdentifier") for member in row.children("DBClusterMembers"))
    return tuple(sources.arn("rds", f"db:{instance}") for instance in ids if instance)


def _cluster_type(row: Shape) -> tuple[str, str]:
    """Return the type of a cluster and its row of the capability table, by engine.

    BundleError: RDS does not document the engine; without a type, no rule of AWS Backup applies.
    """
    engine = row.text("Engine") or ""
    if not _is_documented(row):
        raise row.undocumented("Engine", _ENGINES)
    if engine.startswith("aurora"):
        return "Aurora", "Aurora"
    if engine in _CLUSTER_ENGINES:
        return _CLUSTER_ENGINES[engine], _CLUSTER_ENGINES[engine]
    # MySQL and PostgreSQL have clusters only as Multi-AZ DB clusters.
    return "RDS", "RDS_MULTI_AZ_CLUSTER"


def _database(answers: Answers, row: Shape, ref: EvidenceRef, prefix: str, kind: tuple[str, str]) -> Resource:
    tags = tag_pairs(row, "TagList")
    key = row.text("KmsKeyId")
    created = row.instant("InstanceCreateTime" if prefix == "DBInstance" else "ClusterCreateTime")
    return Resource(
        arn=Arn(row.need(f"{prefix}Arn")),
        type=kind[0],
        capability=kind[1],
        account=answers.shard.account,
        region=answers.shard.region,
        name=row.text(f"{prefix}Identifier") or row.need(f"{prefix}Arn"),
        state=row.text("DBInstanceStatus" if prefix == "DBInstance" else "Status"),
        tags=Known(tags, (ref,)),
        encryption=Known(Encryption(row.flag("StorageEncrypted"), (key,) if key else ()), (ref,)),
        created_at=created,
        stack=tags.get(STACK_TAG),
        refs=(ref,),
    )
