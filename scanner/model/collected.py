"""What a scan collects when it does not collect everything."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from scanner.model.known import LEFT_OUT, Gap, GapKind

_NAMED: Final = 3
"""The most controls that a sentence names."""


class CollectMode(StrEnum):
    """How much a scan collects."""

    ALL = "all"
    NEEDED = "needed"


@dataclass(frozen=True, slots=True)
class CollectedReads:
    """What a scan collects when it collects only what its controls and formats need.

    `operations` (`service:Operation`, sorted) are the only ones that the scan calls. What any other operation
    would have answered is unknown.
    """

    controls: tuple[str, ...]
    formats: tuple[str, ...]
    operations: tuple[str, ...]

    def has(self, operation: str) -> bool:
        """Check whether the scan calls an operation."""
        return operation in self.operations

    def some_controls(self) -> str:
        """Return the controls by name: the first ones, and how many more there are."""
        named = ", ".join(self.controls[:_NAMED])
        more = len(self.controls) - _NAMED
        return f"{named} and {more} more" if more > 0 else named

    def sentence(self) -> str:
        """Return the limitation of a report of such a scan."""
        return (
            f"The scan collected only what its controls need ({self.some_controls()}). What it left out is "
            "unknown: a table of the inventory may be empty although there are such resources. To collect "
            "everything, scan with --collect all."
        )


def is_collected(operation: str, reads: CollectedReads | None) -> bool:
    """Check whether a scan calls an operation. `reads` None: it collects everything."""
    return reads is None or reads.has(operation)


def named_left_out(gap: Gap, reads: CollectedReads | None) -> Gap:
    """Return a gap with the code LEFT_OUT if the call was not made because the scan left it out."""
    is_left_out = gap.kind is GapKind.NEVER_ASKED and not is_collected(gap.operation, reads)
    return replace(gap, code=LEFT_OUT) if is_left_out and not gap.code else gap
