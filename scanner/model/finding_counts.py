"""How many findings have each status, grouped by what they have in common."""

from collections import Counter
from dataclasses import dataclass

from scanner.model.finding import Severity, Status, Waiver


@dataclass(frozen=True, slots=True, order=True)
class ControlCount:
    """The findings of one control about one type of subject that have one status."""

    control: str
    subject_type: str
    severity: Severity
    status: Status
    number: int


@dataclass(frozen=True, slots=True)
class GroupCount:
    """The findings of one account, Region, type or tier that have one severity and one status.

    `key` None: it is not known which tier applies. The tier "" means that none does.
    """

    key: str | None
    severity: Severity
    status: Status
    number: int


@dataclass(frozen=True, slots=True)
class OwnerCount:
    """The findings of one owner that have one status. `name` as in `Owner`."""

    name: str | None
    status: Status
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingCounts:
    """All findings of a scan, counted once in each of these ways.

    `owners` counts only findings that say who owns the subject, or that it is not known; `waivers` those that
    a waiver covers.
    """

    controls: tuple[ControlCount, ...]
    accounts: tuple[GroupCount, ...]
    regions: tuple[GroupCount, ...]
    tiers: tuple[GroupCount, ...]
    owners: tuple[OwnerCount, ...] = ()
    waivers: tuple[tuple[Waiver, int], ...] = ()

    @property
    def total(self) -> int:
        """Return the number of findings."""
        return sum(row.number for row in self.controls)

    @property
    def types(self) -> tuple[GroupCount, ...]:
        """Return the counts by subject type."""
        numbers: Counter[tuple[str, Severity, Status]] = Counter()
        for row in self.controls:
            numbers[row.subject_type, row.severity, row.status] += row.number
        return tuple(GroupCount(*key, number) for key, number in sorted(numbers.items()))
