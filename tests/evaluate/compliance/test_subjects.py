"""The distinct subjects of a requirement are those that counting them one by one gives."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.evaluate.compliance.assessment import assess
from scanner.evaluate.controls.requirements import Standards
from scanner.model.compliance import (
    Assessment,
    Framework,
    Requirement,
    RequirementStatus,
    RequirementView,
    Source,
    SubjectCounts,
)
from scanner.model.control import Control
from scanner.model.finding import Finding, Status
from scanner.report.view.assessment import assessment_document, assessment_of
from scanner.report.view.requirement_words import standing_sentence
from tests.fakes.counted import Cell, counted, counts_of, groups_of
from tests.fakes.findings import CONTROLS, findings

PAIRED = tuple(
    replace(control, frameworks={"f": ("R",)}, subject=subject)
    for control, subject in zip(CONTROLS, ("account_region", "resource", "resource", "vault"), strict=True)
)
IDS = tuple(control.id for control in PAIRED)
ORDER = (
    (Status.FAIL, "gaps"),
    (Status.UNKNOWN, "unknown"),
    (Status.ERROR, "unknown"),
    (Status.WAIVED, "waived"),
    (Status.PASS, "passed"),
)
STANDINGS = {
    "gaps": RequirementStatus.FAILED,
    "unknown": RequirementStatus.UNKNOWN,
    "waived": RequirementStatus.WAIVED,
    "passed": RequirementStatus.MET,
}


def assessed(
    found: tuple[Finding, ...], keys: tuple[str, ...], selected: tuple[Control, ...] = PAIRED
) -> Assessment:
    """Assess a framework of one requirement, which all controls serve."""
    requirement = Requirement("R", "", Source.READING, key_controls=keys)
    standards = Standards((Framework("f", "F", "", (requirement,)),), PAIRED)
    cells: Counter[Cell] = Counter()
    assert tuple(counted(found, cells)) == found
    # That SQL makes the same groups is tested next to it.
    return assess(counts_of(cells), groups_of(found, selected), selected, standards, {})


def result(found: Assessment) -> RequirementView:
    return found.frameworks[0].requirements[0]


def one_by_one(found: tuple[Finding, ...], deciding: tuple[str, ...]) -> dict[tuple[str, str], Counter[str]]:
    """Count subjects by kind and type, each by the worst status of its deciding controls."""
    kinds = {control.id: control.subject for control in PAIRED}
    statuses: dict[tuple[str, ...], set[Status]] = {}
    for each in found:
        if each.control in deciding:
            key = (kinds[each.control], each.subject_type, each.account, each.region, each.subject)
            statuses.setdefault(key, set()).add(each.status)
    numbers: dict[tuple[str, str], Counter[str]] = {}
    for (kind, subject_type, *_), of_subject in statuses.items():
        word = next((word for status, word in ORDER if status in of_subject), None)
        if word is not None:
            numbers.setdefault((kind, subject_type), Counter())[word] += 1
    return numbers


@settings(max_examples=60)
@given(findings(), st.lists(st.sampled_from(IDS), unique=True).map(tuple))
def test_subjects_are_counted_as_one_by_one(found: tuple[Finding, ...], keys: tuple[str, ...]) -> None:
    found = tuple(replace(each, frameworks={"f": ("R",)}) for each in found)
    assessment = assessed(found, keys)
    view = result(assessment)
    expected = one_by_one(found, keys or IDS)
    assert view.decided is not None
    assert {(kind, type_): counts for kind, type_, counts in view.decided.by_type} == {
        key: SubjectCounts(**numbers) for key, numbers in expected.items()
    }
    worst = next((word for _, word in ORDER if any(word in each for each in expected.values())), None)
    assert view.standing is (STANDINGS[worst] if worst else RequirementStatus.NOT_APPLICABLE)
    deciding = Counter(each.status for each in found if each.control in (keys or IDS))
    assert view.decided.checks.passed == deciding[Status.PASS]
    assert view.decided.checks.failed == deciding[Status.FAIL]
    assert view.decided.checks.open == deciding[Status.UNKNOWN] + deciding[Status.ERROR]
    assert view.decided.checks.of(Status.WAIVED) == deciding[Status.WAIVED]
    assert assessment_of(assessment_document(assessment)) == assessment


def finding(control: str, status: Status, number: int = 0) -> Finding:
    return Finding(
        control=control,
        status=status,
        severity=CONTROLS[0].severity,
        subject=f"s{number}",
        subject_type="EBS",
        account="111111111111",
        region="eu-west-1",
        reason="r",
        frameworks={"f": ("R",)},
    )


KEY, SECOND, SUPPORTING = IDS[1], IDS[2], IDS[3]


def only(*names: str) -> tuple[Control, ...]:
    return tuple(control for control in PAIRED if control.id in names)


def test_a_supporting_control_never_decides() -> None:
    found = (finding(KEY, Status.PASS), finding(SUPPORTING, Status.FAIL))
    view = result(assessed(found, (KEY,)))
    assert view.standing is RequirementStatus.MET
    assert standing_sentence(view) == "No gap found in 1 resource"
    assert [name for name, _ in view.deciding] == [KEY]
    assert dict(view.supporting)[SUPPORTING].failed == 1
    assert result(assessed(found, ())).standing is RequirementStatus.FAILED


def test_no_gap_is_never_said_without_the_key_controls_that_did_not_run() -> None:
    found = (finding(KEY, Status.PASS),)
    view = result(assessed(found, (KEY, SECOND, IDS[0]), only(KEY, SUPPORTING)))
    assert view.undecided == (SECOND, IDS[0])
    sentence = "No gap found in 1 resource; 2 of its 3 key controls not evaluated"
    assert standing_sentence(view) == sentence


def test_without_any_key_control_the_requirement_was_not_selected() -> None:
    found = (finding(SUPPORTING, Status.FAIL),)
    view = result(assessed(found, (KEY, SECOND), only(SUPPORTING)))
    assert view.standing is RequirementStatus.NOT_ASKED
    assert standing_sentence(view) == "Its key controls were not selected"


def test_a_key_control_that_does_not_exist_is_never_evaluated() -> None:
    view = result(assessed((finding(KEY, Status.PASS),), (KEY, "no-such-control")))
    assert standing_sentence(view).endswith("1 of its 2 key controls not evaluated")


@pytest.mark.parametrize("keys", [(SECOND, KEY), (KEY, SECOND)])
def test_key_controls_are_in_the_order_of_the_file(keys: tuple[str, ...]) -> None:
    view = result(assessed((finding(KEY, Status.PASS),), keys))
    assert tuple(name for name, _ in view.deciding) == keys
