"""Several rules taken together: the longest wait between starts, and start windows that overlap.

The guide of AWS Backup ("Backup plan options and configuration") judges an overlap over the whole start
window: of two rules that both start within it, one backup is kept, under the longer retention (facts 2.1).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import combinations, pairwise
from typing import Final
from zoneinfo import ZoneInfo

from scanner.model.facts import NEVER_HOURS
from scanner.model.inventory import BackupRule
from scanner.model.ternary import Ternary
from scanner.protection.schedule import HORIZON, rhythm_of, schedule_of, starts_within, wall_clock, zone_of

DEFAULT_START_WINDOW: Final = timedelta(hours=8)  # facts 4, "Windows"

Plan = tuple[str, str]
"""A schedule and its time zone: what the starts of a rule depend on."""


@dataclass(frozen=True, slots=True, order=True)
class _Start:
    """A start as an instant, as its schedule's clock shows it, and the zone of that clock."""

    instant: datetime
    shown: datetime  # wall-clock time, marked UTC
    zone: str


def longest_wait_hours(rules: Sequence[BackupRule], as_of: datetime) -> float:
    """Give the longest wait between two starts of the rules taken together; NEVER_HOURS: fewer than two.

    A rule more never makes a wait longer. Where all keep one wall clock, waits are counted on it; where
    they do not, on the time that passes, and a night on which clocks change lengthens no wait. Where zones
    are unknown, the wait is this long at most (`clocks_known`).
    """
    if not rules:
        return NEVER_HOURS
    alone = min(rhythm_of(rule, as_of).max_gap_hours for rule in rules)
    clocks: dict[str, set[Plan]] = {}
    for rule in rules:
        clocks.setdefault("" if zone_of(rule.timezone) else rule.timezone, set()).add(_plan(rule))
    waits = (_together(tuple(sorted(plans)), as_of) for plans in clocks.values() if len(plans) > 1)
    return min((alone, *waits))


def clocks_known(rules: Sequence[BackupRule]) -> bool:
    """Whether it is known how the clocks of the rules stand to each other: one zone, or known zones."""
    zones = {rule.timezone for rule in rules}
    return len(zones) < 2 or all(map(zone_of, zones))  # noqa: PLR2004 -- one clock agrees with itself


def _plan(rule: BackupRule) -> Plan:
    return schedule_of(rule), rule.timezone


@lru_cache(maxsize=1024)
def _together(plans: tuple[Plan, ...], as_of: datetime) -> float:
    if len({zone for _, zone in plans}) > 1:
        return _on_several_clocks(plans, as_of)
    now = wall_clock(as_of, plans[0][1])
    starts = sorted({start for schedule, _ in plans for start in starts_within(schedule, now)})
    if len(starts) < 2:  # noqa: PLR2004 -- a wait needs two
        return NEVER_HOURS
    waits = [starts[0] - now, now + HORIZON - starts[-1]]
    waits += [later - earlier for earlier, later in pairwise(starts)]
    return max(waits) / timedelta(hours=1)


def _on_several_clocks(plans: tuple[Plan, ...], as_of: datetime) -> float:
    starts = sorted(start for plan in plans for start in _passing(plan, as_of))
    if len({start.instant for start in starts}) < 2:  # noqa: PLR2004 -- a wait needs two
        return NEVER_HOURS
    longest = max(starts[0].instant - as_of, as_of + HORIZON - starts[-1].instant)
    for earlier, later in pairwise(starts):
        if later.instant - earlier.instant > longest:
            longest = max(longest, _wait(earlier, later))
    return longest / timedelta(hours=1)


def _wait(earlier: _Start, later: _Start) -> timedelta:
    """Give the wait between two starts: what passes, or less where one of their clocks is set back."""
    by_first = wall_clock(later.instant, earlier.zone) - earlier.shown
    by_second = later.shown - wall_clock(earlier.instant, later.zone)
    return min(later.instant - earlier.instant, by_first, by_second)


@lru_cache(maxsize=32)  # a year of hours is ten thousand starts
def _passing(plan: Plan, as_of: datetime) -> tuple[_Start, ...]:
    """Give the starts as instants: wall-clock times of the schedule's zone, brought to UTC."""
    schedule, name = plan
    zone = zone_of(name) or ZoneInfo("UTC")
    return tuple(
        _Start(shown.replace(tzinfo=zone).astimezone(UTC), shown, name)
        for shown in starts_within(schedule, wall_clock(as_of, name))
    )


def start_window(rule: BackupRule) -> timedelta:
    """Give how long after its start a rule's job may begin. What is no window is AWS Backup's default."""
    if rule.start_window_minutes is None or rule.start_window_minutes <= 0:
        return DEFAULT_START_WINDOW
    return min(timedelta(minutes=min(rule.start_window_minutes, 10**7)), HORIZON)


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two rules whose start windows overlap; `certain` is None where they only may."""

    one: BackupRule
    other: BackupRule
    certain: Ternary


def overlapping(rules: Iterable[BackupRule], as_of: datetime) -> tuple[Overlap, ...]:
    """Give the pairs of rules whose start windows overlap, or may."""
    found = (Overlap(one, other, windows_overlap(one, other, as_of)) for one, other in combinations(rules, 2))
    return tuple(overlap for overlap in found if overlap.certain is not False)


def windows_overlap(one: BackupRule, other: BackupRule, as_of: datetime) -> Ternary:
    """Whether a start of one rule ever falls into a start window of the other.

    Two rules of one time zone are held against each other on its wall clock (ruling 8). None: they start in
    different zones, of which one is unknown.
    """
    if not clocks_known((one, other)):
        starts = (starts_within(schedule_of(rule), wall_clock(as_of, rule.timezone)) for rule in (one, other))
        return None if all(starts) else False
    return _overlap((_plan(one), start_window(one)), (_plan(other), start_window(other)), as_of)


@lru_cache(maxsize=4096)
def _overlap(one: tuple[Plan, timedelta], other: tuple[Plan, timedelta], as_of: datetime) -> bool:
    (first, first_window), (second, second_window) = one, other
    opened, falling = (_starts(plan, as_of, one_clock=first[1] == second[1]) for plan in (first, second))
    return _falls_into(opened, falling, first_window) or _falls_into(falling, opened, second_window)


def _starts(plan: Plan, as_of: datetime, *, one_clock: bool) -> Sequence[datetime]:
    """Give the starts on the wall clock where both rules share it, else as instants."""
    if one_clock:
        return starts_within(plan[0], wall_clock(as_of, plan[1]))
    return sorted(start.instant for start in _passing(plan, as_of))


def _falls_into(opened: Sequence[datetime], falling: Sequence[datetime], window: timedelta) -> bool:
    """Whether a start lies within `window` after one of those that opened it. Both are in order."""
    later = iter(falling)
    start = next(later, None)
    for begin in opened:
        while start is not None and start < begin:
            start = next(later, None)
        if start is not None and start < begin + window:
            return True
    return False
