"""When rules start: documented forms one by one, and a plain day-by-day reading for the rest."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.model.facts import NEVER_HOURS
from scanner.protection.clock import HORIZON, clock_of
from scanner.protection.schedule import rhythm, rhythm_of, schedule_of
from tests.fakes.bundles import AS_OF
from tests.fakes.models import at, rule

DAY, WEEK = 24.0, 168.0
UTC_CLOCK = clock_of("Etc/UTC", AS_OF)


@pytest.mark.parametrize(
    ("expression", "hours"),
    [
        ("cron(0 5 ? * * *)", DAY),
        ("cron(0 5 * * ? *)", DAY),
        ("cron(0 * ? * * *)", 1.0),
        ("cron(0 0/12 ? * * *)", 12.0),
        ("cron(0 13/12 ? * * *)", DAY),  # judged within one day: "every 12 hours" after 11:59 is daily
        ("cron(0 */6 ? * * *)", 6.0),
        ("cron(0 5,17 ? * * *)", 12.0),
        ("cron(0 8-18/2 ? * * *)", 14.0),
        ("cron(0 22-2 ? * * *)", 20.0),
        ("cron(30 5 ? * SUN *)", WEEK),
        ("cron(30 5 ? * 1 *)", WEEK),
        ("cron(30 5 ? * L *)", WEEK),  # the last day of the week
        ("cron(30 5 ? * SAT *)", WEEK),
        ("cron(0 5 ? * MON-FRI *)", 3 * DAY),
        ("cron(0 5 ? * 2-6 *)", 3 * DAY),
        ("cron(0 5 ? * FRI-MON *)", 4 * DAY),
        ("cron(0 5 ? * MON,WED,FRI *)", 3 * DAY),
        ("cron(0 5 1 * ? *)", 31 * DAY),
        ("cron(0 5 1,15 * ? *)", 17 * DAY),
        ("cron(0 5 L * ? *)", 31 * DAY),
        ("cron(0 5 ? * 1#1 *)", 35 * DAY),
        ("cron(0 5 ? * MON#2 *)", 35 * DAY),
        ("cron(0 5 ? * 6L *)", 35 * DAY),
        ("cron(0 5 ? * FRIL *)", 35 * DAY),
        ("cron(0 5 1 1/3 ? *)", 92 * DAY),
        ("cron(0 5 ? * * 2026-2199)", DAY),
    ],
)
def test_documented_expressions(expression: str, hours: float) -> None:
    found = rhythm(expression, UTC_CLOCK)
    assert (found.valid, found.max_gap_hours) == (True, hours)


def test_the_nearest_weekday_is_a_weekday() -> None:
    assert rhythm("cron(0 5 15W * ? *)", UTC_CLOCK).starts == 13
    # 15 August 2027 is a Sunday: Monday the 16th; 15 May 2027 a Saturday: Friday the 14th
    assert rhythm("cron(0 5 15W 8 ? 2027)", clock_of("Etc/UTC", at("2027-08-15T05:01:00+00:00"))).starts == 1
    assert rhythm("cron(0 5 15W 5 ? 2027)", clock_of("Etc/UTC", at("2027-05-14T05:01:00+00:00"))).starts == 0


@pytest.mark.parametrize(
    "text",
    [
        "0 5 ? * * *",
        "0 5 ? * *",
        "  cron(0 5 ? * * *)  ",
        "cron( 0  5 ?  * * * )",
        "cron(0 5 ? * *)",
        "cron(0 5 ? * sun-sat *)",
    ],
)
def test_samples_of_the_guide_are_read_leniently(text: str) -> None:
    assert rhythm(text, UTC_CLOCK) == rhythm("cron(0 5 ? * * *)", UTC_CLOCK)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cron()",
        "x",
        "rate(1 hour)",
        "rate(1 day)",
        "cron(0 5 * * * *)",
        "cron(0 5 ? * ? *)",
        "cron(60 5 ? * * *)",
        "cron(0 24 ? * * *)",
        "cron(0 5 32 * ? *)",
        "cron(0 5 0 * ? *)",
        "cron(0 5 ? 13 * *)",
        "cron(0 5 ? * 8 *)",
        "cron(0 5 ? * 0 *)",
        "cron(0 5 ? * * 1969)",
        "cron(0 5 ? * 2#6 *)",
        "cron(0 5 ? * 1#1,2#2 *)",
        "cron(5/0 5 ? * * *)",
        "cron(0 5 W * ? *)",
        "cron(0 5 ? * # *)",
        "cron(a b c d e f)",
        "0 5",
        "cron(0 5 ? * * *",
    ],
)
def test_what_is_no_expression_never_starts(text: str) -> None:
    found = rhythm(text, UTC_CLOCK)
    assert (found.valid, found.starts, found.max_gap_hours) == (False, 0, NEVER_HOURS)


@pytest.mark.parametrize(
    ("expression", "starts"),
    [
        ("cron(0 5 31 2 ? *)", 0),
        ("cron(0 5 29 2 ? *)", 0),  # the next leap day lies beyond the horizon
        ("cron(0 5 ? * * 2020)", 0),
        ("cron(0 5 1 1 ? *)", 1),
        ("cron(0 5 24 12 ? 2026)", 1),
    ],
)
def test_fewer_than_two_starts_are_no_rhythm(expression: str, starts: int) -> None:
    found = rhythm(expression, UTC_CLOCK)
    assert (found.valid, found.starts, found.max_gap_hours) == (True, starts, NEVER_HOURS)


def test_the_waits_before_the_first_and_after_the_last_start_count() -> None:
    ends_soon = rhythm("cron(0 5 ? * * 2026)", UTC_CLOCK)
    last = datetime(2026, 12, 31, 5, tzinfo=UTC)
    assert ends_soon.max_gap_hours == (AS_OF + HORIZON - last) / timedelta(hours=1)
    begins_late = rhythm("cron(0 5 ? * * 2027)", UTC_CLOCK)
    assert begins_late.max_gap_hours == (datetime(2027, 1, 1, 5, tzinfo=UTC) - AS_OF) / timedelta(hours=1)


def test_a_rule_without_a_schedule_has_the_default() -> None:
    assert schedule_of(rule(schedule=None)) == "cron(0 5 ? * * *)"
    assert rhythm_of(rule(schedule=None), AS_OF).max_gap_hours == DAY


def test_the_zone_decides_which_day_it_is() -> None:
    sunday_evening = at("2026-11-22T23:30:00+00:00")  # Monday in Berlin
    only_monday = "cron(0 0 23 11 ? 2026)"
    assert rhythm(only_monday, clock_of("Etc/UTC", sunday_evening)).starts == 1
    assert rhythm(only_monday, clock_of("Europe/Berlin", sunday_evening)).starts == 0


@pytest.mark.parametrize("form", ["cron(0 5 L-3W * ? *)", "cron(0 0 5 ? * * *)"])
def test_a_form_that_aws_does_not_document_is_not_known_to_start(form: str) -> None:
    found = rhythm(form, UTC_CLOCK)
    assert (found.valid, found.starts, found.max_gap_hours) == (None, None, None)
    assert found.because


@pytest.mark.parametrize(
    ("expression", "zone", "because"),
    [
        ("cron(0 5 31 2 ? *)", "Etc/UTC", "the day that it names never occurs"),
        ("cron(0 5 ? * * 2020)", "Etc/UTC", "all years that it names are in the past"),
        ("cron(0 5 31 2 ? 2020)", "Etc/UTC", "the day that it names never occurs"),
        ("cron(0 5 29 2 ? *)", "Etc/UTC", "its next start is on 2028-02-29, more than 400 days from now"),
        ("cron(0 5 ? * * 2199)", "Etc/UTC", "its next start is on 2199-01-01, more than 400 days from now"),
        ("cron(0 5 1 1 ? *)", "Etc/UTC", "it starts once in 400 days, on 2027-01-01"),
        (
            "cron(30 2 28 3 ? 2027)",
            "Europe/Berlin",
            "daylight saving in Europe/Berlin skips 2027-03-28T02:30",
        ),
        ("rate(1 day)", "Etc/UTC", "it is not a cron expression with six fields"),
        ("cron(0 5 ? * * *)", "Etc/UTC", ""),
    ],
)
def test_why_a_schedule_starts_less_than_twice(expression: str, zone: str, because: str) -> None:
    assert rhythm(expression, clock_of(zone, AS_OF)).because == because


def test_what_an_unknown_zone_skips_is_not_known() -> None:
    found = rhythm_of(rule(timezone="Mars/Olympus"), AS_OF)
    assert (found.valid, found.starts, found.max_gap_hours) == (True, None, None)
    assert "Mars/Olympus" in found.because
    never = rhythm_of(rule(schedule="cron(0 5 31 2 ? *)", timezone="Mars/Olympus"), AS_OF)
    assert (never.starts, never.max_gap_hours) == (0, NEVER_HOURS)


# A plain reading: every day of the horizon, every hour and minute that is listed

lists = {
    "minutes": st.lists(st.sampled_from([0, 15, 59]), min_size=1, max_size=2, unique=True),
    "hours": st.lists(st.integers(0, 23), min_size=1, max_size=3, unique=True),
    "months": st.lists(st.integers(1, 12), min_size=1, max_size=4, unique=True) | st.just(list(range(1, 13))),
    "days": st.lists(st.integers(1, 31), min_size=1, max_size=4, unique=True),
    "weekdays": st.lists(st.integers(1, 7), min_size=1, max_size=4, unique=True),
}


def joined(values: list[int]) -> str:
    return ",".join(map(str, values))


@settings(max_examples=60, deadline=None)
@given(st.fixed_dictionaries(lists), st.booleans())
def test_a_day_by_day_reading_agrees(drawn: dict[str, list[int]], by_weekday: bool) -> None:  # noqa: FBT001 -- drawn
    days = f"? {joined(drawn['months'])} {joined(drawn['weekdays'])}"
    if not by_weekday:
        days = f"{joined(drawn['days'])} {joined(drawn['months'])} ?"
    end = AS_OF + HORIZON
    midnight = AS_OF.replace(hour=0)
    marks = [AS_OF]
    for number in range(HORIZON.days + 2):
        day = midnight + timedelta(days=number)
        on_day = day.isoweekday() % 7 + 1 in drawn["weekdays"] if by_weekday else day.day in drawn["days"]
        if on_day and day.month in drawn["months"]:
            starts = (day.replace(hour=h, minute=m) for h in drawn["hours"] for m in drawn["minutes"])
            marks += [start for start in sorted(starts) if AS_OF <= start <= end]
    found = rhythm(f"cron({joined(drawn['minutes'])} {joined(drawn['hours'])} {days} *)", UTC_CLOCK)
    assert (found.valid, found.starts) == (True, len(marks) - 1)
    marks.append(end)
    longest = max(later - earlier for earlier, later in pairwise(marks))
    expected = NEVER_HOURS if len(marks) < 4 else longest / timedelta(hours=1)
    assert found.max_gap_hours == expected


@settings(max_examples=150, deadline=None)
@given(
    st.text("0123456789*?/,-LW#MONSUJA ", max_size=24)
    | st.from_regex(r"[0-9*?/,\-LW#]{1,4}( [0-9*?/,\-LW#]{1,4}){5}", fullmatch=True)
)
def test_no_expression_breaks_the_program(text: str) -> None:
    expression = "0 " + text.partition(" ")[2] if text.count(" ") == 5 else text
    found = rhythm(expression, UTC_CLOCK)
    assert found.valid or found.starts == (None if found.valid is None else 0)
