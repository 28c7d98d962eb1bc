"""Tables that derive from the rows of resource types, compared with what they were when written by hand.

A difference is a change of what the product says: change the row and this page together.
"""

from collections.abc import Mapping
from typing import Final

import pytest

from scanner.evaluate.compliance.audit_manager import COUNTERPARTS
from scanner.model.facts import reads
from scanner.model.resource_types import RESOURCE_LISTS as DERIVED_LISTS
from scanner.model.resource_types import RESOURCE_TYPES, TYPE_BY_NAME, listed_by, type_of_arn
from scanner.report.formats.asff import TYPES as DERIVED_SECURITY_HUB_TYPES
from scanner.services.supported import TYPE_OF_SERVICE as DERIVED_SERVICES

RESOURCE_LISTS: Final = {
    "backup-gateway:ListVirtualMachines": ("backup-gateway", "vm/"),
    "cloudformation:DescribeStacks": ("cloudformation", "stack/"),
    "dsql:ListClusters": ("dsql", "cluster/"),
    "dynamodb:ListTables": ("dynamodb", "table/"),
    "ec2:DescribeInstances": ("ec2", "instance/"),
    "ec2:DescribeVolumes": ("ec2", "volume/"),
    "efs:DescribeFileSystems": ("elasticfilesystem", "file-system/"),
    "eks:ListClusters": ("eks", "cluster/"),
    "fsx:DescribeFileSystems": ("fsx", "file-system/"),
    "fsx:DescribeVolumes": ("fsx", "volume/"),
    "rds:DescribeDBClusters": ("rds", "cluster:"),
    "rds:DescribeDBInstances": ("rds", "db:"),
    "redshift:DescribeClusters": ("redshift", "cluster:"),
    "redshift-serverless:ListNamespaces": ("redshift-serverless", "namespace/"),
    "s3:ListBuckets": ("s3", ""),
    "ssm-sap:ListDatabases": ("ssm-sap", "HANA/"),
    "storagegateway:ListVolumes": ("storagegateway", "gateway/"),
    "timestream-write:ListTables": ("timestream", "database/"),
}

TAG_READS: Final = (
    "resourcegroupstaggingapi:GetResources",
    "backup-gateway:ListTagsForResource",
    "dsql:GetCluster",
    "dsql:ListTagsForResource",
    "dynamodb:ListTagsOfResource",
    "eks:DescribeCluster",
    "eks:ListTagsForResource",
    "redshift-serverless:ListTagsForResource",
    "s3:GetBucketTagging",
    "storagegateway:ListTagsForResource",
    "timestream-write:ListTagsForResource",
)

RESOURCE_READS: Final = (
    "ec2:DescribeInstances",
    "ec2:DescribeVolumes",
    "rds:DescribeDBInstances",
    "rds:DescribeDBClusters",
    "dynamodb:ListTables",
    "dynamodb:DescribeTable",
    "efs:DescribeFileSystems",
    "fsx:DescribeFileSystems",
    "fsx:DescribeVolumes",
    "s3:ListBuckets",
    "s3:GetBucketLocation",
    "storagegateway:ListVolumes",
    "storagegateway:DescribeCachediSCSIVolumes",
    "storagegateway:DescribeStorediSCSIVolumes",
    "dsql:ListClusters",
    "dsql:GetCluster",
    "redshift:DescribeClusters",
    "redshift-serverless:ListNamespaces",
    "timestream-write:ListTables",
    "backup-gateway:ListVirtualMachines",
    "cloudformation:DescribeStacks",
    "ssm-sap:ListDatabases",
    "ssm-sap:GetDatabase",
    "eks:ListClusters",
    "eks:DescribeCluster",
)
ENCRYPTION_READS: Final = ("s3:GetBucketEncryption", "timestream-write:ListDatabases")
KEY_READS: Final = (
    "kms:DescribeKey",
    "kms:ListAliases",
    "dsql:GetCluster",
    "eks:DescribeCluster",
    "fsx:DescribeFileSystems",
    "storagegateway:DescribeCachediSCSIVolumes",
    "storagegateway:DescribeStorediSCSIVolumes",
    *ENCRYPTION_READS,
)

TYPE_OF_SERVICE: Final[Mapping[str, str]] = {
    "backup-gateway": "VirtualMachine",
    "cloudformation": "CloudFormation",
    "dsql": "DSQL",
    "eks": "EKS",
    "fsx": "FSx",
    "redshift": "Redshift",
    "redshift-serverless": "Redshift Serverless",
    "ssm-sap": "SAP HANA on Amazon EC2",
    "storagegateway": "Storage Gateway",
    "timestream-write": "Timestream",
}

_TAGGED_TYPES: Final = {
    "VirtualMachine": "backup-gateway:vm/",
    "CloudFormation": "cloudformation:stack/",
    "DSQL": "dsql:cluster/",
    "DynamoDB": "dynamodb:table/",
    "EBS": "ec2:volume/",
    "EC2": "ec2:instance/",
    "EFS": "elasticfilesystem:file-system/",
    "EKS": "eks:cluster/",
    "Redshift": "redshift:cluster:",
    "Redshift Serverless": "redshift-serverless:namespace/",
    "SAP HANA on Amazon EC2": "ssm-sap:HANA/[^/]*/DB/",
    "Storage Gateway": "storagegateway:gateway/[^/]*/volume/",
    "Timestream": "timestream:database/[^/]*/table/",
}

_OWNED_BY_DEFAULT: Final = frozenset(
    (
        "CloudFormation",
        "DSQL",
        "DynamoDB",
        "EKS",
        "Redshift Serverless",
        "S3",
        "Storage Gateway",
    )
)

_CONFIG_TYPES: Final[Mapping[str, str]] = {
    "AWS::BackupGateway::VirtualMachine": "VirtualMachine",
    "AWS::DynamoDB::Table": "DynamoDB",
    "AWS::EC2::Instance": "EC2",
    "AWS::EC2::Volume": "EBS",
    "AWS::EFS::FileSystem": "EFS",
    "AWS::FSx::FileSystem": "FSx",
    "AWS::RDS::DBCluster": "Aurora",
    "AWS::RDS::DBInstance": "RDS",
    "AWS::S3::Bucket": "S3",
    "AWS::StorageGateway::Volume": "Storage Gateway",
}
SECURITY_HUB_TYPES: Final = {
    "EC2": "AwsEc2Instance",
    "EBS": "AwsEc2Volume",
    "RDS": "AwsRdsDbInstance",
    "Aurora": "AwsRdsDbCluster",
    "DocumentDB": "AwsRdsDbCluster",  # Security Hub's own controls call both so
    "Neptune": "AwsRdsDbCluster",
    "DynamoDB": "AwsDynamoDbTable",
    "S3": "AwsS3Bucket",
    "Redshift": "AwsRedshiftCluster",
    "CloudFormation": "AwsCloudFormationStack",
    "EKS": "AwsEksCluster",
}

RESTORED: Final = {"Aurora", "DynamoDB", "EBS", "EC2", "EFS", "FSx", "RDS", "S3"}
PROTECTED: Final = {*RESTORED, "Storage Gateway", "VirtualMachine"}
AIR_GAPPED: Final = {"Aurora", "EBS", "EC2", "EFS", "S3", "Storage Gateway", "VirtualMachine"}


def test_reads_of_resources() -> None:
    assert DERIVED_LISTS == RESOURCE_LISTS
    assert reads.RESOURCE_READS == RESOURCE_READS


def test_reads_of_tags_and_keys() -> None:
    assert reads.TAG_READS == TAG_READS
    assert reads.ENCRYPTION_READS == ENCRYPTION_READS
    assert reads.KEY_READS == KEY_READS


def test_services_that_are_not_in_every_region() -> None:
    assert DERIVED_SERVICES == TYPE_OF_SERVICE


def test_keys_that_aws_owns() -> None:
    assert {kind.name for kind in RESOURCE_TYPES if kind.owned_key_by_default} == _OWNED_BY_DEFAULT


def test_names_of_other_services() -> None:
    assert {kind.config_type: kind.name for kind in RESOURCE_TYPES if kind.config_type} == _CONFIG_TYPES
    subjects = {"plan", "vault", "recovery_point", "account", "account_region"}
    of_types = {name: value for name, value in DERIVED_SECURITY_HUB_TYPES.items() if name not in subjects}
    assert of_types == SECURITY_HUB_TYPES


@pytest.mark.parametrize(
    ("control", "types"),
    [
        ("BACKUP_RESOURCES_PROTECTED_BY_BACKUP_PLAN", PROTECTED),
        ("BACKUP_LAST_RECOVERY_POINT_CREATED", PROTECTED),
        ("RESTORE_TIME_FOR_RESOURCES_MEET_TARGET", RESTORED),
        ("RESOURCES_IN_LOGICALLY_AIR_GAPPED_VAULT", AIR_GAPPED),
    ],
)
def test_types_that_audit_manager_covers(control: str, types: set[str]) -> None:
    assert COUNTERPARTS[control].types == types


@pytest.mark.parametrize("name", [kind.name for kind in RESOURCE_TYPES])
def test_an_arn_shows_its_type_where_no_other_type_has_such_arns(name: str) -> None:
    arn = TYPE_BY_NAME[name].lists[0].arn.replace("*", "id-1")
    service, _, resource = arn.partition(":")
    full = f"arn:aws:{service}:eu-west-1:111122223333:{resource}name"
    assert type_of_arn(full) == (name if name in _TAGGED_TYPES else "")
    assert listed_by(full) in {row.operation for row in TYPE_BY_NAME[name].lists}


def test_no_arn_shows_no_type() -> None:
    assert type_of_arn("not an arn") == ""
    assert listed_by("not an arn") is None
    assert listed_by("arn:aws:sqs:eu-west-1:111122223333:queue") is None


def test_names_are_unique() -> None:
    assert len(TYPE_BY_NAME) == len(RESOURCE_TYPES)
