"""The tags of resources, looked up for findings in filing order with bounded memory."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from scanner.model.finding import Finding
from scanner.model.scan import Row, Stream
from scanner.report.view.overview import STRUCTURES
from scanner.storage.scratch import Spool

UNKNOWN: Final = "unknown"
"""The tags of a resource if they were not read. `{}`: it has none."""

HELD: Final = 50_000
"""Number of resources whose tags are in memory; more are read again from a temporary file."""

Place = tuple[str, str]
"""An account and a Region."""


@contextmanager
def tags_by_finding(
    resources: Stream[Row] | None, cell: Callable[[Row], str]
) -> Iterator[Callable[[Finding], str]]:
    """Yield a function that returns the tags of a finding's subject; empty: it is no resource.

    `cell`: returns the tags of a row of the inventory. `resources` None: the tags are not known.
    """
    with Spool() as spool:
        if resources is not None:
            # By account-Region: findings of a control come in this order, so each is read once per control.
            spool.put((f"{row['account']}/{row['region']}", [row["subject"], cell(row)]) for row in resources)
        yield _Tags(spool).of


class _Tags:
    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._places: dict[Place, dict[str, str]] = {}
        self._held = 0

    def of(self, finding: Finding) -> str:
        if finding.subject_type in STRUCTURES:
            return ""
        place = (finding.account, finding.region)
        tags = self._places.get(place)
        if tags is None:
            tags = self._read(place)
        return tags.get(finding.subject, UNKNOWN)

    def _read(self, place: Place) -> dict[str, str]:
        tags: dict[str, str] = dict(self._spool.of("/".join(place)))
        self._held += len(tags)
        if self._held > HELD:
            self._places.clear()
            self._held = len(tags)
        self._places[place] = tags
        return tags
