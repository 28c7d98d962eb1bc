"""How the status of a requirement is told: with its figures, and whose reading the pairings are."""

import pytest

from scanner.model.compliance import (
    Figures,
    FrameworkView,
    PairedBy,
    Requirement,
    RequirementStatus,
    RequirementView,
    Source,
)
from scanner.model.finding import Status
from scanner.report.view.assessment import pairing_words, standing_sentence, tally_sentence


def view(standing: RequirementStatus, **counts: int) -> RequirementView:
    figures = Figures({Status(status): number for status, number in counts.items()})
    return RequirementView(Requirement("CP-9", "", Source.READING), standing, figures, 1, ())


@pytest.mark.parametrize(
    ("requirement", "sentence"),
    [
        (view(RequirementStatus.FAILED, **{"pass": 61, "fail": 142}), "142 of 203 checks failed"),
        (view(RequirementStatus.FAILED, **{"pass": 202, "fail": 1, "unknown": 3}), "1 of 203 checks failed"),
        (view(RequirementStatus.UNKNOWN, **{"pass": 5, "unknown": 1}), "Inconclusive: 1 check unknown"),
        (view(RequirementStatus.WAIVED, **{"pass": 5, "waived": 2}), "2 of 7 checks waived"),
        (view(RequirementStatus.MET, **{"pass": 1}), "No gap found in 1 check"),
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


def test_whose_reading_the_pairings_are() -> None:
    pairings = ((PairedBy.AWS, ("a",)), (PairedBy.PROWLER, ("b",)))
    assert pairing_words(Requirement("1", "", Source.STATED, pairings)) == "also paired by AWS and Prowler"
    assert pairing_words(Requirement("1", "", Source.READING)) == "our reading"
