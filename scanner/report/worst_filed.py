"""The worst of the filed findings: which they are follows from counts, so only these are read."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from typing import Final, overload

from scanner.errors import BundleError
from scanner.findings.filed import Filed
from scanner.findings.picks import Pair, first_findings, first_subjects
from scanner.model.finding import Finding
from scanner.model.finding_counts import FindingCounts
from scanner.report import overview
from scanner.report.overview import UNLISTED
from scanner.report.words import STATUS_ORDER

HEAD: Final = 50
"""Findings at the beginning of a list that are read without the rest of it."""


class _FirstFindings:
    """The first findings of some controls and statuses, read together when one of them is needed."""

    def __init__(self, filed: Filed, wanted: Mapping[Pair, int]) -> None:
        self._filed, self._wanted = filed, wanted

    def forget(self) -> None:
        """Drop what was read: it is read again when it is needed."""
        self.__dict__.pop("by_pair", None)

    @cached_property
    def by_pair(self) -> Mapping[Pair, Sequence[Finding]]:
        """Return them in filing order. BundleError: the files have changed since they were counted."""
        findings: defaultdict[Pair, list[Finding]] = defaultdict(list)
        with self._filed.database() as connection:
            for finding in first_findings(self._filed, connection, self._wanted):
                findings[finding.control, finding.status].append(finding)
        if any(len(findings[pair]) != number for pair, number in self._wanted.items()):
            raise BundleError("The filed findings changed while they were read. Run the command again.")
        return findings

    def subjects(self) -> Mapping[Pair, Sequence[tuple[str, str]]]:
        """Return subject and type of each, by control and status."""
        subjects: defaultdict[Pair, list[tuple[str, str]]] = defaultdict(list)
        with self._filed.database() as connection:
            for pair, subject, subject_type in first_subjects(connection, self._wanted):
                subjects[pair].append((subject, subject_type))
        return subjects


class Picked(Sequence[Finding]):
    """Findings that are read when they are needed. Their number is known before.

    `parts`: how many of the first findings of a control and status it has, in their order. `head`: its first
    HEAD findings, where fewer are read together than for `parts`.
    """

    def __init__(
        self, parts: Sequence[tuple[_FirstFindings, Pair, int]], head: Sequence[Finding] | None = None
    ) -> None:
        self._parts, self._head = parts, head
        self._number = sum(number for _, _, number in parts)

    def subjects(self) -> list[tuple[str, str]]:
        """Return subject and type of each finding, without reading the findings."""
        by_pair = {first: first.subjects() for first in {first for first, _, _ in self._parts}}
        return [each for first, pair, number in self._parts for each in by_pair[first][pair][:number]]

    def forget(self) -> None:
        """Drop what was read: it is read again when it is needed."""
        self.__dict__.pop("_all", None)
        if isinstance(self._head, Picked):
            self._head.forget()
        for first, _, _ in self._parts:
            first.forget()

    def __len__(self) -> int:
        return self._number

    def __iter__(self) -> Iterator[Finding]:
        for first, pair, number in self._parts:
            yield from islice(first.by_pair[pair], number)

    @overload
    def __getitem__(self, place: int) -> Finding: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[Finding, ...]: ...

    def __getitem__(self, place: int | slice) -> Finding | tuple[Finding, ...]:
        if self._head is not None and isinstance(place, slice) and 0 <= (place.stop or -1) <= HEAD:
            return tuple(self._head)[place]
        return self._all[place]

    @cached_property
    def _all(self) -> tuple[Finding, ...]:
        return tuple(self)


def pick_worst(filed: Filed, counted: FindingCounts) -> tuple[Picked, Mapping[str, Picked]]:
    """Pick the worst findings of all, and the worst of each control that are listed with it.

    Worst first, and those alike in filing order. They are read when they are needed.
    """
    numbers = _numbers(counted)
    worst = _fill(numbers.items(), overview.SHOWN)
    worst_of = {
        control: _fill(pairs, overview.SHOWN_OF_CONTROL) for control, pairs in _listed(numbers).items()
    }
    whole = _reading(filed, (worst, *worst_of.values()))
    heads = _reading(filed, (_fill(parts, HEAD) for parts in (worst, *worst_of.values())))

    def picked(parts: Sequence[tuple[Pair, int]]) -> Picked:
        head = Picked([(heads[pair], pair, number) for pair, number in _fill(parts, HEAD)])
        return Picked([(whole[pair], pair, number) for pair, number in parts], head)

    return picked(worst), {control: picked(parts) for control, parts in worst_of.items()}


def _reading(filed: Filed, picks: Iterable[Iterable[tuple[Pair, int]]]) -> Mapping[Pair, _FirstFindings]:
    """Return what reads the findings of each control and status: few queries for all of them.

    Texts of the statuses UNLISTED are not filed: they are rendered only where a reader goes that far.
    """
    wanted: Counter[Pair] = Counter()
    for parts in picks:
        for pair, number in parts:
            wanted[pair] = max(wanted[pair], number)
    listed = {pair: number for pair, number in wanted.items() if pair[1] not in UNLISTED}
    unlisted = {pair: number for pair, number in wanted.items() if pair[1] in UNLISTED}
    readings = [(_FirstFindings(filed, numbers), numbers) for numbers in (listed, unlisted)]
    return {pair: reading for reading, numbers in readings for pair in numbers}


def _numbers(counted: FindingCounts) -> Mapping[Pair, int]:
    """Return the number of findings of each control and status, the worst first."""
    numbers: Counter[Pair] = Counter()
    ranks: dict[Pair, tuple[int, int, str]] = {}
    for row in counted.controls:
        pair = (row.control, row.status)
        numbers[pair] += row.number
        ranks[pair] = (STATUS_ORDER[row.status], row.severity.rank, row.control)
    return {pair: numbers[pair] for pair in sorted(ranks, key=ranks.__getitem__)}


def _listed(numbers: Mapping[Pair, int]) -> Mapping[str, list[tuple[Pair, int]]]:
    by_control: defaultdict[str, list[tuple[Pair, int]]] = defaultdict(list)
    for pair, number in numbers.items():
        if pair[1] not in UNLISTED:
            by_control[pair[0]].append((pair, number))
    return by_control


def _fill(pairs: Iterable[tuple[Pair, int]], room: int) -> list[tuple[Pair, int]]:
    """Take findings pair by pair, as long as there is room."""
    taken = []
    for pair, number in pairs:
        if room <= 0:
            break
        taken.append((pair, min(number, room)))
        room -= number
    return taken
