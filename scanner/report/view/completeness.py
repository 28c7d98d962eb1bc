"""How much of the scope was read, which reads are missing, and what AWS Backup does not support."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from scanner.model.finding import Finding
from scanner.model.inventory import ShardStatus
from scanner.model.known import ASSUME_ROLE, LEFT_OUT, Gap, GapKind
from scanner.model.manifest import Excluded, Manifest
from scanner.model.names import AWS_GLOBAL, ORG
from scanner.model.scan import Reconciliation, Scan, UnsupportedKinds, UnsupportedResource
from scanner.report.wording import count_word

SHARD_MEANINGS: Final = {
    ShardStatus.COMPLETE: "fully read",
    ShardStatus.PARTIAL: "some reads are missing",
    ShardStatus.FAILED: "nothing could be read",
    ShardStatus.MISSING: "in scope, but without evidence",
    ShardStatus.SKIPPED: "the Region is not enabled for the account; not a gap",
}

BLINDING_CONTROL: Final = "account-region-assessed"
"""The control whose findings name the controls that need a missing read (`details.missing_reads`)."""
_ACCOUNT_ID: Final = re.compile(r"[0-9]{12}")
_Place = tuple[str, str, str, str]  # account, Region, operation, about
_Reason = tuple[GapKind, str, str]
Document = dict[str, Any]


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
        # A Region that the account has not enabled has nothing to read.
        return all(cell.status in (ShardStatus.COMPLETE, ShardStatus.SKIPPED) for cell in self.cells)


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeReconciliation:
    """The inventory of one type in all shards, compared with second sources."""

    subject_type: str
    listed: int
    elsewhere: int
    shards: tuple[Reconciliation, ...]  # those with a difference


@dataclass(frozen=True, slots=True)
class BlindGap:
    """A missing read, and the selected controls that need it."""

    gap: Gap
    affected_controls: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GapLine:
    """The reads of a group that affect the same controls."""

    operations: tuple[str, ...]
    abouts: tuple[str, ...]  # the vaults, plans and the like that were to be read; empty for lists
    number: int
    affected_controls: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GapGroup:
    """Missing reads with one reason: one operation's, or of several that are missing in the same places."""

    kind: GapKind
    code: str
    message: str  # AWS's message of the first gap
    number: int
    places: tuple[str, ...]  # ACCOUNT/REGION
    lines: tuple[GapLine, ...]  # those that affect most controls first

    @property
    def abouts(self) -> tuple[str, ...]:
        """The vaults, plans and the like that were to be read, without repetition."""
        return tuple(dict.fromkeys(about for line in self.lines for about in line.abouts))

    @property
    def is_no_entry(self) -> bool:
        """Whether accounts could not be entered: their reads were never made."""
        return self.operations == (ASSUME_ROLE,)

    @property
    def operations(self) -> tuple[str, ...]:
        """All operations of the group, sorted."""
        return tuple(sorted({operation for line in self.lines for operation in line.operations}))

    @property
    def affected_controls(self) -> tuple[str, ...]:
        """All controls that need a read of the group, sorted."""
        return tuple(sorted({control for line in self.lines for control in line.affected_controls}))

    @property
    def where(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The accounts, each with its Regions."""
        by_account: dict[str, list[str]] = {}
        for place in self.places:
            account, _, region = place.partition("/")
            by_account.setdefault(account, []).append(region)
        return tuple((account, tuple(regions)) for account, regions in by_account.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Completeness:
    """How much of the scope was read."""

    columns: tuple[str, ...]
    rows: tuple[AccountRow, ...]
    organization: Cell | None  # the organisation-wide calls; None: not in the manifest
    excluded: tuple[Excluded, ...]
    gaps: tuple[BlindGap, ...]  # without what the scan left out
    left_out: tuple[str, ...]  # operations that controls need and the scan left out
    collected: str  # what a scan with a limited collection collected; empty: everything
    affected_controls_known: bool  # whether the control that reports missing reads was selected
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
        """The number of cells with missing reads, even where it is unknown which."""
        fine = (ShardStatus.COMPLETE, ShardStatus.SKIPPED)
        return sum(cell.status not in fine for row in self.rows for cell in row.cells)

    @property
    def calls(self) -> int:
        """The number of calls in the manifest, including organisation-wide ones."""
        cells = [cell for row in self.rows for cell in row.cells]
        return sum(cell.calls for cell in cells) + (self.organization.calls if self.organization else 0)

    @property
    def whole(self) -> bool:
        """Whether everything was read that the scan had to collect."""
        return all(row.whole for row in self.rows) and not self.gaps


def completeness(scan: Scan, gaps: tuple[BlindGap, ...], names: Mapping[str, str]) -> Completeness:
    """Hold what was read against the scope. `gaps`: the missing reads. `names`: account names by id."""
    columns, rows, organization = _grid(scan.manifest, names)
    # What the user left out is no failure of the scan, and is listed apart.
    missing = tuple(missing_read for missing_read in gaps if missing_read.gap.code != LEFT_OUT)
    reads = scan.manifest.reads
    return Completeness(
        columns=columns,
        rows=rows,
        organization=organization,
        excluded=scan.manifest.scope.excluded,
        gaps=missing,
        left_out=tuple(
            sorted({missing_read.gap.operation for missing_read in gaps if missing_read.gap.code == LEFT_OUT})
        ),
        collected="" if reads is None else reads.sentence(),
        affected_controls_known=any(control.id == BLINDING_CONTROL for control in scan.controls),
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
    # Evidence of other programs may lack global services.
    has_global = any(region == AWS_GLOBAL for _, region in cells)
    columns = (*([AWS_GLOBAL] if has_global else []), *manifest.scope.regions)
    rows = tuple(
        AccountRow(
            account,
            names.get(account, ""),
            # A cell for each account-Region of the scope, also where nothing was recorded.
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


class Blinding:
    """Collects the controls that need a missing read, from the findings of the control that reports them.

    Missing reads of the whole organisation, or of an account's global services, are reported by the
    account-Regions that need them.
    """

    def __init__(self) -> None:
        self._affected_controls: dict[_Place, set[str]] = {}

    def add(self, finding: Finding) -> None:
        """Read the missing reads of a finding of BLINDING_CONTROL; others have none."""
        if finding.control == BLINDING_CONTROL:
            self.read(finding.account, finding.region, finding.details)

    def read(self, account: str, region: str, details: Mapping[str, Any]) -> None:
        """Read the missing reads of an account-Region from the details of its finding."""
        for missing in _missing_reads(details):
            operation = (str(missing["operation"]), str(missing.get("about") or ""))
            # The key in the details is part of the findings' schema, and keeps its name.
            controls = frozenset(_ids(missing.get("blinds")))
            for place in _reaches(account, region):
                self._affected_controls.setdefault((*place, *operation), set()).update(controls)

    def of(self, gaps: Iterable[Gap]) -> tuple[BlindGap, ...]:
        """Return missing reads with the controls that need them."""
        return tuple(
            BlindGap(gap, tuple(sorted(self._affected_controls.get(_place(gap), ())))) for gap in gaps
        )


def _missing_reads(details: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    reads = details.get("missing_reads")
    entries = reads if isinstance(reads, list | tuple) else ()
    return (read for read in entries if isinstance(read, Mapping) and read.get("operation"))


def _ids(affected_controls: object) -> Iterable[str]:
    return (
        (control for control in affected_controls if isinstance(control, str))
        if isinstance(affected_controls, list | tuple)
        else ()
    )


def _reaches(account: str, region: str) -> tuple[tuple[str, str], ...]:
    """Return the places that an account-Region reports on, with the global ones of account and org."""
    return (account, region), (account, AWS_GLOBAL), ("", ORG)


def _place(gap: Gap) -> _Place:
    # The organization is read once, from whichever account may.
    return "" if gap.region == ORG else gap.account, gap.region, gap.operation, gap.about


def group_gaps(gaps: Iterable[BlindGap]) -> tuple[GapGroup, ...]:
    """Group by operation and reason, then join operations that miss in the same places for the same reason.

    Without that, an account whose role cannot be assumed would be one group per operation.
    """
    alike: dict[tuple[str, _Reason], list[BlindGap]] = {}
    for missing in gaps:
        alike.setdefault((missing.gap.operation, _reason(missing.gap)), []).append(missing)
    joined: dict[tuple[_Reason, tuple[str, ...]], list[BlindGap]] = {}
    for (_, reason), members in alike.items():
        joined.setdefault((reason, _places(members)), []).extend(members)
    groups = [_group(places, members) for (_, places), members in joined.items()]
    return tuple(sorted(groups, key=lambda group: (-group.number, group.operations, group.kind, group.code)))


def _group(places: tuple[str, ...], members: list[BlindGap]) -> GapGroup:
    first = members[0].gap
    return GapGroup(
        kind=first.kind,
        code=first.code,
        message=first.message,
        number=len(members),
        places=places,
        lines=_lines(members),
    )


def _lines(members: list[BlindGap]) -> tuple[GapLine, ...]:
    blinded: dict[str, set[str]] = {}
    for missing_read in members:
        blinded.setdefault(missing_read.gap.operation, set()).update(missing_read.affected_controls)
    lines: dict[tuple[str, ...], list[Gap]] = {}
    for missing_read in members:
        lines.setdefault(tuple(sorted(blinded[missing_read.gap.operation])), []).append(missing_read.gap)
    gap_lines = [
        GapLine(
            operations=tuple(sorted({gap.operation for gap in line_members})),
            abouts=tuple(dict.fromkeys(gap.about for gap in line_members if gap.about)),
            number=len(line_members),
            affected_controls=affected_controls,
        )
        for affected_controls, line_members in lines.items()
    ]
    return tuple(sorted(gap_lines, key=lambda line: (-len(line.affected_controls), line.operations)))


def _reason(gap: Gap) -> _Reason:
    """Return the grouping key of a gap: messages that differ only in account ids are equal."""
    # AWS names the caller's account in its message: each account would be a group of its own.
    return gap.kind, gap.code, _ACCOUNT_ID.sub("", gap.message.replace(gap.operation, ""))


def _places(members: Iterable[BlindGap]) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys(f"{missing_read.gap.account}/{missing_read.gap.region}" for missing_read in members)
    )


def unsupported_sentence(unsupported: UnsupportedKinds | None) -> str:
    """Return the sentence of a summary; empty if there is no such resource, or if it is unknown."""
    if unsupported is None or not unsupported.number:
        return ""
    single = unsupported.number == 1
    subject = f"{count_word(unsupported.number, 'resource')} {'is' if single else 'are'}"
    data = "its data" if single else "their data"
    return f"{subject} of a kind that AWS Backup cannot back up. Protect {data} in another way."


def unsupported_document(unsupported: UnsupportedKinds | None) -> Document:
    """Return the key `not_backed_up` of a summary; empty if it is unknown."""
    if unsupported is None:
        return {}
    return {
        "not_backed_up": {
            "number": unsupported.number,
            "kinds": [{"kind": kind, "number": number} for kind, number in unsupported.kinds],
            "resources": [
                {
                    "subject": resource.subject,
                    "subject_type": resource.subject_type,
                    "name": resource.name,
                    "account": resource.account,
                    "region": resource.region,
                    "kind": resource.kind,
                }
                for resource in unsupported.resources
            ],
            "left_out": unsupported.number - len(unsupported.resources),
        }
    }


def unsupported_of(summary: Mapping[str, Any]) -> UnsupportedKinds | None:
    """Parse the key. KeyError, TypeError or ValueError: it has another shape."""
    document = summary.get("not_backed_up")
    if document is None:
        return None
    return UnsupportedKinds(
        number=document["number"],
        kinds=tuple((entry["kind"], entry["number"]) for entry in document["kinds"]),
        resources=tuple(UnsupportedResource(**entry) for entry in document["resources"]),
    )
