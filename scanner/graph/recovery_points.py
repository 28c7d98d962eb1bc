"""The newest usable recovery points of each resource in each vault.

Usable: COMPLETED or AVAILABLE (ruling 7). A point without a status or date may be the newest, so it is kept
in addition to the newest certain one, unless that one is newer anyway.

A temporary point (DELETE_AFTER_COPY) counts for recency only: it shows when a backup was made, but is deleted
soon. So the newest points that last are kept separately, one for each key: an older point under another key
may survive the loss of the newest one's key.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from scanner.model.inventory import RecoveryPoint
from scanner.model.names import Arn
from scanner.protection.lifecycle import point_usable

_CONTINUOUS_NOW: Final = datetime.max.replace(
    tzinfo=UTC
)  # an AVAILABLE continuous point has age 0 (ruling 7)


@dataclass(frozen=True, slots=True)
class NewestPoint:
    """`newest`: the newest certainly usable point; None: there is none.

    `uncertain`: a point without a status or date, which may be usable and newer; None: there is none.
    """

    newest: RecoveryPoint | None = None
    uncertain: RecoveryPoint | None = None


@dataclass(frozen=True, slots=True)
class HeldPoints(NewestPoint):
    """The points of a resource in a vault: the newest, which may be temporary.

    `lasting`: the newest points that are not temporary, one for each key, the newest first.
    """

    lasting: tuple[NewestPoint, ...] = ()

    @property
    def points(self) -> Iterator[RecoveryPoint]:
        """All points of the vault, each once."""
        points = (
            point for newest in (self, *self.lasting) for point in (newest.newest, newest.uncertain) if point
        )
        return iter({id(point): point for point in points}.values())

    @property
    def newest_lasting(self) -> RecoveryPoint | None:
        """The newest point that is certainly usable and not temporary."""
        return self.lasting[0].newest if self.lasting else None

    @property
    def may_last(self) -> RecoveryPoint | None:
        """A point that may be usable, is not temporary, and may be newer than `newest_lasting`."""
        dated = _instant_of(self.newest_lasting) if self.newest_lasting else None
        uncertain = (newest.uncertain for newest in self.lasting if newest.uncertain is not None)
        return next(
            (
                newest
                for newest in uncertain
                if dated is None or (_instant_of(newest) or _CONTINUOUS_NOW) > dated
            ),
            None,
        )


NewestByPlace = Mapping[str, Mapping[Arn, HeldPoints]]
"""The points in each vault, by the ARNs of the resource and of the vault."""


def newest_by_place(points: Iterable[RecoveryPoint]) -> NewestByPlace:
    """Return what each vault holds of each resource, without vaults that hold nothing usable."""
    points_by_place: dict[str, dict[Arn, list[RecoveryPoint]]] = {}
    for point in points:
        if point_usable(point) is not False:
            points_by_place.setdefault(point.resource, {}).setdefault(point.vault, []).append(point)
    return {
        resource: {vault: _held(held) for vault, held in vaults.items()}
        for resource, vaults in points_by_place.items()
    }


def newest_of(parts: Iterable[HeldPoints]) -> HeldPoints:
    """Join what one vault holds of a resource, and of what contains the resource."""
    parts = tuple(parts)
    return parts[0] if len(parts) == 1 else _held([point for held in parts for point in held.points])


def _held(points: Sequence[RecoveryPoint]) -> HeldPoints:
    if len(points) == 1 and not points[0].temporary:
        newest = _newest(points)
        return HeldPoints(newest.newest, newest.uncertain, (newest,))
    kinds: dict[object, list[RecoveryPoint]] = {}
    for point in points:
        if not point.temporary:
            # Points under different keys, or copied from another vault, are lost with different keys.
            kinds.setdefault((point.key, point.encrypted, point.source_vault is None), []).append(point)
    lasting = [_newest(kind) for kind in kinds.values()]
    if len(lasting) == 1 and len(next(iter(kinds.values()))) == len(points):
        return HeldPoints(lasting[0].newest, lasting[0].uncertain, tuple(lasting))
    newest = _newest(points)
    return HeldPoints(newest.newest, newest.uncertain, _newest_first(lasting))


def _newest_first(kinds: Iterable[NewestPoint]) -> tuple[NewestPoint, ...]:
    """Sort by the newest points; of two at one time, the smaller ARN counts as newer, as in `_with_point`."""
    return tuple(sorted(sorted(kinds, key=_arn), key=_instant, reverse=True))


def _arn(newest: NewestPoint) -> str:
    point = newest.newest or newest.uncertain
    return point.arn if point else ""


def _instant(newest: NewestPoint) -> tuple[bool, datetime]:
    point = newest.newest or newest.uncertain
    never = datetime.min.replace(tzinfo=UTC)
    return newest.newest is not None, (_instant_of(point) or never) if point else never


def _newest(points: Iterable[RecoveryPoint]) -> NewestPoint:
    newest = NewestPoint()
    for point in points:
        newest = _with_point(newest, point)
    return _without_older(newest)


def _with_point(held: NewestPoint, point: RecoveryPoint) -> NewestPoint:
    dated = _instant_of(point)
    # Of two points of one time the smaller ARN wins, so that the order of the list does not matter.
    if dated is not None and point_usable(point):
        newer = held.newest is None or (dated, held.newest.arn) > (
            _instant_of(held.newest) or dated,
            point.arn,
        )
        return NewestPoint(point, held.uncertain) if newer else held
    uncertain = _instant_of(held.uncertain) if held.uncertain is not None else None
    if held.uncertain is None or (uncertain is not None and (dated is None or dated > uncertain)):
        return NewestPoint(held.newest, point)
    return held


def _without_older(held: NewestPoint) -> NewestPoint:
    """Drop an uncertain point that cannot be newer than the newest usable one."""
    if held.newest is None or held.uncertain is None:
        return held
    uncertain, newest = _instant_of(held.uncertain) or _CONTINUOUS_NOW, _instant_of(held.newest)
    return NewestPoint(held.newest) if newest and uncertain <= newest else held


def _instant_of(point: RecoveryPoint) -> datetime | None:
    """Return the time whose state a point contains; None: AWS does not report it."""
    if point.continuous and (point.status == "AVAILABLE" or point_usable(point) is None):
        return _CONTINUOUS_NOW if point.status == "AVAILABLE" else None
    return point.created_at
