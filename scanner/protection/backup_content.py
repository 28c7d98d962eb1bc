"""What the backups of a resource contain, and what the advanced settings of its plans exclude.

Sources: AWS Backup developer guide, "Amazon EC2 backups", "Feature availability by resource" (facts 2, 3.4);
API reference, "AdvancedBackupSetting": Windows VSS is off by default; ACLs and tags of objects are included.
"""

from collections.abc import Iterable
from typing import Final

from scanner.model.inventory import BackupPlan, Resource

CONTAINS: Final = {
    "EC2": (
        "an AMI: snapshots of the root volume and of all attached EBS volumes, and the configuration of the "
        "instance (instance type, security groups, VPC, monitoring, tags)"
    ),
}
"""What a backup contains besides the data, by type."""

INCREMENTAL: Final = {
    "always": "the first is full, later ones are incremental",
    "never": "each is full",
    "continuous_only": "snapshots are full, a continuous backup is incremental",
}
"""How backups after the first are made, by the column `incremental` of the table `resource`."""

_S3_OPTIONS: Final = {"BackupACLs": "object ACLs", "BackupObjectTags": "object tags"}


def left_out(resource: Resource, plans: Iterable[BackupPlan]) -> tuple[str, ...]:
    """Return what the covering plans leave out of the backups of a resource, in clauses, by plan name."""
    ordered = sorted({plan.arn: plan for plan in plans}.values(), key=lambda plan: (plan.name, plan.arn))
    if resource.type == "S3":
        return tuple(clause for plan in ordered for clause in _s3_options(plan))
    if resource.type == "EC2" and resource.windows:
        plain = (plan for plan in ordered if not _is_set(plan, "EC2", "WindowsVSS", "enabled"))
        return tuple(
            f"plan {plan.name} does not create VSS-enabled backups of this Windows instance" for plan in plain
        )
    return ()


def _s3_options(plan: BackupPlan) -> Iterable[str]:
    for option, text in _S3_OPTIONS.items():
        if _is_set(plan, "S3", option, "disabled"):
            yield f"plan {plan.name} does not include {text}"


def _is_set(plan: BackupPlan, resource_type: str, option: str, value: str) -> bool:
    return any(
        (setting.resource_type, setting.option, setting.value.lower()) == (resource_type, option, value)
        for setting in plan.advanced
    )
