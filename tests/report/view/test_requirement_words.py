"""How the status of a requirement is told: with its figures, and whose reading the pairings are."""

from dataclasses import replace

import pytest

from scanner.model.compliance import (
    Assessment,
    Baseline,
    DecidedSubjects,
    Figures,
    FrameworkView,
    Obligation,
    PairedBy,
    Requirement,
    RequirementStatus,
    RequirementView,
    Score,
    Source,
    SubjectCounts,
)
from scanner.model.finding import Status
from scanner.report.view.assessment import assessment_document, assessment_of
from scanner.report.view.requirement_words import (
    BADGES,
    baseline_words,
    checks_words,
    counts_words,
    failed_words,
    gaps_by_type,
    manual_sentence,
    obligation_words,
    pairing_badges,
    result_sentence,
    standing_sentence,
    subject_bars,
    subjects_words,
    tally_sentence,
    with_failures,
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
def test_a_scan_of_an_earlier_version_has_its_checks(requirement: RequirementView, sentence: str) -> None:
    assert standing_sentence(requirement) == sentence


def test_every_status_has_a_sentence() -> None:
    for standing in RequirementStatus:
        assert standing_sentence(view(standing))
        assert standing_sentence(decided(standing))


def decided(
    standing: RequirementStatus, *of: tuple[str, str, SubjectCounts], manual: str = "", keys: int = 0
) -> RequirementView:
    """Return a requirement with distinct subjects: kind, type and counts."""
    names = tuple(f"key-{number}" for number in range(keys))
    requirement = Requirement("CP-9", "", Source.READING, manual=manual, key_controls=names)
    checks = Figures({Status.FAIL: 142, Status.PASS: 61, Status.UNKNOWN: 3})
    controls = tuple((name, Figures()) for name in names[:1])
    return RequirementView(requirement, standing, Figures(), 1, controls, (), DecidedSubjects(of, checks))


EBS = ("resource", "EBS", SubjectCounts(gaps=40, unknown=2, waived=1, passed=57))
RDS = ("resource", "RDS", SubjectCounts(gaps=5, passed=27))
VAULTS = ("vault", "vault", SubjectCounts(gaps=3, passed=9))
POINTS = ("recovery_point", "EBS", SubjectCounts(passed=2_001))
ONE = ("copy_action", "copy_action", SubjectCounts(unknown=1))


@pytest.mark.parametrize(
    ("requirement", "sentence"),
    [
        (
            decided(RequirementStatus.FAILED, EBS, RDS, VAULTS, POINTS),
            "Gaps: 45 of 132 resources, 3 of 12 vaults",
        ),
        (decided(RequirementStatus.FAILED, VAULTS), "Gaps: 3 of 12 vaults"),
        (
            decided(RequirementStatus.UNKNOWN, ONE, POINTS),
            "Inconclusive: 1 of 1 copy action unknown",
        ),
        (decided(RequirementStatus.UNKNOWN, POINTS), "Inconclusive: not all subjects were listed"),
        (
            decided(RequirementStatus.WAIVED, ("plan", "plan", SubjectCounts(waived=2, passed=5))),
            "Waived gaps only: 2 of 7 plans",
        ),
        (decided(RequirementStatus.MET, POINTS), "No gap found in 2,001 recovery points"),
        (
            decided(RequirementStatus.MET, ("own", "own", SubjectCounts(passed=1)), keys=3),
            "No gap found in 1 subject; 2 of its 3 key controls not evaluated",
        ),
        (
            decided(RequirementStatus.NOT_COVERED, manual="the incident response plan"),
            "Manual evidence needed: the incident response plan",
        ),
        (decided(RequirementStatus.NOT_COVERED), "No control covers it: manual evidence needed"),
        (replace(decided(RequirementStatus.NOT_ASKED), controls=()), "Its controls were not selected"),
        (
            replace(decided(RequirementStatus.NOT_ASKED, keys=2), controls=()),
            "Its key controls were not selected",
        ),
        (decided(RequirementStatus.NOT_APPLICABLE), "Applies to nothing that was scanned"),
    ],
)
def test_the_result_has_its_distinct_subjects(requirement: RequirementView, sentence: str) -> None:
    assert standing_sentence(requirement) == sentence


def test_the_subjects_and_checks_behind_a_result_in_words() -> None:
    requirement = decided(RequirementStatus.FAILED, EBS, RDS, VAULTS)
    assert requirement.decided is not None
    assert subjects_words(requirement.decided) == "132 resources, 12 vaults"
    assert gaps_by_type(requirement.decided) == "EBS 40 of 100, RDS 5 of 32"
    assert result_sentence(requirement) == "Gaps: 45 of 132 resources, 3 of 12 vaults; 2 unknown"
    whole = "48 with a gap, 2 unknown, 1 waived, 93 without"
    assert counts_words(requirement.decided.total) == whole
    assert checks_words(requirement) == "142 of 203 checks failed, 3 unknown"
    assert not checks_words(view(RequirementStatus.NOT_APPLICABLE))
    assert checks_words(view(RequirementStatus.MET, **{"pass": 1})) == "0 of 1 check failed"


@pytest.mark.parametrize(
    "counts",
    [SubjectCounts(1, 2, 3, 100_000), SubjectCounts(passed=1), SubjectCounts(0, 1, 0, 2), SubjectCounts()],
)
def test_every_part_of_a_bar_is_visible_and_all_of_it_is_full(counts: SubjectCounts) -> None:
    bars = subject_bars(counts)
    numbers = {
        Status.FAIL: counts.gaps,
        Status.UNKNOWN: counts.unknown,
        Status.WAIVED: counts.waived,
        Status.PASS: counts.passed,
    }
    assert [status for status, _, _ in bars] == [status for status, number in numbers.items() if number]
    assert all(width > 1 for _, _, width in bars)
    edges = [0.0, *(left + width for _, left, width in bars)]
    assert all(left == pytest.approx(edge, abs=0.01) for (_, left, _), edge in zip(bars, edges, strict=False))
    assert edges[-1] == pytest.approx(100 if bars else 0, abs=0.01)


def test_controls_without_a_failure_are_no_cause() -> None:
    failing, unknown = Figures({Status.FAIL: 4, Status.ERROR: 1}), Figures({Status.UNKNOWN: 2})
    controls = (("a", failing), ("b", Figures({Status.PASS: 1})), ("c", unknown))
    assert [name for name, _ in with_failures(controls)] == ["a", "c"]
    assert (failed_words(failing), failed_words(unknown)) == ("4 failed, 1 unknown", "2 unknown")


def test_what_was_evaluated_in_part_only_is_counted_apart() -> None:
    partly = decided(RequirementStatus.MET, POINTS, keys=2)
    framework = FrameworkView("dora", "DORA", "", Figures(), (partly, decided(RequirementStatus.MET, POINTS)))
    assert tally_sentence(framework) == "2 requirements: 2 without a gap found (1 evaluated in part)"


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


def test_a_summary_has_the_distinct_subjects_by_kind_and_type() -> None:
    requirement = decided(RequirementStatus.FAILED, EBS, RDS, VAULTS, keys=1)
    requirement = replace(requirement, controls=(("key-0", Figures()),))
    framework = FrameworkView("dora", "DORA", "", Figures(), (requirement,))
    assessment = Assessment(Score({}, Figures(), {"control": {"key-0": Figures()}}), (framework,))
    document = assessment_document(assessment)
    (result,) = document["frameworks"][0]["requirements"]
    subjects = result["distinct_subjects"]
    assert (subjects["number"], subjects["gaps"], subjects["kinds"]["vault"]["gaps"]) == (144, 48, 3)
    assert subjects["kinds"]["resource"]["types"]["RDS"] == {
        "number": 32,
        "gaps": 5,
        "unknown": 0,
        "waived": 0,
        "passed": 27,
    }
    assert (result["key_controls"], result["deciding_checks"]["fail"]) == (["key-0"], 142)
    assert result["result"] == result_sentence(requirement)
    assert assessment_of(document) == assessment


def test_a_summary_of_an_earlier_version_is_read_without_subjects() -> None:
    scored = Score({"high": 1.0}, Figures(), {"control": {}})
    document = assessment_document(Assessment(scored, (CHOSEN,)))
    for requirement in document["frameworks"][0]["requirements"]:
        del requirement["key_controls"], requirement["result"]
    read = assessment_of(document)
    assert read is not None
    assert read.frameworks == (CHOSEN,)
    assert {each.decided for each in read.frameworks[0].requirements} == {None}


def test_a_badge_says_who_pairs_a_control_with_a_requirement() -> None:
    pairings = ((PairedBy.AWS, ("a", "b")), (PairedBy.PROWLER, ("b",)))
    requirement = Requirement("1", "", Source.STATED, pairings)
    assert [pairing_badges(requirement, name) for name in "abc"] == [("AWS",), ("AWS", "Prowler"), ("ours",)]
    assert BADGES.keys() == {"ours", "AWS", "Prowler", "Turbot"}
