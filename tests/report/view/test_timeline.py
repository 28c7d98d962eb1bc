"""The series of scans as reports show it: charts with gaps, tables, and the same again from a summary."""

import re
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.model.finding import Severity, Status
from scanner.model.scan import Scan
from scanner.model.timeline import FirstSeen, FirstSeenTimes, FixTimes, Timeline, TrendPoint
from scanner.report.formats.html import report_html
from scanner.report.formats.markdown import summary_md
from scanner.report.formats.pdf import document_html
from scanner.report.view.timeline import first_seen_words, timeline_document, timeline_of
from scanner.report.view.trend_charts import charts, sparkline
from scanner.report.view.view import build
from tests.report.conftest import CLOCK

HOSTILE = '<script>alert("x")</script>\u202e'
WEEK = timedelta(days=7)


def point(
    number: int, failed: int, *, differences: tuple[str, ...] = (), score: float | None = 50
) -> TrendPoint:
    return TrendPoint(
        scan_id=f"scan-{number}-{HOSTILE}",
        evaluated_as_of=CLOCK + number * WEEK,
        failed={Severity.CRITICAL: failed, Severity.LOW: 7},
        totals={Status.FAIL: failed + 7, Status.PASS: 40, Status.UNKNOWN: number + 1, Status.ERROR: 1},
        score=score,
        tool="vaultproof 1",
        differences=differences,
        notes=(f"Judged by {HOSTILE}.",),
        fixed=number,
        fix_days=float(number) if number else None,
    )


TIMES = FixTimes(
    severity=None, fixed=6, median_days=2, open=9, open_days=21.5, ended=1, at_least=3, half_days=None
)
SERIES = Timeline(
    points=(
        *(point(0, 9), point(1, 8), point(2, 8, score=None)),
        *(point(3, 30, differences=("Controls only in this scan: vault-locked.",)), point(4, 20)),
    ),
    fix_times=(TIMES, replace(TIMES, severity=Severity.CRITICAL, half_days=12)),
    notes=(f"scans/x is left out: {HOSTILE}.",),
)


def test_the_summary_has_all_and_is_read_back() -> None:
    document = timeline_document(SERIES)
    assert timeline_of(document) == SERIES
    assert document["trend"]["points"][3]["totals"]["judged"] == 77
    assert (timeline_document(None), timeline_of({})) == ({}, None)


def test_a_line_has_a_gap_where_scans_are_not_comparable_or_have_no_value() -> None:
    failures, unknown, score, fixes = charts(SERIES)
    assert [line.key for line in failures.lines] == ["critical", "low"]
    # Three scans before the change, two after it.
    assert [path.count(" L") for path in failures.lines[0].paths] == [2, 1]
    assert [path.count(" L") for path in score.lines[0].paths] == [1, 1]
    assert [path.count(" L") for path in fixes.lines[0].paths] == [1, 1]
    (x,) = failures.breaks
    assert x == unknown.breaks[0]
    assert failures.lines[0].dots[2][0] < x < failures.lines[0].dots[3][0]
    assert failures.lines[0].label == "Critical 20"
    assert (
        "Critical: 9 on 22 November 2026, 20 on 20 December 2026, between 8 and 30." in failures.description
    )


def test_a_point_without_neighbours_is_seen() -> None:
    points = tuple(point(number, 5, differences=("It differs.",)) for number in range(30))
    (line, _) = charts(Timeline(points))[0].lines
    assert line.paths == ()
    assert len(line.dots) == 30
    whole = charts(Timeline(tuple(point(number, 5) for number in range(30))))[0].lines[0]
    assert (len(whole.paths), whole.dots) == (1, ())


@settings(max_examples=50)
@given(st.lists(st.tuples(*(st.integers(0, 10**6) for _ in Severity)), min_size=3, max_size=60))
def test_everything_stays_inside_and_labels_do_not_touch(rows: list[tuple[int, ...]]) -> None:
    points = tuple(
        replace(point(number, 0), failed=dict(zip(Severity, row, strict=True)))
        for number, row in enumerate(rows)
    )
    for chart in charts(Timeline(points)):
        places = [
            tuple(map(float, pair.split()))
            for line in chart.lines
            for path in line.paths
            for pair in path.removeprefix("M").split(" L")
        ]
        assert all(34 <= x <= 270 and 12 <= y <= 146 for x, y in places)
        labels = sorted(line.label_y for line in chart.lines)
        assert all(low + 13 <= high + 1e-9 for low, high in pairwise(labels))
        assert all(0 <= label <= 150 for label in labels)


def test_a_line_of_blocks() -> None:
    assert sparkline([0, 4, None, 8], [False, False, False, True]) == "▁▅  █"


def test_html_and_pdf_have_charts_with_words_and_nothing_of_a_hostile_name(scan: Scan) -> None:
    view = build(replace(scan, timeline=SERIES))
    for page in (report_html(view).decode(), document_html(view, ())):
        section = page[page.index('id="trend"') :].partition("</section>")[0]
        assert section.count('role="img"') == section.count("<title") == section.count("<desc") == 4
        assert section.count('class="breaks"') == 4
        assert "Controls only in this scan: vault-locked." in section
        assert "not yet" in section
        assert "<script" not in section
        assert "\u202e" not in section
        # A page of a policy without inline styles draws by classes alone.
        assert not re.search(r'<svg[^>]* style="', section)


def test_markdown_has_lines_of_blocks_and_times(scan: Scan) -> None:
    text = b"".join(summary_md(build(replace(scan, timeline=SERIES)))).decode()
    assert "**Trend** of 5 scans, from 22 November 2026 to 20 December 2026. A gap" in text
    assert "| Critical failures | `▃▃▃ █▆` | 9 | 20 |" in text
    assert "| All | 6 | 2.0 | 9 | 21.5 | not yet |" in text


@pytest.mark.parametrize("number", [1, 2])
def test_too_few_scans_are_no_trend(scan: Scan, number: int) -> None:
    view = build(replace(scan, timeline=Timeline(SERIES.points[:number])))
    assert 'id="trend"' not in report_html(view).decode()
    assert "**Trend**" not in b"".join(summary_md(view)).decode()


def test_first_seen_in_words_and_in_days(scan: Scan) -> None:
    failed = next(finding for finding in scan.findings if finding.status is Status.FAIL)
    times = FirstSeenTimes(
        [(failed.fingerprint, FirstSeen(CLOCK - 2 * WEEK, may_be_older=True, unknown_scans=1))]
    )
    view = build(replace(scan, first_seen=times))
    assert view.age_days(failed) == 14
    words = "First seen 8 Nov 2026, 14 days ago or earlier; unknown in 1 scan since."
    assert view.first_seen_words(failed) == words
    assert first_seen_words(FirstSeen(CLOCK + WEEK), CLOCK) == "First seen 29 Nov 2026, 0 days ago."
    other = replace(failed, subject="another")
    assert (view.age_days(other), view.first_seen(other), view.first_seen_words(other)) == (None, None, "")
    assert build(scan).first_seen(failed) is None


def test_times_are_in_order_and_of_fingerprints() -> None:
    names = [f"{number:064x}" for number in (1, 5, 2**255)]
    value = FirstSeen(CLOCK)
    times = FirstSeenTimes((name, value) for name in names)
    assert [name for name, _ in times] == names
    assert [times.get(f"{number:064x}") for number in (0, 1, 3, 5, 2**255, 2**256 - 1)] == [
        *(None, value, None, value, value, None),
    ]
    for wrong in (["00"], names[::-1], [names[0]] * 2):
        with pytest.raises(ValueError, match="is no SHA-256, or out of order"):
            FirstSeenTimes((name, value) for name in wrong)
