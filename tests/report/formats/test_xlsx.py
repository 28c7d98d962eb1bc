"""The workbook is read back with openpyxl: every text stays a text, and nothing is lost without saying so."""

import io
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from openpyxl.utils.escape import unescape

from scanner.errors import OutputError
from scanner.model.finding import Status
from scanner.model.scan import Scan
from scanner.report.formats import xlsx
from scanner.report.formats.csv import INVENTORY_COLUMNS
from scanner.report.formats.xlsx import FINDING_COLUMNS, MAX_TEXT, OPEN, cell_text, findings_xlsx
from scanner.report.view.view import build
from tests.fakes.hostile import planted


def workbook(scan: Scan) -> Any:
    return load_workbook(io.BytesIO(b"".join(findings_xlsx(build(scan)))))


def rows(sheet: Any) -> list[dict[str, Any]]:
    head, *others = sheet.iter_rows(values_only=True)
    return [dict(zip(head, cells, strict=True)) for cells in others]


@pytest.fixture(scope="module")
def book(sample: Scan) -> Any:
    return workbook(sample)


def test_a_sheet_for_each_subject_with_a_frozen_head_and_a_filter(book: Any) -> None:
    assert book.sheetnames == ["Summary", "Findings", "Resources", "Completeness", "Missing reads"]
    for sheet in book:
        assert sheet.freeze_panes == "A2"
        assert sheet.auto_filter.ref
        assert all(dimension.width > 8 for dimension in sheet.column_dimensions.values())
    assert [cell.value for cell in book["Findings"][1]] == [column for column, _ in FINDING_COLUMNS]
    assert tuple(cell.value for cell in book["Resources"][1]) == INVENTORY_COLUMNS


def test_the_findings_are_those_that_need_attention(book: Any, sample: Scan) -> None:
    expected = Counter(
        (finding.status.value, finding.control, finding.account, finding.fingerprint)
        for finding in sample.findings
        if finding.status in OPEN
    )
    found = rows(book["Findings"])
    assert (
        Counter((*map(row.get, ("status", "control", "account", "fingerprint")),) for row in found)
        == expected
    )
    summary = {row["item"]: row["value"] for row in rows(book["Summary"])}
    counts = build(sample).counts
    assert {status: summary[f"checks: {status.value}"] for status in Status} == {
        status: f"{counts.of(status):,}" for status in Status
    }


def test_account_ids_are_texts_and_counts_are_numbers(book: Any) -> None:
    for name in ("Findings", "Resources", "Completeness"):
        accounts = {row["account"] for row in rows(book[name])}
        assert all(isinstance(account, str) for account in accounts - {None})
        assert any(len(account) == 12 for account in accounts - {None})
    assert all(isinstance(row["fail"], int) for row in rows(book["Resources"]))
    assert all(isinstance(row["calls"], int) for row in rows(book["Completeness"]))


def test_every_resource_and_every_missing_read_is_there(book: Any, sample: Scan) -> None:
    assert sample.resources is not None
    assert len(rows(book["Resources"])) == len(sample.resources)
    assert len(rows(book["Missing reads"])) == len(build(sample).completeness.gaps)


def test_what_looks_like_a_formula_stays_a_text(scan: Scan) -> None:
    texts = ('=HYPERLINK("http://evil.example")', "+1", "-2+3", "@SUM(A1)", "\t=1", "_x0041_", "007", "1e5")
    failure = next(finding for finding in scan.findings if finding.status is Status.FAIL)
    findings = tuple(replace(failure, subject=f"{number}", reason=text) for number, text in enumerate(texts))
    sheet = workbook(replace(scan, findings=findings))["Findings"]
    column = [cell.value for cell in sheet[1]].index("reason")
    cells = [row[column] for row in sheet.iter_rows(min_row=2)]
    assert [cell.data_type for cell in cells] == ["s"] * len(texts)
    assert [unescape(cell.value) for cell in cells] == [cell_text(text) for text in texts]
    assert [cell.quotePrefix for cell in cells] == [True] * 5 + [False] * 3


def test_no_cell_of_hostile_findings_is_a_formula_or_a_link(scan: Scan) -> None:
    for sheet in workbook(planted(scan)):
        assert sheet._hyperlinks == []
        assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "n"}
        texts = [str(cell.value) for row in sheet.iter_rows() for cell in row if cell.value is not None]
        assert not any("\u202e" in text or "\x1b" in text for text in texts)


def test_a_long_text_is_cut_at_the_limit_of_a_cell() -> None:
    assert cell_text("x" * MAX_TEXT) == "x" * MAX_TEXT
    assert cell_text("x" * (MAX_TEXT + 1)) == "x" * (MAX_TEXT - 1) + "\u2026"
    cut = cell_text("\U0001f4be" * MAX_TEXT)
    assert len(cut.encode("utf-16-le")) // 2 <= MAX_TEXT
    assert cut.endswith("\u2026")


def test_rows_beyond_the_limit_of_a_sheet_are_counted(scan: Scan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx, "MAX_ROWS", 6)
    short = workbook(scan)
    assert len(rows(short["Findings"])) == 5
    total = sum(finding.status in OPEN for finding in scan.findings)
    summary = {row["item"]: row["value"] for row in rows(short["Summary"])}
    assert "findings left out" not in summary  # the summary itself has five rows here
    (told,) = [text for name, text in xlsx._left_out(build(scan)) if name == "findings left out"]
    assert told == f"{total - 5:,}: a sheet has no more rows. findings.csv has all."


def test_equal_scans_give_equal_bytes(scan: Scan) -> None:
    assert b"".join(findings_xlsx(build(scan))) == b"".join(findings_xlsx(build(scan)))


def test_without_the_extra_a_sentence_says_what_to_install(
    scan: Scan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "xlsxwriter.py").write_text("raise ModuleNotFoundError('xlsxwriter')\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "xlsxwriter", raising=False)
    with pytest.raises(OutputError, match=r"extra xlsx \(pip install '.\[xlsx\]'"):
        b"".join(findings_xlsx(build(scan)))
