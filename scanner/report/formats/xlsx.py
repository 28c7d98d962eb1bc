"""`findings.xlsx`: a workbook for spreadsheets, with what needs attention and every resource.

All texts are cells of the type text, account ids included: a program neither shows them as numbers nor takes
one for a formula. XlsxWriter is imported only to write a workbook: all other formats work without it.
"""

import importlib
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from scanner.errors import OutputError
from scanner.evidence.manifest import rfc3339
from scanner.model.control import Control
from scanner.model.finding import Finding, Status
from scanner.report.formats.csv import (
    INVENTORY_COLUMNS,
    begins_formula,
    first_seen_cells,
    resource_rows,
    tags_cell,
)
from scanner.report.formats.resource_tags import tags_by_finding
from scanner.report.view.coverage import headline
from scanner.report.view.view import View
from scanner.report.wording import given_name, visible
from scanner.storage.scratch import temporary_folder

MAX_ROWS: Final = 1_048_576
"""Rows of a sheet, with its head: the limit of Excel."""

MAX_TEXT: Final = 32_767
"""UTF-16 units of a cell: the limit of Excel. Longer texts end with `…`."""

OPEN: Final = (Status.FAIL, Status.ERROR, Status.UNKNOWN, Status.WAIVED)
"""The statuses whose findings are in the workbook; the others are counted."""

MISSING_EXTRA: Final = (
    "The workbook could not be written: XlsxWriter is not installed. Install this program with its extra "
    "xlsx (pip install '.[xlsx]' in its source folder), or leave xlsx out of --format."
)

FINDING_COLUMNS: Final = (
    ("status", 10),
    ("severity", 10),
    ("title", 45),
    ("name", 24),
    ("subject", 50),
    ("subject_type", 16),
    ("account", 15),
    ("account_name", 20),
    ("organizational_unit", 22),
    ("region", 14),
    ("reason", 60),
    ("root_cause", 20),
    ("root_cause_subject", 40),
    ("blocked_by", 40),
    ("to_do", 40),
    ("commands", 40),
    ("remedy", 40),
    ("owner", 18),
    ("first_seen", 21),
    ("age_days", 10),
    ("may_be_older", 14),
    ("tags", 40),
    ("waiver", 12),
    ("waived_until", 13),
    ("frameworks", 30),
    ("evidence", 40),
    ("control", 30),
    ("fingerprint", 20),
)
"""The columns of the sheet of findings, and their widths in characters."""

_NUMBERS: Final = frozenset({"age_days", "calls", "errors", "size_gib", *(status.value for status in Status)})
"""Columns of numbers; all others are text, whatever they look like."""

_WIDE: Final = frozenset({"subject", "arn", "newest_recovery_point_arn", "message", "tags", "value"})
_NUMBER: Final = re.compile(r"[0-9]{1,15}(\.[0-9]+)?")
_PIECE: Final = 1 << 20
Rows = Iterable[Sequence[str]]


def findings_xlsx(view: View) -> Iterator[bytes]:
    """Yield findings.xlsx in pieces. OutputError: XlsxWriter is not installed, or the disk is full."""
    engine = _engine()
    # Rows go to temporary files at once: memory does not grow with the findings.
    with temporary_folder() as folder:
        path = folder / "workbook.xlsx"
        _write(engine, view, path, folder)
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                yield piece


def _engine() -> ModuleType:
    try:
        return importlib.import_module("xlsxwriter")
    except ImportError:
        raise OutputError(MISSING_EXTRA) from None


def _write(engine: ModuleType, view: View, path: Path, folder: Path) -> None:
    options = {
        "constant_memory": True,
        "tmpdir": str(folder),
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "use_zip64": True,
    }
    try:
        with engine.Workbook(str(path), options) as book:
            # The clock of the evaluation: equal scans give equal bytes.
            book.set_properties({"title": "Vaultproof", "created": view.manifest.evaluated_as_of})
            sheets = _Sheets(book)
            sheets.add("Summary", (("item", 40), ("value", 60)), _summary(view))
            sheets.add("Findings", FINDING_COLUMNS, _findings(view))
            sheets.add("Resources", _widths(INVENTORY_COLUMNS), _resources(view))
            sheets.add("Completeness", _widths(_SHARDS), _shards(view))
            sheets.add("Missing reads", _widths(_READS), _reads(view))
    except engine.exceptions.FileCreateError as problem:
        raise OutputError(f"The workbook could not be written: {problem}") from problem


def _widths(columns: Iterable[str]) -> tuple[tuple[str, int], ...]:
    return tuple((column, 50 if column in _WIDE else max(12, len(column) + 3)) for column in columns)


class _Sheets:
    """Writes sheets with a frozen head, a filter, widths, and cells of text."""

    def __init__(self, book: Any) -> None:  # noqa: ANN401 -- XlsxWriter's
        self._book = book
        self._head = book.add_format({"bold": True, "bg_color": "#E8EDF2", "bottom": 1})
        # `@` is Excel's format for text: an edited account id keeps its zeros.
        self._text = book.add_format({"num_format": "@", "valign": "top"})
        # What looks like a formula stays a text when a user edits it.
        self._quoted = book.add_format({"num_format": "@", "valign": "top", "quote_prefix": True})

    def add(self, name: str, columns: Sequence[tuple[str, int]], rows: Rows) -> None:
        """Add a sheet of rows that have a cell for each column, at most MAX_ROWS with the head."""
        sheet = self._book.add_worksheet(name)
        for number, (column, width) in enumerate(columns):
            sheet.set_column(number, number, width)
            sheet.write_string(0, number, column, self._head)
        sheet.freeze_panes(1, 0)
        numeric = [column in _NUMBERS for column, _ in columns]
        last = 0
        for last, cells in enumerate(islice(rows, MAX_ROWS - 1), start=1):
            for number, cell in enumerate(cells):
                # An empty cell stays empty: a filter then finds it as blank.
                if not cell:
                    continue
                if numeric[number] and _NUMBER.fullmatch(cell):
                    sheet.write_number(last, number, float(cell))
                else:
                    self._write_text(sheet, last, number, cell)
        sheet.autofilter(0, 0, last, len(columns) - 1)

    def _write_text(self, sheet: Any, row: int, column: int, text: str) -> None:  # noqa: ANN401 -- as above
        shown = cell_text(text)
        sheet.write_string(row, column, shown, self._quoted if begins_formula(shown) else self._text)


def cell_text(text: str) -> str:
    """Return a text as a cell may have it: visible characters, cut to Excel's limit."""
    shown = text if text.isascii() and text.isprintable() else visible(text)
    if len(shown) <= MAX_TEXT // 2 or len(shown.encode("utf-16-le")) // 2 <= MAX_TEXT:
        return shown
    cut = shown.encode("utf-16-le")[: 2 * (MAX_TEXT - 1)]
    return cut.decode("utf-16-le", "ignore") + "\u2026"


def _summary(view: View) -> Iterator[tuple[str, str]]:
    manifest, counts = view.manifest, view.counts
    yield "organization", view.organization
    yield "scan", manifest.scan_id
    yield "evaluated as of", rfc3339(manifest.evaluated_as_of) or ""
    yield "tool", f"{manifest.tool_name or 'vaultproof'} {manifest.tool_version}"
    if view.notice:
        yield "notice", view.notice
    if view.selection_sentence:
        yield "controls", view.selection_sentence
    if sentence := headline(view.scan.coverage):
        yield "resources", sentence
    for status in Status:
        yield f"checks: {status.value}", f"{counts.of(status):,}"
    yield "evaluated checks", f"{counts.judged:,}"
    yield "checks", f"{counts.asked:,}"
    yield "account-Regions not fully read", f"{view.completeness.broken_shards:,}"
    yield "missing reads", f"{len(view.completeness.gaps):,}"
    yield from _left_out(view)
    for control in view.controls:
        counts, title = control.counts, control.control.title
        failed = f"{counts.failed:,} of {counts.judged:,} evaluated checks failed"
        yield f"control: {control.control.id}", f"{failed}, {counts.open:,} are unknown. {title}"
    for left_out in view.selection.left_out if view.selection else ():
        yield f"not evaluated: {left_out.id}", f"{left_out.severity.value}. {left_out.title}"


def _left_out(view: View) -> Iterator[tuple[str, str]]:
    """Yield what does not fit into a sheet, and where all of it is."""
    numbers = {
        "findings": (sum(view.counts.of(status) for status in OPEN), "findings.csv"),
        "resources": (0 if view.inventory is None else len(view.inventory), "inventory.csv"),
        "missing reads": (len(view.completeness.gaps), "summary.json"),
    }
    for name, (number, file) in numbers.items():
        if number >= MAX_ROWS:
            yield f"{name} left out", f"{number - MAX_ROWS + 1:,}: a sheet has no more rows. {file} has all."
    if view.inventory is None:
        yield "resources", "not known: this folder has no facts of the scan"


def _findings(view: View) -> Iterator[tuple[str, ...]]:
    controls = {control_view.control.id: control_view.control for control_view in view.controls}
    units: dict[str, str] = {
        account.id: view.unit_path(account.ou_path or "") or account.ou_path or ""
        for account in view.manifest.accounts
    }
    with tags_by_finding(view.inventory, tags_cell) as tags:
        for finding in view.findings:
            if finding.status in OPEN:
                unit = units.get(finding.account, "")
                yield _row(finding, view, controls.get(finding.control), unit, tags(finding))


def _row(finding: Finding, view: View, control: Control | None, unit: str, tags: str) -> tuple[str, ...]:
    waiver, advice, cause, blocker = (
        finding.waiver,
        view.to_do(finding),
        finding.root_cause,
        finding.blocked_by,
    )
    owner = finding.owner
    return (
        finding.status.value,
        finding.severity.value,
        control.title_of(finding.status) if control else finding.control,
        given_name(finding.details),
        finding.subject,
        finding.subject_type,
        finding.account,
        view.names.get(finding.account, ""),
        unit,
        finding.region,
        finding.reason,
        cause.kind.value if cause else "",
        cause.subject if cause else "",
        f"{blocker.control} of {blocker.subject}" if blocker else "",
        finding.to_do.text if finding.to_do else "",
        advice.cli if advice else "",
        control.remediation.text if control and finding.status in (Status.FAIL, Status.WAIVED) else "",
        "" if owner is None else owner.name or owner.source,
        *first_seen_cells(view, finding),
        tags,
        waiver.id if waiver else "",
        waiver.expires if waiver else "",
        "; ".join(f"{name} {', '.join(ids)}" for name, ids in finding.frameworks.items()),
        "; ".join(f"{ref.file}:{ref.line}" for ref in finding.evidence),
        finding.control,
        finding.fingerprint,
    )


def _resources(view: View) -> Rows:
    if view.inventory is None:
        return ()
    return resource_rows(view, view.inventory)


_SHARDS: Final = ("account", "account_name", "region", "status", "calls", "errors")


def _shards(view: View) -> Iterator[tuple[str, ...]]:
    organization = view.completeness.organization
    cells = chain(
        (("", "", organization),) if organization else (),
        ((row.account, row.name, cell) for row in view.completeness.rows for cell in row.cells),
    )
    for account, name, cell in cells:
        yield account, name, cell.region, cell.status.value, str(cell.calls), str(cell.errors)


_READS: Final = ("account", "region", "operation", "about", "kind", "code", "message", "affected_controls")


def _reads(view: View) -> Iterator[tuple[str, ...]]:
    for missing in view.completeness.gaps:
        gap = missing.gap
        yield (
            *(gap.account, gap.region, gap.operation, gap.about, gap.kind.value, gap.code, gap.message),
            ", ".join(missing.affected_controls),
        )
