"""Notes taken while a row is built: why a column is NULL, and the evidence of each column."""

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache

from scanner.model.facts import NotKnown, Reference
from scanner.model.known import EvidenceRef, Gap, GapKind
from scanner.model.text import sentence


class Notes:
    """The notes of one row. `needed` collects the gaps that leave something in it unknown."""

    def __init__(self) -> None:
        # Dicts instead of lists: the same gap is noted for many columns, and order must not depend on
        # hashing.
        self._not_known: dict[NotKnown, None] = {}
        self._references: dict[Reference, None] = {}
        self._shared: tuple[Reference, ...] = ()
        self._needed: dict[Gap, None] = {}

    def unknown(self, column: str, because: str, gap: Gap | None = None) -> None:
        """Note why a column is NULL, or a list in it incomplete, and the missing read if there is one."""
        text = sentence(because)
        if gap is None:
            self._not_known[NotKnown(column, text)] = None
            return
        # What the scope excludes was never to be read, so it is no missing read to report.
        if gap.kind is not GapKind.OUT_OF_SCOPE:
            self._needed[gap] = None
            text = f"{text.rstrip('.')}: {gap.sentence()}" if text else gap.sentence()
        place = (gap.operation, gap.about, gap.account, gap.region)
        note = NotKnown(column, text or gap.sentence(), *place, gap.kind.value, gap.code)
        self._not_known[note] = None

    def evidence(self, column: str, refs: Iterable[EvidenceRef]) -> None:
        """Note the evidence lines of a column; an empty column: of the whole row."""
        for ref in refs:
            self._references[Reference(column, ref.file, ref.line)] = None

    def share(self, references: tuple[Reference, ...]) -> None:
        """Add references that many rows share, for columns without other references."""
        self._shared += references

    @property
    def not_known(self) -> tuple[NotKnown, ...]:
        """The notes on what is not known."""
        return tuple(self._not_known)

    @property
    def references(self) -> tuple[Reference, ...]:
        """The notes on evidence."""
        return (*self._references, *self._shared)

    @property
    def needed(self) -> tuple[Gap, ...]:
        """The missing reads that leave something in the row unknown."""
        return tuple(self._needed)


def local_text(moment: datetime | None) -> str:
    """Return a local time to the minute, without a zone; empty: there is none."""
    return "" if moment is None else moment.replace(tzinfo=None).isoformat(timespec="minutes")


@lru_cache(maxsize=4096)  # the date of a recovery point occurs in several rows
def instant_text(instant: datetime | None) -> str | None:
    """Return a time as RFC 3339 in UTC, to the second."""
    if instant is None:
        return None
    return instant.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
