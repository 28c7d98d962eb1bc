"""The counts and the worst findings for a view, by a few queries on findings in Parquet."""

from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from typing import Final, TypeVar, overload

from scanner.errors import BundleError
from scanner.findings.counts import counts, counts_of_places, first_owners
from scanner.findings.filed import Connection, Filed
from scanner.findings.picks import (
    Pair,
    draw,
    filed_details,
    first_findings,
    first_of_causes,
    first_subjects,
    whole_findings_of,
)
from scanner.model.finding import ControlCount, Finding, FindingCounts, GroupCount, Status
from scanner.model.root_causes import RootCause
from scanner.model.scan import Scan, Stream
from scanner.report.view import overview
from scanner.report.view.audit_manager import FrameworkCounter
from scanner.report.view.completeness import BLINDING_CONTROL, BlindGap, Blinding
from scanner.report.view.counts import Counts, Tally, total
from scanner.report.view.decisions import MOST, ByOwner, OwnerGroup
from scanner.report.view.overview import STRUCTURES, UNLISTED, Overview, in_order_of_expiry
from scanner.report.view.sample import JUDGED, SIZE, Sample, seed_of
from scanner.report.wording import STATUS_ORDER

K = TypeVar("K", bound=Hashable)

HEAD: Final = 50
"""Number of findings at the beginning of a list that can be read without the rest."""


def overview_of_filed(scan: Scan, filed: Filed) -> Overview:
    """Return the overview of filed findings, by queries. The worst findings are read on first use.

    Raises:
        BundleError: the files cannot be read.
    """
    with filed.database() as connection:
        counted = counts(filed, connection)
        by_control = _tally((row.control, row) for row in counted.controls)
        worst, worst_of = pick_worst(filed, counted)
        return Overview(
            counts=total(by_control.values()),
            controls=by_control,
            accounts=_groups(counted.accounts),
            regions=_groups(counted.regions),
            types=_groups(counted.types),
            severities=_tally((row.severity, row) for row in counted.controls),
            owners=_owners(connection, counted),
            worst=worst,
            worst_of=worst_of,
            sample=_sample(scan, filed, counted),
            waivers=in_order_of_expiry(counted.waivers),
            asked_resources=_most_resources(counted),
            gaps=_gaps(scan, connection),
            framework_counts=_framework_counts(scan, connection),
        )


def findings_of_subjects(
    findings: Stream[Finding], subjects: Sequence[str], without: Collection[Status] = ()
) -> Iterable[Finding]:
    """Return the findings of some subjects, in filing order. `without`: statuses that may be left out."""
    if isinstance(findings, Filed):
        # Without passes, the query reads much less than all lines.
        if not without and (lines := findings.of_subjects(subjects)) is not None:
            return lines
        with findings.database() as connection:
            return whole_findings_of(findings, connection, subjects, without)
    wanted = frozenset(subjects)
    return (finding for finding in findings if finding.subject in wanted)


def failures_of_causes(
    findings: Stream[Finding], worst: Sequence[Finding], causes: Sequence[RootCause], number: int
) -> Iterable[Finding]:
    """Return failures among the worst findings, worst first: at least the first `number` of each cause."""
    if isinstance(findings, Filed) and isinstance(worst, Picked):
        # By a query: reading thousands of findings for some examples would take most of a small format.
        with findings.database() as connection:
            return first_of_causes(findings, connection, worst.numbers((Status.FAIL,)), causes, number)
    return (finding for finding in worst if finding.status is Status.FAIL)


def _tally(rows: Iterable[tuple[K, ControlCount]]) -> dict[K, Counts]:
    tally: Tally[K] = Tally()
    for key, row in rows:
        tally.add(key, row.status, row.number)
    return tally.counts()


def _groups(rows: Iterable[GroupCount]) -> dict[str, Counts]:
    tally: Tally[str] = Tally()
    for row in rows:
        # Some subjects have no Region or account of their own.
        if row.key is not None:
            tally.add(row.key, row.status, row.number)
    return tally.counts()


def _owners(connection: Connection, counted: FindingCounts) -> tuple[OwnerGroup, ...]:
    named = {row.name for row in counted.owners if row.name}
    # The same owners as in a pass in filing order, although queries return them in another one.
    by_owner = ByOwner(first_owners(connection, MOST) if len(named) > MOST else ())
    for row in counted.owners:
        by_owner.count(row.name, row.status, row.number)
    return by_owner.groups()


def _most_resources(counted: FindingCounts) -> int:
    resources: Counter[str] = Counter()
    for row in counted.controls:
        if row.subject_type not in STRUCTURES:
            resources[row.control] += row.number
    return max(resources.values(), default=0)


def _sample(scan: Scan, filed: Filed, counted: FindingCounts) -> Sample:
    seed = seed_of(scan.manifest)
    number = sum(row.number for row in counted.controls if row.status in JUDGED)
    return Sample(seed, number, _Drawn(filed, seed, min(number, SIZE)))


def _gaps(scan: Scan, connection: Connection) -> tuple[BlindGap, ...]:
    """Return the missing reads with the controls that each affects.

    The control that reports them passes or does not apply only if no read is missing: such details are not
    needed.
    """
    blinding = Blinding()
    # Without gaps there is nothing to explain, and the details need not be read.
    if scan.gaps:
        for account, region, details in filed_details(connection, BLINDING_CONTROL):
            blinding.read(account, region, details)
    return blinding.of(scan.gaps)


def _framework_counts(scan: Scan, connection: Connection) -> Mapping[tuple[str, str, str], Counts]:
    counter = FrameworkCounter(scan.frameworks)
    if counter.places:
        for row in counts_of_places(connection, counter.places):
            counter.count(*row)
    return counter.counts()


class _Drawn(Sequence[Finding]):
    """The findings of a sample, read on first use: few formats show them, and their texts are rendered."""

    def __init__(self, filed: Filed, seed: str, number: int) -> None:
        self._filed, self._seed, self._number = filed, seed, number

    def __len__(self) -> int:
        return self._number

    @overload
    def __getitem__(self, place: int) -> Finding: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[Finding, ...]: ...

    def __getitem__(self, place: int | slice) -> Finding | tuple[Finding, ...]:
        return self._findings[place]

    def __eq__(self, value: object, /) -> bool:
        return isinstance(value, Sequence) and tuple(self) == tuple(value)

    __hash__ = None  # type: ignore[assignment]  # equal to tuples, whose hash would need all findings

    @cached_property
    def _findings(self) -> tuple[Finding, ...]:
        """Read them. BundleError: the files have changed since they were counted."""
        with self._filed.database() as connection:
            findings = tuple(draw(self._filed, connection, self._seed, JUDGED, SIZE))
        if len(findings) != self._number:
            raise BundleError(_CHANGED)
        return findings


_CHANGED: Final = "The filed findings changed while they were read. Run the command again."


class _FirstFindings:
    """The first findings of some controls and statuses, all read when one of them is needed."""

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
        # Another evaluation may have replaced the files since they were counted.
        if any(len(findings[pair]) != number for pair, number in self._wanted.items()):
            raise BundleError(_CHANGED)
        return findings

    def subjects(self) -> Mapping[Pair, Sequence[tuple[str, str]]]:
        """Return subject and type of each, by control and status."""
        subjects: defaultdict[Pair, list[tuple[str, str]]] = defaultdict(list)
        with self._filed.database() as connection:
            for pair, subject, subject_type in first_subjects(connection, self._wanted):
                subjects[pair].append((subject, subject_type))
        return subjects


class Picked(Sequence[Finding]):
    """Findings that are read on first use. Their number is known before.

    `parts`: the number of first findings of each control and status, in order. `head`: the first HEAD
    findings, read separately because that reads fewer than `parts` does.
    """

    def __init__(
        self, parts: Sequence[tuple[_FirstFindings, Pair, int]], head: Sequence[Finding] | None = None
    ) -> None:
        self._parts, self._head = parts, head
        self._number = sum(number for _, _, number in parts)

    def subjects(self) -> list[tuple[str, str]]:
        """Return subject and type of each finding, without reading the findings."""
        by_pair = {first: first.subjects() for first in {first for first, _, _ in self._parts}}
        return [subject for first, pair, number in self._parts for subject in by_pair[first][pair][:number]]

    def having(self, statuses: Collection[Status]) -> "Picked":
        """Return the findings with one of these statuses; the others are not read."""
        return Picked([part for part in self._parts if part[1][1] in statuses])

    def numbers(self, statuses: Collection[Status]) -> Mapping[Pair, int]:
        """Return the number of findings with one of these statuses by control and status, in order."""
        return {pair: number for _, pair, number in self._parts if pair[1] in statuses}

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
    """Return the worst findings of all controls, and the worst listed findings of each control.

    The worst come first, equally bad ones in filing order. They are read on first use.
    """
    numbers = _numbers(counted)
    worst = _fill(numbers.items(), overview.SHOWN)
    worst_of = {
        control: _fill(pairs, overview.SHOWN_OF_CONTROL) for control, pairs in _listed(numbers).items()
    }
    whole = _reading(filed, (worst, *worst_of.values()))
    # Pages without a script show few rows, so most commands never read the rest.
    heads = _reading(filed, (_fill(parts, HEAD) for parts in (worst, *worst_of.values())))

    def picked(parts: Sequence[tuple[Pair, int]]) -> Picked:
        head = Picked([(heads[pair], pair, number) for pair, number in _fill(parts, HEAD)])
        return Picked([(whole[pair], pair, number) for pair, number in parts], head)

    return picked(worst), {control: picked(parts) for control, parts in worst_of.items()}


def _reading(filed: Filed, picks: Iterable[Iterable[tuple[Pair, int]]]) -> Mapping[Pair, _FirstFindings]:
    """Return the readers of the findings of each control and status, which use few queries for all of them.

    Texts of the statuses UNLISTED are not in Parquet: they are rendered only when such findings are needed.
    """
    wanted: Counter[Pair] = Counter()
    for parts in picks:
        for pair, number in parts:
            # One query for the largest number serves all lists that share the pair.
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
    """Return how many findings to take from each pair, as long as there is room."""
    taken = []
    for pair, number in pairs:
        if room <= 0:
            break
        taken.append((pair, min(number, room)))
        # May fall below zero, which only means that there is no room.
        room -= number
    return taken
