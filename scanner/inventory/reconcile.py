"""Reconciliation of the inventory with second sources, which can only add resources that the lists missed.

ListProtectedResources returns resources that were backed up at least once, the tagging API those that have or
had tags. Neither proves that a list is complete (architecture, "Reports").
"""

from collections import Counter

from scanner.model.inventory import ShardInventory
from scanner.model.resource_types import type_of_arn
from scanner.model.scan import Reconciliation


def reconcile(inventory: ShardInventory) -> tuple[Reconciliation, ...]:
    """Return, by type, the number of listed resources and the ARNs that only a second source has."""
    listed = Counter(resource.type for resource in inventory.resources)
    arns = {resource.arn for resource in inventory.resources}
    unlisted: dict[str, set[str]] = {}
    for protected in inventory.protected_resources:
        if protected.arn not in arns:
            unlisted.setdefault(protected.type, set()).add(protected.arn)
    for arn in inventory.tagged:
        kind = type_of_arn(arn)
        if kind and arn not in arns:
            unlisted.setdefault(kind, set()).add(arn)
    return tuple(
        Reconciliation(
            account=inventory.shard.account,
            region=inventory.shard.region,
            subject_type=kind,
            listed=listed[kind],
            elsewhere=tuple(sorted(unlisted.get(kind, ()))),
        )
        for kind in sorted({*listed, *unlisted})
    )
