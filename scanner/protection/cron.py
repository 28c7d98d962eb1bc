"""AWS cron expressions: what their six fields name, and on which days they fall (facts 4).

Source: EventBridge user guide, "Cron expressions reference", to which AWS Backup refers. The grammar is read
here, in time linear in the text, and the library `aws-croniter` is given plain lists: of a hostile list its
own patterns try every way to split it. It also refuses `LW`, a lone `L` and steps of weekdays, and steps of
years below 1970.

Not every text that is no expression is refused by AWS for certain. What is put together of values and
wildcards in a way that the reference neither shows nor excludes (`L-3W`, `MON#2,TUE`) is not known to start,
and not known never to start (catalogue, ruling 8).
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
_OPERATOR: Final = re.compile(r"([,/#-])")
_OPERAND: Final = re.compile(r"(?P<value>[0-9]{1,4}|[A-Z]{3}|[L*?])[LW]*")
_SHOWN: Final = 40  # characters of a field that a message repeats
_WEEKDAYS: Final = "2,3,4,5,6"  # AWS counts from Sunday, which is 1


@dataclass(frozen=True, slots=True)
class _Field:
    """What one field may name. `names` stand for the numbers from `least` on."""

    title: str
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

    @property
    def range(self) -> str:
        """The values, as the reference writes them."""
        names = f" or {self.names[0]} to {self.names[-1]}" if self.names else ""
        return f"{self.least} to {self.most}{names}"

    def every(self) -> tuple[int, ...]:
        """Give all values."""
        return tuple(range(self.least, self.most + 1))


_MINUTE: Final = _Field("minute", 0, 59)
_HOUR: Final = _Field("hour", 0, 23)
_DAY: Final = _Field("day of month", 1, 31)
_BEFORE_LAST: Final = _Field("number of days before the last of the month", 1, 30)
_MONTH: Final = _Field(
    "month", 1, 12, ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
)
_WEEKDAY: Final = _Field("day of week", 1, 7, ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"))
_NTH: Final = _Field("number of the weekday in its month", 1, 5)
_YEAR: Final = _Field("year", 1970, 2199, wraps=False)


@dataclass(frozen=True, slots=True)
class Cron:
    """An AWS cron expression. It starts at each of its times on each of its days.

    `times`: minutes after midnight, in order, at least one. `last_weekday`: of the days of a month only the
    last counts (`LW`).
    """

    times: tuple[int, ...]
    day_fields: tuple[str, str, str, str]  # day of month, month, day of week, year, as the library reads them
    last_weekday: bool = False

    @property
    def years(self) -> tuple[int, ...]:
        """The years that it names; empty: every year."""
        years = self.day_fields[3]
        return () if years == "*" else tuple(map(int, years.split(",")))

    def days(self, first: date, last: date) -> tuple[date, ...]:
        """Return its days from the first to the last of these, both included."""
        if first > last:
            return ()
        return _days(self.day_fields, first, last, last_weekday=self.last_weekday)


@dataclass(frozen=True, slots=True)
class NotCron:
    """A text that is not read as an AWS cron expression, and why.

    `refused`: AWS documents that it refuses it, or it is not a cron expression at all. Else AWS does neither
    document the form nor is known to refuse it, and whether it ever starts is not known.
    """

    refused: bool
    because: str


class _NotCronError(Exception):
    """What keeps an expression from being read."""

    def __init__(self, because: str, *, refused: bool = True) -> None:
        super().__init__(because)
        self.reading = NotCron(refused, because)


@lru_cache(maxsize=4096)
def parse(expression: str) -> Cron | NotCron:
    """Parse an expression, leniently: AWS's own samples leave out `cron( )`, or the year."""
    text = expression.strip()
    if len(text) > _LONGEST or not text.isascii():
        return NotCron(refused=True, because="it is not a cron expression")
    text = text.upper()
    if text.startswith("CRON(") and text.endswith(")"):
        text = text[len("CRON(") : -1]
    fields = text.split()
    if len(fields) == _FIELDS - 1:
        fields.append("*")
    try:
        return _parsed(*fields) if len(fields) == _FIELDS else _of_another_length(fields)
    except _NotCronError as error:
        return error.reading


def _of_another_length(fields: list[str]) -> NotCron:
    """Return why an expression that has not six fields is none. Quartz has a seventh, for seconds."""
    if len(fields) == _FIELDS + 1 and all(map(_is_built_of_wildcards, fields)):
        return NotCron(
            refused=False, because="AWS neither documents a seventh field nor is known to refuse it"
        )
    return NotCron(refused=True, because="it is not a cron expression with six fields")


def _is_built_of_wildcards(text: str) -> bool:
    values = {"L", "*", "?", *_MONTH.names, *_WEEKDAY.names}
    operands = map(_OPERAND.fullmatch, _OPERATOR.split(text)[::2])
    return all(match and (match["value"].isdigit() or match["value"] in values) for match in operands)


def _parsed(*fields: str) -> Cron:
    minute, hour, day, month, weekday, year = fields
    minutes, hours = _values(minute, _MINUTE), _values(hour, _HOUR)
    months, years = _listed(month, _MONTH), _listed(year, _YEAR)
    if (day == "?") is (weekday == "?"):
        raise _NotCronError("exactly one of its two day fields must be ?")
    times = tuple(hour * 60 + minute for hour in hours for minute in minutes)
    if day == "LW":
        return Cron(times, ("?", months, _WEEKDAYS, years), last_weekday=True)
    days = "?" if day == "?" else _day_of_month(day)
    weekdays = "?" if weekday == "?" else _day_of_week(weekday)
    return Cron(times, (days, months, weekdays, years))


def _day_of_month(text: str) -> str:
    """Parse a day of the month: also `L`, `L-3` (three days before the last) and `15W` (nearest weekday)."""
    if text == "L":
        return text
    if text.startswith("L-") and _NUMBER.fullmatch(text[2:]) and int(text[2:]):
        return f"L-{_number(text[2:], _BEFORE_LAST)}"
    if text.endswith("W") and _NUMBER.fullmatch(text[:-1]):
        return f"{_number(text[:-1], _DAY)}W"
    return _listed(text, _DAY)


def _day_of_week(text: str) -> str:
    """Parse a day of the week: also `L` (Saturday), `6L` (the month's last Friday), `6#3` (its third).

    AWS takes one `#` expression: "3#1,6#3" is not valid (the reference's note).
    """
    if text == "L":
        return str(_WEEKDAY.most)
    parts = text.split(",")
    if len(parts) > 1 and all("#" in part for part in parts):
        raise _NotCronError(f"{_quoted(text, _WEEKDAY)} has more than one # expression")
    name, sharp, nth = text.partition("#")
    if sharp and _is_value(name, _WEEKDAY) and _NUMBER.fullmatch(nth):
        return f"{_number(name, _WEEKDAY)}#{_number(nth, _NTH)}"
    if text.endswith("L") and _is_value(text[:-1], _WEEKDAY):
        return f"{_number(text[:-1], _WEEKDAY)}L"
    return _listed(text, _WEEKDAY)


def _quoted(text: str, field: _Field) -> str:
    return f'its {field.title} "{text if len(text) <= _SHOWN else text[:_SHOWN] + "..."}"'


def _is_value(text: str, field: _Field) -> bool:
    return text in field.names or _NUMBER.fullmatch(text) is not None


def _number(text: str, field: _Field) -> int:
    """Return one value. _NotCronError: it is none of this field."""
    number = field.number(text)
    if number is None:
        raise _NotCronError(f"{_quoted(text, field)} is not one of {field.range}")
    return number


def _listed(text: str, field: _Field) -> str:
    values = _values(text, field)
    return "*" if values == field.every() else ",".join(map(str, values))


def _values(text: str, field: _Field) -> tuple[int, ...]:
    """Return what a list of values, ranges and steps names, in order."""
    values: set[int] = set()
    for part in set(text.split(",")):
        named = _part(part, field)
        if named is None:
            raise _unread(text, field)
        values.update(named)
    return tuple(sorted(values))


def _part(part: str, field: _Field) -> Iterable[int] | None:
    """Return what a value, a range or a step names; None: it is none of these."""
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


def _unread(text: str, field: _Field) -> _NotCronError:
    """Return why a field cannot be read.

    It is refused where a value is none of the field's, or an operator has nothing to work on. Else it is
    made of the field's values and AWS's wildcards, in a way that the reference does not show.
    """
    first, *rest = _OPERATOR.split(text)
    operands = [(first, ""), *zip(rest[1::2], rest[::2], strict=True)]
    if not all(_is_operand(operand, operator, field) for operand, operator in operands):
        return _NotCronError(f"{_quoted(text, field)} has a part that is not one of {field.range}")
    if not field.wraps and not set(text) - set("0123456789-,"):
        return _NotCronError(f"{_quoted(text, field)} runs backwards")
    because = f"AWS neither documents {_quoted(text, field)} nor is known to refuse it"
    return _NotCronError(because, refused=False)


def _is_operand(text: str, operator: str, field: _Field) -> bool:
    match = _OPERAND.fullmatch(text)
    if match is None:
        return False
    value = match["value"]
    if operator == "/":
        return value.isdigit() and int(value) > 0
    if operator == "#":
        return _NTH.number(value) is not None
    return value in ("L", "*", "?") or field.number(value) is not None


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
