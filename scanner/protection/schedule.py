"""When a rule starts: AWS cron expressions (AWS Backup developer guide, "Backup plan options"; facts 4).

Starts are taken over 400 days from the clock of the evaluation, in the schedule's own time zone, and
gaps are counted in local wall-clock time (catalogue, ruling 8).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from aws_croniter import AwsCroniter
from aws_croniter.exceptions import AwsCroniterExpressionError

from scanner.model.facts import NEVER_HOURS
from scanner.model.inventory import BackupRule

DEFAULT_SCHEDULE: Final = "cron(0 5 ? * * *)"
HORIZON: Final = timedelta(days=400)
_FIELDS: Final = 6
_WEEKDAY: Final = 4


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often a schedule starts. `valid` is false when the expression is no AWS cron expression."""

    valid: bool
    starts: int
    max_gap_hours: float  # NEVER_HOURS with fewer than two starts


def schedule_of(rule: BackupRule) -> str:
    """Give a rule's schedule; without one, AWS Backup's default applies."""
    return rule.schedule or DEFAULT_SCHEDULE


def rhythm_of(rule: BackupRule, as_of: datetime) -> Rhythm:
    """Tell how often a rule starts."""
    return rhythm(schedule_of(rule), wall_clock(as_of, rule.timezone))


def wall_clock(instant: datetime, timezone: str) -> datetime:
    """Give the wall-clock time of a zone, marked UTC so that no clock change is counted.

    An unknown zone is read as UTC: gaps are counted on the wall clock, whose zone does not matter to them.
    """
    try:
        zone = ZoneInfo(timezone)
    except (KeyError, ValueError, OSError):
        return instant.astimezone(UTC)
    return instant.astimezone(zone).replace(tzinfo=UTC)


@lru_cache(maxsize=4096)
def rhythm(expression: str, now: datetime) -> Rhythm:
    """Count the starts of an expression over the horizon, and its longest wait.

    The waits before the first start and after the last one count: each is part of a real one.
    """
    found = _hours(expression, now)
    if found is None:
        return Rhythm(valid=False, starts=0, max_gap_hours=NEVER_HOURS)
    hours, steps = found
    end = now + HORIZON
    at_ends = {hour + step for hour in (*hours[:2], *hours[-1:]) for step in steps}
    inside = sorted(start for start in at_ends if now <= start <= end)
    starts = len(hours) * len(steps) - len(at_ends) + len(inside)
    if starts < 2:  # noqa: PLR2004 -- a gap needs two
        return Rhythm(valid=True, starts=starts, max_gap_hours=NEVER_HOURS)
    waits = [inside[0] - now, end - inside[-1]]
    waits += [later - earlier for earlier, later in pairwise(steps)]
    waits += [later - max(earlier + steps[-1], now) for earlier, later in pairwise(hours)]
    return Rhythm(valid=True, starts=starts, max_gap_hours=max(waits) / timedelta(hours=1))


@lru_cache(maxsize=512)
def starts_within(expression: str, now: datetime) -> tuple[datetime, ...]:
    """Give the starts of an expression over the horizon, in order; of several in one hour the first and last.

    Empty when the expression is no AWS cron expression, or never starts.
    """
    found = _hours(expression, now)
    if found is None:
        return ()
    hours, steps = found
    end = now + HORIZON
    starts = (hour + step for hour in hours for step in dict.fromkeys((steps[0], steps[-1])))
    return tuple(start for start in starts if now <= start <= end)


def _hours(expression: str, now: datetime) -> tuple[list[datetime], list[timedelta]] | None:
    """Give the first start of each active hour, and the waits from it to the hour's starts; None: no cron.

    All active hours have the same minutes: one start an hour is looked for, and its minutes are added to
    it. AWS refuses more than one start an hour, but a bundle may hold half a million of them a year.
    """
    cron = _parse(expression)
    if cron is None:
        return None
    minutes = sorted(set(cron.minutes))
    cron.minutes = minutes[:1]
    hours: list[datetime] = cron.get_all_schedule_bw_dates(now - timedelta(hours=1), now + HORIZON)
    return hours, [timedelta(minutes=minute - minutes[0]) for minute in minutes]


def _parse(expression: str) -> AwsCroniter | None:
    """Parse leniently: AWS's own samples leave out `cron( )`, or the year."""
    text = expression.strip()
    if text.startswith("cron(") and text.endswith(")"):
        text = text[len("cron(") : -1]
    fields = text.upper().split()
    if len(fields) == _FIELDS - 1:
        fields.append("*")
    if len(fields) == _FIELDS and fields[_WEEKDAY] == "L":
        fields[_WEEKDAY] = "SAT"  # the last day of the week, which the library does not know
    try:
        return AwsCroniter(" ".join(fields))
    except (AwsCroniterExpressionError, ValueError, IndexError):
        return None
