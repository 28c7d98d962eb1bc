"""AWS cron expressions: their six fields, and the days on which they start (facts 4).

Source: EventBridge user guide, "Cron expressions reference", to which AWS Backup refers. This module parses
the grammar itself, in linear time, and passes plain lists to the library `aws-croniter`: the library's own
patterns backtrack without bound on a hostile list, and it refuses `LW`, a lone `L`, steps of weekdays, and
steps of years below 1970.

It is not certain that AWS refuses every text that its reference does not describe. If a field combines values
and wildcards in a way that the reference neither shows nor excludes (`L-3W`, `MON#2,TUE`), it is unknown
whether the rule ever starts (catalogue, ruling 8).
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
_SHOWN: Final = 40  # characters of a field that a message quotes
_WEEKDAYS: Final = "2,3,4,5,6"  # AWS counts from Sunday, which is 1


@dataclass(frozen=True, slots=True)
class _Field:
    """The values of one field. `names` are aliases of the numbers from `least` upwards."""

    title: str
    least: int
    most: int
    names: tuple[str, ...] = ()
    wraps: bool = True  # whether a range may wrap around: 22-2, FRI-MON

    def number(self, text: str) -> int | None:
        """Parse one value; None: it is not a value of this field."""
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

    def all_values(self) -> tuple[int, ...]:
        """Return all values of the field."""
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
    """A parsed AWS cron expression, which starts at each of its times on each of its days.

    `times`: minutes after midnight, in order, at least one. `last_weekday`: only the last weekday of each
    month counts (`LW`).
    """

    times: tuple[int, ...]
    day_fields: tuple[str, str, str, str]  # day of month, month, day of week, year, as the library reads them
    last_weekday: bool = False

    @property
    def years(self) -> tuple[int, ...]:
        """The years of the expression; empty: every year."""
        years = self.day_fields[3]
        return () if years == "*" else tuple(map(int, years.split(",")))

    def days(self, first: date, last: date) -> tuple[date, ...]:
        """Return the days on which it starts, from the first to the last date inclusive."""
        if first > last:
            return ()
        return _days(self.day_fields, first, last, last_weekday=self.last_weekday)


@dataclass(frozen=True, slots=True)
class NotCron:
    """Why a text is not an AWS cron expression.

    `refused`: AWS documents that it refuses the text, or the text is no cron expression at all. Otherwise AWS
    neither documents the form nor is known to refuse it, so whether it ever starts is unknown.
    """

    refused: bool
    because: str


class _NotCronError(Exception):
    """The expression cannot be parsed."""

    def __init__(self, because: str, *, refused: bool = True) -> None:
        super().__init__(because)
        self.reading = NotCron(refused, because)


@lru_cache(maxsize=4096)
def parse(expression: str) -> Cron | NotCron:
    """Parse an expression, with or without `cron( )` and the year, which AWS's own samples leave out."""
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
    """Return why an expression without exactly six fields is invalid. Quartz has a seventh, for seconds."""
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
    if day == "LW":  # the library refuses it: `_days` lists all weekdays and keeps the last of each month
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
    if text == "L":  # alone it is Saturday, which the library does not know
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
    """Parse one value. Raise _NotCronError if the field has no such value."""
    number = field.number(text)
    if number is None:
        raise _NotCronError(f"{_quoted(text, field)} is not one of {field.range}")
    return number


def _listed(text: str, field: _Field) -> str:
    values = _values(text, field)
    return "*" if values == field.all_values() else ",".join(map(str, values))


def _values(text: str, field: _Field) -> tuple[int, ...]:
    """Return the values that a list of values, ranges and steps names, in order."""
    values: set[int] = set()
    for part in set(text.split(",")):
        named = _part(part, field)
        if named is None:
            raise _unread(text, field)
        values.update(named)
    return tuple(sorted(values))


def _part(part: str, field: _Field) -> Iterable[int] | None:
    """Return the values of one list element (value, range or step); None: it is none of these."""
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
    """Build the error for a field that cannot be parsed.

    AWS refuses it if it contains a value that the field does not have, or an operator without an operand.
    Otherwise it combines the field's values and AWS's wildcards in a way that the reference does not show.
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
    # The last weekday is only known at the end of a month, so a month that begins is read to its end.
    until = last + timedelta(days=31) if last_weekday else last
    begin, end = (datetime.combine(day, time(), UTC) for day in (first, until))
    days = [start.date() for start in cron.get_all_schedule_bw_dates(begin, end)]
    if last_weekday:
        days = list({(day.year, day.month): day for day in days}.values())
    return tuple(day for day in days if day <= last)
