import csv
import gc
import hashlib
import io
import logging
import re
import subprocess
import sys
import zlib
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pypdf
import pytest
import weasyprint

from scanner.errors import BundleError, OutputError, UsageError
from scanner.evaluate.compliance.assessment import assess
from scanner.evaluate.controls.loader import load_controls
from scanner.evaluate.controls.requirements import load_standards
from scanner.model.finding import Finding, Status
from scanner.model.names import AccountId, RegionName
from scanner.model.report_details import Annex, ReportDetails
from scanner.model.scan import Scan
from scanner.report.formats.csv import findings_csv
from scanner.report.formats.pdf import (
    FINDINGS,
    LEAST_FINDINGS,
    Paper,
    chapters,
    document_html,
    fetcher,
    page_class,
    report_pdf,
)
from scanner.report.formats.pdf_attachments import attachments
from scanner.report.formats.templates import asset
from scanner.report.view.view import build
from scanner.report.write import write_reports
from tests.fakes.counted import Cell, counted, counts_of, groups_of
from tests.fakes.filed import file_findings, read_filed, write_lines
from tests.report.pdf_clauses import violations


@pytest.fixture(scope="session")
def document(scan: Scan) -> bytes:
    return report_pdf(build(scan))


@pytest.fixture(scope="session")
def reader(document: bytes) -> pypdf.PdfReader:
    return pypdf.PdfReader(io.BytesIO(document))


@pytest.fixture(scope="session")
def text(reader: pypdf.PdfReader) -> str:
    return re.sub(r"\s+", " ", " ".join(page.extract_text() for page in reader.pages))


def test_the_document_says_who_what_and_when(reader: pypdf.PdfReader) -> None:
    assert reader.metadata is not None
    assert reader.metadata.title == "Backup audit of o-acme12345, 22 November 2026"
    assert str(reader.metadata.creation_date).startswith("2026-11-22 18:00:00")
    root: Any = reader.root_object
    assert root["/Lang"] == "en"
    assert root["/MarkInfo"]["/Marked"]


def test_it_is_pdf_a_3u_and_pdf_ua_1_and_says_so(document: bytes, text: str) -> None:
    assert violations(document) == []
    assert "This document is PDF/A-3u and PDF/UA-1." in text


def test_a_document_that_does_not_conform_claims_nothing_and_says_why(
    empty: Scan, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = "a character has no glyph in the fonts of this machine"
    monkeypatch.setattr("scanner.report.formats.pdf.font_problems", lambda _: [problem])
    document = report_pdf(build(empty))
    reader = pypdf.PdfReader(io.BytesIO(document))
    words = " ".join(" ".join(page.extract_text() for page in reader.pages).split())
    assert f"This document claims neither PDF/A-3u nor PDF/UA-1: {problem}." in words
    root: Any = reader.root_object
    metadata = root["/Metadata"].get_object().get_data()
    assert b"pdfaid:part" not in metadata
    assert b"pdfuaid" not in metadata
    assert {violation.split("}")[0] for violation in violations(document)} == {
        "its metadata has {http://www.aiim.org/pdfa/ns/id/",
        "its metadata has {http://www.aiim.org/pdfa/ns/schema#",
        "its metadata has {http://www.aiim.org/pdfua/ns/id/",
    }


def test_every_section_is_there_and_in_the_bookmarks(reader: pypdf.PdfReader, text: str) -> None:
    titles = [str(each.title) for each in reader.outline if not isinstance(each, list)]
    assert titles == [
        "Contents",
        "Summary",
        "Scope and provenance",
        "Completeness",
        "Control matrix",
        "Findings",
        "Sample to re-perform",
        "Waivers",
        "Method and limitations",
        "Integrity",
        "Annex: exceptions",
        "Sign-off",
    ]
    assert f"Page 2 of {len(reader.pages)}" in text
    contents = reader.pages[1].extract_text()
    assert str(len(reader.pages)) in re.findall(r"\d+", contents.partition("Sign-off")[2])


def test_no_page_is_nearly_empty(reader: pypdf.PdfReader) -> None:
    lengths = [len(page.extract_text()) for page in reader.pages]
    assert [number for number, length in enumerate(lengths[1:-1], 2) if length < 600] == []


def test_its_numbers_are_the_view_s(scan: Scan, text: str) -> None:
    counts = build(scan).counts
    assert f"{counts.judged} of {counts.asked} checks could be evaluated: {counts.failed} failed" in text
    assert f"{counts.open} could not be evaluated. {counts.not_applicable} more checks do not apply." in text
    assert "W-17" in text
    assert "backup:GetBackupVaultAccessPolicy" in text.replace("Po licy", "Policy")


def test_findings_go_by_names_and_missing_reads_say_what_they_blind(named: Scan) -> None:
    view = build(named)
    html = document_html(view, ())
    assert re.search(r"<bdi>billing-archive</bdi><small><bdi>[^<]+</bdi></small>", html)
    assert "<bdi>gold / daily \u2192 central</bdi>" in html
    assert "<small>resource-cross-account-copy, vault-manual-deletion-denied</small>" in html
    unasked = build(replace(named, findings=(), controls=()))
    assert '<span class="none">not recorded</span>' in document_html(unasked, ())


def test_the_collector_of_garbage_is_back_at_work(document: bytes) -> None:
    assert document
    assert gc.isenabled()


def test_hostile_values_are_shown_as_text(text: str) -> None:
    assert "url(file:///etc/passwd)" in text
    assert "<script>alert" in text
    assert "\u2039U+202E\u203a" in text
    assert "\u05de\u05e2" in text or "\u05e2\u05de" in text  # Hebrew, in one order or the other
    assert "\u2039U+1F4BE\u203a\u2039U+1F9CA\u203a" in text  # emoji
    assert "root:" not in text


def test_all_findings_and_the_manifest_are_attached(
    scan: Scan, reader: pypdf.PdfReader, tmp_path: Path, text: str
) -> None:
    attached = {name: content[0] for name, content in reader.attachments.items()}
    files = attachments(build(scan), tmp_path)
    assert attached == {each.name: zlib.decompress(each.path.read_bytes()) for each in files}
    for each in files:
        assert each.sha256 == hashlib.sha256(attached[each.name]).hexdigest()
        assert f"{each.bytes:,}" in text
        assert each.description in text
    rows = list(csv.reader(io.StringIO(attached["findings.csv"].decode("utf-8-sig"), newline="")))
    assert len(rows) == 1 + len(scan.findings)
    assert attached["findings.csv"] == b"".join(findings_csv(build(scan)))


def test_the_document_names_size_and_checksum_of_each_attachment(reader: pypdf.PdfReader) -> None:
    names: Any = reader.root_object
    files = names["/Names"]["/EmbeddedFiles"]["/Names"][1::2]
    for file in files:
        stream = file.get_object()["/EF"]["/F"].get_object()
        content = stream.get_data()
        checksum = hashlib.md5(content, usedforsecurity=False).digest()
        assert stream["/Params"]["/Size"] == len(content)
        assert bytes.fromhex(stream["/Params"]["/CheckSum"].original_bytes.hex()) == checksum
        assert file.get_object()["/AFRelationship"] == "/Data"


def test_style_sheets_without_unused_pseudo_elements_draw_the_same_document(empty: Scan) -> None:
    html = document_html(build(empty), ())
    plain, lean = (kind(string=html) for kind in (weasyprint.HTML, page_class(weasyprint.HTML)))
    style = weasyprint.CSS(string=asset("pdf.css"), url_fetcher=fetcher(weasyprint.urls.URLFetcherResponse))
    drawn = [each.write_pdf(stylesheets=[style], pdf_identifier=b"same") for each in (plain, lean)]
    assert drawn[0] == drawn[1]
    pseudos = [entry[3] for sheet in lean._ua_stylesheets() for entry in sheet.matcher.other_selectors]
    assert len(pseudos) > 1
    assert set(pseudos) == {None}


def test_two_runs_give_the_same_bytes_and_say_nothing(blind: Scan, capfd: pytest.CaptureFixture[str]) -> None:
    small = build(replace(blind, findings=tuple(blind.findings)[:5], controls=blind.controls[:1], gaps=()))
    assert report_pdf(small) == report_pdf(small)
    assert capfd.readouterr() == ("", "")
    assert logging.getLogger("weasyprint").propagate


def test_an_empty_scan_has_a_document(empty: Scan) -> None:
    reader = pypdf.PdfReader(io.BytesIO(report_pdf(build(empty))))
    assert "The scan found nothing that a control applies to." in reader.pages[2].extract_text()


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "http://evil.example/", "font:../../x", "data:,x", "x"]
)
def test_nothing_is_fetched_but_the_bundled_fonts(url: str) -> None:
    fetch = fetcher(weasyprint.urls.URLFetcherResponse)
    with pytest.raises(ValueError, match="Reports fetch nothing"):
        fetch(url)
    assert fetch("font:Inter-Regular.woff2").read().startswith(b"wOF2")


def test_values_cannot_make_the_document_ask_for_anything(scan: Scan) -> None:
    html = document_html(build(scan), ())
    assert not re.search(r"<img|<link|<object|<embed|<iframe|src=", re.sub(r"&[a-z#0-9]+;[^<]*", "", html))
    assert "url(" not in re.sub(r">[^<]*<", "><", html)


def test_the_room_for_findings_is_shared_and_the_rest_counted(scan: Scan) -> None:
    view = build(scan)
    result = chapters(view)
    assert all(each.cut == 0 or len(each.findings) >= LEAST_FINDINGS for each in result)
    assert sum(len(each.findings) for each in result) <= FINDINGS
    assert sum(len(each.findings) + each.cut for each in result) == view.counts.failed + view.counts.open


def test_of_filed_findings_the_same_are_shown_and_only_these_are_read(scan: Scan, tmp_path: Path) -> None:
    write_lines(scan, tmp_path)
    filed = build(read_filed(tmp_path, file_findings(tmp_path)))
    shown = chapters(filed)
    expected = chapters(build(scan))
    assert [(each.findings, each.cut) for each in shown] == [(each.findings, each.cut) for each in expected]
    assert sum(len(each.findings) for each in shown) > 0
    for file in (tmp_path / "findings").iterdir():
        file.unlink()
    with pytest.raises(BundleError):
        list(filed.worst)


@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        (
            "raise OSError(\"cannot load library 'libpango-1.0-0': not found\")",
            r"cannot load Pango \('libpango-1\.0-0'\).*apt-get install",
        ),
        (
            "import a_package_that_is_missing",
            r"a_package_that_is_missing is not.*pip install '\.\[pdf\]'",
        ),
    ],
    ids=["Pango", "the extra"],
)
def test_without_an_engine_everything_else_is_written_and_one_sentence_says_what_to_install(
    scan: Scan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: str, sentence: str
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "weasyprint.py").write_text(f"{failure}\n", encoding="utf-8")
    monkeypatch.syspath_prepend(broken)
    monkeypatch.delitem(sys.modules, "weasyprint")
    out = tmp_path / "out"
    with pytest.raises(OutputError, match=sentence):
        write_reports(build(scan), out, ["pdf", "html", "json", "csv"])
    assert sorted(each.name for each in out.iterdir()) == [
        "findings.csv",
        "findings.json",
        "report.html",
        "reports.sha256",
    ]


def test_checksums_are_what_sha256sum_checks_and_survive_a_second_run(scan: Scan, tmp_path: Path) -> None:
    first = write_reports(build(scan), tmp_path, ["csv", "json"])
    assert [each.format for each in first] == ["json", "csv"]
    write_reports(build(scan), tmp_path, ["html"])
    (tmp_path / "findings.csv").unlink()
    write_reports(build(scan), tmp_path, ["html"])
    lines = (tmp_path / "reports.sha256").read_text().splitlines()
    assert [line.split("  ")[1] for line in lines] == ["findings.json", "report.html"]
    checked = subprocess.run(
        ["/usr/bin/env", "sha256sum", "--check", "reports.sha256"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert checked.returncode == 0


def test_a_format_that_does_not_exist_is_a_mistake_and_writes_nothing(scan: Scan, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no report format docx"):
        write_reports(build(scan), tmp_path, ["json", "docx"])
    assert list(tmp_path.iterdir()) == []


def test_it_says_of_when_the_capability_table_is(scan: Scan, text: str) -> None:
    assert f"Capability table as of {scan.manifest.capabilities_as_of}" in text


def test_the_population_is_attached_where_it_is_known(scan: Scan, tmp_path: Path) -> None:
    rows: tuple[dict[str, object], ...] = ()
    names = [each.name for each in attachments(build(replace(scan, resources=rows)), tmp_path)]
    assert names == ["findings.csv", "inventory.csv", "manifest.json"]
    assert "inventory.csv" not in [each.name for each in attachments(build(scan), tmp_path)]


def test_the_sample_can_be_drawn_again_and_ticked(scan: Scan, text: str) -> None:
    drawn = build(scan).sample
    chapter = text.partition("drawn by checksum, not by hand")[2].partition("No waiver was applied")[0]
    squeezed = chapter.replace(" ", "")
    assert drawn.seed in squeezed
    assert drawn.query.replace(" ", "") in squeezed
    for finding in drawn.findings:
        assert finding.control in squeezed
    assert "Checked" in chapter


def test_it_is_laid_out_for_letter_too(empty: Scan) -> None:
    boxes = {
        paper: pypdf.PdfReader(io.BytesIO(report_pdf(build(empty), paper))).pages[2].mediabox
        for paper in Paper
    }
    assert [round(float(each), 1) for each in boxes[Paper.A4][2:]] == [595.3, 841.9]
    assert [round(float(each), 1) for each in boxes[Paper.LETTER][2:]] == [612.0, 792.0]


@pytest.mark.slow
@pytest.mark.parametrize(("annex", "pages"), [(Annex.NONE, 66), (Annex.ALL, 95)])
def test_a_large_organisation_has_few_pages_without_root_causes(scan: Scan, annex: Annex, pages: int) -> None:
    """Every shipped control fails for many subjects in many accounts and Regions, with long reasons."""
    controls = tuple(load_controls())
    accounts = tuple(AccountId(f"{number:012}") for number in range(1, 401))
    regions = tuple(RegionName(f"eu-central-{number}") for number in range(17))
    findings = tuple(
        Finding(
            control=control.id,
            status=Status.FAIL,
            severity=control.severity,
            subject=f"arn:aws:ec2:eu-west-1:{account}:volume/vol-{'0123456789abcdef' * 4}",
            subject_type="EBS",
            account=account,
            region="eu-west-1",
            reason="No rule of a backup plan covers it, and that in so many words that they fill lines. " * 4,
            frameworks=control.frameworks,
        )
        for control in sorted(controls, key=lambda each: each.id)
        for account in accounts[:100]
    )
    scope = replace(scan.manifest.scope, accounts=accounts, regions=regions)
    large = replace(
        scan,
        controls=controls,
        findings=findings,
        manifest=replace(scan.manifest, scope=scope),
        assessment=assess(
            counts_of(_cells(findings)), groups_of(findings, controls), controls, load_standards(controls), {}
        ),
        report=ReportDetails(annex=annex),
    )
    reader = pypdf.PdfReader(io.BytesIO(report_pdf(build(large))))
    assert len(reader.pages) <= pages


def _cells(findings: tuple[Finding, ...]) -> Counter[Cell]:
    cells: Counter[Cell] = Counter()
    assert len(list(counted(findings, cells))) == len(findings)
    return cells
