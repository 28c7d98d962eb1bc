"""How the status of a requirement is told: with its figures, and whose reading the pairings are."""

from dataclasses import replace

import pytest

from scanner.model.compliance import (
    Assessment,
    Baseline,
    Figures,
    FrameworkView,
    Obligation,
    PairedBy,
    Requirement,
    RequirementStatus,
    RequirementView,
    Score,
    Source,
)
from scanner.model.finding import Status
from scanner.report.view.assessment import (
    assessment_document,
    assessment_of,
    baseline_words,
    manual_sentence,
    obligation_words,
    pairing_words,
    standing_sentence,
    tally_sentence,
)


def view(standing: RequirementStatus, **counts: int) -> RequirementView:
    figures = Figures({Status(status): number for status, number in counts.items()})
    return RequirementView(Requirement("CP-9", "", Source.READING), standing, figures, 1, ())


@pytest.mark.parametrize(
    ("requirement", "sentence"),
    [
        (view(RequirementStatus.FAILED, **{"pass": 61, "fail": 142}), "142 of 203 checks failed (69.9 %)"),
        (
            view(RequirementStatus.FAILED, **{"pass": 202, "fail": 1, "unknown": 3}),
            "1 of 203 checks failed (0.4 %)",
        ),
        (
            view(RequirementStatus.FAILED, **{"pass": 2_999, "fail": 1}),
            "1 of 3,000 checks failed (under 0.1 %)",
        ),
        (view(RequirementStatus.FAILED, fail=3), "3 of 3 checks failed (100 %)"),
        (
            view(RequirementStatus.UNKNOWN, **{"pass": 5, "unknown": 1}),
            "Inconclusive: 1 of 6 checks unknown (16.6 %)",
        ),
        (view(RequirementStatus.UNKNOWN, **{"pass": 5}), "Inconclusive: not all subjects were listed"),
        (view(RequirementStatus.WAIVED, **{"pass": 5, "waived": 2}), "2 of 7 checks waived (28.5 %)"),
        (view(RequirementStatus.MET, **{"pass": 1}), "No gap found in 1 check"),
        (
            replace(
                view(RequirementStatus.MET, **{"pass": 1}),
                controls=(("vault-locked", Figures()),),
                not_evaluated=("restore-tested", "copy-arrives"),
            ),
            "No gap found in 1 check; 2 of its 3 controls not evaluated",
        ),
        (
            replace(view(RequirementStatus.NOT_ASKED), not_evaluated=("restore-tested",)),
            "Its controls were not selected",
        ),
        (view(RequirementStatus.NOT_COVERED), "No control covers it: manual evidence needed"),
    ],
)
def test_the_status_has_its_figures(requirement: RequirementView, sentence: str) -> None:
    assert standing_sentence(requirement) == sentence


def test_every_status_has_a_sentence() -> None:
    assert all(standing_sentence(view(standing)) for standing in RequirementStatus)


def test_a_framework_counts_its_requirements_and_names_the_manual_part() -> None:
    members = (
        view(RequirementStatus.FAILED, fail=1),
        view(RequirementStatus.FAILED, fail=2),
        view(RequirementStatus.NOT_COVERED),
    )
    framework = FrameworkView("dora", "DORA", "", Figures(), members)
    assert tally_sentence(framework) == "3 requirements: 2 with gaps, 1 needing manual evidence"


def nist(*members: tuple[RequirementStatus, str, tuple[Baseline, ...] | None]) -> FrameworkView:
    """Return a framework of requirements with a status, a manual part, and the baselines that select them."""
    views = tuple(
        RequirementView(
            Requirement(f"CP-{number}", "", Source.READING, (), baselines, None, manual),
            standing,
            Figures(),
            0,
            (),
        )
        for number, (standing, manual, baselines) in enumerate(members, 1)
    )
    return FrameworkView("nist", "NIST", "", Figures(), views)


ALL_LEVELS = (Baseline.LOW, Baseline.MODERATE, Baseline.HIGH)
CHOSEN = nist(
    (RequirementStatus.FAILED, "the plan", ALL_LEVELS),
    (RequirementStatus.MET, "", (Baseline.HIGH,)),
    (RequirementStatus.NOT_COVERED, "records", (Baseline.MODERATE, Baseline.HIGH)),
    (RequirementStatus.FAILED, "", ()),
)


@pytest.mark.parametrize(
    ("baseline", "sentence"),
    [
        (None, "4 requirements: 2 with gaps, 1 without a gap found, 1 needing manual evidence"),
        (Baseline.LOW, "1 of 4 requirements is in the LOW baseline: 1 with gaps; 3 outside it"),
        (
            Baseline.MODERATE,
            (
                "2 of 4 requirements are in the MODERATE baseline: 1 with gaps, 1 needing manual evidence; "
                "2 outside it"
            ),
        ),
    ],
)
def test_only_the_requirements_of_a_chosen_baseline_are_counted(
    baseline: Baseline | None, sentence: str
) -> None:
    assert tally_sentence(CHOSEN, baseline) == sentence


def test_without_baselines_a_choice_changes_nothing() -> None:
    unknown = nist((RequirementStatus.FAILED, "", None))
    assert tally_sentence(unknown, Baseline.LOW) == "1 requirement: 1 with gaps"
    assert unknown.outside(Baseline.LOW) == ()


def test_the_share_that_no_control_checks_is_named() -> None:
    sentence = "1 of 4 requirements (CP-3) have no control, and 1 have a part that no control checks."
    assert manual_sentence(CHOSEN) == f"Manual evidence: {sentence}"
    assert "0 of 1 requirement have no control" in manual_sentence(CHOSEN, Baseline.LOW)
    assert not manual_sentence(nist((RequirementStatus.FAILED, "", None)))


@pytest.mark.parametrize(("levels", "words"), [(None, ""), ((), "none"), (ALL_LEVELS[:2], "LOW, MODERATE")])
def test_baselines_that_are_not_recorded_are_not_none(
    levels: tuple[Baseline, ...] | None, words: str
) -> None:
    assert baseline_words(Requirement("1", "", Source.READING, (), levels)) == words


def test_the_obligation_is_that_of_the_rule() -> None:
    addressable = Requirement("1", "", Source.READING, (), None, Obligation.ADDRESSABLE)
    assert obligation_words(addressable) == "Addressable"
    assert not obligation_words(Requirement("1", "", Source.READING))


def test_a_summary_has_all_of_it_and_is_read_back() -> None:
    scored = Score({"high": 1.0}, Figures(), {"control": {}})
    chosen = replace(CHOSEN, edition="Revision 5", scope="some systems")
    document = assessment_document(Assessment(scored, (chosen,)), Baseline.MODERATE)
    assert document["frameworks"][0]["baseline"] == {
        "name": "moderate",
        "standings": {"failed": 1, "not_covered": 1},
        "outside": ["CP-2", "CP-4"],
    }
    read = assessment_of(document)
    assert read is not None
    assert read.frameworks == (chosen,)


def test_whose_reading_the_pairings_are() -> None:
    pairings = ((PairedBy.AWS, ("a",)), (PairedBy.PROWLER, ("b",)))
    assert pairing_words(Requirement("1", "", Source.STATED, pairings)) == "also paired by AWS and Prowler"
    assert pairing_words(Requirement("1", "", Source.READING)) == "our reading"
