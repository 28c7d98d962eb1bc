"""`findings.csv` (one row per finding) and `inventory.csv` (one row per resource), for spreadsheets."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import chain, islice
from typing import Any, Final

from scanner.errors import OutputError
from scanner.evidence.manifest import rfc3339
from scanner.findings.counts import counts_of_subjects
from scanner.findings.filed import Filed
from scanner.model.decisions import Owner
from scanner.model.finding import Finding, Status
from scanner.model.scan import Row, Stream
from scanner.report.formats.by_control import ByControl
from scanner.report.formats.resource_tags import UNKNOWN, tags_by_finding
from scanner.report.view.overview import STRUCTURES
from scanner.report.view.view import View
from scanner.report.wording import given_name, visible
from scanner.storage.encoding import encode
from scanner.storage.scratch import ScratchCounts, SubjectCounts

COLUMNS: Final = (
    "status",
    "severity",
    "control",
    "title",
    "subject",
    "subject_type",
    "account",
    "account_name",
    "region",
    "reason",
    "waiver",
    "waived_until",
    "frameworks",
    "evidence",
    "fingerprint",
    "name",
    "owner",
    "owner_source",
    "to_do",
    "commands",
    "root_cause",
    "root_cause_subject",
    "blocked_by",
    "organizational_unit",
    "remedy",
    "tags",
    "first_seen",
    "age_days",
    "may_be_older",
    "controls_evaluated",
)

_MENDED: Final = frozenset({Status.FAIL, Status.WAIVED})
"""The statuses whose rows have the remediation of the control."""

_BATCH: Final = 1_000
"""Number of rows in one piece."""

FORMULA: Final = frozenset("=+-@\t\r\n")
"""Characters that begin a formula, or hide its beginning; their full-width and small forms count, too."""
_PREFIX: Final = "'"

# In countries with a decimal comma, spreadsheets split cells at semicolons or tabs; programs that do not
# understand quotes split them at line breaks. The text after it then begins a cell.
_INNER: Final = re.compile(r"([;\t\r\n]\s*)(?=[=+@\-\uff1d\uff0b\uff20\uff0d\ufe66\ufe62\ufe6b\ufe63])")

INVENTORY_COLUMNS: Final = (
    "type",
    "arn",
    "name",
    "account",
    "account_name",
    "region",
    "covered",
    "newest_recovery_point",
    "newest_recovery_point_arn",
    "not_applicable_because",
    "tags",
    *(status.value for status in Status),
    "size_gib",
    "size_kind",
    "controls_evaluated",
)
_TERNARY: Final = {True: "yes", False: "no", None: UNKNOWN}


def findings_csv(view: View, findings: Iterable[Finding] | None = None) -> Iterator[bytes]:
    """Yield findings.csv in pieces: UTF-8 with a byte order mark (Excel needs it), CRLF, in filing order.

    `findings`: a part of those of the view; None: all.
    """
    # Without the mark, Excel reads UTF-8 as the code page of the machine.
    yield b"\xef\xbb\xbf"
    with tags_by_finding(view.inventory, lambda row: csv_cell(tags_cell(row))) as tags:
        rows = _Rows(view, tags)
        lines = chain(
            [",".join(COLUMNS) + "\r\n"], map(rows.line, view.findings if findings is None else findings)
        )
        while batch := "".join(islice(lines, _BATCH)):
            yield batch.encode()


class _Rows:
    """Writes rows. Cells that are equal for many findings are built once."""

    def __init__(self, view: View, tags: Callable[[Finding], str]) -> None:
        self._view = view
        self._tags = tags
        self._controls = {control_view.control.id: control_view.control for control_view in view.controls}
        self._accounts = view.names
        self._units: dict[str, str] = {
            account.id: view.unit_path(account.ou_path or "") or account.ou_path or ""
            for account in view.manifest.accounts
        }
        self._frameworks = ByControl(_frameworks)
        # In each row, because CSV has no place for what holds for the whole file.
        self._selection = csv_cell(view.selection_words)

    def line(self, finding: Finding) -> str:
        """Return the row of a finding, with its line break."""
        waiver, to_do = finding.waiver, self._view.to_do(finding)
        control = self._controls.get(finding.control)
        cells = (
            finding.status.value,
            finding.severity.value,
            repeated_cell(finding.control),
            repeated_cell(control.title_of(finding.status) if control else ""),
            csv_cell(finding.subject),
            repeated_cell(finding.subject_type),
            repeated_cell(finding.account),
            repeated_cell(self._accounts.get(finding.account, "")),
            repeated_cell(finding.region),
            csv_cell(finding.reason),
            repeated_cell(waiver.id) if waiver else "",
            repeated_cell(waiver.expires) if waiver else "",
            self._frameworks.of(finding),
            csv_cell("; ".join([f"{ref.file}:{ref.line}" for ref in finding.evidence])),
            finding.fingerprint,
            csv_cell(given_name(finding.details)),
            *_owner(finding.owner),
            # Only advice for this finding; the general one is in the column `remedy`.
            csv_cell(finding.to_do.text) if finding.to_do else "",
            csv_cell(to_do.cli) if to_do else "",
            *_traced(finding),
            repeated_cell(self._units.get(finding.account, "")),
            repeated_cell(control.remediation.text) if control and finding.status in _MENDED else "",
            self._tags(finding),
            *first_seen_cells(self._view, finding),
            self._selection,
        )
        return ",".join(cells) + "\r\n"


def first_seen_cells(view: View, finding: Finding) -> tuple[str, str, str]:
    """Return the cells for when an open finding was first seen; empty: not known, or it is not open."""
    first_seen, age = view.first_seen(finding), view.age_days(finding)
    if first_seen is None or age is None:
        return ("", "", "")
    return rfc3339(first_seen.at) or "", str(age), _TERNARY[first_seen.may_be_older]


def tags_cell(row: Row) -> str:
    """Return the tags of a resource as JSON that `harmless` does not change."""
    return UNKNOWN if row["tags"] is None else json_cell({tag["key"]: tag["value"] for tag in row["tags"]})


def _frameworks(finding: Finding) -> str:
    return csv_cell("; ".join(f"{name} {', '.join(ids)}" for name, ids in finding.frameworks.items()))


def _traced(finding: Finding) -> tuple[str, str, str]:
    """Return the cells for the root cause, and for the failure that must be mended first."""
    cause, blocker = finding.root_cause, finding.blocked_by
    return (
        repeated_cell(cause.kind.value) if cause else "",
        repeated_cell(cause.subject) if cause else "",
        repeated_cell(f"{blocker.control} of {blocker.subject}") if blocker else "",
    )


def _owner(owner: Owner | None) -> tuple[str, str]:
    """Return the cells for the owner. If the owner is unknown, the source says why."""
    return ("", "") if owner is None else (repeated_cell(owner.name or ""), repeated_cell(owner.source))


# Cells that no spreadsheet program interprets as a formula.
#
# CSV cannot mark a cell as text. A cell that begins like a formula gets an apostrophe in front, and so does
# the text after a character at which spreadsheets of other countries split (OWASP, "CSV Injection"; ASVS
# 1.2.10).
def harmless(cell: str) -> str:
    """Return a cell that no spreadsheet interprets as a formula, nor any part that it splits off."""
    if cell.isascii() and cell[:1].isalnum() and cell.isprintable():  # most cells, and faster to check
        return _INNER.sub(rf"\1{_PREFIX}", cell) if ";" in cell else cell
    shown = visible(cell)
    if begins_formula(cell) or begins_formula(shown):
        shown = _PREFIX + shown
    return _INNER.sub(rf"\1{_PREFIX}", shown) if ";" in shown or "\n" in shown or "\t" in shown else shown


def csv_cell(text: str) -> str:
    """Return a harmless cell as written in a CSV line, quoted if necessary (RFC 4180)."""
    cell = harmless(text)
    # Quotes in a cell are doubled, also where nothing else needs quoting (RFC 4180, rule 7).
    if '"' in cell:
        cell = cell.replace('"', '""')
    elif "," not in cell and "\n" not in cell and "\r" not in cell:
        return cell
    return f'"{cell}"'


repeated_cell: Final = lru_cache(maxsize=8_192)(csv_cell)
"""`csv_cell` with a cache, for columns with few distinct texts."""


def begins_formula(cell: str) -> bool:
    """Check whether a spreadsheet takes a cell for a formula."""
    if not cell:
        return False
    first = cell[0]
    if first in FORMULA:
        return True
    if first.isspace():  # some programs strip blanks first
        return begins_formula(cell.lstrip())
    # Excel takes a full-width `=` for a formula in East Asian settings.
    return not first.isascii() and unicodedata.normalize("NFKC", first)[:1] in FORMULA


def json_cell(content: Mapping[str, Any]) -> str:
    """Return a mapping as JSON that `harmless` does not change: semicolons are escaped."""
    return encode(content).decode().replace(";", "\\u003b")


# `inventory.csv`: the population, one row per resource, with its numbers of findings by status.
#
# `yes`, `no`, `none` and `unknown` are spelled out: an empty cell never means that something was not read.
def inventory_csv(view: View) -> Iterator[bytes]:
    """Yield inventory.csv in pieces: UTF-8 with a byte order mark, CRLF, in the order of the inventory.

    Raises:
        OutputError: the population is unknown, or there is no space on the disk for the counts.
    """
    if view.inventory is None:
        raise OutputError(
            "inventory.csv needs the facts of the scan, which this folder does not contain: run audit "
            "evaluate on its evidence."
        )
    yield b"\xef\xbb\xbf"
    lines = (
        ",".join(map(csv_cell, cells)) + "\r\n"
        for cells in chain([INVENTORY_COLUMNS], resource_rows(view, view.inventory))
    )
    while batch := "".join(islice(lines, _BATCH)):
        yield batch.encode()


def resource_rows(view: View, resources: Stream[Row]) -> Iterator[tuple[str, ...]]:
    """Yield the cells of each resource, in the order of INVENTORY_COLUMNS."""
    # On disk: the counts of a million resources would not fit into the memory limit.
    with ScratchCounts() as aside:
        aside.add(_answers(view.findings))
        here, counts = "", aside.of("")
        for row in resources:
            place = _place(row["account"], row["region"])
            if place != here:  # rows are ordered by shard
                here, counts = place, aside.of(place)
            yield (*_row(row, view.names.get(row["account"], ""), counts), view.selection_words)


def _answers(findings: Stream[Finding]) -> Iterator[tuple[str, str, str, int]]:
    """Yield place, resource, status and number of findings."""
    # DuckDB counts in Parquet, without building a finding for each row.
    if isinstance(findings, Filed):
        for account, region, subject, status, number in counts_of_subjects(findings, STRUCTURES):
            yield _place(account, region), subject, status, number
        return
    for finding in findings:
        if finding.subject_type not in STRUCTURES:
            yield _place(finding.account, finding.region), finding.subject, finding.status.value, 1


def _place(account: str, region: str) -> str:
    return f"{account}/{region}"


def _row(row: Row, account_name: str, counts: SubjectCounts) -> tuple[str, ...]:
    numbers = counts.of(row["subject"])
    return (
        row["subject_type"],
        row["subject"],
        row["name"],
        row["account"],
        account_name,
        row["region"],
        _TERNARY[row["covered"]],
        *_newest(row["newest_recovery_point"]),
        row["not_applicable_because"],
        tags_cell(row),
        *(str(numbers.get(status.value, 0)) for status in Status),
        # Facts of earlier versions have no sizes.
        UNKNOWN if row.get("size_gib") is None else f"{row['size_gib']:g}",
        row.get("size_kind") or "",
    )


def _newest(point: Mapping[str, Any]) -> tuple[str, str]:
    """Return when the newest usable recovery point was created, and its ARN."""
    if point["exists"] is None:  # there may be an unread one that is newer
        return UNKNOWN, ""
    if not point["exists"]:
        return "none", ""
    return point["created_at"] or UNKNOWN, point["arn"] or ""
