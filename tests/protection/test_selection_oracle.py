"""The whole of `selects` against a slow and plain reading of the documentation, written apart from it.

The oracle tries every place where a wildcard may end, and every value that something unread may have.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from scanner.model.inventory import RegionSettings, Resource, SelectionTerms, TagCondition
from scanner.model.known import Known, Ternary
from scanner.protection.equivalence import Candidates
from scanner.protection.selection import OptIn, selects
from tests.fakes.bundles import ACCOUNT, OTHER, REGION
from tests.fakes.models import UNREAD, condition, resource, terms

PLACE = f"{REGION}:{ACCOUNT}"
# type, row of the capability table, service, what comes before the name
KINDS = (
    ("EBS", "EBS", f"arn:aws:ec2:{PLACE}:volume/"),
    ("EC2", "EC2", f"arn:aws:ec2:{PLACE}:instance/"),
    ("RDS", "RDS", f"arn:aws:rds:{PLACE}:db:"),
    ("Aurora", "Aurora", f"arn:aws:rds:{PLACE}:cluster:"),
    ("Neptune", "Neptune", f"arn:aws:rds:{PLACE}:cluster:"),
    ("FSx", "FSx_WINDOWS", f"arn:aws:fsx:{PLACE}:file-system/"),
    ("FSx", "FSx_ONTAP", f"arn:aws:fsx:{PLACE}:volume/fs-1/"),
    ("S3", "S3", "arn:aws:s3:::"),
)
OBEYS_ALWAYS = ("Aurora", "Neptune", "DocumentDB", "FSx")
NAMES = ("a", "ab", "b", "awsbackup-a")
KEYS = ("stage", "Stage", "näme ", "a:b", "aws:x")
VALUES = ("", "prod", "Prod", "prod 1", "p*", "é")
PATTERNS = (*VALUES, "*", "p*d", "*1", "**", "pro?")
OPERATORS = ("StringEquals", "StringNotEquals", "StringLike", "StringNotLike")

tag_sets = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES), max_size=3)


@st.composite
def resources(draw: st.DrawFn) -> Resource:
    kind, row, prefix = draw(st.sampled_from(KINDS))
    name = draw(st.sampled_from(NAMES))
    tags: Mapping[str, str] = draw(tag_sets)
    if draw(st.integers(0, 9)) == 0:
        tags = {**tags, "awsbackup-restore-test": "x"}
    return resource(prefix + name, kind, tags, capability=row, name=name)


@st.composite
def entries(draw: st.DrawFn) -> str:
    prefix = draw(st.sampled_from(KINDS))[2]
    arn = prefix + draw(st.sampled_from(NAMES))
    service = arn.split(":")[2]
    typed = prefix.replace(REGION, "*").replace(ACCOUNT, "*")
    forms = (
        arn,
        f"{typed}*",
        f"{typed}a*",
        f"{prefix}*b",
        f"arn:aws:{service}:*",
        "*",
        "arn:aws:*",
        arn.replace(ACCOUNT, OTHER),
        arn.replace("arn:aws:", "arn:aws-cn:"),
        arn.upper(),
        "*nothing",
    )
    return draw(st.sampled_from(forms))


conditions = st.builds(
    lambda operator, key, value: condition(operator, f"aws:ResourceTag/{key}", value),
    st.sampled_from(OPERATORS),
    st.sampled_from(KEYS),
    st.sampled_from(PATTERNS),
)


@st.composite
def selections(draw: st.DrawFn) -> SelectionTerms:
    prefix = draw(st.sampled_from(("", "aws:ResourceTag/")))
    listed = draw(st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES), max_size=2))
    return terms(
        tuple(draw(st.lists(entries(), max_size=3))),
        {prefix + key: value for key, value in listed.items()},
        tuple(draw(st.lists(conditions, max_size=2))),
        tuple(draw(st.lists(entries(), max_size=2))),
    )


preferences = st.dictionaries(
    st.sampled_from(sorted({kind for kind, _, _ in KINDS})), st.booleans(), max_size=len(KINDS)
)


def opt_in(told: Mapping[str, bool] | None) -> OptIn:
    return OptIn(UNREAD if told is None else Known(RegionSettings(told, {})), "account 1")


# The oracle


def fits(pattern: str, text: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(fits(pattern[1:], text[at:]) for at in range(len(text) + 1))
    return bool(text) and text[0] == pattern[0] and fits(pattern[1:], text[1:])


def met(wanted: TagCondition, tags: Mapping[str, str]) -> bool:
    key = wanted.key.replace("aws:ResourceTag/", "", 1)
    if wanted.operator == "StringEquals":
        return key in tags and tags[key] == wanted.value
    if wanted.operator == "StringNotEquals":
        return not (key in tags and tags[key] == wanted.value)
    if wanted.operator == "StringLike":
        return key in tags and fits(wanted.value, tags[key])
    return not (key in tags and fits(wanted.value, tags[key]))


def named(entry: str, one: Resource) -> bool:
    """Whether an entry gives at least the type: all of the ARN up to the name, but Region and account."""
    if one.type in OBEYS_ALWAYS:
        return False
    fields = entry.split(":", 5)
    own = one.arn.split(":", 5)
    if len(fields) != 6 or fields[2] != own[2]:
        return False
    return own[2] == "s3" or not fields[5].startswith("*")  # S3's ARNs are buckets, whatever their names


def truth(
    wanted: SelectionTerms, one: Resource, tags: Mapping[str, str], told: Mapping[str, bool]
) -> Ternary:
    matching = [entry for entry in wanted.resources if fits(entry, one.arn)]
    listed = any(met(each, tags) for each in wanted.list_of_tags)
    if not (matching or listed) and (wanted.resources or wanted.list_of_tags):
        return False
    if not all(met(each, tags) for each in wanted.conditions):
        return False
    if any(fits(entry, one.arn) for entry in wanted.not_resources):
        return False
    if any(key.startswith("awsbackup-restore-test") for key in tags):
        return False
    return True if any(named(entry, one) for entry in matching) else told.get(one.type)


def tags_of(one: Resource) -> Mapping[str, str]:
    assert isinstance(one.tags, Known)
    return one.tags.value


@given(selections(), resources(), preferences)
def test_a_plain_reading_agrees(wanted: SelectionTerms, one: Resource, expected: dict[str, bool]) -> None:
    assert selects(wanted, one, opt_in(expected)).value is truth(wanted, one, tags_of(one), expected)


def worlds(one: Resource, wanted: SelectionTerms) -> Iterable[Mapping[str, str]]:
    """Give the tags that a resource may have, as far as the selection can tell them apart."""
    asked = {
        each.key.replace("aws:ResourceTag/", "", 1) for each in (*wanted.list_of_tags, *wanted.conditions)
    }
    found: list[dict[str, str]] = [{}]
    for key in sorted(asked):
        found = [{**tags, **more} for tags in found for more in ({}, *({key: value} for value in VALUES))]
    return (*found, {key: value for key, value in tags_of(one).items() if "restore-test" not in key})


@given(selections(), resources(), preferences, st.booleans(), st.booleans())
def test_what_is_not_read_is_answered_only_where_it_could_not_matter(
    wanted: SelectionTerms,
    one: Resource,
    expected: dict[str, bool],
    tags_read: bool,  # noqa: FBT001 -- drawn
    settings_read: bool,  # noqa: FBT001 -- drawn
) -> None:
    """A definite answer holds in every world that the unread parts leave possible.

    That a restore test made a resource is taken as not so where its tags were not read (assumptions).
    """
    blind = one if tags_read else replace(one, tags=UNREAD)
    answer = selects(wanted, blind, opt_in(expected if settings_read else None)).value
    kinds = {kind for kind, _, _ in KINDS}
    possible = {
        truth(wanted, one, tags, opted)
        for tags in ((tags_of(one),) if tags_read else worlds(one, wanted))
        for opted in (
            (expected,) if settings_read else (dict.fromkeys(kinds, True), dict.fromkeys(kinds, False))
        )
    }
    assert answer is None or possible == {answer}
    if tags_read:
        assert answer is not None or possible in ({True, False}, {None})


@given(selections(), resources(), preferences, st.integers(0, 1))
def test_terms_that_nobody_understands_never_decide(
    wanted: SelectionTerms, one: Resource, expected: dict[str, bool], where: int
) -> None:
    """An operator that is not known, in place of one that was: the answer is the same, or none."""
    odd: dict[str, Any] = {}
    name = ("conditions", "list_of_tags")[where]
    entries_ = getattr(wanted, name)
    odd[name] = tuple(replace(each, operator="NumericLessThan") for each in entries_)
    before = selects(wanted, one, opt_in(expected)).value
    after = selects(replace(wanted, **odd), one, opt_in(expected)).value
    assert after is None or after is before


@given(st.lists(resources(), max_size=5), selections(), st.lists(st.booleans(), min_size=5, max_size=5))
def test_the_candidates_hold_all_that_may_be_selected(
    found: list[Resource], wanted: SelectionTerms, read: list[bool]
) -> None:
    some = [one if seen else replace(one, tags=UNREAD) for one, seen in zip(found, read, strict=False)]
    kept = {id(one) for one in Candidates(some).of(wanted)}
    everything_on = opt_in(dict.fromkeys((kind for kind, _, _ in KINDS), True))
    for one in some:
        assert id(one) in kept or selects(wanted, one, everything_on).value is False
