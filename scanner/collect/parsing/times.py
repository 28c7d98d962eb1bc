"""Times of answers, written as the evidence writes them: `2026-11-22T18:00:00.123Z`.

A time is only ever recorded, so making a datetime of it, to be written as text again, would be work for
nothing: it was half the cost of a page.
"""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from botocore.utils import parse_timestamp

from scanner.evidence.writer import rfc3339

_SECONDS: Final = tuple(f"{second:02d}." for second in range(60))
_MILLISECONDS: Final = tuple(f"{thousandth:03d}Z" for thousandth in range(1000))
_MILLION: Final = 1_000_000
_SURE: Final = 0.25
"""How far from a whole number of microseconds a product may be for its rounding to be beyond doubt."""
_LAST: Final = (1 << 52) // _MILLION
"""Up to this second, in 2112, a product is at most a quarter of a microsecond off: half of its last digit."""

_OURS: Final = len("2026-11-22T18:00:00.123Z")
_MARKS: Final = "--T::."
_ISO: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)?", re.ASCII)


def instant(value: Any) -> str:  # noqa: ANN401 -- whatever a body holds
    """Write a time as AWS sends it: seconds since 1970, ISO 8601 or RFC 822.

    The text is that of `rfc3339(botocore.utils.parse_timestamp(value))`, and so are the errors:
    ValueError, RuntimeError.
    """
    kind = type(value)
    if kind is str:
        return _of_text(value)
    if (kind is float or kind is int) and 0 <= value < _LAST:
        scaled = value * _MILLION
        microseconds: int = round(scaled)
        if -_SURE < scaled - microseconds < _SURE:  # else the multiplication may have decided the rounding
            seconds, microseconds = divmod(microseconds, _MILLION)
            minute, second = divmod(seconds, 60)
            return _minute(minute) + _SECONDS[second] + _MILLISECONDS[microseconds // 1000]
    return _as_botocore_reads(value)


@lru_cache(maxsize=16_384)
def _minute(number: int) -> str:
    return datetime.fromtimestamp(number * 60, UTC).strftime("%Y-%m-%dT%H:%M:")


def _of_text(value: str) -> str:
    # "20261122" is a number of seconds to botocore, and a date to Python: only what has our form is ours.
    if len(value) == _OURS and value[4:20:3] == _MARKS and value[23] == "Z":
        try:
            datetime.fromisoformat(value)
        except ValueError:
            return _as_botocore_reads(value)
        return value
    if _ISO.fullmatch(value):
        try:
            return rfc3339(datetime.fromisoformat(value))
        except ValueError:
            pass
    return _as_botocore_reads(value)


def _as_botocore_reads(value: Any) -> str:  # noqa: ANN401 -- as above
    return rfc3339(parse_timestamp(value))
