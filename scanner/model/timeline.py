"""A series of scans over time: when findings were first seen, and how the totals developed."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from scanner.model.finding import Severity, Status

_DIGEST: Final = 32
"""Bytes of a fingerprint, a SHA-256."""


@dataclass(frozen=True, slots=True, order=True)
class FirstSeen:
    """When a finding was first seen open without interruption, in the scans that were given.

    Of a failing finding: the first scan in which it fails; of an unknown one that has not failed: the first
    in which it is unknown. `may_be_older`: nothing shows that it was not open before, since this is the first
    scan, or it was unknown in the scan before. `unknown_scans`: scans since then in which it was unknown.
    """

    at: datetime
    may_be_older: bool = False
    unknown_scans: int = 0


class FirstSeenTimes:
    """When each open finding of a scan was first seen, by fingerprint: 36 bytes for each."""

    __slots__ = ("_keys", "_numbers", "_values")

    def __init__(self, times: Iterable[tuple[str, FirstSeen]] = ()) -> None:
        """Use these fingerprints, which are in ascending order. ValueError: they are not."""
        keys, numbers, values = bytearray(), array("L"), dict[FirstSeen, int]()
        last = b""
        for fingerprint, first_seen in times:
            key = bytes.fromhex(fingerprint)
            if len(key) != _DIGEST or key <= last:
                raise ValueError(f"the fingerprint {fingerprint[:80]} is no SHA-256, or out of order")
            keys += key
            numbers.append(values.setdefault(first_seen, len(values)))
            last = key
        self._keys, self._numbers, self._values = bytes(keys), numbers, tuple(values)

    def get(self, fingerprint: str) -> FirstSeen | None:
        """Return when a finding was first seen; None: it is not open, or was not compared."""
        key = bytes.fromhex(fingerprint)
        place = bisect_left(range(len(self)), key, key=self._key)
        is_there = place < len(self) and self._key(place) == key
        return self._values[self._numbers[place]] if is_there else None

    def _key(self, place: int) -> bytes:
        return self._keys[place * _DIGEST : (place + 1) * _DIGEST]

    def __iter__(self) -> Iterator[tuple[str, FirstSeen]]:
        """Iterate over fingerprints, in ascending order, with their times."""
        for place, number in enumerate(self._numbers):
            yield self._key(place).hex(), self._values[number]

    def __len__(self) -> int:
        """Return the number of findings."""
        return len(self._numbers)

    def __eq__(self, value: object, /) -> bool:
        """Check whether both have the same times."""
        return isinstance(value, FirstSeenTimes) and list(self) == list(value)

    __hash__ = None  # type: ignore[assignment] # as every class that compares its contents


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendPoint:
    """The totals of one scan of a series.

    `failed`: failures by severity, without waived ones. `score`: 0 to 100; None: none. `tool`: the version
    that judged. `differences`: why its totals are not comparable with those of the point before; empty: they
    are. `notes`: what else differs. `fixed`: the failures of earlier scans that this one shows as passing;
    `fix_days`: the median number of days that they had been failing; None: none was fixed.
    """

    scan_id: str
    evaluated_as_of: datetime
    failed: Mapping[Severity, int]
    totals: Mapping[Status, int]
    score: float | None
    tool: str = ""
    differences: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    fixed: int = 0
    fix_days: float | None = None

    @property
    def unknown(self) -> int:
        """The checks that could not be evaluated."""
        return self.totals.get(Status.UNKNOWN, 0) + self.totals.get(Status.ERROR, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class FixTimes:
    """How long failures of one severity (None: of any) were open, in the scans of a series.

    `fixed`: they failed, and a later scan shows them as passing; `median_days`: half of these were open no
    longer. `open`: they fail in the last scan, for `open_days` in the median. `ended`: they ended without a
    fix, or are unknown now. `at_least`: of all, those that already failed in the first scan, or were unknown
    in the scan before, so that they may be older. `half_days`: the days after which half of all failures are
    fixed, by Kaplan and Meier's estimate, in which those that were not fixed count until they were last seen;
    None: fewer than half.
    """

    severity: Severity | None
    fixed: int
    median_days: float | None
    open: int
    open_days: float | None
    ended: int
    at_least: int
    half_days: float | None


@dataclass(frozen=True, slots=True)
class Timeline:
    """A series of scans, oldest first; the last point is the scan itself.

    `fix_times`: of all failures, then by severity, worst first. `notes`: the scans that were left out.
    """

    points: tuple[TrendPoint, ...]
    fix_times: tuple[FixTimes, ...] = ()
    notes: tuple[str, ...] = field(default=())
