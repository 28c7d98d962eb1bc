"""The changes since a former scan as the reports tell them: bounded, whole in their counts, and harmless."""

import io
import re
from dataclasses import replace
from datetime import UTC, datetime

import pypdf
import pytest

from scanner.model.changes import LISTED, Change, Changes, Former, Kind
from scanner.model.finding import Finding, Severity, Status
from scanner.model.scan import Scan
from scanner.report.formats.html import report_html
from scanner.report.formats.markdown import summary_md
from scanner.report.formats.pdf import document_html, report_pdf
from scanner.report.view.changes import KIND_MEANINGS, changes_document, changes_of, kinds
from scanner.report.view.view import build
from scanner.report.wording import KIND_WORDS
from scanner.storage.encoding import encode

HOSTILE = '<script>alert("x")</script>\u202e'
LONG = "No rule of a backup plan covers it, and that in so many words that they fill lines. " * 6


def finding(number: int, status: Status = Status.FAIL) -> Finding:
    return Finding(
        control="resource-in-backup-plan",
        status=status,
        severity=Severity.HIGH,
        subject=f"arn:aws:ec2:eu-west-1:111111111111:volume/vol-{number}-{'0123456789abcdef' * 4}",
        subject_type="EBS",
        account="111111111111",
        region="eu-west-1",
        reason=f"{HOSTILE} {LONG}",
        details={"name": f"{HOSTILE}{number}"},
    )


def change(kind: Kind, number: int) -> Change:
    old = None if kind is Kind.NEW else finding(number)
    new = None if kind in {Kind.DELETED, Kind.GONE, Kind.NOT_KNOWN} else finding(number, Status.FAIL)
    why = f"{HOSTILE} It was deleted." if new is None or kind is Kind.CHANGED_RULE else ""
    return Change(kind, old, new, ("severity", "tier") if kind is Kind.CHANGED else (), why)


def changes(score: float | None = 41.27) -> Changes:
    counts = {kind: 1_000 + number for number, kind in enumerate(Kind)}
    return Changes(
        notes=(f"Accounts only in this scan: {HOSTILE}.", "Tiers or overrides are set otherwise."),
        counts=counts,
        by_control={"resource-in-backup-plan": counts},
        worst={kind: tuple(change(kind, number) for number in range(25)) for kind in LISTED},
        alarm=Severity.HIGH,
        totals={Status.FAIL: 1_234, Status.PASS: 4_321, Status.UNKNOWN: 77},
        former=Former(f"scan-{HOSTILE}", datetime(2026, 11, 15, 18, tzinfo=UTC), score),
    )


@pytest.fixture(scope="module")
def held(scan: Scan) -> Scan:
    return replace(scan, changes=changes())


def test_every_kind_has_a_word_and_every_listed_one_a_meaning() -> None:
    assert set(KIND_WORDS) == set(Kind)
    assert set(KIND_MEANINGS) == set(LISTED)


def test_the_document_is_read_back() -> None:
    result = changes()
    document = changes_document(result)
    back = changes_of(document)
    assert back is not None
    assert encode(changes_document(back)) == encode(document)
    assert (back.counts, back.by_control, back.totals) == (result.counts, result.by_control, result.totals)
    assert (back.former, back.alarm, back.notes) == (result.former, result.alarm, result.notes)
    for kind in LISTED:
        assert back.left_out(kind) == result.counts[kind] - 25
        assert [each.finding.subject for each in back.worst[kind]] == [
            each.finding.subject for each in result.worst[kind]
        ]


def test_html_counts_all_names_the_worst_and_escapes(held: Scan) -> None:
    page = report_html(build(held)).decode()
    section = page[page.index('<section id="changes"') :].partition("</section>")[0]
    assert "<script" not in section
    assert "\u202e" not in section
    for each in kinds(changes()):
        assert f"{each.word} <b>{each.number:,}</b>" in section
        assert f"And {each.number - 25:,} more" in section
    for text in ("1,234", "of 5,555 evaluated", "of 5,632 checks", "41.2", "15 Nov 2026"):
        assert text in section
    assert section.count("Not failing, as before: 1,017") == 1


def test_there_is_no_empty_section(scan: Scan) -> None:
    view = build(scan)
    assert view.trend is None
    for text in (report_html(view).decode(), document_html(view, ())):
        assert 'id="changes"' not in text
        assert 'href="#changes"' not in text


def test_pdf_tells_them_on_few_pages(empty: Scan) -> None:
    reader = pypdf.PdfReader(io.BytesIO(report_pdf(build(replace(empty, changes=changes())))))
    titles = [str(each.title) for each in reader.outline if not isinstance(each, list)]
    assert titles.index("Changes") == titles.index("Summary") + 1
    places = {
        str(each.title): reader.get_destination_page_number(each)
        for each in reader.outline
        if not isinstance(each, list)
    }
    first, behind = places["Changes"], places["Scope and provenance"]
    assert first is not None
    assert behind is not None
    assert behind - first <= 3
    text = re.sub(r"\s+", " ", " ".join(page.extract_text() for page in reader.pages[first : behind + 1]))
    for each in kinds(changes()):
        assert f"{each.word} {each.number:,}" in text
    assert "of 5,555 evaluated" in text


@pytest.mark.parametrize(("score", "expected"), [(41.27, True), (None, False)])
def test_markdown_says_it_in_a_paragraph(scan: Scan, score: float | None, expected: bool) -> None:  # noqa: FBT001
    text = b"".join(summary_md(build(replace(scan, changes=changes(score))))).decode()
    assert "**Since 15 Nov 2026, 18:00:00 UTC:** 1,000 new, 1,001 reopened" in text
    assert "Then 1,234 of 5,555 evaluated checks failed" in text
    assert ("The score was 41.2" in text) == (expected and build(scan).assessment is not None)
    assert "<script" not in re.sub(r"`[^`]*`", "", text)
