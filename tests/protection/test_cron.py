"""AWS cron expressions against a plain reading: each day asked alone, each field walked value by value."""

import calendar
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.protection.cron import Cron, NotCron, parse

Days = Callable[[date], bool]
FIRST, LAST = date(2026, 11, 22), date(2027, 12, 27)
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


def aws_weekday(day: date) -> int:
    return (day.weekday() + 1) % 7 + 1  # Sunday is 1


def month_end(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]


# Lists, ranges and steps: the text of each part, and what it names


def walked(begin: int, end: int, step: int, least: int, most: int) -> set[int]:
    """Walk from one value to the other, over the end of the field where need be; take each step-th."""
    found, at, taken = set(), begin, 0
    while True:
        if taken % step == 0:
            found.add(at)
        if at == end:
            return found
        at, taken = (least if at == most else at + 1), taken + 1


@st.composite
def part(
    draw: st.DrawFn, least: int, most: int, names: tuple[str, ...], *, wraps: bool
) -> tuple[str, set[int]]:
    def shown(value: int) -> str:
        return draw(st.sampled_from([str(value), f"{value:02}", *names[value - least : value - least + 1]]))

    begin, end = draw(st.integers(least, most)), draw(st.integers(least, most))
    if not wraps:
        begin, end = min(begin, end), max(begin, end)
    step = draw(st.integers(1, min(most, 30)))
    kind = draw(st.sampled_from(("value", "range", "all", "every nth", "from", "range by")))
    return {
        "value": (shown(begin), {begin}),
        "range": (f"{shown(begin)}-{shown(end)}", walked(begin, end, 1, least, most)),
        "all": ("*", walked(least, most, 1, least, most)),
        "every nth": (f"*/{step}", walked(least, most, step, least, most)),
        "from": (f"{shown(begin)}/{step}", walked(begin, most, step, least, most)),
        "range by": (f"{shown(begin)}-{shown(end)}/{step}", walked(begin, end, step, least, most)),
    }[kind]


def field(
    least: int, most: int, names: tuple[str, ...] = (), *, wraps: bool = True
) -> st.SearchStrategy[tuple[str, set[int]]]:
    parts = st.lists(part(least, most, names, wraps=wraps), min_size=1, max_size=3)
    return parts.map(
        lambda drawn: (",".join(text for text, _ in drawn), set().union(*(each for _, each in drawn)))
    )


# Days: the text of the two fields of days, and whether a day is one of them


def nearest_weekday(day: date, wanted: int) -> bool:
    """Whether a day is the weekday nearest to a day of its month; the month is never left."""
    if wanted > month_end(day) or day.weekday() >= 5:
        return False
    aim = day.replace(day=wanted)
    inside = [day.replace(day=number) for number in range(1, month_end(day) + 1)]
    weekdays = [each for each in inside if each.weekday() < 5]
    return day == min(weekdays, key=lambda each: abs(each - aim))


def last_weekday(day: date) -> bool:
    later = [day.replace(day=number) for number in range(day.day + 1, month_end(day) + 1)]
    return day.weekday() < 5 and all(each.weekday() >= 5 for each in later)


def nth(day: date, weekday: int, number: int) -> bool:
    return aws_weekday(day) == weekday and (day.day - 1) // 7 + 1 == number


def last_of_month(day: date, weekday: int) -> bool:
    return aws_weekday(day) == weekday and day.day + 7 > month_end(day)


def named(weekday: int) -> st.SearchStrategy[str]:
    return st.sampled_from((str(weekday), WEEKDAYS[weekday - 1], WEEKDAYS[weekday - 1].lower()))


@st.composite
def days(draw: st.DrawFn) -> tuple[str, str, Days]:
    number, weekday = draw(st.integers(1, 31)), draw(st.integers(1, 7))
    before, week = draw(st.integers(1, 30)), draw(st.integers(1, 5))
    spelt = draw(named(weekday))
    of_month, values = draw(field(1, 31))
    of_week, weekdays = draw(field(1, 7, WEEKDAYS))
    readings: dict[str, tuple[str, str, Days]] = {
        "days": (of_month, "?", lambda day: day.day in values),
        "weekdays": ("?", of_week, lambda day: aws_weekday(day) in weekdays),
        "last day": ("L", "?", lambda day: day.day == month_end(day)),
        "before the last": (f"L-{before}", "?", lambda day: day.day == month_end(day) - before),
        "nearest weekday": (f"{number}W", "?", lambda day: nearest_weekday(day, number)),
        "last weekday": ("LW", "?", last_weekday),
        "last day of the week": ("?", "L", lambda day: aws_weekday(day) == 7),
        "last of its kind": ("?", f"{spelt}L", lambda day: last_of_month(day, weekday)),
        "nth of its kind": ("?", f"{spelt}#{week}", lambda day: nth(day, weekday, week)),
    }
    return readings[draw(st.sampled_from(sorted(readings)))]


@settings(max_examples=80, deadline=None)
@given(field(0, 59), field(0, 23), days(), field(1, 12, MONTHS), field(1970, 2199, wraps=False))
def test_a_plain_reading_of_every_day_agrees(
    minute: tuple[str, set[int]],
    hour: tuple[str, set[int]],
    day: tuple[str, str, Days],
    month: tuple[str, set[int]],
    year: tuple[str, set[int]],
) -> None:
    of_month, of_week, is_day = day
    found = parse(f"cron({minute[0]} {hour[0]} {of_month} {month[0]} {of_week} {year[0]})")
    assert isinstance(found, Cron)
    assert found.times == tuple(sorted(60 * h + m for h in hour[1] for m in minute[1]))
    every = [FIRST + timedelta(days=number) for number in range((LAST - FIRST).days + 1)]
    expected = [each for each in every if each.month in month[1] and each.year in year[1] and is_day(each)]
    assert list(found.days(FIRST, LAST)) == expected


@settings(max_examples=40, deadline=None)
@given(days(), st.dates(date(1999, 1, 1), date(2100, 1, 1)), st.integers(0, 40))
def test_any_stretch_of_days_agrees(day: tuple[str, str, Days], first: date, length: int) -> None:
    of_month, of_week, is_day = day
    found = parse(f"0 5 {of_month} * {of_week} *")
    assert isinstance(found, Cron)
    every = [first + timedelta(days=number) for number in range(length + 1)]
    assert list(found.days(first, every[-1])) == [each for each in every if is_day(each)]


@pytest.mark.parametrize("expression", ["cron(0/20 1-3 ? * MON-FRI *)", "cron(5,45 */7 LW * ? *)"])
def test_a_plain_reading_of_every_minute_agrees(expression: str) -> None:
    wanted: Callable[[datetime], bool] = {
        "cron(0/20 1-3 ? * MON-FRI *)": lambda at: (
            at.minute % 20 == 0 and 1 <= at.hour <= 3 and at.weekday() < 5
        ),
        "cron(5,45 */7 LW * ? *)": lambda at: (
            at.minute in (5, 45) and at.hour in (0, 7, 14, 21) and last_weekday(at.date())
        ),
    }[expression]
    begin = datetime(2026, 11, 22, tzinfo=UTC)
    minutes = (begin + timedelta(minutes=number) for number in range(40 * 24 * 60))
    expected = [at for at in minutes if wanted(at)]
    found = parse(expression)
    assert isinstance(found, Cron)
    starts = [
        datetime(day.year, day.month, day.day, *divmod(at, 60), tzinfo=UTC)
        for day in found.days(begin.date(), begin.date() + timedelta(days=39))
        for at in found.times
    ]
    assert starts == expected


@pytest.mark.parametrize(
    "text",
    [
        "cron(0/0 5 ? * * *)",
        "cron(/5 5 ? * * *)",
        "cron(0, 5 ? * * *)",
        "cron(0 5 L-0 * ? *)",
        "cron(0 5 L-31 * ? *)",
        "cron(0 5 WL * ? *)",
        "cron(0 5 32W * ? *)",
        "cron(0 5 ? * 2#0 *)",
        "cron(0 5 ? * 2#6 *)",
        "cron(0 5 ? * 8#1 *)",
        "cron(0 5 ? * 2#1,3#1 *)",
        "cron(0 5 ? * 0L *)",
        "cron(0 5 ? JANUARY * *)",
        "cron(0 5 ? * MONDAY *)",
        "cron(0 5 ? * * 2030-2026)",
        "cron(0 5 ? * * 2200)",
        "cron(0 5 ? * * +2026)",
        "cron(-1 5 ? * * *)",
        "cron(00000 5 ? * * *)",
        "cron(\u0660 5 ? * * *)",
        "cron(\uff10 5 ? * * *)",
        "cron(0 5 ? * \u017fUN *)",
        "cron(0\x005 ? * * * *)",
        "rate(24 hours)",
        "at(2026-11-22T18:00:00)",
        "@daily",
    ],
)
def test_what_is_no_expression(text: str) -> None:
    found = parse(text)
    assert isinstance(found, NotCron)
    assert found.refused
    assert found.because


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("cron(0 5 L-3W * ? *)", 'day of month "L-3W"'),
        ("cron(0 5 1-5W * ? *)", 'day of month "1-5W"'),
        ("cron(0 5 1,15W * ? *)", 'day of month "1,15W"'),
        ("cron(0 5 1-15W * ? *)", 'day of month "1-15W"'),
        ("cron(0 5 15W,20W * ? *)", 'day of month "15W,20W"'),
        ("cron(0 5 1,L * ? *)", 'day of month "1,L"'),
        ("cron(0 5 LW,15 * ? *)", 'day of month "LW,15"'),
        ("cron(0 5 L-LW * ? *)", 'day of month "L-LW"'),
        ("cron(0 5 L/2 * ? *)", 'day of month "L/2"'),
        ("cron(0 5 ? * MON#2,TUE *)", 'day of week "MON#2,TUE"'),
        ("cron(0 5 ? * MON-FRI#2 *)", 'day of week "MON-FRI#2"'),
        ("cron(0 5 ? * 1,6L *)", 'day of week "1,6L"'),
        ("cron(0 5 ? * L-3 *)", 'day of week "L-3"'),
        ("cron(0 5 ? * LW *)", 'day of week "LW"'),
        ("cron(? 5 ? * MON *)", 'minute "?"'),
        ("cron(0/60 5 ? * * *)", 'minute "0/60"'),
        ("cron(0 1/2/3 ? * * *)", 'hour "1/2/3"'),
        ("cron(0 5 ? * * * *)", "a seventh field"),
        ("cron(0 0 5 ? * MON-FRI *)", "a seventh field"),
        ("cron(0 0 5 L-3W * ? 2026)", "a seventh field"),
    ],
)
def test_ruling_8_forms_that_aws_neither_documents_nor_is_known_to_refuse(text: str, form: str) -> None:
    found = parse(text)
    assert isinstance(found, NotCron)
    assert (found.refused, form in found.because) == (False, True)


@pytest.mark.parametrize(
    ("text", "because"),
    [
        ("cron(60 5 * * ? *)", 'its minute "60" has a part that is not one of 0 to 59'),
        (
            "cron(0 5 ? * MONDAY *)",
            'its day of week "MONDAY" has a part that is not one of 1 to 7 or SUN to SAT',
        ),
        ("cron(0 5 1,32W * ? *)", 'its day of month "1,32W" has a part that is not one of 1 to 31'),
        ("cron(0 5 * * * *)", "exactly one of its two day fields must be ?"),
        ("cron(0 5 ? * 3#1,6#3 *)", 'its day of week "3#1,6#3" has more than one # expression'),
        ("rate(1 day)", "it is not a cron expression with six fields"),
    ],
)
def test_why_an_expression_is_refused(text: str, because: str) -> None:
    assert parse(text) == NotCron(refused=True, because=because)


@pytest.mark.parametrize("broken", ["", "x"])
@pytest.mark.parametrize(
    "piece", ["1,", "1/1,", "*/1,", "1-2,", "1-2/1,", "*,", "0?", "((", "?", "L-", "1W", "2#1", "9" * 9]
)
@pytest.mark.parametrize("position", range(6))
def test_hostile_expressions_take_no_time(piece: str, broken: str, position: int) -> None:
    fields = ["0", "5", "?" if position != 2 else "1", "*", "*" if position != 2 else "?", "*"]
    fields[position] = piece * (60_000 // len(piece)) + broken
    assert isinstance(parse(f"cron({' '.join(fields)})"), NotCron)
    fields[position] = piece * (3_000 // len(piece)) + broken
    found = parse(" ".join(fields))
    assert isinstance(found, NotCron) or found.days(FIRST, LAST)


@pytest.mark.parametrize(("text", "day"), [("L-1", 29), ("L-30", None), ("L-29", 1)])
def test_days_before_the_last(text: str, day: int | None) -> None:
    found = parse(f"0 5 {text} 11 ? 2026")
    assert isinstance(found, Cron)
    assert [each.day for each in found.days(date(2026, 11, 1), date(2026, 11, 30))] == [day] * bool(day)


def test_every_value_of_every_field_may_be_listed() -> None:
    minutes, hours, years = (",".join(map(str, span)) for span in (range(60), range(24), range(1970, 2200)))
    long = parse(f"cron({minutes} {hours} {','.join(map(str, range(1, 32)))} 1-12 ? {years})")
    assert long == parse("cron(* * * * ? *)")
