"""Resources that AWS Backup can back up, as plans and templates create, replace and remove them.

The arguments of each type are reduced to one form (`document`), from which `resource_edits` makes the rows
that the service would list:

    Family     how AWS lists it: `volume`, `database` ...
    Id         what names it in its ARN
    Tags       by key; UNKNOWN where any of them is
    Encrypted, Key, Engine, Deployment    where the type has them; UNKNOWN or None where they are not known

An id that AWS assigns is a placeholder with KNOWN-AFTER-APPLY, so that no reader takes it for a real one.
"""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from scanner.model.names import parse_arn, partition_of

PHYSICAL_ID: Final = "PhysicalResourceId"
"""Names the id of an existing resource that AWS assigned."""
PLACEHOLDER: Final = "KNOWN-AFTER-APPLY"
PLACEHOLDER_NOTE: Final = (
    f"An ARN with {PLACEHOLDER} is that of a new resource whose id AWS assigns when it creates it."
)
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_.-]+")
_NAMESPACE: Final = uuid.UUID("0d0b9d0c-5b26-4d0e-8d56-3f0c1c6b7f3e")


@dataclass(frozen=True, slots=True)
class Family:
    """How AWS lists a family of resources. `arn`: the service and the beginning of the resource in ARNs.

    `identity`: the member of a row that is the id, or the ARN; empty: the row is the id. `details`: the calls
    about one resource, with the parameter that names it.
    """

    operation: str
    key: str
    identity: str
    arn: tuple[str, str]
    details: tuple[tuple[str, str], ...] = ()


FAMILIES: Final[Mapping[str, Family]] = {
    "volume": Family("ec2:DescribeVolumes", "Volumes", "VolumeId", ("ec2", "volume/")),
    "instance": Family("ec2:DescribeInstances", "Reservations", "InstanceId", ("ec2", "instance/")),
    "database": Family("rds:DescribeDBInstances", "DBInstances", "DBInstanceArn", ("rds", "db:")),
    # DescribeDBClusters returns Aurora, Multi-AZ, Neptune and DocumentDB clusters; Engine says which.
    "cluster": Family("rds:DescribeDBClusters", "DBClusters", "DBClusterArn", ("rds", "cluster:")),
    "table": Family(
        # ListTables returns names alone: encryption and tags need a call for each table.
        "dynamodb:ListTables",
        "TableNames",
        "",
        ("dynamodb", "table/"),
        (("dynamodb:DescribeTable", "TableName"), ("dynamodb:ListTagsOfResource", "ResourceArn")),
    ),
    "file system": Family(
        "efs:DescribeFileSystems", "FileSystems", "FileSystemId", ("elasticfilesystem", "file-system/")
    ),
    "bucket": Family(
        # ListBuckets returns no tags, versioning or encryption: each needs a call to the bucket's Region.
        "s3:ListBuckets",
        "Buckets",
        "Name",
        ("s3", ""),
        tuple(
            (f"s3:{name}", "Bucket")
            for name in ("GetBucketTagging", "GetBucketVersioning", "GetBucketEncryption")
        ),
    ),
    "FSx file system": Family(
        "fsx:DescribeFileSystems", "FileSystems", "FileSystemId", ("fsx", "file-system/")
    ),
    "warehouse": Family(
        "redshift:DescribeClusters", "Clusters", "ClusterIdentifier", ("redshift", "cluster:")
    ),
}


@dataclass(frozen=True, slots=True)
class NewType:
    """A type of resource in Terraform or CloudFormation: the names of its arguments.

    `name`: the argument with its id; empty: AWS assigns it. `engine`: a fixed engine or type of file system,
    or the argument that has it, in `engine_argument`.
    """

    family: str
    name: str = ""
    encrypted: str = ""
    key: str = ""
    engine: str = ""
    engine_argument: str = ""
    deployment: str = ""


TERRAFORM: Final[Mapping[str, NewType]] = {
    "aws_ebs_volume": NewType("volume", encrypted="encrypted", key="kms_key_id"),
    # EC2 instances have no key of their own: their volumes are encrypted.
    "aws_instance": NewType("instance"),
    "aws_db_instance": NewType(
        "database", "identifier", "storage_encrypted", "kms_key_id", engine_argument="engine"
    ),
    "aws_rds_cluster": NewType(
        "cluster", "cluster_identifier", "storage_encrypted", "kms_key_id", engine_argument="engine"
    ),
    "aws_docdb_cluster": NewType(
        "cluster", "cluster_identifier", "storage_encrypted", "kms_key_id", engine="docdb"
    ),
    "aws_neptune_cluster": NewType(
        "cluster", "cluster_identifier", "storage_encrypted", "kms_key_arn", engine="neptune"
    ),
    # The encryption of a table is a block of its own, and stays unknown here.
    "aws_dynamodb_table": NewType("table", "name"),
    "aws_efs_file_system": NewType("file system", encrypted="encrypted", key="kms_key_id"),
    "aws_s3_bucket": NewType("bucket", "bucket"),
    "aws_fsx_lustre_file_system": NewType(
        "FSx file system", key="kms_key_id", engine="LUSTRE", deployment="deployment_type"
    ),
    "aws_fsx_windows_file_system": NewType("FSx file system", key="kms_key_id", engine="WINDOWS"),
    "aws_fsx_openzfs_file_system": NewType("FSx file system", key="kms_key_id", engine="OPENZFS"),
    "aws_redshift_cluster": NewType("warehouse", "cluster_identifier", "encrypted", "kms_key_id"),
}

CLOUDFORMATION: Final[Mapping[str, NewType]] = {
    "AWS::EC2::Volume": NewType("volume", encrypted="Encrypted", key="KmsKeyId"),
    "AWS::EC2::Instance": NewType("instance"),
    "AWS::RDS::DBInstance": NewType(
        "database", "DBInstanceIdentifier", "StorageEncrypted", "KmsKeyId", engine_argument="Engine"
    ),
    "AWS::RDS::DBCluster": NewType(
        "cluster", "DBClusterIdentifier", "StorageEncrypted", "KmsKeyId", engine_argument="Engine"
    ),
    "AWS::DocDB::DBCluster": NewType(
        "cluster", "DBClusterIdentifier", "StorageEncrypted", "KmsKeyId", engine="docdb"
    ),
    "AWS::Neptune::DBCluster": NewType(
        "cluster", "DBClusterIdentifier", "StorageEncrypted", "KmsKeyId", engine="neptune"
    ),
    "AWS::DynamoDB::Table": NewType("table", "TableName"),
    "AWS::EFS::FileSystem": NewType("file system", encrypted="Encrypted", key="KmsKeyId"),
    "AWS::S3::Bucket": NewType("bucket", "BucketName"),
    "AWS::Redshift::Cluster": NewType("warehouse", "ClusterIdentifier", "Encrypted", "KmsKeyId"),
}

# A change that is not understood must be named: silence would read as "no effect".
NOT_JUDGED: Final = frozenset(
    {
        *("aws_eks_cluster", "aws_dsql_cluster", "aws_timestreamwrite_table", "aws_fsx_ontap_volume"),
        *("aws_redshiftserverless_namespace", "aws_cloudformation_stack"),
        *("aws_storagegateway_cached_iscsi_volume", "aws_storagegateway_stored_iscsi_volume"),
        *("AWS::EKS::Cluster", "AWS::DSQL::Cluster", "AWS::Timestream::Table", "AWS::FSx::FileSystem"),
        *("AWS::FSx::Volume", "AWS::RedshiftServerless::Namespace"),
    }
)
"""Types that AWS Backup can back up, and whose new resources this version cannot build."""


def document_of(kind: NewType, values: Mapping[str, Any], tags: object, address: str) -> dict[str, Any]:
    """Return the form of a new resource. An id that is not known is a placeholder made of its address."""
    name = values.get(kind.name or PHYSICAL_ID)
    return {
        "Family": kind.family,
        "Id": name if isinstance(name, str) and name else placeholder(address),
        "Tags": tags,
        "Encrypted": values.get(kind.encrypted) if kind.encrypted else None,
        "Key": values.get(kind.key) if kind.key else None,
        "Engine": kind.engine or (values.get(kind.engine_argument) if kind.engine_argument else None),
        "Deployment": values.get(kind.deployment) if kind.deployment else None,
    }


def placeholder(address: str) -> str:
    """Return the id of a new resource that AWS names: readable, and different for each address."""
    safe = _UNSAFE.sub("-", address).strip("-")
    # Two addresses may become equal without their special characters: the hash keeps them apart.
    return f"{PLACEHOLDER}-{safe}" + (
        "" if safe == address else f"-{uuid.uuid5(_NAMESPACE, address).hex[:8]}"
    )


def arn_of(document: Mapping[str, Any], account: str, region: str) -> str:
    """Return the ARN of a new resource."""
    service, prefix = FAMILIES[document["Family"]].arn
    partition, identity = partition_of(region), f"{prefix}{document['Id']}"
    # ARNs of buckets have neither Region nor account.
    if document["Family"] == "bucket":
        return f"arn:{partition}:s3:::{identity}"
    return f"arn:{partition}:{service}:{region}:{account}:{identity}"


def family_of(arn: str) -> str:
    """Return the family of an existing resource by its ARN; empty: none of these."""
    parts = parse_arn(arn)
    if parts is None:
        return ""
    for name, family in FAMILIES.items():
        service, prefix = family.arn
        # A longer path is another type: `table/NAME/backup/ID` is a backup, not a table.
        if parts.service == service and parts.resource.startswith(prefix) and "/" not in id_of(arn, name):
            return name
    return ""


def id_of(arn: str, family: str) -> str:
    """Return what names a resource in its ARN."""
    parts = parse_arn(arn)
    return "" if parts is None else parts.resource.removeprefix(FAMILIES[family].arn[1])


def operations_of(family: str) -> frozenset[str]:
    """Return the operations whose answers have resources of a family."""
    listed = FAMILIES[family]
    return frozenset({listed.operation, *(operation for operation, _ in listed.details)})
