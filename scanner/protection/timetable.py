"""The schedules of several rules together: the longest gap between starts, and overlapping start windows.

AWS Backup developer guide, "Backup plan options and configuration": if two rules start within the same start
window, AWS Backup keeps one backup, with the longer retention (facts 2.1).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import combinations, pairwise
from typing import Final
from zoneinfo import ZoneInfo

from scanner.model.facts import NEVER_HOURS
from scanner.model.inventory import BackupRule
from scanner.model.known import Ternary
from scanner.protection.clock import HORIZON, Clock, clock_of, wall_clock, zone_of
from scanner.protection.schedule import (
    Rhythm,
    first_skipped_start,
    rhythm,
    rhythm_of,
    schedule_of,
    starts_later,
    starts_within,
)

DEFAULT_START_WINDOW: Final = timedelta(hours=8)  # facts 4, "Windows"

Timetable = tuple[str, Clock]
"""A schedule and the clock of its time zone, which together determine the starts of a rule."""


@dataclass(frozen=True, slots=True, order=True)
class _Start:
    """A start as an instant and in the local time of its schedule."""

    instant: datetime
    shown: datetime  # wall-clock time, marked UTC
    zone: str


@dataclass(frozen=True, slots=True)
class Skip:
    """A start of a rule that daylight saving skips, as a wall-clock time marked UTC."""

    rule: BackupRule
    start: datetime


@dataclass(frozen=True, slots=True)
class Wait:
    """The longest gap that several rules leave between two starts.

    `hours`: for the rules whose starts are known; NEVER_HOURS: they start less than twice. `skips`: the first
    skipped start of each rule, if the gap is due to skipped starts. `doubts`: why the starts of the other
    rules are not known; those can only shorten the gap.
    """

    hours: float
    skips: tuple[Skip, ...] = ()
    doubts: tuple[str, ...] = ()


def longest_wait(rules: Sequence[BackupRule], as_of: datetime) -> Wait:
    """Return the longest gap between two starts of the rules together.

    An additional rule never makes the gap longer. If all rules have one time zone, the gap is in local time.
    Otherwise it is elapsed time, but a clock that is set back does not lengthen it.
    """
    rhythms = [(rule, rhythm_of(rule, as_of)) for rule in rules]
    starting = [rule for rule, rhythm in rhythms if rhythm.starts]
    clocks = [clock_of(rule.timezone, as_of) for rule in starting]
    hours = _hours(starting, clocks, as_of)
    due = any(clock.skipped for clock in clocks) and (
        hours != _hours(starting, [clock.without_skips for clock in clocks], as_of)
    )
    return Wait(
        hours=hours,
        skips=tuple(_skips(starting, as_of)) if due else (),
        doubts=tuple(_doubt(rule, rhythm) for rule, rhythm in rhythms if rhythm.max_gap_hours is None),
    )


def _hours(rules: Sequence[BackupRule], clocks: Sequence[Clock], as_of: datetime) -> float:
    timetables = {(schedule_of(rule), clock) for rule, clock in zip(rules, clocks, strict=True)}
    alone = (rhythm(schedule, clock).max_gap_hours for schedule, clock in timetables)
    waits = [NEVER_HOURS, *(wait for wait in alone if wait is not None)]
    # The minimum keeps the promise that an additional rule never makes the gap longer.
    if len(timetables) > 1:
        waits.append(
            _together(
                tuple(sorted(timetables, key=lambda timetable: (timetable[1].zone, timetable[0]))), as_of
            )
        )
    return min(waits)


def _skips(rules: Iterable[BackupRule], as_of: datetime) -> Iterator[Skip]:
    for rule in rules:
        if (start := first_skipped_start(rule, as_of)) is not None:
            yield Skip(rule, start)


def _doubt(rule: BackupRule, rhythm: Rhythm) -> str:
    return f'when rule {rule.name} starts ("{schedule_of(rule)}") is unknown: {rhythm.because}'


def clocks_known(rules: Sequence[BackupRule]) -> bool:
    """Check whether the clocks of the rules can be compared: they share one zone, or all zones are known."""
    zones = {rule.timezone for rule in rules}
    return len(zones) < 2 or all(map(zone_of, zones))  # noqa: PLR2004 -- one clock agrees with itself


@lru_cache(maxsize=1024)
def _together(timetables: tuple[Timetable, ...], as_of: datetime) -> float:
    if len({clock.zone for _, clock in timetables}) > 1:
        return _on_several_clocks(timetables, as_of)
    clock = timetables[0][1]
    starts = sorted({start for schedule, _ in timetables for start in starts_within(schedule, clock)})
    if len(starts) < 2:  # noqa: PLR2004 -- a wait needs two
        return NEVER_HOURS
    waits = [starts[0] - clock.now, clock.end - starts[-1]]
    waits += [later - earlier for earlier, later in pairwise(starts)]
    return max(waits) / timedelta(hours=1)


def _on_several_clocks(timetables: tuple[Timetable, ...], as_of: datetime) -> float:
    starts = sorted(start for timetable in timetables for start in _instants(timetable))
    if len({start.instant for start in starts}) < 2:  # noqa: PLR2004 -- a wait needs two
        return NEVER_HOURS
    longest = max(starts[0].instant - as_of, as_of + HORIZON - starts[-1].instant)
    for earlier, later in pairwise(starts):
        if later.instant - earlier.instant > longest:
            longest = max(longest, _wait(earlier, later))
    return longest / timedelta(hours=1)


def _wait(earlier: _Start, later: _Start) -> timedelta:
    """Return the gap between two starts: the elapsed time, or less if one of their clocks is set back."""
    by_first = wall_clock(later.instant, earlier.zone) - earlier.shown
    by_second = later.shown - wall_clock(earlier.instant, later.zone)
    return min(later.instant - earlier.instant, by_first, by_second)


@lru_cache(maxsize=32)  # a year of hours is ten thousand starts
def _instants(timetable: Timetable) -> tuple[_Start, ...]:
    """Return the starts as instants: local times of the schedule's zone, converted to UTC."""
    schedule, clock = timetable
    zone = zone_of(clock.zone) or ZoneInfo("UTC")
    return tuple(
        _Start(shown.replace(tzinfo=zone).astimezone(UTC), shown, clock.zone)
        for shown in starts_within(schedule, clock)
    )


def start_window(rule: BackupRule) -> timedelta:
    """Return how long after its start a rule's job may begin: AWS Backup's default without a valid window."""
    if rule.start_window_minutes is None or rule.start_window_minutes <= 0:
        return DEFAULT_START_WINDOW
    return min(timedelta(minutes=min(rule.start_window_minutes, 10**7)), HORIZON)


def copy_window_hours(rule: BackupRule, as_of: datetime) -> float | None:
    """Return within how many hours a rule makes at least one copy (ruling 13).

    That is the longest gap between two starts, at most 400 days, plus the start window.
    0: the rule never starts. None: when it starts is not known.
    """
    rhythm = rhythm_of(rule, as_of)
    if rhythm.max_gap_hours is None or rhythm.starts is None:
        return None
    if not rhythm.starts and not starts_later(*_timetable(rule, as_of)):
        return 0.0
    return (min(timedelta(hours=rhythm.max_gap_hours), HORIZON) + start_window(rule)) / timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two rules whose start windows overlap; `certain` is None if they only may overlap."""

    first: BackupRule
    second: BackupRule
    certain: Ternary


def overlapping(rules: Iterable[BackupRule], as_of: datetime) -> tuple[Overlap, ...]:
    """Return the pairs of rules whose start windows overlap, or may."""
    overlaps = (
        Overlap(first, second, windows_overlap(first, second, as_of))
        for first, second in combinations(rules, 2)
    )
    return tuple(overlap for overlap in overlaps if overlap.certain is not False)


def windows_overlap(rule: BackupRule, other_rule: BackupRule, as_of: datetime) -> Ternary:
    """Check whether a start of one rule ever falls into a start window of the other.

    Two rules of one time zone are compared in local time (ruling 8). None: it is not known when one of them
    starts, or one of their different time zones is unknown.
    """
    rules = (rule, other_rule)
    if any(rhythm_of(rule, as_of).starts == 0 for rule in rules):
        return False
    if any(rhythm_of(rule, as_of).valid is None for rule in rules) or not clocks_known(rules):
        return None
    first_rule_, second_rule_ = ((_timetable(rule, as_of), start_window(rule)) for rule in rules)
    return _overlap(first_rule_, second_rule_)


def _timetable(rule: BackupRule, as_of: datetime) -> Timetable:
    return schedule_of(rule), clock_of(rule.timezone, as_of)


@lru_cache(maxsize=4096)
def _overlap(first: tuple[Timetable, timedelta], second: tuple[Timetable, timedelta]) -> bool:
    (timetable, window), (other_timetable, other_window) = first, second
    same_clock = timetable[1] == other_timetable[1]
    starts, other_starts = (
        _starts(rule_starts, same_clock=same_clock) for rule_starts in (timetable, other_timetable)
    )
    return _falls_into(starts, other_starts, window) or _falls_into(other_starts, starts, other_window)


def _starts(timetable: Timetable, *, same_clock: bool) -> Sequence[datetime]:
    """Return the starts in local time if both rules share a clock, else as instants."""
    if same_clock:
        return starts_within(*timetable)
    return sorted(start.instant for start in _instants(timetable))


def _falls_into(opened: Sequence[datetime], falling: Sequence[datetime], window: timedelta) -> bool:
    """Check whether a start of `falling` is at most `window` after one of `opened`. Both are in order."""
    later = iter(falling)
    start = next(later, None)
    for begin in opened:
        while start is not None and start < begin:
            start = next(later, None)
        if start is not None and start < begin + window:
            return True
    return False
