"""Holding the inventory against second sources, which can only add what the service lists missed.

ListProtectedResources knows what was backed up at least once, the tagging API what is or was tagged;
neither proves anything complete (architecture, "Reports").
"""

from collections import Counter

from scanner.model.inventory import ShardInventory
from scanner.model.resource_types import type_of_arn
from scanner.model.scan import Reconciliation


def reconcile(inventory: ShardInventory) -> tuple[Reconciliation, ...]:
    """Count what the service lists gave, by type, and name what only a second source knows."""
    listed = Counter(resource.type for resource in inventory.resources)
    known = {resource.arn for resource in inventory.resources}
    elsewhere: dict[str, set[str]] = {}
    for protected in inventory.protected_resources:
        if protected.arn not in known:
            elsewhere.setdefault(protected.type, set()).add(protected.arn)
    for arn in inventory.tagged:
        kind = type_of_arn(arn)
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
