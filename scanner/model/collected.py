"""What a scan collects, where it does not collect everything."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from scanner.model.reading import LEFT_OUT, Gap, GapKind

_NAMED: Final = 3
"""Controls that a sentence names at most."""


class CollectMode(StrEnum):
    """How much a scan collects."""

    ALL = "all"
    NEEDED = "needed"


@dataclass(frozen=True, slots=True)
class CollectedReads:
    """What a scan collects that does not collect everything: what these controls and formats need.

    `controls` and `formats` are those of the scan, `operations` (`service:Operation`, sorted) the only ones
    that it calls. What another operation would have answered is not known.
    """

    controls: tuple[str, ...]
    formats: tuple[str, ...]
    operations: tuple[str, ...]

    def has(self, operation: str) -> bool:
        """Return whether the scan calls an operation."""
        return operation in self.operations

    def sentence(self) -> str:
        """Return the limitation of a report of such a scan."""
        named = ", ".join(self.controls[:_NAMED])
        more = len(self.controls) - _NAMED
        some = f"{named} and {more} more" if more > 0 else named
        return (
            f"The scan collected only what its controls need ({some}). What it left out is not known: a "
            "table of the inventory may be empty for this reason, although there is something. To collect "
            "everything, scan with --collect all."
        )


def is_collected(operation: str, reads: CollectedReads | None) -> bool:
    """Return whether a scan calls an operation. `reads` None: it collects everything."""
    return reads is None or reads.has(operation)


def named_left_out(gap: Gap, reads: CollectedReads | None) -> Gap:
    """Return a gap with the code LEFT_OUT, where nobody made the call because the scan left it out."""
    is_left_out = gap.kind is GapKind.NEVER_ASKED and not is_collected(gap.operation, reads)
    return replace(gap, code=LEFT_OUT) if is_left_out and not gap.code else gap
