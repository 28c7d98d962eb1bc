"""Holding the inventory against second sources, which can only add what the service lists missed.

ListProtectedResources knows what was backed up at least once, the tagging API what is or was tagged;
neither proves anything complete (architecture, "Reports").
"""

from collections import Counter
from typing import Final

from scanner.model.inventory import ShardInventory
from scanner.model.names import parse_arn
from scanner.model.scan import Reconciliation

_TAGGED_TYPES: Final = {
    ("dynamodb", "table/"): "DynamoDB",
    ("ec2", "instance/"): "EC2",
    ("ec2", "volume/"): "EBS",
    ("elasticfilesystem", "file-system/"): "EFS",
}
"""Types that an ARN alone tells apart: members of database clusters look like databases of their own."""


def reconcile(inventory: ShardInventory) -> tuple[Reconciliation, ...]:
    """Count what the service lists gave, by type, and name what only a second source knows."""
    listed = Counter(resource.type for resource in inventory.resources)
    known = {resource.arn for resource in inventory.resources}
    elsewhere: dict[str, set[str]] = {}
    for protected in inventory.protected_resources:
        if protected.arn not in known:
            elsewhere.setdefault(protected.type, set()).add(protected.arn)
    for arn in inventory.tagged:
        kind = _type_of(arn)
        if kind and arn not in known:
            elsewhere.setdefault(kind, set()).add(arn)
    return tuple(
        Reconciliation(
            account=inventory.shard.account,
            region=inventory.shard.region,
            subject_type=kind,
            listed=listed[kind],
            elsewhere=tuple(sorted(elsewhere.get(kind, ()))),
        )
        for kind in sorted({*listed, *elsewhere})
    )


def _type_of(arn: str) -> str:
    parts = parse_arn(arn)
    if parts is None:
        return ""
    return next(
        (
            kind
            for (service, prefix), kind in _TAGGED_TYPES.items()
            if parts.service == service and parts.resource.startswith(prefix)
        ),
        "",
    )
