"""Rules taken together: against a plain reading of every minute, and the documented examples."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise, product
from typing import Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.model.facts import NEVER_HOURS
from scanner.model.inventory import BackupRule
from scanner.protection.clock import HORIZON
from scanner.protection.schedule import rhythm_of
from scanner.protection.timetable import (
    Overlap,
    clocks_known,
    copy_window_hours,
    longest_wait,
    overlapping,
    start_window,
    windows_overlap,
)
from tests.fakes.bundles import AS_OF
from tests.fakes.models import at, rule


def longest_wait_hours(rules: list[BackupRule], as_of: datetime) -> float:
    return longest_wait(rules, as_of).hours


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
    assert start_window(rule(start_window_minutes=0)) == timedelta(hours=8)
    assert start_window(rule(start_window_minutes=-5)) == timedelta(hours=8)
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
    assert overlapping([one, other], AS_OF) == ((Overlap(one, other, certain=True),) if expected else ())


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
    alone = [rhythm_of(each, AS_OF).max_gap_hours or 0 for each in rules]
    assert longest_wait_hours(rules, AS_OF) <= min(alone)


def test_a_night_with_a_clock_change_lengthens_no_wait_of_two_zones() -> None:
    # Ruling 8: midnight and noon, twelve hours apart on every day of the year by both clocks
    both = [every("0", "Europe/Berlin"), every("12", "Europe/Paris")]
    assert longest_wait_hours(both, AS_OF) == 12.0
    assert longest_wait_hours([every("0"), every("13", "Asia/Kolkata")], AS_OF) == 16.5


def test_an_unknown_zone_leaves_the_wait_open() -> None:
    strange = every("17", "Mars/Olympus")
    assert longest_wait_hours([every("5"), strange], AS_OF) == 24.0
    assert longest_wait_hours([every("5"), every("11"), strange], AS_OF) == 18.0
    assert longest_wait([every("5")], AS_OF).doubts == ()
    (doubt,) = longest_wait([every("5"), strange], AS_OF).doubts
    assert "the time zone database has no zone Mars/Olympus" in doubt
    assert longest_wait_hours([strange], AS_OF) == NEVER_HOURS
    assert clocks_known([strange, strange])
    assert not clocks_known([strange, every("5")])
    assert clocks_known([every("5", "Europe/Berlin"), every("5")])
    assert windows_overlap(every("5"), strange, AS_OF) is None
    assert windows_overlap(rule(schedule="nonsense"), strange, AS_OF) is False
    assert overlapping([every("5"), strange], AS_OF) == (Overlap(every("5"), strange, certain=None),)


def test_a_form_that_aws_does_not_document_leaves_wait_and_overlap_open() -> None:
    odd = rule(schedule="cron(0 5 L-3W * ? *)")
    assert longest_wait_hours([every("5"), odd], AS_OF) == 24.0
    (doubt,) = longest_wait([every("5"), odd], AS_OF).doubts
    assert "L-3W" in doubt
    assert windows_overlap(every("5"), odd, AS_OF) is None
    assert windows_overlap(rule(schedule="cron(0 5 31 2 ? *)"), odd, AS_OF) is False


def test_a_skipped_start_opens_no_window_and_falls_into_none() -> None:
    def once(schedule: str) -> BackupRule:
        return rule(schedule=schedule, timezone="Europe/Berlin", start_window_minutes=60)

    spring, later = once("cron(30 2 28 3 ? *)"), once("cron(0 3 28 3 ? *)")
    assert windows_overlap(spring, later, AS_OF) is False
    assert windows_overlap(once("cron(30 2 29 3 ? *)"), once("cron(0 3 29 3 ? *)"), AS_OF) is True


def test_one_time_zone_is_judged_on_its_wall_clock() -> None:
    # On the night on which Berlin's clocks go forward only seven hours pass from 20:00 to 04:00
    evening = every("20", "Europe/Berlin", start_window_minutes=7 * 60 + 30)
    assert windows_overlap(evening, every("4", "Europe/Berlin", start_window_minutes=60), AS_OF) is False
    assert windows_overlap(evening, every("4", "Europe/Paris", start_window_minutes=60), AS_OF) is True


# Plain readings over time zones: every day of the horizon, every start an instant of its own

ZONES: Final = ("Etc/UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata")
HOUR: Final = timedelta(hours=1)
Drawn = tuple[list[int], list[int], str, int]
drawn_rules: Final = st.tuples(
    st.lists(st.integers(0, 23), min_size=1, max_size=2, unique=True),
    st.lists(st.integers(1, 7), min_size=1, max_size=2, unique=True) | st.just(list(range(1, 8))),
    st.sampled_from(ZONES),
    st.sampled_from([60, 90, 240, 480, 1440]),
)


def of(drawn: Drawn) -> BackupRule:
    hours, weekdays, zone, window = drawn
    expression = f"cron(30 {','.join(map(str, hours))} ? * {','.join(map(str, weekdays))} *)"
    return rule(schedule=expression, timezone=zone, start_window_minutes=window)


def clock(moment: datetime, zone: str) -> datetime:
    return moment.astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=UTC)


def shown(drawn: Drawn) -> list[datetime]:
    hours, weekdays, zone, _ = drawn
    now = clock(AS_OF, zone)
    days = [now.replace(hour=0, minute=0) + timedelta(days=number) for number in range(402)]
    starts = [
        day.replace(hour=hour, minute=30)
        for day in days
        for hour in sorted(hours)
        if day.isoweekday() % 7 + 1 in weekdays
    ]
    inside = (start for start in starts if now <= start <= now + HORIZON)
    return [start for start in inside if clock(start.replace(tzinfo=ZoneInfo(zone)), zone) == start]


def passing(drawn: Drawn) -> list[datetime]:
    return [start.replace(tzinfo=ZoneInfo(drawn[2])).astimezone(UTC) for start in shown(drawn)]


def longest(marks: list[datetime]) -> timedelta:
    return max(later - earlier for earlier, later in pairwise(sorted(marks)))


@settings(max_examples=40, deadline=None)
@given(st.lists(drawn_rules, min_size=1, max_size=3))
def test_waits_in_several_zones_agree_with_a_plain_reading(drawn: list[Drawn]) -> None:
    found = timedelta(hours=longest_wait_hours([of(one) for one in drawn], AS_OF))
    by_zone: dict[str, list[datetime]] = {}
    for one in drawn:
        by_zone.setdefault(one[2], []).extend(shown(one))
    on_one_clock = [
        longest([clock(AS_OF, zone), *starts, clock(AS_OF, zone) + HORIZON])
        for zone, starts in by_zone.items()
    ]
    if len(by_zone) == 1:
        assert found == on_one_clock[0]
        return
    starts = sorted(start for one in drawn for start in passing(one))
    passes = longest([AS_OF, *starts, max(AS_OF + HORIZON, starts[-1])])
    # Never more than what passes, nor than what one rule by itself waits; a clock change is an hour at most
    alone = min(longest([clock(AS_OF, one[2]), *shown(one), clock(AS_OF, one[2]) + HORIZON]) for one in drawn)
    assert min(passes - HOUR, alone) <= found <= min(passes, alone)


@settings(max_examples=60, deadline=None)
@given(drawn_rules, drawn_rules)
def test_overlaps_agree_with_a_plain_reading(first: Drawn, second: Drawn) -> None:
    read = shown if first[2] == second[2] else passing
    wide, other = timedelta(minutes=first[3]), timedelta(minutes=second[3])
    soon = AS_OF + timedelta(days=150)  # both seasons, and two changes of each clock
    pairs = product(*([at for at in read(one) if at < soon] for one in (first, second)))
    expected = any(one <= two < one + wide or two <= one < two + other for one, two in pairs)
    found = windows_overlap(of(first), of(second), AS_OF)
    assert found is expected or (found and not expected and read is passing)
    assert windows_overlap(of(second), of(first), AS_OF) is found


@pytest.mark.parametrize(
    ("cron", "minutes", "expected"),
    [
        ("0 5 ? * * *", 60, 25),
        ("0 5 ? * * *", None, 32),  # eight hours
        ("0 5 ? * MON-FRI *", 480, 80),
        ("0 5 ? * SUN *", 480, 176),
        ("0 5 1 * ? *", 480, 752),
        ("0 5 1 1,7 ? *", 60, 181 * 24 + 1),  # the longest within 400 days
        ("0 5 1 1 ? *", 60, 400 * 24 + 1),  # one start in 400 days
        ("0 5 29 2 ? *", 60, 400 * 24 + 1),  # no start in 400 days, but later
        ("0 5 31 2 ? *", 60, 0),
        ("0 5 ? * * 2020", 60, 0),
        ("60 5 ? * * *", 60, 0),
        ("0 5 L-3W * ? *", 60, None),
    ],
)
def test_a_rule_copies_at_least_once_in_its_longest_gap_and_start_window(
    cron: str, minutes: int | None, expected: float | None
) -> None:
    found = copy_window_hours(rule(schedule=f"cron({cron})", start_window_minutes=minutes), AS_OF)
    assert found == expected
