"""Grouping subjects in SQL gives the groups that going through them one by one gives."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.findings.filed import Filed
from scanner.findings.subject_groups import SubjectGroup, SubjectGroups, subject_groups
from scanner.model.control import Control
from scanner.model.finding import Finding, Status
from tests.fakes.counted import groups_of
from tests.fakes.filed import write_filed
from tests.fakes.findings import CONTROLS, findings

MANY = tuple(replace(CONTROLS[0], id=f"control-{number:03}") for number in range(130))


def grouped_in_sql(found: Iterable[Finding], controls: tuple[Control, ...]) -> SubjectGroups:
    with TemporaryDirectory() as folder:
        filed = Filed(write_filed(Path(folder), tuple(found)), controls)
        with filed.database() as connection:
            return subject_groups(connection, controls)


def joined(groups: SubjectGroups) -> Counter[SubjectGroup]:
    """Return the number of subjects of each group, by what they have in common."""
    numbers: Counter[SubjectGroup] = Counter()
    for group in groups.groups:
        numbers[replace(group, number=0)] += group.number
    return numbers


@settings(max_examples=20)
@given(findings())
def test_sql_groups_subjects_as_one_by_one(found: tuple[Finding, ...]) -> None:
    actual = grouped_in_sql(found, CONTROLS)
    expected = groups_of(found, CONTROLS)
    assert actual.controls == expected.controls
    assert joined(actual) == joined(expected)
    assert len(actual.groups) == len(joined(actual)), "each group once"


@settings(max_examples=5)
@given(
    st.lists(
        st.tuples(st.sampled_from(MANY), st.sampled_from(Status)), max_size=60, unique_by=lambda x: x[0].id
    )
)
def test_more_controls_than_a_number_has_bits(drawn: list[tuple[Control, Status]]) -> None:
    found = sorted((finding(control.id, status) for control, status in drawn), key=lambda each: each.order)
    actual = grouped_in_sql(found, MANY)
    assert joined(actual) == joined(groups_of(found, MANY))
    for control, status in drawn:
        mask = actual.mask((control.id,))
        (decided,) = {group.status(mask) for group in actual.groups} or {None}
        expected = {Status.NOT_APPLICABLE: None, Status.ERROR: Status.UNKNOWN}
        assert decided == expected.get(status, status)


def finding(control: str, status: Status, subject: str = "s") -> Finding:
    return Finding(
        control=control,
        status=status,
        severity=CONTROLS[0].severity,
        subject=subject,
        subject_type="EBS",
        account="111111111111",
        region="eu-west-1",
        reason="r",
    )


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ((Status.PASS, Status.WAIVED, Status.UNKNOWN, Status.FAIL), Status.FAIL),
        ((Status.PASS, Status.WAIVED, Status.ERROR), Status.UNKNOWN),
        ((Status.PASS, Status.WAIVED, Status.NOT_APPLICABLE), Status.WAIVED),
        ((Status.PASS, Status.NOT_APPLICABLE), Status.PASS),
    ],
)
def test_a_gap_comes_before_unknown_and_unknown_before_a_waiver(
    statuses: tuple[Status, ...], expected: Status
) -> None:
    found = [finding(MANY[place].id, status) for place, status in enumerate(statuses)]
    (group,) = grouped_in_sql(found, MANY).groups
    assert group.status((1 << len(MANY)) - 1) is expected
    assert group.status(0) is None


def test_subjects_of_the_same_name_in_two_accounts_are_two() -> None:
    found = [
        finding(MANY[0].id, Status.PASS),
        replace(finding(MANY[0].id, Status.PASS), account="222222222222"),
    ]
    (group,) = grouped_in_sql(found, MANY).groups
    assert group.number == len(found)


def test_without_findings_there_is_no_group() -> None:
    assert grouped_in_sql((), CONTROLS).groups == ()
    assert grouped_in_sql((finding(MANY[0].id, Status.NOT_APPLICABLE),), MANY).groups == ()
    assert grouped_in_sql((), ()).controls == ()
