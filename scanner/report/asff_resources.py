"""Subjects of findings as resources of the AWS Security Finding Format.

The names of the types are those of Security Hub's `ResourceDetails`; what has none is `Other`, as the API's
reference asks for. An account is named as Security Hub itself names it: `AWS::::Account:111111111111`.
"""

from collections.abc import Iterator
from typing import Any, Final

from scanner.model.finding import Finding
from scanner.model.names import AWS_GLOBAL, parse_arn, partition_of
from scanner.report.asff_text import fitted, told
from scanner.report.words import given_name

TYPES: Final = {
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
    "plan": "AwsBackupBackupPlan",
    "vault": "AwsBackupBackupVault",
    "recovery_point": "AwsBackupRecoveryPoint",
    "account": "AwsAccount",
    "account_region": "AwsAccount",
}
"""By AWS Backup's names of resource types, and by the fact tables."""

OTHER: Final = "Other"
PARTITIONS: Final = frozenset(("aws", "aws-cn", "aws-us-gov"))
"""Partitions that the format has the same word for as ARNs have."""

MAX_ID: Final = 512
MAX_REGION: Final = 16

_ACCOUNT: Final = "AwsAccount"
_PLAN: Final = "AwsBackupBackupPlan"

Document = dict[str, Any]


def resources(finding: Finding) -> list[Document]:
    """Give the subject, and behind it the plan that a rule, a selection or a copy action is a part of."""
    return list(_resources(finding))


def resource_id(finding: Finding) -> str:
    """Name the subject as the format does. Longer names than it takes are cut; `MAX_ID`."""
    if TYPES.get(finding.subject_type) == _ACCOUNT and finding.account:
        return f"AWS::::Account:{finding.account}"
    return fitted(told(finding.subject), MAX_ID)


def _resources(finding: Finding) -> Iterator[Document]:
    place = _place(finding)
    name = given_name(finding.details)
    yield {
        "Type": TYPES.get(finding.subject_type, OTHER),
        "Id": resource_id(finding),
        **place,
        **({"Details": {"Other": {"Name": fitted(told(name), MAX_ID)}}} if name else {}),
    }
    plan, mark, _ = finding.subject.partition("#")
    if mark and ":backup-plan:" in plan and parse_arn(plan) is not None:
        yield {"Type": _PLAN, "Id": fitted(told(plan), MAX_ID), **place}


def _place(finding: Finding) -> Document:
    """Give partition and Region, as far as the format has words for them: none for a global service."""
    arn = parse_arn(finding.subject)
    partition = arn.partition if arn and arn.partition else partition_of(finding.region)
    region = finding.region
    regional = region and region != AWS_GLOBAL and len(region) <= MAX_REGION
    return {
        **({"Partition": partition} if partition in PARTITIONS else {}),
        **({"Region": region} if regional else {}),
    }
