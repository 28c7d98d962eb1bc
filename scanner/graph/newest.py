"""The newest usable recovery point of each resource in each vault, found in one stream of points.

Usable: COMPLETED or AVAILABLE (ruling 7). A point whose status or date is not told may be the newest: it is
kept beside the newest that is known, unless that one is newer still.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from scanner.model.inventory import RecoveryPoint
from scanner.model.names import Arn
from scanner.protection.lifecycle import point_usable

_ALWAYS: Final = datetime.max.replace(tzinfo=UTC)  # an AVAILABLE continuous point has age 0 (ruling 7)


@dataclass(frozen=True, slots=True)
class Held:
    """What a vault holds of a resource. `newest`: the newest point that is usable for sure; None: none is.

    `untold`: a point that may be usable and newer than that, of untold status or date; None: there is none.
    """

    newest: RecoveryPoint | None = None
    untold: RecoveryPoint | None = None


NewestByPlace = Mapping[str, Mapping[Arn, Held]]
"""What each vault holds, by the ARN of the resource and that of the vault."""


def newest_by_place(points: Iterable[RecoveryPoint]) -> NewestByPlace:
    """Give what each vault holds of each resource; a vault that holds nothing usable is left out."""
    found: dict[str, dict[Arn, Held]] = {}
    for point in points:
        if point_usable(point) is False:
            continue
        vaults = found.setdefault(point.resource, {})
        vaults[point.vault] = _with(vaults.get(point.vault, Held()), point)
    return {
        resource: {vault: _decided(held) for vault, held in vaults.items()}
        for resource, vaults in found.items()
    }


def newest_of(helds: Iterable[Held]) -> Held:
    """Join what one vault holds of a resource, and of what it is backed up through."""
    joined = Held()
    for held in helds:
        for point in (held.newest, held.untold):
            if point is not None:
                joined = _with(joined, point)
    return _decided(joined)


def _with(held: Held, point: RecoveryPoint) -> Held:
    dated = _dated(point)
    if dated is not None and point_usable(point):
        newer = held.newest is None or (dated, held.newest.arn) > (_dated(held.newest) or dated, point.arn)
        return Held(point, held.untold) if newer else held
    untold = _dated(held.untold) if held.untold is not None else None
    if held.untold is None or (untold is not None and (dated is None or dated > untold)):
        return Held(held.newest, point)
    return held


def _decided(held: Held) -> Held:
    """Forget a point of untold status that cannot be newer than the newest usable one."""
    if held.newest is None or held.untold is None:
        return held
    untold, newest = _dated(held.untold) or _ALWAYS, _dated(held.newest)
    return Held(held.newest) if newest and untold <= newest else held


def _dated(point: RecoveryPoint) -> datetime | None:
    """Give the instant whose state a point holds; None when that is not told."""
    if point.continuous and point.status in (None, "AVAILABLE"):
        return _ALWAYS if point.status else None
    return point.created_at
