"""`findings.csv`: one row a finding, for spreadsheets."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import chain, islice
from typing import Any, Final

from scanner.errors import OutputError
from scanner.findings.counts import counts_of_subjects
from scanner.findings.filed import Filed
from scanner.model.finding import Finding, Status
from scanner.model.owner import Owner
from scanner.model.scan import Row, Stream
from scanner.report.formats.by_control import ByControl
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
)

_BATCH: Final = 1_000
"""Rows that are written at once."""

FORMULA: Final = frozenset("=+-@\t\r\n")
"""What begins a formula, or hides the beginning of one; full-width and small forms of them count, too."""
_PREFIX: Final = "'"

# A semicolon or a tab ends a cell where the decimal sign is a comma; a line break ends it wherever quotes are
# not understood. What comes behind would then begin a cell.
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
)
_UNKNOWN: Final = "unknown"
_TERNARY: Final = {True: "yes", False: "no", None: _UNKNOWN}


def findings_csv(view: View, findings: Iterable[Finding] | None = None) -> Iterator[bytes]:
    """Return findings.csv in pieces: UTF-8 with a byte order mark (Excel needs it), CRLF, in filing order.

    `findings`: a part of those of the view; None: all.
    """
    rows = _Rows(view)
    yield b"\xef\xbb\xbf"
    lines = chain(
        [",".join(COLUMNS) + "\r\n"], map(rows.line, view.findings if findings is None else findings)
    )
    while batch := "".join(islice(lines, _BATCH)):
        yield batch.encode()


class _Rows:
    """Writes rows. Cells that are the same for many findings are made once."""

    def __init__(self, view: View) -> None:
        self._controls = {each.control.id: each.control for each in view.controls}
        self._accounts = view.names
        self._frameworks = ByControl(_frameworks)

    def line(self, finding: Finding) -> str:
        """Return the row of a finding, with its line break."""
        waiver, to_do = finding.waiver, finding.to_do
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
            csv_cell(to_do.text) if to_do else "",
        )
        return ",".join(cells) + "\r\n"


def _frameworks(finding: Finding) -> str:
    return csv_cell("; ".join(f"{name} {', '.join(ids)}" for name, ids in finding.frameworks.items()))


def _owner(owner: Owner | None) -> tuple[str, str]:
    """Return two cells; an owner that is not known has a source that says so."""
    return ("", "") if owner is None else (repeated_cell(owner.name or ""), repeated_cell(owner.source))


# Cells of a spreadsheet: text that no spreadsheet program takes for a formula.
#
# CSV has no way to say that a cell is text. What begins as a formula does gets an apostrophe, and so does
# what follows a character at which the spreadsheets of other countries cut (OWASP, "CSV Injection"; ASVS
# 1.2.10).
def harmless(cell: str) -> str:
    """Keep a spreadsheet from taking a cell, or what it cuts out of it, for a formula."""
    if cell.isascii() and cell[:1].isalnum() and cell.isprintable():  # most cells; this is quicker to see
        return _INNER.sub(rf"\1{_PREFIX}", cell) if ";" in cell else cell
    shown = visible(cell)
    if _begins_formula(cell) or _begins_formula(shown):
        shown = _PREFIX + shown
    return _INNER.sub(rf"\1{_PREFIX}", shown) if ";" in shown or "\n" in shown or "\t" in shown else shown


def csv_cell(text: str) -> str:
    """Return a harmless cell as a line of a CSV file has it, in quotes where it needs them (RFC 4180)."""
    cell = harmless(text)
    if '"' in cell:
        cell = cell.replace('"', '""')
    elif "," not in cell and "\n" not in cell and "\r" not in cell:
        return cell
    return f'"{cell}"'


repeated_cell: Final = lru_cache(maxsize=8_192)(csv_cell)
"""Return the same as `csv_cell`, quicker for texts of columns that have few of them."""


def _begins_formula(cell: str) -> bool:
    if not cell:
        return False
    first = cell[0]
    if first in FORMULA:
        return True
    if first.isspace():  # some programs cut blanks off before they look
        return _begins_formula(cell.lstrip())
    return not first.isascii() and unicodedata.normalize("NFKC", first)[:1] in FORMULA


def json_cell(content: Mapping[str, Any]) -> str:
    """Write a mapping as JSON that keeps its values under `harmless`: a semicolon is told by its code."""
    return encode(content).decode().replace(";", "\\u003b")


# `inventory.csv`: the population, one row a resource, with the numbers of what was found about it.
#
# `yes`, `no`, `none` and `unknown` are written out: an empty cell never says that something was not read.
def inventory_csv(view: View) -> Iterator[bytes]:
    """Return inventory.csv in pieces: UTF-8 with a byte order mark, CRLF, in the order of the inventory.

    Raises:
        OutputError: the population is not known, or the numbers find no room on the disk.
    """
    if view.inventory is None:
        raise OutputError(
            "inventory.csv needs the facts of the scan, and this folder has none of them: judge its evidence "
            "again with audit evaluate."
        )
    yield b"\xef\xbb\xbf"
    lines = (
        ",".join(map(csv_cell, cells)) + "\r\n"
        for cells in chain([INVENTORY_COLUMNS], _rows(view, view.inventory))
    )
    while batch := "".join(islice(lines, _BATCH)):
        yield batch.encode()


def _rows(view: View, resources: Stream[Row]) -> Iterator[tuple[str, ...]]:
    with ScratchCounts() as aside:
        aside.add(_answers(view.findings))
        here, counts = "", aside.of("")
        for row in resources:
            place = _place(row["account"], row["region"])
            if place != here:  # the rows come shard by shard
                here, counts = place, aside.of(place)
            yield _row(row, view.names.get(row["account"], ""), counts)


def _answers(findings: Stream[Finding]) -> Iterator[tuple[str, str, str, int]]:
    """Return place, resource, status and number of findings."""
    if isinstance(findings, Filed):
        for account, region, subject, status, number in counts_of_subjects(findings, STRUCTURES):
            yield _place(account, region), subject, status, number
        return
    for each in findings:
        if each.subject_type not in STRUCTURES:
            yield _place(each.account, each.region), each.subject, each.status.value, 1


def _place(account: str, region: str) -> str:
    return f"{account}/{region}"


def _row(row: Row, account_name: str, counts: SubjectCounts) -> tuple[str, ...]:
    told = counts.of(row["subject"])
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
        _UNKNOWN if row["tags"] is None else json_cell({tag["key"]: tag["value"] for tag in row["tags"]}),
        *(str(told.get(status.value, 0)) for status in Status),
    )


def _newest(point: Mapping[str, Any]) -> tuple[str, str]:
    """Give when the newest usable recovery point was made, and its ARN."""
    if point["exists"] is None:  # one may be unseen, and newer than what was seen
        return _UNKNOWN, ""
    if not point["exists"]:
        return "none", ""
    return point["created_at"] or _UNKNOWN, point["arn"] or ""
