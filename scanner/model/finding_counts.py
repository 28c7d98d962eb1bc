"""Numbers of findings by status, in several groupings."""

from collections import Counter
from dataclasses import dataclass

from scanner.model.finding import Severity, Status, Waiver


@dataclass(frozen=True, slots=True, order=True)
class ControlCount:
    """The number of findings of one control, subject type and status."""

    control: str
    subject_type: str
    severity: Severity
    status: Status
    number: int


@dataclass(frozen=True, slots=True)
class GroupCount:
    """The number of findings of one account, Region, type or tier, with one severity and status.

    `key` None: it is unknown which tier applies. The tier "" means none.
    """

    key: str | None
    severity: Severity
    status: Status
    number: int


@dataclass(frozen=True, slots=True)
class OwnerCount:
    """The number of findings of one owner and status. `name` as in `Owner`."""

    name: str | None
    status: Status
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingCounts:
    """All findings of a scan, counted in each grouping.

    `owners` counts only findings with an owner, or whose owner is unknown; `waivers` only waived findings.
    """

    controls: tuple[ControlCount, ...]
    accounts: tuple[GroupCount, ...]
    regions: tuple[GroupCount, ...]
    tiers: tuple[GroupCount, ...]
    owners: tuple[OwnerCount, ...] = ()
    waivers: tuple[tuple[Waiver, int], ...] = ()

    @property
    def total(self) -> int:
        """The number of findings."""
        return sum(row.number for row in self.controls)

    @property
    def types(self) -> tuple[GroupCount, ...]:
        """The counts by subject type."""
        numbers: Counter[tuple[str, Severity, Status]] = Counter()
        for row in self.controls:
            numbers[row.subject_type, row.severity, row.status] += row.number
        return tuple(GroupCount(*key, number) for key, number in sorted(numbers.items()))
