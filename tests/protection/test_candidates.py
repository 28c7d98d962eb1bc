"""The index of candidates against the question itself, asked of every resource."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from scanner.model.inventory import Resource, SelectionTerms, TagCondition
from scanner.protection.equivalence import Candidates
from scanner.protection.selection import OptIn, selects
from tests.fakes.bundles import table_arn, volume_arn
from tests.fakes.models import condition, resource, settings, terms

ALL_IN = OptIn(settings(), "account 1")
WORDS = ("prod", "dev", "pro", "")
KEYS = ("stage", "Stage", "aws:cloudformation:stack-name")

arns = st.builds(
    lambda make, name: make(name),
    st.sampled_from((volume_arn, table_arn)),
    st.sampled_from(("a", "ab", "abc", "b", "\U0010ffff", "ab\U0010ffffc", "é")),
)
tags: st.SearchStrategy[Mapping[str, str] | None] = st.none() | st.dictionaries(
    st.sampled_from(KEYS), st.sampled_from(WORDS), max_size=2
)
resources = st.lists(st.builds(lambda arn, tags: resource(arn, tags=tags), arns, tags), max_size=6)


@st.composite
def patterns(draw: st.DrawFn) -> str:
    arn = draw(arns)
    start, end = sorted((draw(st.integers(0, len(arn))), draw(st.integers(0, len(arn)))))
    chosen: str = draw(st.sampled_from((arn, arn[:start] + "*", arn[:start] + "*" + arn[end:], "*", "")))
    return chosen


conditions = st.builds(
    lambda operator, prefix, key, value: condition(operator, prefix + key, value),
    st.sampled_from(("StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "NumericEquals")),
    st.sampled_from(("aws:ResourceTag/", "")),
    st.sampled_from(KEYS),
    st.sampled_from((*WORDS, "p*")),
)


@st.composite
def selections(draw: st.DrawFn) -> SelectionTerms:
    wanted: dict[str, str] = draw(st.dictionaries(st.sampled_from(KEYS), st.sampled_from(WORDS), max_size=2))
    joined: tuple[TagCondition, ...] = tuple(draw(st.lists(conditions, max_size=2)))
    excluded = tuple(draw(st.lists(patterns(), max_size=1)))
    return terms(tuple(draw(st.lists(patterns(), max_size=3))), wanted, joined, excluded)


@given(resources, selections())
def test_nothing_that_may_be_selected_is_left_out(found: list[Resource], wanted: SelectionTerms) -> None:
    candidates = Candidates(found).of(wanted)
    assert [each.arn for each in candidates] == sorted(each.arn for each in candidates)
    left_out = [each for each in found if not any(each is one for one in candidates)]
    assert all(selects(wanted, each, ALL_IN).value is False for each in left_out)


def test_what_cannot_be_selected_is_left_out() -> None:
    found = [resource(volume_arn("a"), tags={"stage": "prod"}), resource(volume_arn("b"), tags={})]
    index = Candidates(found)
    equals = (condition("StringEquals", "aws:ResourceTag/stage", "prod"),)
    assert index.of(terms((volume_arn("b"),))) == [found[1]]
    assert index.of(terms((volume_arn("")[:-1],))) == []  # what begins an ARN, without a star
    assert index.of(terms((table_arn("*"),))) == []
    assert index.of(terms(tags={"stage": "prod"})) == [found[0]]
    assert index.of(terms(("*",), conditions=equals)) == [found[0]]
    assert list(index.of(terms())) == found
