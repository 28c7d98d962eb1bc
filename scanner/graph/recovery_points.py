"""The newest usable recovery points of each resource in each vault, found in one stream of points.

Usable: COMPLETED or AVAILABLE (ruling 7). A point whose status or date is not told may be the newest: it is
kept beside the newest that is known, unless that one is newer still.

A temporary point (DELETE_AFTER_COPY) is a backup that was made, and says when; it does not last, and what
lasts is kept apart from it. Of what lasts the newest under each key is kept: an older point under another
key may outlive the newest one's.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from scanner.model.inventory import RecoveryPoint
from scanner.model.names import Arn
from scanner.protection.lifecycle import point_usable

_ALWAYS: Final = datetime.max.replace(tzinfo=UTC)  # an AVAILABLE continuous point has age 0 (ruling 7)


@dataclass(frozen=True, slots=True)
class NewestPoint:
    """`newest`: the newest point that is usable for sure; None: none is.

    `untold`: a point that may be usable and newer than that, of untold status or date; None: there is none.
    """

    newest: RecoveryPoint | None = None
    untold: RecoveryPoint | None = None


@dataclass(frozen=True, slots=True)
class HeldPoints(NewestPoint):
    """What a vault holds of a resource: the newest of all, temporary points among them.

    `lasting`: the newest of those that last, for each key that they are under; the newest of them first.
    """

    lasting: tuple[NewestPoint, ...] = ()

    @property
    def points(self) -> Iterator[RecoveryPoint]:
        """Give all points that are told of, each once."""
        each = (point for one in (self, *self.lasting) for point in (one.newest, one.untold) if point)
        return iter({id(point): point for point in each}.values())

    @property
    def stays(self) -> RecoveryPoint | None:
        """Give the newest point that is usable for sure and lasts."""
        return self.lasting[0].newest if self.lasting else None

    @property
    def may_stay(self) -> RecoveryPoint | None:
        """Give a point that may be usable, lasts, and may be newer than any other that does."""
        dated = _dated(self.stays) if self.stays else None
        untold = (one.untold for one in self.lasting if one.untold is not None)
        return next((one for one in untold if dated is None or (_dated(one) or _ALWAYS) > dated), None)


NewestByPlace = Mapping[str, Mapping[Arn, HeldPoints]]
"""What each vault holds, by the ARN of the resource and that of the vault."""


def newest_by_place(points: Iterable[RecoveryPoint]) -> NewestByPlace:
    """Give what each vault holds of each resource; a vault that holds nothing usable is left out."""
    found: dict[str, dict[Arn, list[RecoveryPoint]]] = {}
    for point in points:
        if point_usable(point) is not False:
            found.setdefault(point.resource, {}).setdefault(point.vault, []).append(point)
    return {
        resource: {vault: _held(held) for vault, held in vaults.items()} for resource, vaults in found.items()
    }


def newest_of(helds: Iterable[HeldPoints]) -> HeldPoints:
    """Join what one vault holds of a resource, and of what it is backed up through."""
    helds = tuple(helds)
    return helds[0] if len(helds) == 1 else _held([point for held in helds for point in held.points])


def _held(points: Sequence[RecoveryPoint]) -> HeldPoints:
    if len(points) == 1 and not points[0].temporary:
        newest = _newest(points)
        return HeldPoints(newest.newest, newest.untold, (newest,))
    kinds: dict[object, list[RecoveryPoint]] = {}
    for point in points:
        if not point.temporary:
            kinds.setdefault((point.key, point.encrypted, point.source_vault is None), []).append(point)
    lasting = [_newest(kind) for kind in kinds.values()]
    if len(lasting) == 1 and len(next(iter(kinds.values()))) == len(points):
        return HeldPoints(lasting[0].newest, lasting[0].untold, tuple(lasting))
    newest = _newest(points)
    return HeldPoints(newest.newest, newest.untold, _newest_first(lasting))


def _newest_first(kinds: Iterable[NewestPoint]) -> tuple[NewestPoint, ...]:
    """Order by the newest points; of one instant the smallest ARN counts as the newest, as it does above."""
    return tuple(sorted(sorted(kinds, key=_arn), key=_instant, reverse=True))


def _arn(one: NewestPoint) -> str:
    point = one.newest or one.untold
    return point.arn if point else ""


def _instant(one: NewestPoint) -> tuple[bool, datetime]:
    point = one.newest or one.untold
    never = datetime.min.replace(tzinfo=UTC)
    return one.newest is not None, (_dated(point) or never) if point else never


def _newest(points: Iterable[RecoveryPoint]) -> NewestPoint:
    newest = NewestPoint()
    for point in points:
        newest = _with(newest, point)
    return _decided(newest)


def _with(held: NewestPoint, point: RecoveryPoint) -> NewestPoint:
    dated = _dated(point)
    if dated is not None and point_usable(point):
        newer = held.newest is None or (dated, held.newest.arn) > (_dated(held.newest) or dated, point.arn)
        return NewestPoint(point, held.untold) if newer else held
    untold = _dated(held.untold) if held.untold is not None else None
    if held.untold is None or (untold is not None and (dated is None or dated > untold)):
        return NewestPoint(held.newest, point)
    return held


def _decided(held: NewestPoint) -> NewestPoint:
    """Forget a point of untold status that cannot be newer than the newest usable one."""
    if held.newest is None or held.untold is None:
        return held
    untold, newest = _dated(held.untold) or _ALWAYS, _dated(held.newest)
    return NewestPoint(held.newest) if newest and untold <= newest else held


def _dated(point: RecoveryPoint) -> datetime | None:
    """Give the instant whose state a point holds; None when that is not told."""
    if point.continuous and (point.status == "AVAILABLE" or point_usable(point) is None):
        return _ALWAYS if point.status == "AVAILABLE" else None
    return point.created_at
