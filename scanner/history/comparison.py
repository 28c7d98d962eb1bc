"""Compares two judged scans without rendering the texts of findings that did not change.

`Since` is the earlier scan that a report compares with (`--since`), `Tally` counts its changes.

Where both scans have filed findings, the database pairs them, and pairs that pass in both are only counted.
Otherwise findings are merged one by one. Either way they come in filing order, and texts of passes are
rendered only for changes that are shown. The result is that of `compare` over complete findings.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from scanner.errors import BundleError, UsageError
from scanner.findings.filed import Filed
from scanner.findings.pairs import Pairs, check_order
from scanner.findings.schema import WITHOUT_TEXTS
from scanner.findings.texts import all_without_texts, with_texts
from scanner.history.compare import Pair, changes_of, filed, pairs_of
from scanner.history.criteria import IN_REPORT, criteria_of, notes_of, scored_controls
from scanner.history.reach import scan_reach
from scanner.history.timeline import History
from scanner.history.transition import OPEN
from scanner.model.changes import ALARMING, LISTED, Change, Changes, Former, Kind
from scanner.model.finding import Finding, Status
from scanner.model.scan import Scan, Stream
from scanner.model.timeline import FirstSeenTimes, Timeline

if TYPE_CHECKING:
    from scanner.model.finding import Severity


WORST: Final = 50
"""The most changes of one kind that are kept."""

_ONLY_COUNTED: Final = frozenset({Kind.SAME, Kind.STILL_UNKNOWN, Kind.STILL_WAIVED, Kind.NOW_KNOWN})
"""Kinds of which only the count is kept."""

_BATCH: Final = 5_000
"""Changes that are in memory while the texts of their passes are rendered."""
T = TypeVar("T")

NAMED: Final = 25
"""The most findings of one kind that a report names. The others are counted."""


class Tally:
    """Counts changes, and keeps up to `limit` of each kind and severity."""

    def __init__(self, limit: int = WORST) -> None:
        self._limit = limit
        self._counts: Counter[tuple[str, Kind]] = Counter()
        self._worst_changes: dict[tuple[Kind, int], list[Change]] = defaultdict(list)
        self._alarm: Severity | None = None
        self._totals: Counter[Status] = Counter()

    def watched(self, changes: Iterable[Change]) -> Iterator[Change]:
        """Yield changes, which come in filing order, and count them."""
        for change in changes:
            self._counts[change.finding.control, change.kind] += 1
            if change.old is not None:
                self._totals[change.old.status] += 1
            if change.kind not in _ONLY_COUNTED:
                self._keep(change)
            yield change

    def count_same(self, control: str, number: int, old: Mapping["Status", int]) -> None:
        """Count findings of a control that did not change, without iterating over them.

        `old`: how many of them the older scan has, by status.
        """
        if number:
            self._counts[control, Kind.SAME] += number
        self._totals.update({status: count for status, count in old.items() if count})

    def _keep(self, change: Change) -> None:
        changes = self._worst_changes[change.kind, change.severity.rank]
        # Findings come in filing order, so those that stay are the same on every run.
        if len(changes) < self._limit:
            changes.append(change)
        if change.kind in ALARMING:
            self._alarm = min(
                self._alarm or change.severity, change.severity, key=lambda severity: severity.rank
            )

    def changes(self, notes: tuple[str, ...]) -> Changes:
        """Return what was counted so far."""
        by_control: dict[str, dict[Kind, int]] = defaultdict(dict)
        counts: Counter[Kind] = Counter()
        for (control, kind), number in sorted(self._counts.items()):
            by_control[control][kind] = number
            counts[kind] += number
        worst, totals = self._worst(), dict(self._totals)
        return Changes(notes, dict(counts), dict(by_control), worst, self._alarm, totals)

    def _worst(self) -> dict[Kind, tuple[Change, ...]]:
        worst: dict[Kind, list[Change]] = defaultdict(list)
        # By severity, since filing order is by control.
        for kind, rank in sorted(self._worst_changes, key=lambda key: key[1]):
            worst[kind].extend(self._worst_changes[kind, rank])
        return {kind: tuple(changes[: self._limit]) for kind, changes in worst.items()}


@dataclass(frozen=True, slots=True)
class Comparison:
    """An older and a newer scan. `before`: scans older than `old`, in any order.

    Raises:
        BundleError, when changes are iterated: findings of a scan cannot be read, or are not in filing order.
    """

    old: Scan
    new: Scan
    before: tuple[Scan, ...] = ()

    def changes(self, tally: Tally) -> Iterator[Change]:
        """Yield the changes in filing order, with all their texts, and count them in `tally`."""
        # Findings that did not change are most of all, and have no texts to render.
        changed = (change for change in self._counted(tally) if change.kind is not Kind.SAME)
        for batch in _batches(changed):
            yield from self._with_texts(batch)

    def count(self, tally: Tally, notes: tuple[str, ...], kinds: Sequence[Kind] = tuple(Kind)) -> Changes:
        """Return the counts of all changes, and the worst of the given kinds with all their texts."""
        deque(self._counted(tally), maxlen=0)
        changes = tally.changes(notes)
        worst = {
            kind: tuple(self._with_texts(changes.worst[kind])) for kind in kinds if kind in changes.worst
        }
        return replace(changes, worst=worst)

    def _counted(self, tally: Tally) -> Iterator[Change]:
        old, new = self.old.findings, self.new.findings
        if isinstance(old, Filed) and isinstance(new, Filed):
            # Paired by SQL only if each file is in order: the counts of the rest rely on it.
            check_order(old, "OLD")
            check_order(new, "NEW")
            pairs = Pairs(old, new)
            seen = _Seen()
            yield from tally.watched(self._changes_of(seen.watched(pairs)))
            # After all pairs were consumed, as it counts what they left.
            seen.count_rest(pairs, tally)
        else:
            yield from tally.watched(self._changes_of(pairs_of(as_filed(old), as_filed(new))))

    def _changes_of(self, pairs: Iterable[Pair]) -> Iterator[Change]:
        earlier = [as_filed(scan.findings, tuple(OPEN)) for scan in self.before]
        judging = (criteria_of(self.old), criteria_of(self.new))
        return changes_of(self._with_absent(pairs), scan_reach(self.new), earlier, judging)

    def _with_absent(self, pairs: Iterable[Pair]) -> Iterator[Pair]:
        """Add the texts of recovery points that only OLD has: their details name the vault of each."""
        for batch in _batches(pairs):
            # Whether a recovery point was read depends on its vault, which only the details name.
            absent = [was for was, now in batch if now is None and was is not None and _is_point(was)]
            whole = iter(_texts(self.old.findings, absent))
            for was, now in batch:
                is_absent = now is None and was is not None and _is_point(was)
                yield (next(whole) if is_absent else was), now

    def _with_texts(self, changes: Sequence[Change]) -> Iterator[Change]:
        """Yield changes with the texts of both sides."""
        old = iter(_texts(self.old.findings, [side.old for side in changes if side.old is not None]))
        new = iter(_texts(self.new.findings, [side.new for side in changes if side.new is not None]))
        for change in changes:
            yield replace(
                change,
                old=None if change.old is None else next(old),
                new=None if change.new is None else next(new),
            )


class _Seen:
    """Counts of the findings in pairs that were compared, from which the number of all others follows."""

    def __init__(self) -> None:
        self._old: Counter[tuple[str, Status]] = Counter()
        self._new: Counter[tuple[str, Status]] = Counter()

    def watched(self, pairs: Iterable[Pair]) -> Iterator[Pair]:
        """Yield pairs, and count their findings."""
        for was, now in pairs:
            if was is not None:
                self._old[was.control, was.status] += 1
            if now is not None:
                self._new[now.control, now.status] += 1
            yield was, now

    def count_rest(self, pairs: Pairs, tally: Tally) -> None:
        """Count the pairs that were not compared: both sides pass or are not applicable."""
        # Counter subtraction drops what is not positive, so only uncompared findings stay.
        old, new = pairs.old - self._old, pairs.new - self._new
        for control in pairs.controls:
            rest = sum(new[control, status] for status in WITHOUT_TEXTS)
            tally.count_same(control, rest, {status: old[control, status] for status in WITHOUT_TEXTS})


def as_filed(findings: Stream[Finding], statuses: Sequence[Status] = tuple(Status)) -> Iterable[Finding]:
    """Return findings without rendering texts. `statuses`: those needed; others may be skipped."""
    return all_without_texts(findings, statuses) if isinstance(findings, Filed) else findings


def _is_point(finding: Finding) -> bool:
    return finding.subject_type == "recovery_point"


def _texts(findings: Stream[Finding], some: Sequence[Finding]) -> Sequence[Finding]:
    return with_texts(findings, some) if isinstance(findings, Filed) else some


def _batches(items: Iterable[T]) -> Iterator[list[T]]:
    remaining = iter(items)
    while batch := list(islice(remaining, _BATCH)):
        yield batch


@dataclass(frozen=True, slots=True)
class Since:
    """An earlier scan, which is in `folder`, and others before it.

    `history`: the series of scans up to `old`. `problem`: why the stored times when its findings were first
    seen cannot be continued; None: they can, or there are none.
    """

    folder: Path
    old: Scan
    before: tuple[Scan, ...] = ()
    history: History = field(default_factory=History)
    problem: BundleError | None = None

    def check(self) -> None:
        """Check the order of the findings of these scans, to report errors before anything is written.

        Raises:
            BundleError: they cannot be read, are not in filing order, or one is filed twice.
        """
        for scan in (self.old, *self.before):
            option = "--since" if scan is self.old else "--before"
            if isinstance(scan.findings, Filed):
                check_order(scan.findings, option)
            else:
                # Consumed for its errors alone.
                deque(filed(scan.findings, option), maxlen=0)

    def check_is_not(self, folder: Path) -> None:
        """Raise UsageError if this is the earlier scan's folder: a scan would be compared with itself."""
        if folder.resolve() == self.folder.resolve():
            raise UsageError(f"--since {self.folder} is the scan itself: name the folder of an earlier one.")

    def changes(self, now: Scan) -> Changes:
        """Return how findings changed; at most NAMED of each kind in LISTED. BundleError as in `check`."""
        comparison = Comparison(self.old, now, self.before)
        changes = comparison.count(Tally(NAMED), notes_of(self.old, now, IN_REPORT), LISTED)
        return replace(changes, former=_former(self.old, now))

    def series(self, now: Scan) -> tuple[Timeline, FirstSeenTimes] | None:
        """Return the series with a scan, and when its findings were first seen; None: it cannot follow.

        BundleError: as `check`.
        """
        return self.history.until(now)


def _former(scan: Scan, now: Scan) -> Former:
    manifest, assessment = scan.manifest, scan.assessment
    return Former(
        scan_id=manifest.scan_id,
        evaluated_as_of=manifest.evaluated_as_of,
        score=None if assessment is None else assessment.score.total.score,
        has_same_controls=scored_controls(scan) == scored_controls(now),
    )
