"""Several rules taken together: the longest wait between starts, and start windows that overlap.

The guide of AWS Backup ("Backup plan options and configuration") judges an overlap over the whole start
window: of two rules that both start within it, one backup is kept, under the longer retention (facts 2.1).
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from scanner.model.facts import NEVER_HOURS
from scanner.model.inventory import BackupRule
from scanner.protection.schedule import HORIZON, rhythm_of, schedule_of, starts_within, wall_clock

DEFAULT_START_WINDOW: Final = timedelta(hours=8)  # facts 4, "Windows"

Plan = tuple[str, str]
"""A schedule and its time zone: what the starts of a rule depend on."""


def longest_wait_hours(rules: Sequence[BackupRule], as_of: datetime) -> float:
    """Give the longest wait between two starts of the rules taken together; NEVER_HOURS: fewer than two.

    A rule more never makes a wait longer. Where all keep one wall clock, waits are counted on it; where
    they do not, on the time that passes, and a night on which clocks change lengthens no rule's own wait.
    """
    if not rules:
        return NEVER_HOURS
    alone = min(rhythm_of(rule, as_of).max_gap_hours for rule in rules)
    plans = tuple(sorted({(schedule_of(rule), rule.timezone) for rule in rules}))
    return alone if len(plans) == 1 else min(alone, _together(plans, as_of))


@lru_cache(maxsize=1024)
def _together(plans: tuple[Plan, ...], as_of: datetime) -> float:
    if len({zone for _, zone in plans}) == 1:
        now = wall_clock(as_of, plans[0][1])
        starts = sorted({start for schedule, _ in plans for start in starts_within(schedule, now)})
    else:
        now = as_of
        starts = sorted({start for plan in plans for start in _passing(plan, as_of)})
    if len(starts) < 2:  # noqa: PLR2004 -- a wait needs two
        return NEVER_HOURS
    waits = [starts[0] - now, now + HORIZON - starts[-1]]
    waits += [later - earlier for earlier, later in pairwise(starts)]
    return max(waits) / timedelta(hours=1)


@lru_cache(maxsize=4096)
def _passing(plan: Plan, as_of: datetime) -> tuple[datetime, ...]:
    """Give the starts as instants: wall-clock times of the schedule's zone, brought to UTC."""
    schedule, name = plan
    try:
        zone = ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        zone = ZoneInfo("UTC")
    starts = starts_within(schedule, wall_clock(as_of, name))
    return tuple(start.replace(tzinfo=zone).astimezone(UTC) for start in starts)


def start_window(rule: BackupRule) -> timedelta:
    """Give how long after its start a rule's job may begin."""
    if rule.start_window_minutes is None:
        return DEFAULT_START_WINDOW
    try:
        return timedelta(minutes=max(0, rule.start_window_minutes))
    except OverflowError:
        return HORIZON


def windows_overlap(one: BackupRule, other: BackupRule, as_of: datetime) -> bool:
    """Whether a start of one rule ever falls into a start window of the other."""
    first = (schedule_of(one), one.timezone)
    second = (schedule_of(other), other.timezone)
    return _overlap(first, second, start_window(one), as_of) or _overlap(
        second, first, start_window(other), as_of
    )


def _overlap(opening: Plan, falling: Plan, window: timedelta, as_of: datetime) -> bool:
    """Whether a start of `falling` lies within `window` after a start of `opening`."""
    opened, later = _passing(opening, as_of), iter(_passing(falling, as_of))
    start = next(later, None)
    for begin in opened:
        while start is not None and start < begin:
            start = next(later, None)
        if start is not None and start < begin + window:
            return True
    return False


def overlapping(rules: Iterable[BackupRule], as_of: datetime) -> tuple[tuple[BackupRule, BackupRule], ...]:
    """Give the pairs of rules whose start windows overlap."""
    listed = tuple(rules)
    return tuple(
        (one, other)
        for position, one in enumerate(listed)
        for other in listed[position + 1 :]
        if windows_overlap(one, other, as_of)
    )
