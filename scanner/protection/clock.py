"""The wall clock of a time zone, and the local times that it skips.

A rule does not start at a local time that does not exist because the clocks go forward: "daylight saving can
skip a run" (AWS Backup developer guide, "Backup plan options and configuration"; catalogue, ruling 8). It
starts once at a local time that occurs twice because the clocks go back.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

HORIZON: Final = timedelta(days=400)
_STEP: Final = timedelta(hours=6)  # no zone changes its clocks twice within it
_SECOND: Final = timedelta(seconds=1)
_DAY: Final = timedelta(days=1)

Span = tuple[datetime, datetime]
"""Wall-clock times from the first, included, to the second, excluded."""


@dataclass(frozen=True, slots=True)
class Clock:
    """A wall clock over 400 days. Its times are marked UTC, so that differences are differences on the clock.

    `skipped`: the local times that do not exist, in order.
    """

    now: datetime
    zone: str
    is_zone_known: bool  # whether the time zone database has the zone
    skipped: tuple[Span, ...] = ()

    @property
    def end(self) -> datetime:
        """The last time that counts."""
        return self.now + HORIZON

    @property
    def without_skips(self) -> "Clock":
        """A clock that shows the same time now, without daylight saving."""
        return Clock(self.now, self.zone, self.is_zone_known)

    def skips(self, moment: datetime) -> bool:
        """Check whether a wall-clock time does not exist."""
        return any(begin <= moment < end for begin, end in self.skipped)

    def shows(self, moment: datetime) -> bool:
        """Check whether the clock shows a time within the 400 days."""
        return self.now <= moment <= self.end and not self.skips(moment)

    def skipped_dates(self) -> Iterator[date]:
        """Yield the dates that do not exist in whole or in part."""
        for begin, end in self.skipped:
            yield from (
                begin.date() + number * _DAY for number in range((end.date() - begin.date()).days + 1)
            )


@lru_cache(maxsize=1024)
def zone_of(name: str) -> ZoneInfo | None:
    """Return a time zone by its name; None: no zone of that name is known."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


def wall_clock(instant: datetime, timezone: str) -> datetime:
    """Return the wall-clock time of a zone, marked UTC. An unknown zone is taken for UTC."""
    zone = zone_of(timezone)
    return instant.astimezone(UTC) if zone is None else instant.astimezone(zone).replace(tzinfo=UTC)


@lru_cache(maxsize=1024)
def clock_of(timezone: str, as_of: datetime) -> Clock:
    """Return the clock of a zone over 400 days, without skipped times if the zone is unknown."""
    now, zone = wall_clock(as_of, timezone), zone_of(timezone)
    if zone is None:
        return Clock(now, timezone, is_zone_known=False)
    return Clock(now, timezone, is_zone_known=True, skipped=tuple(_skipped(zone, as_of.astimezone(UTC))))


def _skipped(zone: ZoneInfo, as_of: datetime) -> Iterator[Span]:
    """Yield the spans that the clock skips, from one day before the 400 days to one day after them."""
    instant = as_of - _DAY
    before = _offset(zone, instant)
    while instant < as_of + HORIZON + _DAY:
        later = instant + _STEP
        after = _offset(zone, later)
        if after > before:  # only a clock that goes forward skips local times
            change = _change(zone, instant, later)
            yield change + before, change + after
        instant, before = later, after


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """Return the instant at which the clock changes between these two, to the second."""
    # A binary search is enough, because the offset changes only once between the two.
    offset = _offset(zone, before)
    while after - before > _SECOND:
        middle = before + timedelta(seconds=(after - before) // _SECOND // 2)
        if _offset(zone, middle) == offset:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)


def _offset(zone: ZoneInfo, instant: datetime) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta()
