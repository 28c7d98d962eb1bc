"""Requirement for, what was reached, and what is missing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from scanner.model.inventory import ShardStatus
from scanner.model.manifest import Excluded, Manifest
from scanner.model.names import AWS_GLOBAL, ORG
from scanner.model.reading import LEFT_OUT
from scanner.model.scan import Reconciliation, Scan
from scanner.report.gaps import BLINDING_CONTROL, BlindGap, GapGroup, group_gaps

SHARD_MEANINGS: Final = {
    ShardStatus.COMPLETE: "fully read",
    ShardStatus.PARTIAL: "some reads are missing",
    ShardStatus.FAILED: "nothing could be read",
    ShardStatus.MISSING: "in scope, but without evidence",
    ShardStatus.SKIPPED: "the Region is not enabled for the account; not a gap",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One account in one Region: how far the reading got."""

    region: str
    status: ShardStatus
    calls: int
    errors: int


@dataclass(frozen=True, slots=True)
class AccountRow:
    """One account of the scope, with a cell for each Region in the order of the grid."""

    account: str
    name: str
    cells: tuple[Cell, ...]

    @property
    def whole(self) -> bool:
        """Whether nothing is missing in any Region."""
        return all(cell.status in (ShardStatus.COMPLETE, ShardStatus.SKIPPED) for cell in self.cells)


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeReconciliation:
    """The inventory of one type in all shards, held against the second sources."""

    subject_type: str
    listed: int
    elsewhere: int
    shards: tuple[Reconciliation, ...]  # those with a difference


@dataclass(frozen=True, slots=True, kw_only=True)
class Completeness:
    """What was read of what was asked for."""

    columns: tuple[str, ...]
    rows: tuple[AccountRow, ...]
    organization: Cell | None  # the organisation-wide calls; None: the manifest does not speak of them
    excluded: tuple[Excluded, ...]
    gaps: tuple[BlindGap, ...]  # without what the scan left out
    left_out: tuple[str, ...]  # operations that the scan left out, and that controls need
    collected: str  # what a scan collected that did not collect everything; empty: everything
    blinds_told: bool  # whether the control that says what a missing read blinds was asked
    groups: tuple[GapGroup, ...]
    reconciliation: tuple[TypeReconciliation, ...]

    def number(self, status: ShardStatus) -> int:
        """Count the cells of the grid that have a status."""
        return sum(cell.status is status for row in self.rows for cell in row.cells)

    @property
    def tally(self) -> tuple[tuple[ShardStatus, int], ...]:
        """The statuses that occur in the grid, with their numbers."""
        return tuple((status, self.number(status)) for status in SHARD_MEANINGS if self.number(status))

    @property
    def shards(self) -> int:
        """The cells of the grid: accounts times Regions."""
        return sum(len(row.cells) for row in self.rows)

    @property
    def broken_shards(self) -> int:
        """The cells in which something is missing, whether or not it can be said what."""
        fine = (ShardStatus.COMPLETE, ShardStatus.SKIPPED)
        return sum(cell.status not in fine for row in self.rows for cell in row.cells)

    @property
    def calls(self) -> int:
        """The calls that the manifest counts, organisation-wide ones included."""
        cells = [cell for row in self.rows for cell in row.cells]
        return sum(cell.calls for cell in cells) + (self.organization.calls if self.organization else 0)

    @property
    def whole(self) -> bool:
        """Whether nothing is missing of what the scan was to collect."""
        return all(row.whole for row in self.rows) and not self.gaps


def completeness(scan: Scan, gaps: tuple[BlindGap, ...], names: Mapping[str, str]) -> Completeness:
    """Hold what was read against the scope. `gaps`: the missing reads. `names`: account names by id."""
    columns, rows, organization = _grid(scan.manifest, names)
    missing = tuple(each for each in gaps if each.gap.code != LEFT_OUT)
    reads = scan.manifest.reads
    return Completeness(
        columns=columns,
        rows=rows,
        organization=organization,
        excluded=scan.manifest.scope.excluded,
        gaps=missing,
        left_out=tuple(sorted({each.gap.operation for each in gaps if each.gap.code == LEFT_OUT})),
        collected="" if reads is None else reads.sentence(),
        blinds_told=any(control.id == BLINDING_CONTROL for control in scan.controls),
        groups=group_gaps(missing),
        reconciliation=_reconciled(scan.reconciliation),
    )


def _grid(
    manifest: Manifest, names: Mapping[str, str]
) -> tuple[tuple[str, ...], tuple[AccountRow, ...], Cell | None]:
    cells = {
        (record.account, record.region): Cell(
            region=record.region, status=record.status, calls=record.calls, errors=record.errors
        )
        for record in manifest.shards
    }
    has_global = any(region == AWS_GLOBAL for _, region in cells)
    columns = (*([AWS_GLOBAL] if has_global else []), *manifest.scope.regions)
    rows = tuple(
        AccountRow(
            account,
            names.get(account, ""),
            tuple(cells.get((account, region), _missing(region)) for region in columns),
        )
        for account in manifest.scope.accounts
    )
    organization = next((cell for (_, region), cell in cells.items() if region == ORG), None)
    return columns, rows, organization


def _missing(region: str) -> Cell:
    return Cell(region=region, status=ShardStatus.MISSING, calls=0, errors=0)


def _reconciled(rows: Iterable[Reconciliation]) -> tuple[TypeReconciliation, ...]:
    by_type: dict[str, list[Reconciliation]] = {}
    for row in rows:
        by_type.setdefault(row.subject_type, []).append(row)
    return tuple(
        TypeReconciliation(
            subject_type=subject_type,
            listed=sum(row.listed for row in members),
            elsewhere=sum(len(row.elsewhere) for row in members),
            shards=tuple(row for row in members if row.elsewhere),
        )
        for subject_type, members in sorted(by_type.items())
    )
