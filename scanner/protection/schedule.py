"""When a rule starts (AWS Backup developer guide, "Backup plan options and configuration"; facts 4).

Starts are computed for 400 days from the time of the evaluation, in the schedule's own time zone. Gaps are in
local wall-clock time, and a rule does not start at a local time that daylight saving skips (catalogue,
ruling 8).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Final

from scanner.model.facts import NEVER_HOURS
from scanner.model.inventory import BackupRule
from scanner.model.known import Ternary
from scanner.protection.clock import HORIZON, Clock, clock_of
from scanner.protection.cron import Cron, NotCron, parse

DEFAULT_SCHEDULE: Final = "cron(0 5 ? * * *)"
_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = 60  # minutes
_YEARS_AHEAD: Final = 40  # 29 February, the rarest day, occurs within eight


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often a schedule starts.

    `valid`: whether it is an AWS cron expression; None: AWS neither documents its form nor is known to refuse
    it. `max_gap_hours`: the longest gap; NEVER_HOURS: fewer than two starts; None: not known. `because`: why
    it is not valid, not known, or starts less than twice; else empty. `skipped`: the first start that
    daylight saving skips, if the longest gap is due to it; a wall-clock time, marked UTC.
    """

    valid: Ternary
    starts: int | None
    max_gap_hours: float | None
    because: str = ""
    skipped: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Day:
    """The starts of one day at local times that exist."""

    first: datetime
    last: datetime
    starts: int
    longest: timedelta  # gap between two of them


def schedule_of(rule: BackupRule) -> str:
    """Return a rule's schedule, or AWS Backup's default if it has none."""
    return rule.schedule or DEFAULT_SCHEDULE


def rhythm_of(rule: BackupRule, as_of: datetime) -> Rhythm:
    """Return how often a rule starts."""
    return rhythm(schedule_of(rule), clock_of(rule.timezone, as_of))


@lru_cache(maxsize=4096)
def rhythm(expression: str, clock: Clock) -> Rhythm:
    """Return the number of starts in the clock's 400 days, and the longest gap.

    The time before the first start and after the last one counts as well: each is part of a gap.
    """
    cron = parse(expression)
    if isinstance(cron, NotCron):
        if cron.refused:
            return Rhythm(valid=False, starts=0, max_gap_hours=NEVER_HOURS, because=cron.because)
        return Rhythm(valid=None, starts=None, max_gap_hours=None, because=cron.because)
    counted = _rhythm(cron, clock)
    if counted.starts and not clock.is_zone_known:
        because = f"the time zone database has no zone {clock.zone}, so its starts are unknown"
        return Rhythm(valid=True, starts=None, max_gap_hours=None, because=because)
    if clock.skipped and counted.max_gap_hours != _rhythm(cron, clock.without_skips).max_gap_hours:
        counted = replace(counted, skipped=next(_skipped_starts(cron, clock), None))
    if counted.max_gap_hours == NEVER_HOURS:
        return replace(counted, because=_why_seldom(cron, clock, counted))
    return counted


def _rhythm(cron: Cron, clock: Clock) -> Rhythm:
    days = tuple(_days_of(cron, clock))
    starts = sum(day.starts for day in days)
    if starts < 2:  # noqa: PLR2004 -- a gap needs two
        return Rhythm(valid=True, starts=starts, max_gap_hours=NEVER_HOURS)
    waits = [days[0].first - clock.now, clock.end - days[-1].last, *(day.longest for day in days)]
    waits += [later.first - earlier.last for earlier, later in pairwise(days)]
    return Rhythm(valid=True, starts=starts, max_gap_hours=max(waits) / timedelta(hours=1))


def _days_of(cron: Cron, clock: Clock) -> Iterator[_Day]:
    """Yield the starts of each day. Only the first, the last and days with skipped times are not whole."""
    times, longest = cron.times, _longest(cron.times)
    partly = {clock.now.date(), clock.end.date(), *clock.skipped_dates()}
    for day in cron.days(clock.now.date(), clock.end.date()):
        midnight = _midnight(day)
        if day not in partly:
            yield _Day(midnight + times[0] * _MINUTE, midnight + times[-1] * _MINUTE, len(times), longest)
        elif inside := tuple(at for at in times if clock.shows(midnight + at * _MINUTE)):
            first, last = midnight + inside[0] * _MINUTE, midnight + inside[-1] * _MINUTE
            yield _Day(first, last, len(inside), _longest(inside))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _longest(times: tuple[int, ...]) -> timedelta:
    return max((later - earlier for earlier, later in pairwise(times)), default=0) * _MINUTE


def _skipped_starts(cron: Cron, clock: Clock) -> Iterator[datetime]:
    """Yield the starts within the 400 days that daylight saving skips, in order."""
    for day in sorted(set(clock.skipped_dates())):
        for midnight in map(_midnight, cron.days(day, day)):
            starts = (midnight + at * _MINUTE for at in cron.times)
            yield from (start for start in starts if clock.now <= start <= clock.end and clock.skips(start))


def first_skipped_start(rule: BackupRule, as_of: datetime) -> datetime | None:
    """Return the first start of a rule that daylight saving skips, as a wall-clock time marked UTC."""
    cron = parse(schedule_of(rule))
    return (
        None
        if isinstance(cron, NotCron)
        else next(_skipped_starts(cron, clock_of(rule.timezone, as_of)), None)
    )


def starts_later(expression: str, clock: Clock) -> bool:
    """Check whether an expression has a start after the clock's 400 days."""
    cron = parse(expression)
    return not isinstance(cron, NotCron) and _first_day_after(cron, clock.end.date()) is not None


def _why_seldom(cron: Cron, clock: Clock, counted: Rhythm) -> str:
    """Return why an expression starts less than twice in the 400 days."""
    skipped = next(_skipped_starts(cron, clock), None)
    if skipped and not counted.starts:
        moment = skipped.replace(tzinfo=None).isoformat(timespec="minutes")
        return f"daylight saving in {clock.zone} skips {moment}"
    end = clock.end.date()
    if counted.starts:
        return f"it starts once in {HORIZON.days} days, on {next(_days_of(cron, clock)).first.date()}"
    if (later := _first_day_after(cron, end)) is not None:
        return f"its next start is on {later}, more than {HORIZON.days} days from now"
    of_any_year = replace(cron, day_fields=(*cron.day_fields[:3], "*"))
    if _first_day_after(of_any_year, clock.now.date()) is not None:
        return "all years that it names are in the past"
    return "the day that it names never occurs"


def _first_day_after(cron: Cron, day: date) -> date | None:
    years = cron.years or range(day.year, day.year + _YEARS_AHEAD)
    for year in years:
        if days := cron.days(max(day + timedelta(days=1), date(year, 1, 1)), date(year, 12, 31)):
            return days[0]
    return None


@lru_cache(maxsize=128)  # a year of hours is ten thousand starts
def starts_within(expression: str, clock: Clock) -> tuple[datetime, ...]:
    """Return the starts of an expression in local time; of several in one hour the first and last.

    AWS Backup refuses more than one start an hour, but a bundle may hold half a million of them a year.
    Empty if the text is no AWS cron expression, or never starts.
    """
    cron = parse(expression)
    if isinstance(cron, NotCron):
        return ()
    partly = {clock.now.date(), clock.end.date(), *clock.skipped_dates()}
    edges = _edges_of_hours(cron.times)
    return tuple(
        midnight + at * _MINUTE
        for midnight in map(_midnight, cron.days(clock.now.date(), clock.end.date()))
        for at in (edges if midnight.date() not in partly else _shown_edges(cron.times, midnight, clock))
    )


def _shown_edges(times: tuple[int, ...], midnight: datetime, clock: Clock) -> list[int]:
    return _edges_of_hours(tuple(at for at in times if clock.shows(midnight + at * _MINUTE)))


def _edges_of_hours(times: tuple[int, ...]) -> list[int]:
    edges = {at // _HOUR: at for at in reversed(times)}, {at // _HOUR: at for at in times}
    return sorted({at for edge in edges for at in edge.values()})
