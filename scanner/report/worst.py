"""The worst findings of a stream: as many as pages can hold, in the order in which they should be read."""

from collections.abc import Iterable, Iterator

from scanner.model.finding import Finding
from scanner.report.words import STATUS_ORDER

_Rank = tuple[int, int]


def rank(finding: Finding) -> _Rank:
    """Order findings by status, then by severity: less is worse."""
    return STATUS_ORDER[finding.status], finding.severity.rank


class Worst:
    """Keeps the worst `limit` findings of all that are added. Equals stand as they came."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._by_rank: dict[_Rank, list[Finding]] = {}
        self._size = 0

    def add(self, finding: Finding) -> None:
        """Take a finding that is worse than one of those kept, or for which there is room."""
        place = rank(finding)
        if self._size >= self._limit:
            least = max(self._by_rank, default=place)
            if place >= least:
                return
            self._drop(least)
        self._by_rank.setdefault(place, []).append(finding)
        self._size += 1

    def _drop(self, place: _Rank) -> None:
        kept = self._by_rank[place]
        kept.pop()
        self._size -= 1
        if not kept:
            del self._by_rank[place]

    def __iter__(self) -> Iterator[Finding]:
        """Give them, worst first."""
        for place in sorted(self._by_rank):
            yield from self._by_rank[place]


def worst(findings: Iterable[Finding], limit: int) -> tuple[Finding, ...]:
    """Give the worst `limit` findings, worst first."""
    kept = Worst(limit)
    for finding in findings:
        kept.add(finding)
    return tuple(kept)
