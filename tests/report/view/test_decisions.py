"""What audit.yaml settles shows in the reports for people: parameter sets, and what became of waivers."""

import re
from dataclasses import replace

import pytest

from scanner.model.decisions import Match, Tier, Tiers, Waiver, WaiverState, WaiverUse
from scanner.model.scan import Scan
from scanner.report.formats.html import report_html
from scanner.report.formats.pdf import document_html
from scanner.report.view.view import build

TIERS = Tiers(
    tiers=(
        Tier(
            "critical",
            Match(tags=(("tier", ("<b>", "gold")),)),
            {"recovery-point-retention": {"min_days": 365}},
        ),
    ),
    overrides=(Tier("", Match(types=("EBS",)), {"recovery-point-retention": {"min_days": 7}}),),
)


def use(state: WaiverState, number: int, covers: int = 0, unknown: int = 0) -> WaiverUse:
    return WaiverUse(
        waiver=Waiver(f"W-{number}", "team", "boss", "<i>because</i>", "2026-12-31"),
        control="recovery-point-retention",
        subject="arn:*",
        state=state,
        covers=covers,
        open=unknown,
    )


@pytest.fixture(scope="module")
def pages(scan: Scan) -> dict[str, str]:
    uses = (
        use(WaiverState.IN_USE, 1, covers=3),
        use(WaiverState.EXPIRED, 2, covers=2),
        use(WaiverState.UNUSED, 3),
        use(WaiverState.UNDECIDED, 4, unknown=5),
        use(WaiverState.NOT_ASKED, 5),
    )
    view = build(replace(scan, tiers=TIERS, waivers=uses))
    made = {"html": report_html(view).decode(), "pdf": document_html(view, ())}
    return {name: re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)) for name, page in made.items()}


@pytest.mark.parametrize("name", ["html", "pdf"])
def test_a_control_says_what_tiers_and_overrides_set(pages: dict[str, str], name: str) -> None:
    text = pages[name].lower()
    assert re.search(r"tier critical.{0,12}tag tier = &lt;b&gt; or gold.{0,8}min_days.{0,6}365", text)
    assert re.search(r"override 1.{0,12}type ebs.{0,8}min_days.{0,6}7", text)


@pytest.mark.parametrize("name", ["html", "pdf"])
def test_every_waiver_stands_with_what_became_of_it(pages: dict[str, str], name: str) -> None:
    text = pages[name]
    for number, state in enumerate(("In use", "Expired", "Unused", "Undecided", "Not asked"), start=1):
        assert re.search(rf"W-{number} {state}", text), state
    assert "5 checks unknown" in text
    assert "&lt;i&gt;because&lt;/i&gt;" in text


def test_waivers_of_another_program_s_scan_stand_as_far_as_they_are_known(scan: Scan) -> None:
    view = build(scan)
    assert [(each.waiver, each.covers, each.state) for each in view.waiver_uses] == [
        (waiver, number, WaiverState.IN_USE) for waiver, number in view.waivers
    ]
    assert view.waivers
