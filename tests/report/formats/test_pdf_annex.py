"""The annex of the PDF: which exceptions it lists, its limit, and where all of them are."""

import io
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pypdfium2
import pytest

from scanner.model.finding import Severity, Status
from scanner.model.report_details import Annex, ReportDetails
from scanner.model.scan import Scan
from scanner.report.formats.html import report_html
from scanner.report.formats.pdf import report_pdf
from scanner.report.formats.pdf_annex import annex_of
from scanner.report.view.view import build
from tests.fakes.filed import file_findings, read_filed, write_lines

SEVERE = (Severity.CRITICAL, Severity.HIGH)


def with_annex(scan: Scan, annex: Annex) -> Scan:
    return replace(scan, report=ReportDetails(annex=annex))


def failures(scan: Scan, *severities: Severity) -> Counter[str]:
    return Counter(
        finding.control
        for finding in scan.findings
        if finding.status is Status.FAIL and finding.severity in severities
    )


def test_critical_and_high_failures_are_listed_by_default(scan: Scan) -> None:
    annex = annex_of(build(scan))
    listed = Counter(finding.control for part in annex.parts for finding in part.findings)
    assert listed == failures(scan, *SEVERE)
    assert {finding.status for part in annex.parts for finding in part.findings} == {Status.FAIL}
    assert annex.sentence.startswith(f"All critical and high exceptions: {listed.total()}.")
    ranks = [part.control.control.severity.rank for part in annex.parts]
    assert ranks == sorted(ranks)


def test_all_severities_can_be_listed(scan: Scan) -> None:
    annex = annex_of(build(with_annex(scan, Annex.ALL)))
    listed = Counter(finding.control for part in annex.parts for finding in part.findings)
    assert listed == failures(scan, *Severity)
    assert annex.sentence.startswith("All exceptions of all severities")


def test_none_says_that_it_was_left_out(scan: Scan) -> None:
    annex = annex_of(build(with_annex(scan, Annex.NONE)))
    assert annex.parts == ()
    assert annex.sentence == (
        "The annex was left out (--annex none). The attached findings.csv has all exceptions."
    )


def test_no_exception_is_not_the_same_as_nothing_unknown(scan: Scan) -> None:
    unknown = tuple(finding for finding in scan.findings if finding.status is Status.UNKNOWN)
    annex = annex_of(build(replace(scan, findings=unknown)))
    assert annex.sentence == (
        "There are no critical and high exceptions. Checks that could not be evaluated are not exceptions."
    )


def test_beyond_the_limit_it_says_how_many_of_how_many_and_where_all_are(scan: Scan) -> None:
    annex = annex_of(build(scan), limit=5)
    total = failures(scan, *SEVERE).total()
    assert sum(len(part.findings) for part in annex.parts) == 5
    assert annex.sentence.startswith(f"The first 5 of {total} exceptions (critical and high exceptions)")
    assert annex.sentence.endswith("The attached findings.csv has all exceptions.")
    assert annex.parts[-1].total >= len(annex.parts[-1].findings)


@pytest.mark.parametrize("limit", [3, 500])
def test_filed_findings_give_the_same_annex(scan: Scan, tmp_path: Path, limit: int) -> None:
    write_lines(scan, tmp_path)
    filed = build(read_filed(tmp_path, file_findings(tmp_path)))
    assert [
        (part.control.control.id, [finding.fingerprint for finding in part.findings], part.total)
        for part in annex_of(filed, limit).parts
    ] == [
        (part.control.control.id, [finding.fingerprint for finding in part.findings], part.total)
        for part in annex_of(build(scan), limit).parts
    ]


def test_the_pages_have_every_fingerprint_and_the_rules_of_selection(scan: Scan) -> None:
    view = build(scan)
    document = pypdfium2.PdfDocument(io.BytesIO(report_pdf(view)))
    text = " ".join(" ".join(page.get_textpage().get_text_bounded() for page in document).split())
    annex = text[text.rindex("Annex: exceptions All critical") :]
    for part in annex_of(view).parts:
        assert all(finding.fingerprint[:12] in annex for finding in part.findings)
    assert "About 130 findings share the space" in text
    assert "in each, the most severe first" in report_html(view).decode()
