"""The resource types that AWS Backup can back up: one row per type, and every table by type derives from it.

A new type is one row here, and its list in the file of its service (`scanner/services/`). What AWS Backup can
do with a type (cold storage, cross-Region copies ...) is in `protection/capabilities.json`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from scanner.model.names import parse_arn


class TagSyntax(StrEnum):
    """How a command of the AWS CLI takes tags (AWS CLI Command Reference)."""

    PAIRS = "Key=KEY,Value=VALUE"
    LOWERCASE_PAIRS = "key=KEY,value=VALUE"
    MAP = "KEY=VALUE"


@dataclass(frozen=True, slots=True)
class TagCommand:
    """The AWS CLI command that tags a resource. `takes_id`: it takes the resource's id, not its ARN."""

    command: str
    syntax: TagSyntax
    takes_id: bool = False


TAGGING_API: Final = TagCommand(
    "aws resourcegroupstaggingapi tag-resources --resource-arn-list", TagSyntax.MAP
)
_EC2_TAGS: Final = TagCommand("aws ec2 create-tags --resources", TagSyntax.PAIRS, takes_id=True)
_RDS_TAGS: Final = TagCommand("aws rds add-tags-to-resource --resource-name", TagSyntax.PAIRS)


class AuditScope(StrEnum):
    """Groups of AWS Backup Audit Manager's controls that cover the same resource types (facts 8.1)."""

    PROTECTED = "protected"  # backup plans, copies, vault lock
    RESTORED = "restored"  # restore time, last recovery point
    AIR_GAPPED = "air-gapped"


_AUDITED: Final = frozenset((AuditScope.PROTECTED, AuditScope.RESTORED))
_AUDITED_WITH_AIR_GAP: Final = _AUDITED | {AuditScope.AIR_GAPPED}


@dataclass(frozen=True, slots=True)
class ResourceList:
    """An operation that lists resources of a type.

    `arn` is how the ARNs of what it lists begin: their service and resource, `*` for an id: `ec2:volume/`.
    """

    operation: str
    arn: str

    @property
    def prefix(self) -> tuple[str, str]:
        """The service in the ARNs, and the beginning of the resource up to the first id."""
        service, _, resource = self.arn.partition(":")
        return service, resource.partition("*")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceType:
    """One resource type. Operations are named `service:Operation`.

    `name` is AWS Backup's own spelling (GetSupportedResourceTypes), `client` boto3's name of its service.
    `describes` are the calls for one resource that return what its list lacks, `tag_reads` and `key_reads`
    those that return its tags and its encryption key, if the list does not.
    """

    name: str
    client: str
    lists: tuple[ResourceList, ...]
    describes: tuple[str, ...] = ()
    tag_reads: tuple[str, ...] = ()
    key_reads: tuple[str, ...] = ()
    everywhere: bool = False
    """Whether AWS Backup supports it in every Region, so that its service is always called."""
    newer_types: tuple[str, ...] = ()
    """Types supported since the same day or later, of a type that AWS's text on the answer does not name."""
    has_own_arns: bool = True
    """Whether an ARN alone shows the type."""
    owned_key_by_default: bool = False
    """Whether it is always encrypted, under a key that AWS owns where no other is named."""
    config_type: str = ""
    """AWS Config's name, in scopes of AWS Backup Audit Manager."""
    audited_as: frozenset[AuditScope] = frozenset()
    security_hub_type: str = ""
    """Security Hub's name (ResourceDetails of the AWS Security Finding Format); empty: Other."""
    tag_command: TagCommand | None = TAGGING_API


def _list(operation: str, arn: str) -> tuple[ResourceList, ...]:
    return (ResourceList(operation, arn),)


_DB_CLUSTERS: Final = _list("rds:DescribeDBClusters", "rds:cluster:")

RESOURCE_TYPES: Final = (
    ResourceType(
        name="EC2",
        client="ec2",
        lists=_list("ec2:DescribeInstances", "ec2:instance/"),
        everywhere=True,
        config_type="AWS::EC2::Instance",
        audited_as=_AUDITED_WITH_AIR_GAP,
        security_hub_type="AwsEc2Instance",
        tag_command=_EC2_TAGS,
    ),
    ResourceType(
        name="EBS",
        client="ec2",
        lists=_list("ec2:DescribeVolumes", "ec2:volume/"),
        everywhere=True,
        config_type="AWS::EC2::Volume",
        audited_as=_AUDITED_WITH_AIR_GAP,
        security_hub_type="AwsEc2Volume",
        tag_command=_EC2_TAGS,
    ),
    ResourceType(
        name="RDS",
        client="rds",
        lists=(*_list("rds:DescribeDBInstances", "rds:db:"), *_DB_CLUSTERS),  # Multi-AZ clusters
        everywhere=True,
        # Members of a cluster have the ARNs of instances.
        has_own_arns=False,
        config_type="AWS::RDS::DBInstance",
        audited_as=_AUDITED,
        security_hub_type="AwsRdsDbInstance",
        tag_command=_RDS_TAGS,
    ),
    ResourceType(
        name="Aurora",
        client="rds",
        lists=_DB_CLUSTERS,
        everywhere=True,
        has_own_arns=False,
        config_type="AWS::RDS::DBCluster",
        audited_as=_AUDITED_WITH_AIR_GAP,
        security_hub_type="AwsRdsDbCluster",
        tag_command=_RDS_TAGS,
    ),
    ResourceType(
        name="DocumentDB",
        client="rds",
        lists=_DB_CLUSTERS,
        everywhere=True,
        has_own_arns=False,
        security_hub_type="AwsRdsDbCluster",  # as in Security Hub's own controls
        tag_command=TagCommand("aws docdb add-tags-to-resource --resource-name", TagSyntax.PAIRS),
    ),
    ResourceType(
        name="Neptune",
        client="rds",
        lists=_DB_CLUSTERS,
        everywhere=True,
        has_own_arns=False,
        security_hub_type="AwsRdsDbCluster",  # as in Security Hub's own controls
        tag_command=TagCommand("aws neptune add-tags-to-resource --resource-name", TagSyntax.PAIRS),
    ),
    ResourceType(
        name="DynamoDB",
        client="dynamodb",
        lists=_list("dynamodb:ListTables", "dynamodb:table/"),
        describes=("dynamodb:DescribeTable",),
        tag_reads=("dynamodb:ListTagsOfResource",),
        everywhere=True,
        owned_key_by_default=True,
        config_type="AWS::DynamoDB::Table",
        audited_as=_AUDITED,
        security_hub_type="AwsDynamoDbTable",
    ),
    ResourceType(
        name="EFS",
        client="efs",
        lists=_list("efs:DescribeFileSystems", "elasticfilesystem:file-system/"),
        everywhere=True,
        config_type="AWS::EFS::FileSystem",
        audited_as=_AUDITED_WITH_AIR_GAP,
    ),
    ResourceType(
        name="FSx",
        client="fsx",
        lists=(
            *_list("fsx:DescribeFileSystems", "fsx:file-system/"),
            *_list("fsx:DescribeVolumes", "fsx:volume/"),
        ),
        key_reads=("fsx:DescribeFileSystems",),  # of an ONTAP volume
        # A file system of ONTAP is no resource: its volumes are.
        has_own_arns=False,
        config_type="AWS::FSx::FileSystem",
        audited_as=_AUDITED,
    ),
    ResourceType(
        name="S3",
        client="s3",
        lists=_list("s3:ListBuckets", "s3:"),
        describes=("s3:GetBucketLocation",),
        tag_reads=("s3:GetBucketTagging",),
        key_reads=("s3:GetBucketEncryption",),
        everywhere=True,
        # An ARN of S3 may also be one of an object or an access point.
        has_own_arns=False,
        owned_key_by_default=True,
        config_type="AWS::S3::Bucket",
        audited_as=_AUDITED_WITH_AIR_GAP,
        security_hub_type="AwsS3Bucket",
    ),
    ResourceType(
        name="Storage Gateway",
        client="storagegateway",
        lists=_list("storagegateway:ListVolumes", "storagegateway:gateway/*/volume/"),
        describes=(
            "storagegateway:DescribeCachediSCSIVolumes",
            "storagegateway:DescribeStorediSCSIVolumes",
        ),
        tag_reads=("storagegateway:ListTagsForResource",),
        key_reads=(
            "storagegateway:DescribeCachediSCSIVolumes",
            "storagegateway:DescribeStorediSCSIVolumes",
        ),
        owned_key_by_default=True,
        config_type="AWS::StorageGateway::Volume",
        audited_as=frozenset((AuditScope.PROTECTED, AuditScope.AIR_GAPPED)),
        tag_command=TagCommand("aws storagegateway add-tags-to-resource --resource-arn", TagSyntax.PAIRS),
    ),
    ResourceType(
        name="DSQL",
        client="dsql",
        lists=_list("dsql:ListClusters", "dsql:cluster/"),
        describes=("dsql:GetCluster",),
        tag_reads=("dsql:GetCluster", "dsql:ListTagsForResource"),
        key_reads=("dsql:GetCluster",),
        newer_types=("EKS",),
        owned_key_by_default=True,
        tag_command=TagCommand("aws dsql tag-resource --resource-arn", TagSyntax.MAP),
    ),
    ResourceType(
        name="Redshift",
        client="redshift",
        lists=_list("redshift:DescribeClusters", "redshift:cluster:"),
        security_hub_type="AwsRedshiftCluster",
    ),
    ResourceType(
        name="Redshift Serverless",
        client="redshift-serverless",
        lists=_list("redshift-serverless:ListNamespaces", "redshift-serverless:namespace/"),
        tag_reads=("redshift-serverless:ListTagsForResource",),
        newer_types=("DSQL", "EKS"),
        owned_key_by_default=True,
        tag_command=TagCommand(
            "aws redshift-serverless tag-resource --resource-arn", TagSyntax.LOWERCASE_PAIRS
        ),
    ),
    ResourceType(
        name="Timestream",
        client="timestream-write",
        lists=_list("timestream-write:ListTables", "timestream:database/*/table/"),
        tag_reads=("timestream-write:ListTagsForResource",),
        key_reads=("timestream-write:ListDatabases",),
        tag_command=TagCommand("aws timestream-write tag-resource --resource-arn", TagSyntax.PAIRS),
    ),
    ResourceType(
        name="VirtualMachine",
        client="backup-gateway",
        lists=_list("backup-gateway:ListVirtualMachines", "backup-gateway:vm/"),
        tag_reads=("backup-gateway:ListTagsForResource",),
        config_type="AWS::BackupGateway::VirtualMachine",
        audited_as=frozenset((AuditScope.PROTECTED, AuditScope.AIR_GAPPED)),
        tag_command=TagCommand("aws backup-gateway tag-resource --resource-arn", TagSyntax.PAIRS),
    ),
    ResourceType(
        name="CloudFormation",
        client="cloudformation",
        lists=_list("cloudformation:DescribeStacks", "cloudformation:stack/"),
        owned_key_by_default=True,
        security_hub_type="AwsCloudFormationStack",
        tag_command=None,  # the tags of a stack are part of an update of the stack
    ),
    ResourceType(
        name="SAP HANA on Amazon EC2",
        client="ssm-sap",
        lists=_list("ssm-sap:ListDatabases", "ssm-sap:HANA/*/DB/"),
        describes=("ssm-sap:GetDatabase",),
        tag_command=TagCommand("aws ssm-sap tag-resource --resource-arn", TagSyntax.MAP),
    ),
    ResourceType(
        name="EKS",
        client="eks",
        lists=_list("eks:ListClusters", "eks:cluster/"),
        describes=("eks:DescribeCluster",),
        tag_reads=("eks:DescribeCluster", "eks:ListTagsForResource"),
        key_reads=("eks:DescribeCluster",),
        owned_key_by_default=True,
        security_hub_type="AwsEksCluster",
        tag_command=TagCommand("aws eks tag-resource --resource-arn", TagSyntax.MAP),
    ),
)

TYPE_BY_NAME: Final[Mapping[str, ResourceType]] = {kind.name: kind for kind in RESOURCE_TYPES}

RESOURCE_LISTS: Final[Mapping[str, tuple[str, str]]] = {
    listing.operation: listing.prefix for kind in RESOURCE_TYPES for listing in kind.lists
}
"""The operations that list resources: the service and the beginning of the resource in the ARNs they list."""


def listed_by(resource: str) -> str | None:
    """Return the list operation that a resource would be in, by its ARN; None: no list names it."""
    parts = parse_arn(resource)
    if parts is None:
        return None
    fitting = (
        name
        for name, (service, prefix) in RESOURCE_LISTS.items()
        if service == parts.service and parts.resource.startswith(prefix)
    )
    return next(fitting, None)


def type_of_arn(arn: str) -> str:
    """Return the type of a resource whose ARN alone shows it; empty: it does not."""
    parts = parse_arn(arn)
    if parts is None:
        return ""
    named = f"{parts.service}:{parts.resource}"
    return next((name for name, pattern in _ARN_PATTERNS.items() if pattern.match(named)), "")


def distinct(operations: Iterable[str]) -> tuple[str, ...]:
    """Return each operation once, in order."""
    return tuple(dict.fromkeys(operations))


_ARN_PATTERNS: Final[Mapping[str, re.Pattern[str]]] = {
    kind.name: re.compile(re.escape(kind.lists[0].arn).replace(r"\*", "[^/]*"))
    for kind in RESOURCE_TYPES
    if kind.has_own_arns
}
