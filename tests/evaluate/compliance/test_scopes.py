"""Declared scopes of frameworks: by the tags of resources, and what is not known is unknown."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.evaluate.compliance.assessment import assess
from scanner.evaluate.compliance.scopes import load_scopes
from scanner.evaluate.compliance.subjects import decided_subjects, scope_counts
from scanner.evaluate.controls.requirements import Standards
from scanner.findings.filed import Filed
from scanner.findings.subject_groups import SubjectGroup, SubjectGroups, subject_groups
from scanner.model.compliance import (
    Framework,
    Requirement,
    RequirementStatus,
    ScopeCounts,
    Source,
    SubjectCounts,
    TagScope,
)
from scanner.model.control import Control
from scanner.model.finding import Finding, FindingCounts, Status
from scanner.model.known import Ternary
from scanner.report.view.assessment import assessment_document, assessment_of
from scanner.report.view.requirement_words import scope_sentence, scope_words, standing_sentence
from tests.fakes.filed import write_filed
from tests.fakes.findings import CONTROLS

Tags = Mapping[str, str] | None

SCOPES = {
    "pci": TagScope((("data", ("cde", "card*")),)),
    "both": TagScope((("data", ("cde",)), ("env", ("prod",)))),
}
ON_RESOURCES, ON_POINTS, ON_VAULTS = (
    replace(control, subject=subject, frameworks={"pci": ("R",)})
    for control, subject in zip(CONTROLS, ("resource", "recovery_point", "vault"), strict=False)
)
ALL = (ON_RESOURCES, ON_POINTS, ON_VAULTS)

TAG = pa.list_(pa.struct([("key", pa.string()), ("value", pa.string())]))


def finding(control: Control, subject: str, status: Status) -> Finding:
    return Finding(
        control=control.id,
        status=status,
        severity=control.severity,
        subject=subject,
        subject_type="EBS",
        account="111111111111",
        region="eu-west-1",
        reason="r",
        frameworks=control.frameworks,
    )


def grouped(
    found: Sequence[Finding], tags: Mapping[str, Tags], points: Mapping[str, str | None] | None = None
) -> SubjectGroups:
    """Group findings with the scopes SCOPES. `tags`: of each resource, `points`: with their resources."""
    with TemporaryDirectory() as folder:
        in_order = sorted(found, key=lambda each: each.order)
        filed = Filed(write_filed(Path(folder), in_order), CONTROLS)
        with filed.database() as connection:
            of_resources = pa.table(
                {
                    **place(len(tags)),
                    "subject": pa.array(tags, pa.string()),
                    "tags": pa.array(map(tag_list, tags.values()), TAG),
                }
            )
            points = points or {}
            of_points = pa.table(
                {
                    **place(len(points)),
                    "subject": pa.array(points, pa.string()),
                    "resource": pa.array(points.values(), pa.string()),
                }
            )
            load_scopes(connection, SCOPES, of_resources.to_reader(), of_points.to_reader())
            return subject_groups(connection, ALL, SCOPES)


def place(number: int) -> dict[str, pa.Array]:
    return {
        "account": pa.array(["111111111111"] * number, pa.string()),
        "region": pa.array(["eu-west-1"] * number, pa.string()),
    }


def tag_list(tags: Tags) -> list[dict[str, Any]] | None:
    return None if tags is None else [{"key": key, "value": value} for key, value in tags.items()]


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"data": "cde"}, (True, False)),
        ({"data": "cardholder", "env": "prod"}, (True, False)),
        ({"data": "cde", "env": "prod", "other": "x"}, (True, True)),
        ({"Data": "cde"}, (False, False)),
        ({"data": "CDE"}, (False, False)),
        ({"data": "my-card"}, (False, False)),
        ({}, (False, False)),
        (None, (None, None)),
    ],
)
def test_a_resource_is_in_scope_by_all_keys_each_with_one_value(
    tags: Tags, expected: tuple[Ternary, Ternary]
) -> None:
    (group,) = grouped([finding(ON_RESOURCES, "a", Status.FAIL)], {"a": tags}).groups
    assert group.scopes == expected


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ({"p": "in"}, True),
        ({"p": "out"}, False),
        ({"p": "unread"}, None),
        ({"p": "deleted"}, None),
        ({}, None),
    ],
)
def test_a_recovery_point_is_in_the_scope_of_its_resource(
    points: Mapping[str, str], expected: Ternary
) -> None:
    tags: dict[str, Tags] = {"in": {"data": "cde"}, "out": {}, "unread": None}
    (group,) = grouped([finding(ON_POINTS, "p", Status.FAIL)], tags, points).groups
    assert group.scopes[0] is expected


def test_what_belongs_to_no_resource_is_in_every_scope() -> None:
    (group,) = grouped([finding(ON_VAULTS, "v", Status.FAIL)], {}).groups
    assert group.scopes == (True, True)


def test_a_name_with_quotes_is_no_sql() -> None:
    scope = {"x": TagScope((("it's", ("a' OR true --", "%")),))}
    with TemporaryDirectory() as folder:
        filed = Filed(write_filed(Path(folder), [finding(ON_RESOURCES, "a", Status.FAIL)]), CONTROLS)
        with filed.database() as connection:
            columns = {"subject": ["a"], "tags": pa.array([[{"key": "it's", "value": "b"}]], TAG)}
            resources = pa.table({**place(1), **columns})
            points = pa.table(
                {**place(0), "subject": pa.array([], pa.string()), "resource": pa.array([], pa.string())}
            )
            load_scopes(connection, scope, resources.to_reader(), points.to_reader())
            (group,) = subject_groups(connection, ALL, scope).groups
    assert group.scopes == (False,)


GROUPS = st.lists(
    st.builds(
        SubjectGroup,
        kind=st.sampled_from(("resource", "vault")),
        type=st.just("EBS"),
        number=st.integers(1, 5),
        failed=st.integers(0, 3),
        unknown=st.integers(0, 3),
        waived=st.integers(0, 3),
        passed=st.integers(0, 3),
        scopes=st.tuples(st.sampled_from((True, False, None))),
    ),
    max_size=8,
)


@settings(max_examples=60)
@given(GROUPS, st.sampled_from(((), ("a",), ("b",), ("a", "b"))))
def test_a_subject_in_doubt_is_unknown_and_one_outside_is_not_counted(
    drawn: list[SubjectGroup], controls: tuple[str, ...]
) -> None:
    groups = SubjectGroups(("a", "b"), tuple(drawn), ("pci",))
    total = decided_subjects(groups, "pci", frozenset(controls)).total
    mask = groups.mask(controls)
    applies = [group for group in drawn if group.status(mask) is not None]
    inside = [group for group in applies if group.scopes[0]]
    doubtful = sum(group.number for group in applies if group.scopes[0] is None)

    def of(status: Status) -> int:
        return sum(group.number for group in inside if group.status(mask) is status)

    unknown = of(Status.UNKNOWN) + doubtful
    assert total == SubjectCounts(of(Status.FAIL), unknown, of(Status.WAIVED), of(Status.PASS))
    # Every other framework counts all of them.
    whole = decided_subjects(groups, "other", frozenset(controls)).total
    assert whole.number == sum(group.number for group in applies)


def test_a_framework_with_a_scope_counts_what_is_in_it_and_says_so() -> None:
    tags: dict[str, Tags] = {
        "in": {"data": "cde"},
        "out": {"data": "x"},
        "unread": None,
        "ok": {"data": "card"},
    }
    statuses = {"in": Status.PASS, "out": Status.FAIL, "unread": Status.FAIL, "ok": Status.PASS}
    found = [finding(ON_RESOURCES, name, status) for name, status in statuses.items()]
    groups = grouped([*found, finding(ON_VAULTS, "v", Status.PASS)], tags)
    standards = Standards((Framework("pci", "PCI", "", (Requirement("R", "", Source.READING),)),), ALL)
    nothing = FindingCounts(controls=(), accounts=(), regions=(), tiers=())
    assessment = assess(nothing, groups, ALL, standards, {}, scopes=SCOPES)
    (framework,) = assessment.frameworks
    (requirement,) = framework.requirements
    assert requirement.standing is RequirementStatus.UNKNOWN
    assert standing_sentence(requirement) == "Inconclusive: 1 of 3 resources unknown"
    assert framework.scope_counts == scope_counts(groups, "pci") == ScopeCounts(2, 1, 1)
    assert (dict(requirement.controls)[ON_RESOURCES.id].failed, framework.figures.passed) == (0, 3)
    sentence = scope_sentence(framework)
    assert "resources with data=cde or data=card*" in sentence
    assert "2 of 4 in scope. For 1, the tags of the resource are not known" in sentence
    document = assessment_document(assessment)
    assert document["frameworks"][0]["declared_scope"] == {
        "tags": {"data": ["cde", "card*"]},
        "subjects": {"inside": 2, "outside": 1, "unknown": 1},
    }
    assert assessment_of(document) == assessment


def test_a_scope_of_several_keys_in_words() -> None:
    assert scope_words(SCOPES["both"]) == "data=cde and env=prod"
