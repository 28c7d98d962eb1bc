"""Counts of changes, and the worst changes of each kind."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from scanner.model.changes import ALARMING, Change, Changes, Kind

if TYPE_CHECKING:
    from scanner.model.finding import Severity, Status

WORST: Final = 50
"""The most changes of one kind that are kept."""

_ONLY_COUNTED: Final = frozenset({Kind.SAME, Kind.STILL_UNKNOWN, Kind.STILL_WAIVED, Kind.NOW_KNOWN})
"""Kinds of which only the count is kept."""


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
        for kind, rank in sorted(self._worst_changes, key=lambda key: key[1]):
            worst[kind].extend(self._worst_changes[kind, rank])
        return {kind: tuple(changes[: self._limit]) for kind, changes in worst.items()}
