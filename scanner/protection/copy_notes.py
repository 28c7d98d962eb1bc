"""What AWS documents about the copies of a type, beyond whether they arrive: notes for reasons.

Source: AWS Backup developer guide, "Copying backups across Regions", "Point-in-time recovery" and "Document
history" (facts 2.1).
"""

from functools import cache
from typing import Final

from scanner.model.names import partition_of
from scanner.protection.capabilities import Capability, Change, Incremental, changes
from scanner.protection.routes import Route, is_opt_in

CONTINUOUS: Final = (
    "The rule is continuous: AWS Backup creates a snapshot for the copy and deletes it afterwards. The copy "
    "has no point-in-time recovery."
)
_CHINA: Final = "aws-cn"


@cache
def copy_changes(row: Capability | None, route: Route, *, air_gapped: bool) -> tuple[str, ...]:
    """Return what AWS changed about the copies of a type along a route, each with its date.

    `air_gapped`: the destination is a logically air-gapped vault. Empty for a type without a row.
    """
    if row is None:
        return ()
    features = _features(route, air_gapped=air_gapped)
    return tuple(each.sentence for each in changes() if _concerns(each, row, route, features))


def _features(route: Route, *, air_gapped: bool) -> frozenset[str]:
    both = route.cross_region and route.cross_account
    named = {
        "copy": True,
        "cross_account": route.cross_account,
        "single_action": both,
        "air_gapped": air_gapped,
    }
    return frozenset(name for name, holds in named.items() if holds)


def _concerns(change: Change, row: Capability, route: Route, features: frozenset[str]) -> bool:
    """Check whether a change with a date bears on this copy."""
    if change.since is None or not features & set(change.about) or not _in_its_regions(change, route):
        return False
    return not change.types or row.key in change.types


def _in_its_regions(change: Change, route: Route) -> bool:
    ends = (route.source_region, route.destination_region)
    match change.regions:
        case "china":
            return partition_of(route.source_region) == _CHINA
        case "opt-in":
            return any(is_opt_in(region) for region in ends)
        case _:
            return True


@cache
def full_copies(key: str, incremental: Incremental | None, route: Route) -> tuple[str, ...]:
    """Say which copies to another Region are full ("Copying backups across Regions").

    A continuous backup is copied as a snapshot, so that a type whose snapshots are full has full copies.
    """
    if not route.cross_region:
        return ()
    if incremental is None:
        return ("The first copy to a Region is full; whether later ones are incremental is unknown.",)
    if incremental is not Incremental.ALWAYS:
        return (f"Every copy to another Region is full: snapshots of {key} are not incremental.",)
    rekeyed = "; a copy of an EBS snapshot under another key is full again" if key == "EBS" else ""
    return (f"The first copy to a Region is full, later ones are incremental{rekeyed}.",)
