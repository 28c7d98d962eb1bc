"""When a rule starts (AWS Backup developer guide, "Backup plan options and configuration"; facts 4).

Starts are taken over 400 days from the clock of the evaluation, in the schedule's own time zone, and
gaps are counted in local wall-clock time (catalogue, ruling 8).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from scanner.model.facts import NEVER_HOURS
from scanner.model.inventory import BackupRule
from scanner.protection.cron import parse

DEFAULT_SCHEDULE: Final = "cron(0 5 ? * * *)"
HORIZON: Final = timedelta(days=400)
_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = 60  # minutes


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often a schedule starts. `valid` is false when the expression is no AWS cron expression."""

    valid: bool
    starts: int
    max_gap_hours: float  # NEVER_HOURS with fewer than two starts


@dataclass(frozen=True, slots=True)
class _Day:
    """The starts of one day, as far as they lie within the horizon."""

    first: datetime
    last: datetime
    starts: int
    longest: timedelta  # wait between two of them


def schedule_of(rule: BackupRule) -> str:
    """Give a rule's schedule; without one, AWS Backup's default applies."""
    return rule.schedule or DEFAULT_SCHEDULE


def rhythm_of(rule: BackupRule, as_of: datetime) -> Rhythm:
    """Tell how often a rule starts."""
    return rhythm(schedule_of(rule), wall_clock(as_of, rule.timezone))


@lru_cache(maxsize=1024)
def zone_of(name: str) -> ZoneInfo | None:
    """Give a time zone by its name; None: no zone of that name is known."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


def wall_clock(instant: datetime, timezone: str) -> datetime:
    """Give the wall-clock time of a zone, marked UTC so that no clock change is counted.

    An unknown zone is read as UTC: gaps are counted on the wall clock, whose zone does not matter to them.
    """
    zone = zone_of(timezone)
    return instant.astimezone(UTC) if zone is None else instant.astimezone(zone).replace(tzinfo=UTC)


@lru_cache(maxsize=4096)
def rhythm(expression: str, now: datetime) -> Rhythm:
    """Count the starts of an expression over the horizon, and its longest wait.

    The waits before the first start and after the last one count: each is part of a real one.
    """
    cron = parse(expression)
    if cron is None:
        return Rhythm(valid=False, starts=0, max_gap_hours=NEVER_HOURS)
    end = now + HORIZON
    days = tuple(_days_of(cron.times, cron.days(now.date(), end.date()), now, end))
    starts = sum(day.starts for day in days)
    if starts < 2:  # noqa: PLR2004 -- a gap needs two
        return Rhythm(valid=True, starts=starts, max_gap_hours=NEVER_HOURS)
    waits = [days[0].first - now, end - days[-1].last, *(day.longest for day in days)]
    waits += [later.first - earlier.last for earlier, later in pairwise(days)]
    return Rhythm(valid=True, starts=starts, max_gap_hours=max(waits) / timedelta(hours=1))


def _days_of(times: tuple[int, ...], days: tuple[date, ...], now: datetime, end: datetime) -> Iterator[_Day]:
    """Tell the starts of each day. Only the first and the last day can lie partly outside the horizon."""
    longest = _longest(times)
    for day in days:
        midnight = datetime.combine(day, time(), UTC)
        if day not in (now.date(), end.date()):
            yield _Day(midnight + times[0] * _MINUTE, midnight + times[-1] * _MINUTE, len(times), longest)
        elif inside := tuple(at for at in times if now <= midnight + at * _MINUTE <= end):
            first, last = midnight + inside[0] * _MINUTE, midnight + inside[-1] * _MINUTE
            yield _Day(first, last, len(inside), _longest(inside))


def _longest(times: tuple[int, ...]) -> timedelta:
    return max((later - earlier for earlier, later in pairwise(times)), default=0) * _MINUTE


@lru_cache(maxsize=128)  # a year of hours is ten thousand starts
def starts_within(expression: str, now: datetime) -> tuple[datetime, ...]:
    """Give the starts of an expression over the horizon, in order; of several in one hour the first and last.

    AWS Backup refuses more than one start an hour, but a bundle may hold half a million of them a year.
    Empty when the expression is no AWS cron expression, or never starts.
    """
    cron = parse(expression)
    if cron is None:
        return ()
    end = now + HORIZON
    edges = {at // _HOUR: at for at in reversed(cron.times)}, {at // _HOUR: at for at in cron.times}
    times = sorted({at for edge in edges for at in edge.values()})
    midnights = (datetime.combine(day, time(), UTC) for day in cron.days(now.date(), end.date()))
    starts = (midnight + at * _MINUTE for midnight in midnights for at in times)
    return tuple(start for start in starts if now <= start <= end)
