"""Rules taken together: against a plain reading of every minute, and the documented examples."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.model.facts import NEVER_HOURS
from scanner.model.inventory import BackupRule
from scanner.protection.schedule import HORIZON, rhythm_of
from scanner.protection.timetable import longest_wait_hours, overlapping, start_window, windows_overlap
from tests.fakes.bundles import AS_OF
from tests.fakes.models import at, rule


def every(hours: str, zone: str = "Etc/UTC", **more: int) -> BackupRule:
    return rule(schedule=f"cron(0 {hours} ? * * *)", timezone=zone, **more)


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        ((), NEVER_HOURS),
        (("5",), 24.0),
        (("5", "17"), 12.0),
        (("5", "5"), 24.0),
        (("5", "6"), 23.0),
        (("0/6", "3"), 6.0),
        (("0/6", "3/6"), 3.0),
    ],
)
def test_waits_of_rules_together(hours: tuple[str, ...], expected: float) -> None:
    assert longest_wait_hours([every(each) for each in hours], AS_OF) == expected


def test_a_rule_that_never_starts_changes_nothing() -> None:
    never = rule(schedule="cron(0 5 31 2 ? *)")
    assert longest_wait_hours([never], AS_OF) == NEVER_HOURS
    assert longest_wait_hours([never, rule(schedule="nonsense")], AS_OF) == NEVER_HOURS
    assert longest_wait_hours([never, every("5")], AS_OF) == 24.0


def test_two_rules_with_one_start_each_are_two_starts() -> None:
    once = [rule(schedule=f"cron(0 5 {day} 12 ? 2026)") for day in (1, 2)]
    last = at("2026-12-02T05:00:00+00:00")
    assert longest_wait_hours(once, AS_OF) == (AS_OF + HORIZON - last) / timedelta(hours=1)


def test_zones_together() -> None:
    # Berlin's five o'clock is three or four in UTC; a daily rule stays daily on the night of the change
    both = [every("5", "Europe/Berlin"), every("16", "Etc/UTC")]
    assert longest_wait_hours(both, AS_OF) == 13.0
    assert longest_wait_hours([every("5", "Europe/Berlin"), every("5", "Europe/Paris")], AS_OF) == 24.0


def test_start_windows() -> None:
    assert start_window(rule()) == timedelta(hours=8)
    assert start_window(rule(start_window_minutes=60)) == timedelta(hours=1)
    assert start_window(rule(start_window_minutes=-5)) == timedelta(0)
    assert start_window(rule(start_window_minutes=10**18)) == HORIZON


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (every("5"), every("5"), True),
        (every("5"), every("12"), True),  # the default window of eight hours
        (every("5"), every("13"), False),
        (every("13"), every("5"), False),
        (every("20"), every("3"), True),  # over midnight
        (every("5", start_window_minutes=60), every("6", start_window_minutes=60), False),
        (every("5", start_window_minutes=61), every("6", start_window_minutes=60), True),
        (every("6", "Europe/Berlin", start_window_minutes=60), every("5", start_window_minutes=60), True),
        (every("5"), rule(schedule="nonsense"), False),
    ],
)
def test_overlap(one: BackupRule, other: BackupRule, expected: bool) -> None:  # noqa: FBT001 -- a row
    assert windows_overlap(one, other, AS_OF) is expected
    assert windows_overlap(other, one, AS_OF) is expected
    assert overlapping([one, other], AS_OF) == (((one, other),) if expected else ())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(0, 23), min_size=1, max_size=2, unique=True), min_size=1, max_size=3))
def test_a_plain_reading_agrees(hours: list[list[int]]) -> None:
    rules = [every(",".join(map(str, each))) for each in hours]
    wanted = {hour for each in hours for hour in each}
    marks = [AS_OF, AS_OF + HORIZON]
    marks += [
        start
        for number in range(HORIZON.days + 1)
        for hour in wanted
        if AS_OF <= (start := AS_OF.replace(hour=0) + timedelta(days=number, hours=hour)) <= AS_OF + HORIZON
    ]
    expected = max(later - earlier for earlier, later in pairwise(sorted(marks))) / timedelta(hours=1)
    assert longest_wait_hours(rules, AS_OF) == expected
    assert longest_wait_hours(rules, AS_OF) <= min(rhythm_of(each, AS_OF).max_gap_hours for each in rules)
