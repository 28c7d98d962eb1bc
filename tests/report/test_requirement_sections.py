"""The section about frameworks in HTML and PDF: results, bars with a text, sources of key controls."""

import re
from dataclasses import replace
from types import SimpleNamespace

import pytest

from scanner.model.compliance import (
    Assessment,
    DecidedSubjects,
    Figures,
    FrameworkView,
    PairedBy,
    Requirement,
    RequirementStatus,
    RequirementView,
    ScopeCounts,
    Score,
    Source,
    SubjectCounts,
    TagScope,
)
from scanner.model.finding import Status
from scanner.report.formats.pdf import FILLS
from scanner.report.formats.templates import environment

FAILED = Figures({Status.FAIL: 45, Status.PASS: 85, Status.UNKNOWN: 2})
GAPS = RequirementView(
    Requirement(
        "CP-9",
        "System backup",
        Source.STATED,
        ((PairedBy.AWS, ("resource-in-backup-plan",)),),
        manual="the records",
        key_controls=("resource-in-backup-plan", "restore-tested", "not-selected"),
    ),
    RequirementStatus.FAILED,
    FAILED,
    132,
    (
        ("restore-tested", Figures({Status.PASS: 3})),
        ("resource-in-backup-plan", FAILED),
        ("rule-schedule-valid", Figures({Status.FAIL: 1})),
    ),
    ("not-selected",),
    DecidedSubjects((("resource", "EBS", SubjectCounts(45, 2, 0, 85)),), FAILED),
)
MANUAL = RequirementView(
    Requirement("AU-6", "", Source.READING, manual="the reviews"),
    RequirementStatus.NOT_COVERED,
    Figures(),
    0,
    (),
    decided=DecidedSubjects(),
)
PARTIALS = ("partials/frameworks.j2", "partials/frameworks_pdf.j2")


def rendered(partial: str, *requirements: RequirementView, declared: TagScope | None = None) -> str:
    framework = FrameworkView(
        "f", "Framework", "", Figures(), requirements, scope="some systems", declared=declared
    )
    framework = replace(framework, scope_counts=ScopeCounts(3, 2, 1))
    assessment = Assessment(Score({}, Figures(), {}), (framework,))
    view = SimpleNamespace(assessment=assessment, selection=None, baseline=None, unit_names={}, names={})
    template = environment().get_template(partial)
    return re.sub(r"\s+", " ", template.render(view=view, rows=100, fills=FILLS))


@pytest.mark.parametrize("partial", PARTIALS)
def test_a_requirement_has_its_result_and_a_bar_with_a_text(partial: str) -> None:
    html = rendered(partial, GAPS)
    assert "Gaps: 45 of 132 resources; 1 of its 3 key controls not evaluated" in html
    assert html.count("132 resources: 45 with a gap, 2 unknown, 85 without") == 1
    bar = re.search(r'<svg class="bar" [^>]*>(?:<title>.*?</title>)?((?:<rect [^>]*/>)+)</svg>', html)
    assert bar
    assert bar[1].count("<rect") == 3
    assert "45 of 130 checks failed, 2 unknown" in html


@pytest.mark.parametrize("partial", PARTIALS)
def test_key_controls_have_the_source_of_their_pairing(partial: str) -> None:
    html = rendered(partial, GAPS)
    cell = html[html.index('class="deciders"') :]
    first, second, third = (cell.index(name) for name in GAPS.requirement.key_controls)
    assert first < second < third, "in the order of the file"
    assert "AWS</span>" in cell[first:second]
    assert "45 failed, 2 unknown" in cell[first:second]
    assert "ours</span>" in cell[second:third]
    assert "not evaluated" in cell[third:]
    legend = html[: html.index("CP-9")]
    assert all(f"{name}</span>" in legend for name in ("ours", "AWS", "Prowler", "Turbot")), "explained once"


def test_a_supporting_control_is_a_cause() -> None:
    html = rendered(PARTIALS[0], GAPS)
    causes = html[html.index("Supporting, with failures") :]
    assert "rule-schedule-valid" in causes
    assert "1 supporting control with failures" in rendered(PARTIALS[1], GAPS)


@pytest.mark.parametrize("partial", PARTIALS)
def test_what_no_control_checks_names_the_evidence_once(partial: str) -> None:
    html = rendered(partial, MANUAL)
    assert html.count("the reviews") == 1
    assert "Manual evidence needed: the reviews" in html
    assert "<rect" not in html[html.index("AU-6") :], "no bar of nothing"


@pytest.mark.parametrize("partial", PARTIALS)
def test_a_scan_of_an_earlier_version_has_no_bar(partial: str) -> None:
    requirement = replace(GAPS.requirement, key_controls=())
    html = rendered(partial, replace(GAPS, requirement=requirement, decided=None, not_evaluated=()))
    assert "45 of 130 checks failed (34.6 %)" in html
    assert "<rect" not in html[html.index("CP-9") :]


@pytest.mark.parametrize("partial", PARTIALS)
def test_the_declared_scope_is_stated(partial: str) -> None:
    assert "No scope is declared: it concerns some systems" in rendered(partial, GAPS)
    html = rendered(partial, GAPS, declared=TagScope((("data", ("<cde>",)),)))
    assert "resources with data=&lt;cde&gt;, and their recovery points: 3 of 6 in scope" in html
    assert "No scope is declared" not in html
