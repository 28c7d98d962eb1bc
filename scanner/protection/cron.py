"""AWS cron expressions: what their six fields name, and on which days they fall (facts 4).

Source: EventBridge user guide, "Cron expressions reference", to which AWS Backup refers. The grammar is read
here, in time linear in the text, and the library `aws-croniter` is given plain lists: of a hostile list its
own patterns try every way to split it. It also refuses `LW`, a lone `L` and steps of weekdays, and steps of
years below 1970.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final

from aws_croniter import AwsCroniter

_LONGEST: Final = 4096  # characters: every value of every field, listed, fits in less than half of it
_FIELDS: Final = 6
_NUMBER: Final = re.compile(r"[0-9]{1,4}")
_WEEKDAYS: Final = "2,3,4,5,6"  # AWS counts from Sunday, which is 1


@dataclass(frozen=True, slots=True)
class _Field:
    """What one field may name. `names` stand for the numbers from `least` on."""

    least: int
    most: int
    names: tuple[str, ...] = ()
    wraps: bool = True  # whether a range may run over the end: 22-2, FRI-MON

    def number(self, text: str) -> int | None:
        """Read one value; None: it is none of this field."""
        if text in self.names:
            return self.least + self.names.index(text)
        if _NUMBER.fullmatch(text) is None:
            return None
        return int(text) if self.least <= int(text) <= self.most else None

    def every(self) -> tuple[int, ...]:
        """Give all values."""
        return tuple(range(self.least, self.most + 1))


_MINUTE: Final = _Field(0, 59)
_HOUR: Final = _Field(0, 23)
_DAY: Final = _Field(1, 31)
_BEFORE_LAST: Final = _Field(1, 30)
_MONTH: Final = _Field(
    1, 12, ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
)
_WEEKDAY: Final = _Field(1, 7, ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"))
_NTH: Final = _Field(1, 5)
_YEAR: Final = _Field(1970, 2199, wraps=False)


@dataclass(frozen=True, slots=True)
class Cron:
    """An AWS cron expression. It starts at each of its times on each of its days.

    `times`: minutes after midnight, in order, at least one. `last_weekday`: of the days of a month only the
    last counts (`LW`).
    """

    times: tuple[int, ...]
    day_fields: tuple[str, str, str, str]  # day of month, month, day of week, year, as the library reads them
    last_weekday: bool = False

    def days(self, first: date, last: date) -> tuple[date, ...]:
        """Give its days from the first to the last of these, both included."""
        return _days(self.day_fields, first, last, last_weekday=self.last_weekday)


@lru_cache(maxsize=4096)
def parse(expression: str) -> Cron | None:
    """Read an expression; None: it is no AWS cron expression.

    Leniently: AWS's own samples leave out `cron( )`, or the year.
    """
    text = expression.strip()
    if len(text) > _LONGEST or not text.isascii():
        return None
    text = text.upper()
    if text.startswith("CRON(") and text.endswith(")"):
        text = text[len("CRON(") : -1]
    fields = text.split()
    if len(fields) == _FIELDS - 1:
        fields.append("*")
    return _parsed(*fields) if len(fields) == _FIELDS else None


def _parsed(*fields: str) -> Cron | None:
    minute, hour, day, month, weekday, year = fields
    minutes, hours = _values(minute, _MINUTE), _values(hour, _HOUR)
    months, years = _listed(month, _MONTH), _listed(year, _YEAR)
    if minutes is None or hours is None or months is None or years is None:
        return None
    if (day == "?") is (weekday == "?"):
        return None  # exactly one of them says "any"
    times = tuple(hour * 60 + minute for hour in hours for minute in minutes)
    if day == "LW":
        return Cron(times, ("?", months, _WEEKDAYS, years), last_weekday=True)
    days = "?" if day == "?" else _day_of_month(day)
    weekdays = "?" if weekday == "?" else _day_of_week(weekday)
    return None if days is None or weekdays is None else Cron(times, (days, months, weekdays, years))


def _day_of_month(text: str) -> str | None:
    """Read a day of the month: also `L`, `L-3` (three days before the last) and `15W` (nearest weekday)."""
    if text == "L":
        return text
    if text.startswith("L-"):
        before = _BEFORE_LAST.number(text[2:])
        return None if before is None else f"L-{before}"
    if text.endswith("W"):
        day = _DAY.number(text[:-1])
        return None if day is None else f"{day}W"
    return _listed(text, _DAY)


def _day_of_week(text: str) -> str | None:
    """Read a day of the week: also `L` (Saturday), `6L` (the month's last Friday), `6#3` (its third)."""
    if text == "L":
        return str(_WEEKDAY.most)
    if "#" in text:
        name, _, nth = text.partition("#")
        weekday, number = _WEEKDAY.number(name), _NTH.number(nth)
        return None if weekday is None or number is None else f"{weekday}#{number}"
    if text.endswith("L"):
        weekday = _WEEKDAY.number(text[:-1])
        return None if weekday is None else f"{weekday}L"
    return _listed(text, _WEEKDAY)


def _listed(text: str, field: _Field) -> str | None:
    values = _values(text, field)
    if values is None:
        return None
    return "*" if values == field.every() else ",".join(map(str, values))


def _values(text: str, field: _Field) -> tuple[int, ...] | None:
    """Read a list of values, ranges and steps: what it names, in order."""
    found: set[int] = set()
    for part in set(text.split(",")):
        values = _part(part, field)
        if values is None:
            return None
        found.update(values)
    return tuple(sorted(found))


def _part(part: str, field: _Field) -> Iterable[int] | None:
    span, slash, step = part.partition("/")
    by = 1
    if slash:
        if _NUMBER.fullmatch(step) is None or not 0 < int(step) <= field.most:
            return None
        by = int(step)
    begin, dash, end = (str(field.least), "-", str(field.most)) if span == "*" else span.partition("-")
    first = field.number(begin)
    last = field.number(end) if dash else first if not slash else field.most
    if first is None or last is None or (first > last and not field.wraps):
        return None
    size = field.most - field.least + 1
    return (field.least + (first - field.least + at) % size for at in range(0, (last - first) % size + 1, by))


@lru_cache(maxsize=2048)
def _days(
    fields: tuple[str, str, str, str], first: date, last: date, *, last_weekday: bool
) -> tuple[date, ...]:
    cron = AwsCroniter(" ".join(("0", "0", *fields)))
    # A month that has begun is asked to its end, where its last weekday lies.
    until = last + timedelta(days=31) if last_weekday else last
    begin, end = (datetime.combine(day, time(), UTC) for day in (first, until))
    days = [start.date() for start in cron.get_all_schedule_bw_dates(begin, end)]
    if last_weekday:
        days = list({(day.year, day.month): day for day in days}.values())
    return tuple(day for day in days if day <= last)
