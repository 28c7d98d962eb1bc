"""The columns of a resource that say where its usable recovery points lie (rulings 7, 10)."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from scanner.facts.notes import Notes, instant_text
from scanner.graph.history import Place, Whereabouts
from scanner.model.facts import BackupPlace, NewestRecoveryPoint, PlaceRecoveryPoint
from scanner.model.inventory import RecoveryPoint
from scanner.model.names import Shard
from scanner.model.ternary import Ternary

_RECENCY = ("newest_recovery_points", "newest_recovery_point")


@dataclass(frozen=True, slots=True)
class PlaceColumns:
    """The columns: for recency those of the own account and Region, and all places there are."""

    newest_recovery_points: tuple[PlaceRecoveryPoint | None, ...]
    newest_recovery_point: NewestRecoveryPoint
    places: tuple[BackupPlace | None, ...]


def place_columns(whereabouts: Whereabouts, shard: Shard, notes: Notes) -> PlaceColumns:
    """Make the columns of one resource of a shard; what may not have been seen ends a list with None."""
    here: list[PlaceRecoveryPoint] = []
    places: list[BackupPlace] = []
    for place in whereabouts.places:
        if place.stays is not None and place.stays_age_hours is not None:
            places.append(_place(place, place.stays, place.stays_age_hours))
            notes.evidence("places", place.stays.refs)
        if place.newest is None or place.age_hours is None:
            continue
        if (place.account, place.region) == (shard.account, shard.region):
            here.append(_recent(place.newest, place.age_hours))
            notes.evidence("newest_recovery_points", place.newest.refs)
    for unseen in whereabouts.unseen:
        for column in ("places", *_RECENCY) if unseen.own else ("places",):
            notes.unknown(column, unseen.because, unseen.gap)
    for place in whereabouts.doubtful:
        if place.newest is None or place.age_hours is None or place.doubt is None:
            continue
        here.append(replace(_recent(place.newest, place.age_hours), absent=None))
        for column in _RECENCY:
            notes.unknown(column, place.doubt.because, place.doubt.gap)
    recent = (*here, None) if any(unseen.own for unseen in whereabouts.unseen) else tuple(here)
    return PlaceColumns(
        newest_recovery_points=recent,
        newest_recovery_point=_newest(recent),
        places=tuple(places) if whereabouts.complete else (*places, None),
    )


def _place(place: Place, newest: RecoveryPoint, age: float) -> BackupPlace:
    return BackupPlace(
        arn=newest.arn,
        vault=place.arn,
        vault_name=place.arn.partition(":backup-vault:")[2],
        account=place.account,
        region=place.region,
        created_at=instant_text(newest.created_at),
        age_hours=round(age, 4),
        continuous=newest.continuous,
        air_gapped=_air_gapped(place),
        key=newest.key,
    )


def _air_gapped(place: Place) -> Ternary:
    return None if place.vault is None else place.vault.air_gapped


def _recent(newest: RecoveryPoint, age: float) -> PlaceRecoveryPoint:
    return PlaceRecoveryPoint(newest.arn, newest.vault, instant_text(newest.created_at) or "", round(age, 4))


def _newest(places: Iterable[PlaceRecoveryPoint | None]) -> NewestRecoveryPoint:
    places = tuple(places)
    known = [place for place in places if place is not None and place.absent is not None]
    if not known:
        return NewestRecoveryPoint(None if places else False, None, None, None, None)
    newest = min(known, key=lambda place: (place.age_hours, place.arn))
    return NewestRecoveryPoint(
        exists=True,
        arn=newest.arn,
        vault=newest.vault,
        created_at=newest.created_at,
        age_hours=newest.age_hours,
    )
