"""Subjects of findings as resources of the AWS Security Finding Format.

The names of the types are those of Security Hub's `ResourceDetails`; what has none is `Other`, as the API's
reference asks for. An account is named as Security Hub itself names it: `AWS::::Account:111111111111`.
"""

from typing import Any, Final

from scanner.model.finding import Finding
from scanner.model.names import AWS_GLOBAL, parse_arn, partition_in, partition_of
from scanner.model.resource_types import RESOURCE_TYPES
from scanner.report.asff_text import field

TYPES: Final = {
    **{kind.name: kind.security_hub_type for kind in RESOURCE_TYPES if kind.security_hub_type},
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


def resources(finding: Finding, identifier: str, name: str) -> list[Document]:
    """Return the subject, and after it the plan that a rule, a selection or a copy action is a part of.

    `identifier` is its `resource_id`, `name` what people call it; empty: it has no name.
    """
    subject = finding.subject
    place = _place(partition_in(subject) or partition_of(finding.region), finding.region)
    found = [
        {
            "Type": TYPES.get(finding.subject_type, OTHER),
            "Id": identifier,
            **place,
            **({"Details": {"Other": {"Name": field(name, MAX_ID)}}} if name else {}),
        }
    ]
    if "#" in subject and (plan := _plan(subject)):
        found.append({"Type": _PLAN, "Id": field(plan, MAX_ID), **place})
    return found


def resource_id(finding: Finding) -> str:
    """Name the subject as the format does. Longer names than it takes are cut; `MAX_ID`."""
    if TYPES.get(finding.subject_type) == _ACCOUNT and finding.account:
        return f"AWS::::Account:{finding.account}"
    return field(finding.subject, MAX_ID)


def _plan(subject: str) -> str:
    """Return the ARN of the plan that a subject is a part of; empty: of none."""
    plan = subject.partition("#")[0]
    return plan if ":backup-plan:" in plan and parse_arn(plan) is not None else ""


def _place(partition: str, region: str) -> Document:
    """Return partition and Region, as far as the format has words for them: none for a global service."""
    regional = region and region != AWS_GLOBAL and len(region) <= MAX_REGION
    return {
        **({"Partition": partition} if partition in PARTITIONS else {}),
        **({"Region": region} if regional else {}),
    }
