"""Whom a selection selects: the tables of the documentation row by row, and a plain oracle for the rest."""

import re
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.model.inventory import Resource, SelectionTerms
from scanner.model.known import Known
from scanner.protection.selection import OptIn, could_select, selects
from scanner.protection.tag_conditions import wildcard
from tests.fakes.bundles import ACCOUNT, REGION, table_arn, volume_arn
from tests.fakes.models import UNREAD, condition, resource, settings, terms

ALL_IN = OptIn(settings(), "account 1")
VOLUME, OTHER_VOLUME = volume_arn("vol-1"), volume_arn("vol-2")
TAGGED = {"stage": "prod", "empty": ""}


def selected(wanted: SelectionTerms, tags: Mapping[str, str] | None, arn: str = VOLUME) -> bool | None:
    return selects(wanted, resource(arn, tags=tags), ALL_IN).value


PROD = condition("StringEquals", "aws:ResourceTag/stage", "prod")
DEV = condition("StringEquals", "aws:ResourceTag/stage", "dev")


# Facts 3.1, row by row: Resources, ListOfTags, Conditions, NotResources
@pytest.mark.parametrize(
    ("wanted", "named", "tagged", "neither"),
    [
        (terms(), True, True, True),
        (terms(("*",)), True, True, True),
        (terms((VOLUME,)), True, False, False),
        (terms(tags={"stage": "prod"}), False, True, False),
        (terms((VOLUME,), {"stage": "prod"}), True, True, False),
        (terms(("*",), {"stage": "dev"}), True, True, True),
        (terms((VOLUME, OTHER_VOLUME), conditions=(PROD,)), False, True, False),
        (terms((VOLUME,), {"stage": "prod"}, (DEV,)), False, False, False),
        (terms((VOLUME,), {"stage": "prod"}, (PROD,)), False, True, False),
        (terms(conditions=(PROD,)), False, True, False),
        (terms(excluded=(VOLUME,)), False, True, True),
        (terms(("*",), {"stage": "prod"}, (), (VOLUME,)), False, True, True),
        (terms((VOLUME,), excluded=("arn:aws:ec2:*",)), False, False, False),
    ],
)
def test_the_table_of_forms(wanted: SelectionTerms, named: bool, tagged: bool, neither: bool) -> None:  # noqa: FBT001 -- a row
    assert selected(wanted, {}, VOLUME) is named
    assert selected(wanted, TAGGED, OTHER_VOLUME) is tagged
    assert selected(wanted, {}, volume_arn("vol-3")) is neither


@pytest.mark.parametrize(
    ("operator", "value", "equal", "alike", "different", "missing"),
    [
        ("StringEquals", "prod", True, False, False, False),
        ("StringNotEquals", "prod", False, True, True, True),
        ("StringLike", "prod*", True, True, False, False),
        ("StringNotLike", "prod*", False, False, True, True),
        ("StringLike", "*ro*", True, True, False, False),
        ("StringEquals", "prod*", False, False, False, False),
        ("StringLike", "*", True, True, True, False),
        ("StringEquals", "PROD", False, False, False, False),
    ],
)
def test_operators(  # noqa: PLR0913 -- a row of a table
    operator: str, value: str, *, equal: bool, alike: bool, different: bool, missing: bool
) -> None:
    wanted = terms(conditions=(condition(operator, "aws:ResourceTag/stage", value),))
    values = [{"stage": "prod"}, {"stage": "production"}, {"stage": "dev"}, {"Stage": "prod"}]
    assert [selected(wanted, tags) for tags in values] == [equal, alike, different, missing]
    assert selected(wanted, None) is None


def test_conditions_are_joined_by_and_tags_by_or() -> None:
    both = (PROD, condition("StringNotEquals", "aws:ResourceTag/team", "x"))
    assert selected(terms(conditions=both), {"stage": "prod"}) is True
    assert selected(terms(conditions=both), {"stage": "prod", "team": "x"}) is False
    assert selected(terms(tags={"a": "1", "b": "2"}), {"b": "2"}) is True


@pytest.mark.parametrize("key", ["stage", "aws:ResourceTag/stage"])
def test_list_of_tags_takes_keys_with_and_without_prefix(key: str) -> None:
    assert selected(terms(tags={key: "prod"}), {"stage": "prod"}) is True
    assert selected(terms(tags={key: "prod"}), {"stage": "dev"}) is False


def test_an_empty_value_is_a_value() -> None:
    assert selected(terms(tags={"empty": ""}), TAGGED) is True
    assert selected(terms(tags={"absent": ""}), TAGGED) is False


@pytest.mark.parametrize(
    "odd",
    [
        condition("StringEqualsIgnoreCase", "aws:ResourceTag/stage", "prod"),
        condition("StringEquals", "aws:PrincipalOrgID", "o-1"),
    ],
)
def test_a_condition_that_nobody_understands_is_unknown_never_dropped(odd: object) -> None:
    assert selected(terms(conditions=(odd,)), {"stage": "prod"}) is None  # type: ignore[arg-type]
    assert selected(terms((OTHER_VOLUME,), conditions=(odd,)), {"stage": "prod"}) is False  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (terms((VOLUME,)), True),
        (terms(), True),
        (terms((VOLUME,), {"stage": "prod"}), True),
        (terms(tags={"stage": "prod"}), None),
        (terms((OTHER_VOLUME,), {"stage": "prod"}), None),
        (terms((OTHER_VOLUME,)), False),
        (terms(tags={"stage": "prod"}, excluded=(VOLUME,)), False),
        (terms((VOLUME,), conditions=(PROD,)), None),
        (terms((OTHER_VOLUME,), conditions=(PROD,)), False),
    ],
)
def test_unread_tags_open_only_what_hangs_on_them(wanted: SelectionTerms, expected: bool | None) -> None:  # noqa: FBT001 -- a row
    assert selected(wanted, None) is expected


# Facts 3.3: the opt-in

AURORA = f"arn:aws:rds:{REGION}:{ACCOUNT}:cluster:c"
DATABASE = f"arn:aws:rds:{REGION}:{ACCOUNT}:db:d"
KINDS: dict[str, Resource] = {
    "EBS": resource(VOLUME, "EBS", {"t": "x"}),
    "EC2": resource(f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/i-1", "EC2", {"t": "x"}),
    "RDS": resource(DATABASE, "RDS", {"t": "x"}),
    "Aurora": resource(AURORA, "Aurora", {"t": "x"}),
    "Neptune": resource(AURORA, "Neptune", {"t": "x"}),
    "DocumentDB": resource(AURORA, "DocumentDB", {"t": "x"}),
    "FSx": resource(
        f"arn:aws:fsx:{REGION}:{ACCOUNT}:file-system/fs-1", "FSx", {"t": "x"}, capability="FSx_OPENZFS"
    ),
    "S3": resource("arn:aws:s3:::bucket", "S3", {"t": "x"}),
    "DynamoDB": resource(table_arn("t"), "DynamoDB", {"t": "x"}),
}


@pytest.mark.parametrize(
    ("kind", "wanted", "needs_opt_in"),
    [
        *((kind, terms(), True) for kind in KINDS),
        *((kind, terms(("*",)), True) for kind in KINDS),
        *((kind, terms(tags={"t": "x"}), True) for kind in KINDS),
        *((kind, terms((KINDS[kind].arn,)), False) for kind in ("EBS", "EC2", "RDS", "S3", "DynamoDB")),
        *((kind, terms((KINDS[kind].arn,)), True) for kind in ("Aurora", "Neptune", "DocumentDB", "FSx")),
        ("EBS", terms(("arn:aws:ec2:*",)), True),
        ("EBS", terms(("arn:aws:ec2:*:*:*",)), True),
        ("EBS", terms(("arn:aws:ec2:*:*:volume/*",)), False),
        ("EC2", terms(("arn:aws:ec2:*:*:instance/*",)), False),
        ("RDS", terms(("arn:aws:rds:*:*:db:*",)), False),
        ("RDS", terms(("arn:aws:rds:*",)), True),
        ("Aurora", terms(("arn:aws:rds:*:*:cluster:*",)), True),
        ("S3", terms(("arn:aws:s3:::*",)), False),
        ("S3", terms(("arn:aws:s3:*",)), True),
        ("EBS", terms((VOLUME,), conditions=(condition("StringEquals", "aws:ResourceTag/t", "x"),)), False),
        ("EBS", terms(("*", VOLUME)), False),
        ("EBS", terms((VOLUME,), {"t": "x"}), False),
    ],
)
def test_where_the_opt_in_decides(kind: str, wanted: SelectionTerms, needs_opt_in: bool) -> None:  # noqa: FBT001 -- a row
    one = KINDS[kind]
    expected = {True: True, False: not needs_opt_in}
    for on, answer in expected.items():
        result = settings(managed={"DynamoDB": True}, **{kind: on})
        assert selects(wanted, one, OptIn(result, "account 1")).value is answer
    assert selects(wanted, one, OptIn(UNREAD, "account 1")).value is (None if needs_opt_in else True)
    untold = Known(settings().value.__class__({}, {}))
    assert selects(wanted, one, OptIn(untold, "account 1")).value is (None if needs_opt_in else True)


@pytest.mark.parametrize(
    ("entry", "kind", "expected"),
    [
        ("arn:aws:rds:*:*:db:*", "RDS", True),
        ("arn:aws:rds:*:*:db:*", "Aurora", False),
        ("arn:aws:rds:*", "Aurora", True),
        ("arn:aws:ec2:*:*:volume/*", "EC2", False),
    ],
)
def test_wildcards_do_not_cross_types(entry: str, kind: str, expected: bool) -> None:  # noqa: FBT001 -- a row
    assert selects(terms((entry,)), KINDS[kind], ALL_IN).value is expected


# Restore tests leave things behind


@pytest.mark.parametrize(
    ("left_over", "expected"),
    [
        (resource(tags={"awsbackup-restore-test": "x"}), False),
        (resource(tags={"awsbackup-restore-test-job": ""}), False),
        (resource(tags={}, name="awsbackup-restore-test-1"), False),
        (resource(tags=None, name="awsbackup-restore-test-1"), False),
        (resource(tags=None), True),  # see Limitations: tags that were not read make nothing a leftover
        (resource(tags={"my-awsbackup-restore-test": "x"}), True),
    ],
)
def test_leftovers_of_restore_tests_are_not_selected(left_over: Resource, expected: bool) -> None:  # noqa: FBT001 -- a row
    assert selects(terms((left_over.arn,)), left_over, ALL_IN).value is expected


def test_the_reason_names_what_decided() -> None:
    assert "Resources contains *" in selects(terms(("*",)), resource(tags={}), ALL_IN).because
    off = OptIn(settings(EBS=False), "account 1")
    assert (
        selects(terms(), resource(tags={}), off).because == "account 1 is not opted in to EBS in this Region"
    )
    assert "NotResources contains *" in selects(terms(excluded=("*",)), resource(tags={}), ALL_IN).because


# A plain oracle, written from the formula of the documentation

KEYS, VALUES = ("a", "b"), ("", "x", "xy", "y")
PATTERNS = ("", "x", "x*", "*y", "*", "y")
ARNS = (
    VOLUME,
    OTHER_VOLUME,
    table_arn("t"),
    "*",
    "arn:aws:ec2:*",
    "arn:aws:ec2:*:*:volume/vol-*",
    "arn:aws:s3:::*",
)
OPERATORS = ("StringEquals", "StringNotEquals", "StringLike", "StringNotLike")

conditions = st.lists(
    st.builds(
        condition,
        st.sampled_from(OPERATORS),
        st.sampled_from([f"aws:ResourceTag/{k}" for k in KEYS]),
        st.sampled_from(PATTERNS),
    ),
    max_size=2,
).map(tuple)
selections = st.builds(
    terms,
    st.lists(st.sampled_from(ARNS), max_size=3).map(tuple),
    st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES), max_size=2),
    conditions,
    st.lists(st.sampled_from(ARNS), max_size=2).map(tuple),
)
tag_sets = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES))


def glob(pattern: str, text: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.DOTALL) is not None


def oracle(wanted: SelectionTerms, arn: str, tags: Mapping[str, str], *, opted_in: bool) -> bool:
    by_arn = any(glob(entry, arn) for entry in wanted.resources)
    by_tag = any(tags.get(each.key) == each.value for each in wanted.list_of_tags)
    base = by_arn or by_tag or not (wanted.resources or wanted.list_of_tags)
    for each in wanted.conditions:
        value = tags.get(each.key.removeprefix("aws:ResourceTag/"))
        positive = value is not None and (
            glob(each.value, value) if each.operator.endswith("Like") else value == each.value
        )
        base = base and (positive != ("Not" in each.operator))
    typed = any(glob(e, arn) for e in wanted.resources if e not in ("*", "arn:aws:ec2:*"))
    return base and not any(glob(entry, arn) for entry in wanted.not_resources) and (opted_in or typed)


@given(selections, st.sampled_from([VOLUME, OTHER_VOLUME]), tag_sets, st.booleans())
def test_a_plain_reading_of_the_formula_agrees(
    wanted: SelectionTerms,
    arn: str,
    tags: Mapping[str, str],
    opted_in: bool,  # noqa: FBT001 -- drawn
) -> None:
    result = OptIn(settings(EBS=opted_in), "account 1")
    assert selects(wanted, resource(arn, tags=tags), result).value is oracle(
        wanted, arn, tags, opted_in=opted_in
    )


@given(selections, st.lists(tag_sets, min_size=1, max_size=6), st.booleans())
def test_an_answer_without_tags_or_settings_holds_whatever_they_are(
    wanted: SelectionTerms,
    possible: list[Mapping[str, str]],
    opted_in: bool,  # noqa: FBT001 -- drawn
) -> None:
    blind = selects(wanted, resource(VOLUME, tags=None), OptIn(UNREAD, "account 1")).value
    if blind is not None:
        result = OptIn(settings(EBS=opted_in), "account 1")
        assert {selects(wanted, resource(VOLUME, tags=tags), result).value for tags in possible} == {blind}


# Wildcards

texts = st.text("ab:/*", max_size=8)


@given(texts, st.text("ab:/", max_size=10))
def test_wildcards_match_as_a_regular_expression_does(pattern: str, text: str) -> None:
    assert wildcard(pattern, text) is glob(pattern, text)


@given(texts, st.integers(0, 8), st.text("ab:/", max_size=3))
def test_replacing_a_part_by_a_star_still_matches(text: str, cut: int, middle: str) -> None:
    text = text.replace("*", "a")
    assert wildcard(text[:cut] + "*" + text[cut:], text[:cut] + middle + text[cut:])


def test_many_stars_are_no_trap() -> None:
    assert not wildcard("*a" * 200 + "b", "a" * 20_000)


FORMS = {
    ("ec2", "volume/"): volume_arn("vol-1"),
    ("ec2", "instance/"): f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/i-1",
    ("rds", "cluster:"): f"arn:aws:rds:{REGION}:{ACCOUNT}:cluster:foo",
    ("rds", "db:"): f"arn:aws:rds:{REGION}:{ACCOUNT}:db:foo",
    ("s3", ""): "arn:aws:s3:::bucket",
    ("dynamodb", "table/"): table_arn("t"),
}


@given(st.sampled_from(sorted(FORMS)), st.data())
def test_what_could_be_selected_is_never_missed(form: tuple[str, str], data: st.DataObject) -> None:
    arn = FORMS[form]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(arn)), min_size=2, max_size=4)))
    pattern = arn[: cuts[0]] + "".join(
        "*" + (arn[cuts[at] : cuts[at + 1]] if at % 2 else "") for at in range(len(cuts) - 1)
    )
    pattern += "*" + arn[cuts[-1] :]
    assert wildcard(pattern, arn)
    assert could_select(terms((pattern,)), *form)


@pytest.mark.parametrize(
    ("wanted", "form", "expected"),
    [
        (terms(), ("ec2", "volume/"), True),
        (terms(tags={"a": "b"}), ("ec2", "volume/"), True),
        (terms(("*",)), ("s3", ""), True),
        (terms(("arn:aws:ec2:*",)), ("ec2", "volume/"), True),
        (terms(("arn:aws:ec2:*",)), ("rds", "db:"), False),
        (terms(("arn:aws:rds:*:*:db:*",)), ("rds", "cluster:"), False),
        (terms(("arn:aws:rds:*:cluster:foo",)), ("rds", "cluster:"), True),
        (terms((VOLUME,)), ("ec2", "volume/"), True),
        (terms((VOLUME,)), ("ec2", "instance/"), False),
        (terms((VOLUME, "arn:aws:s3:::*")), ("s3", ""), True),
        (terms(("arn:aws:s3:::*",)), ("dynamodb", "table/"), False),
    ],
)
def test_what_could_be_selected(wanted: SelectionTerms, form: tuple[str, str], expected: bool) -> None:  # noqa: FBT001 -- a row
    assert could_select(wanted, *form) is expected
