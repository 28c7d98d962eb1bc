"""The cover of the PDF and the heads of HTML and Markdown: names, period, dates and conclusion."""

import io
from dataclasses import replace
from datetime import date, timedelta

import pypdfium2
import pytest

from scanner.model.report_details import Period, ReportDetails
from scanner.model.scan import Scan
from scanner.report.formats.html import report_html
from scanner.report.formats.markdown import summary_md
from scanner.report.formats.pdf import report_pdf
from scanner.report.redact import Pseudonyms, redacted
from scanner.report.view.conclusion import conclusion
from scanner.report.view.view import build

STATED = ReportDetails(
    "Example <b>AG</b> & مؤسسة", "Internal audit\u202e, Jane", Period(date(2026, 10, 1), date(2026, 12, 31))
)


def cover_of(document: bytes) -> str:
    page = pypdfium2.PdfDocument(io.BytesIO(document))[0]
    return " ".join(page.get_textpage().get_text_bounded().split())


@pytest.fixture(scope="module")
def stated(empty: Scan) -> Scan:
    early = empty.manifest.evaluated_as_of + timedelta(days=3)
    manifest = replace(empty.manifest, started_at=early, finished_at=early)
    return replace(empty, report=STATED, manifest=manifest)


def test_the_cover_has_names_period_dates_and_the_conclusion(stated: Scan) -> None:
    cover = cover_of(report_pdf(build(stated)))
    assert "Example <b>AG</b> &" in cover
    assert "Prepared by Internal audit" in cover
    assert "\u202e" not in cover
    assert "2026-10-01 to 2026-12-31" in cover
    assert "Recorded 25 Nov 2026" in cover
    assert "Evaluated as of 22 Nov 2026" in cover
    assert "Dates. The evidence was recorded on 25 Nov 2026" in cover
    assert all(sentence in cover for sentence in conclusion(build(stated)))
    assert f"Organisation {stated.manifest.scope.organization_id or 'not known'}" in cover


def test_what_is_not_stated_is_said_and_the_id_is_the_name(empty: Scan) -> None:
    cover = cover_of(report_pdf(build(empty)))
    assert "Prepared by not stated Period of the audit not stated" in cover
    assert "Dates." not in cover
    assert cover.index(build(empty).organization) < cover.index("Backup audit report")


def test_the_longest_name_leaves_room_for_everything(stated: Scan) -> None:
    longest = replace(stated, report=ReportDetails("Wide name " * 20, "W" * 200))
    pages = pypdfium2.PdfDocument(io.BytesIO(report_pdf(build(longest))))
    assert "Contents" in pages[1].get_textpage().get_text_bounded()
    cover = cover_of(report_pdf(build(longest)))
    assert cover.count("Wide name") == 20
    assert "Attached to this document" in cover


def test_html_and_markdown_have_the_same(stated: Scan) -> None:
    view = build(stated)
    html = report_html(view).decode()
    assert "<bdi>Example &lt;b&gt;AG&lt;/b&gt; &amp; مؤسسة</bdi>" in html
    assert "<b>AG</b>" not in html
    markdown = b"".join(summary_md(view)).decode()
    for text in (html, markdown):
        assert "2026-10-01 to 2026-12-31" in text
        assert conclusion(view)[1] in text
        assert "which is earlier" in text
    assert markdown.startswith("# Backup audit of `Example <b>AG</b> & مؤسسة`")


def test_a_redacted_copy_leaves_the_names_out(stated: Scan) -> None:
    html = report_html(build(redacted(stated, Pseudonyms(b"a key of sixteen or more")))).decode()
    assert "Example" not in html
    assert "Jane" not in html
    assert "left out of this copy" in html
