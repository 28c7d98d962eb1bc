"""Resources that are alike get the same answer, clause by clause, from each selection."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.model.inventory import Resource, SelectionTerms
from scanner.protection.equivalence import SelectionGrouping
from scanner.protection.selection import OptIn, clause_results
from tests.fakes.bundles import ACCOUNT, OTHER, REGION, table_arn, volume_arn
from tests.fakes.models import condition, resource, settings, terms

OPT_IN = OptIn(settings(EC2=False), "account 1")
ARNS = (
    *(volume_arn(name) for name in ("a", "ab", "b")),
    volume_arn("a", OTHER),
    table_arn("a"),
    f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/a",
    "arn:aws:s3:::a",
    "arn:aws:s3:::ab",
)


@st.composite
def entries(draw: st.DrawFn) -> str:
    arn = draw(st.sampled_from(ARNS))
    start, end = sorted((draw(st.integers(0, len(arn))), draw(st.integers(0, len(arn)))))
    return draw(st.sampled_from((arn, f"{arn[:start]}*", f"{arn[:start]}*{arn[end:]}", "*")))


def listed(strategy: st.SearchStrategy[str], most: int) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(strategy, max_size=most).map(tuple)


conditions = st.builds(
    lambda operator, value: (condition(operator, "aws:ResourceTag/stage", value),),
    st.sampled_from(("StringLike", "StringNotEquals")),
    st.sampled_from(("p*", "prod")),
)
selections = st.builds(
    terms,
    listed(entries(), 2),
    st.dictionaries(st.just("backup"), st.sampled_from(("yes", "no"))),
    conditions | st.just(()),
    listed(entries(), 1),
)
tags = st.dictionaries(st.sampled_from(("backup", "stage", "owner")), st.sampled_from(("yes", "prod")))


@st.composite
def resources(draw: st.DrawFn) -> Resource:
    arn, result = draw(st.sampled_from(ARNS)), draw(tags | st.none())
    name = draw(st.sampled_from(("a", "awsbackup-restore-test-a")))
    return resource(arn, "EC2" if "instance" in arn else "EBS", result, name=name)


@given(st.lists(selections, max_size=3), st.lists(resources(), max_size=6))
def test_what_is_alike_is_answered_alike(asked: list[SelectionTerms], found: list[Resource]) -> None:
    grouping = SelectionGrouping(asked)
    answers: dict[object, list[object]] = {}
    for one in found:
        result: list[object] = [clause_results(each, one, OPT_IN) for each in asked]
        assert answers.setdefault(grouping.key(one), result) == result


@pytest.mark.parametrize("operator", ["StringLike", "StringNotLike"])
def test_values_that_a_pattern_tells_apart_are_not_alike(operator: str) -> None:
    grouping = SelectionGrouping(
        [terms(("*",), {}, (condition(operator, "aws:ResourceTag/stage", "prod*"),))]
    )
    first, second, other = (
        grouping.key(resource(volume_arn("a"), tags={"stage": stage}))
        for stage in ("prod-1", "prod-2", "dev")
    )
    assert first == second
    assert first != other


def test_a_name_that_no_selection_asks_for_makes_no_difference() -> None:
    grouping = SelectionGrouping(
        [terms(("arn:aws:ec2:*:*:volume/*", volume_arn("named")), {"backup": "yes"})]
    )
    keys = [
        grouping.key(resource(volume_arn(name), tags={"backup": "yes", "Name": name})) for name in ("a", "b")
    ]
    assert keys[0] == keys[1]
    assert grouping.key(resource(volume_arn("named"), tags={"backup": "yes"})) != keys[0]
