"""Wall clocks and the local times that they skip: against a reading of every minute, for every zone."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.model.facts import NEVER_HOURS
from scanner.protection.clock import HORIZON, clock_of, wall_clock
from scanner.protection.schedule import rhythm_of, starts_within
from scanner.protection.timetable import longest_wait
from tests.fakes.bundles import AS_OF
from tests.fakes.models import at, rule

ZONES: Final = sorted(available_timezones())
MINUTE: Final = timedelta(minutes=1)
DAY: Final = 24.0


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("Etc/UTC", "2026-11-22T18:00:00"),
        ("Europe/Berlin", "2026-11-22T19:00:00"),
        ("America/New_York", "2026-11-22T13:00:00"),
        ("Asia/Kolkata", "2026-11-22T23:30:00"),
        ("Nowhere/Nothing", "2026-11-22T18:00:00"),
        ("", "2026-11-22T18:00:00"),
        ("America", "2026-11-22T18:00:00"),
        ("../../etc/passwd", "2026-11-22T18:00:00"),
        ("\0", "2026-11-22T18:00:00"),
    ],
)
def test_wall_clocks(zone: str, expected: str) -> None:
    assert wall_clock(AS_OF, zone).isoformat() == expected + "+00:00"


@pytest.mark.parametrize(
    ("zone", "skipped"),
    [
        ("Etc/UTC", ()),
        ("Asia/Kolkata", ()),
        ("Europe/Berlin", (("2027-03-28T02:00", "2027-03-28T03:00"),)),
        ("America/New_York", (("2027-03-14T02:00", "2027-03-14T03:00"),)),
        ("Australia/Lord_Howe", (("2027-10-03T02:00", "2027-10-03T02:30"),)),
        ("America/Santiago", (("2027-09-05T00:00", "2027-09-05T01:00"),)),
        ("Africa/Cairo", (("2027-04-30T00:00", "2027-04-30T01:00"),)),
        ("Asia/Beirut", (("2027-03-28T00:00", "2027-03-28T01:00"),)),
        ("America/Havana", (("2027-03-14T00:00", "2027-03-14T01:00"),)),
        ("America/Nuuk", (("2027-03-27T23:00", "2027-03-28T00:00"),)),
        ("Antarctica/Troll", (("2027-03-28T01:00", "2027-03-28T03:00"),)),
    ],
)
def test_what_clocks_skip(zone: str, skipped: tuple[tuple[str, str], ...]) -> None:
    shown = [
        tuple(each.strftime("%Y-%m-%dT%H:%M") for each in span) for span in clock_of(zone, AS_OF).skipped
    ]
    assert tuple(shown) == skipped


def test_a_whole_day_may_be_missing() -> None:
    clock = clock_of("Pacific/Apia", at("2011-06-01T00:00:00+00:00"))
    assert [str(each) for each in clock.skipped_dates() if each.month == 12] == ["2011-12-30", "2011-12-31"]
    every_day = starts_within("cron(0 5 * * ? *)", clock)
    assert not [start for start in every_day if (start.month, start.day) == (12, 30)]


@pytest.mark.parametrize("zone", ["Africa/Casablanca", "Africa/El_Aaiun"])
def test_two_shifts_a_year_around_ramadan(zone: str) -> None:
    clock = clock_of(zone, AS_OF)
    assert [(begin.hour, end.hour) for begin, end in clock.skipped] == [(2, 3)]
    nightly = rule(schedule="cron(30 2 * * ? *)", timezone=zone)
    assert rhythm_of(nightly, AS_OF).max_gap_hours == 2 * DAY


@pytest.mark.parametrize(
    ("zone", "time", "hours"),
    [
        ("Europe/Berlin", "30 2", 48.0),
        ("Europe/Berlin", "0 2", 48.0),
        ("Europe/Berlin", "59 1", 24.0),
        ("Europe/Berlin", "0 3", 24.0),
        ("Europe/Berlin", "30 1,2", 24.0),
        ("Europe/Berlin", "30 2,14", 24.0),
        ("Europe/Berlin", "0 *", 2.0),
        ("Australia/Lord_Howe", "15 2", 48.0),
        ("Australia/Lord_Howe", "30 2", 24.0),
        ("Australia/Lord_Howe", "0,30 2", 24.0),
        ("America/Santiago", "0 0", 48.0),
        ("America/Santiago", "0 0,12", 24.0),
        ("America/Nuuk", "30 23", 48.0),
        ("Antarctica/Troll", "0 1,2", 47.0),
        ("Etc/UTC", "30 2", 24.0),
    ],
)
def test_ruling_8_a_local_time_that_does_not_exist_is_no_start(zone: str, time: str, hours: float) -> None:
    scheduled = rule(schedule=f"cron({time} * * ? *)", timezone=zone)
    assert rhythm_of(scheduled, AS_OF).max_gap_hours == hours
    assert longest_wait([scheduled], AS_OF).hours == hours


@pytest.mark.parametrize(
    ("zone", "time", "skipped"),
    [
        ("Europe/Berlin", "30 2", "2027-03-28T02:30"),
        ("Europe/Berlin", "30 2,14", "2027-03-28T02:30"),
        ("America/Santiago", "0 0,12", "2027-09-05T00:00"),
        ("Europe/Berlin", "30 1,2,3", None),  # the skipped start makes no wait longer
        ("Europe/Berlin", "0 3", None),
        ("Etc/UTC", "30 2", None),
    ],
)
def test_the_skipped_start_is_named_where_the_wait_is_due_to_it(
    zone: str, time: str, skipped: str | None
) -> None:
    scheduled = rule(schedule=f"cron({time} * * ? *)", timezone=zone)
    found = rhythm_of(scheduled, AS_OF).skipped
    assert (found and found.strftime("%Y-%m-%dT%H:%M")) == skipped
    assert [skip.start for skip in longest_wait([scheduled], AS_OF).skips] == ([found] if found else [])


def test_a_rule_that_starts_in_between_cures_the_night() -> None:
    nightly = rule(schedule="cron(30 2 * * ? *)", timezone="Europe/Berlin")
    also = rule(schedule="cron(30 3 * * ? *)", timezone="Europe/Berlin")
    found = longest_wait([nightly, also], AS_OF)
    assert (found.hours, [skip.rule for skip in found.skips]) == (24.0, [nightly])
    in_utc = rule(schedule="cron(30 1 * * ? *)")
    assert longest_wait([nightly, in_utc], AS_OF).hours == 24.0


def test_a_local_time_that_comes_twice_is_one_start() -> None:
    back = at("2027-10-30T12:00:00+00:00")  # Berlin's clocks go back from three to two that night
    starts = starts_within("cron(30 2 * * ? *)", clock_of("Europe/Berlin", back))
    assert [start.isoformat()[:16] for start in starts[:2]] == ["2027-10-31T02:30", "2027-11-01T02:30"]


def test_every_zone_skips_what_has_no_instant() -> None:
    for name in ZONES:
        zone = ZoneInfo(name)
        for begin, end in clock_of(name, AS_OF).skipped:
            shown = (begin - MINUTE, begin, end - MINUTE, end)
            assert [_exists(moment, zone) for moment in shown] == [True, False, False, True], name


def _exists(moment: datetime, zone: ZoneInfo) -> bool:
    instant = moment.replace(tzinfo=zone).astimezone(UTC)
    return instant.astimezone(zone).replace(tzinfo=UTC) == moment


# A plain reading: which local times the minutes of UTC bring


def local_times(zone: str, as_of: datetime, step: timedelta) -> list[datetime]:
    """Give all local times of the 400 days that have an instant, marked UTC."""
    clock, now = ZoneInfo(zone), wall_clock(as_of, zone)
    instants = (as_of + number * step for number in range((HORIZON + timedelta(days=2)) // step))
    shown = {instant.astimezone(clock).replace(tzinfo=UTC, fold=0) for instant in instants}
    return sorted(moment for moment in shown if now <= moment <= now + HORIZON)


def times(minutes: st.SearchStrategy[int]) -> st.SearchStrategy[tuple[list[int], list[int]]]:
    hours = st.integers(0, 3) | st.integers(0, 23)
    return st.tuples(
        st.lists(minutes, min_size=1, max_size=2, unique=True),
        st.lists(hours, min_size=1, max_size=3, unique=True),
    )


def agrees(
    zone: str, as_of: datetime, drawn: list[tuple[list[int], list[int]]], local: list[datetime]
) -> None:
    now, together, rules = wall_clock(as_of, zone), set(), []
    for minutes, hours in drawn:
        starts = [each for each in local if each.minute in minutes and each.hour in hours]
        together.update(starts)
        rules.append(rule(schedule=f"cron({joined(minutes)} {joined(hours)} * * ? *)", timezone=zone))
        found = rhythm_of(rules[-1], as_of)
        assert (found.starts, found.max_gap_hours) == (len(starts), wait(now, starts))
    assert longest_wait(rules, as_of).hours == wait(now, sorted(together))


def joined(values: list[int]) -> str:
    return ",".join(map(str, values))


def wait(now: datetime, starts: list[datetime]) -> float:
    if len(starts) < 2:
        return NEVER_HOURS
    marks = (now, *starts, now + HORIZON)
    return max(later - earlier for earlier, later in pairwise(marks)) / timedelta(hours=1)


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(ZONES),
    st.integers(0, 35_000),
    st.lists(times(st.sampled_from([0, 15, 30, 45])), min_size=1, max_size=2),
)
def test_a_reading_of_every_quarter_of_an_hour_agrees(
    zone: str, hours: int, drawn: list[tuple[list[int], list[int]]]
) -> None:
    as_of = AS_OF + timedelta(hours=hours)
    agrees(zone, as_of, drawn, local_times(zone, as_of, 15 * MINUTE))


@settings(max_examples=2, deadline=None)
@given(
    st.sampled_from(ZONES),
    st.integers(0, 2_000_000),
    st.lists(times(st.integers(0, 59)), min_size=1, max_size=2),
)
def test_a_reading_of_every_minute_agrees(
    zone: str, minutes: int, drawn: list[tuple[list[int], list[int]]]
) -> None:
    as_of = AS_OF + minutes * MINUTE
    agrees(zone, as_of, drawn, local_times(zone, as_of, MINUTE))
