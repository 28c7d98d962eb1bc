"""The macros against Kleene's logic in Python, over lists with and without what is not known."""

import fnmatch
import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.evaluate.language.macros import REASON_MACROS, VERDICT_MACROS, macro_statements
from scanner.model.known import all_of, any_of

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
TERNARY = st.sampled_from([True, False, None])
LISTS = st.one_of(st.none(), st.lists(TERNARY, max_size=6))
NUMBERS = st.one_of(st.none(), st.lists(st.one_of(st.none(), st.integers(-9, 9)), max_size=5))
TEXT = st.text(alphabet="ab:*?\\.[]\n%_", max_size=6)


@cache
def database() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:")
    for statement in macro_statements(NOON):
        connection.execute(statement)
    return connection


def value(sql: str, *parameters: Any) -> Any:
    row = database().execute(f"SELECT {sql}", list(parameters)).fetchone()
    assert row is not None
    return row[0]


def of_list(macro: str, kind: str, members: Sequence[Any] | None) -> Any:
    return value(f"{macro}(CAST(? AS {kind}[]))", members)


@given(LISTS)
def test_ruling_2_any_of_and_all_of_are_kleenes(members: list[bool | None] | None) -> None:
    assert of_list("any_of", "BOOLEAN", members) is (None if members is None else any_of(members))
    assert of_list("all_of", "BOOLEAN", members) is (None if members is None else all_of(members))


@given(LISTS)
def test_ruling_2_a_known_verdict_holds_whatever_the_unknown_members_are(
    members: list[bool | None] | None,
) -> None:
    known = members or []
    worlds = [[choice if each is None else each for each in known] for choice in (True, False)]
    if of_list("any_of", "BOOLEAN", known) is not None:
        assert len({any(world) for world in worlds}) == 1
    if of_list("all_of", "BOOLEAN", known) is not None:
        assert len({all(world) for world in worlds}) == 1


@given(LISTS)
def test_ruling_2_counts_are_known_only_when_all_members_are(members: list[bool | None] | None) -> None:
    complete = members is not None and None not in members
    assert of_list("count_of", "BOOLEAN", members) == (sum(map(bool, members or ())) if complete else None)
    assert of_list("known_length", "BOOLEAN", members) == (len(members or ()) if complete else None)


@given(NUMBERS)
def test_ruling_2_extremes_are_known_only_when_all_members_are(members: list[int | None] | None) -> None:
    if members is None or None in members:
        assert of_list("min_of", "INTEGER", members) is None
        assert of_list("max_of", "INTEGER", members) is None
    else:
        known = [each for each in members if each is not None]
        assert of_list("min_of", "INTEGER", members) == min(known, default=math.inf)
        assert of_list("max_of", "INTEGER", members) == max(known, default=-math.inf)


@given(st.one_of(st.none(), st.integers(0, 3)), st.lists(st.one_of(st.none(), st.integers(0, 3)), max_size=4))
def test_one_of_is_a_chain_of_ors(wanted: int | None, members: list[int | None]) -> None:
    chain = any_of(None if wanted is None or each is None else wanted == each for each in members)
    assert value("one_of(CAST(? AS INTEGER), CAST(? AS INTEGER[]))", wanted, members) is chain


def test_one_of_a_list_that_is_not_known_is_not_known() -> None:
    assert value("one_of(1, CAST(NULL AS INTEGER[]))") is None


@given(
    st.one_of(st.none(), st.integers(0, 2)),
    st.lists(st.one_of(st.none(), st.integers(0, 2)), min_size=1, max_size=3),
)
def test_in_over_written_values_is_three_valued_by_itself(
    wanted: int | None, members: list[int | None]
) -> None:
    listed = ", ".join("NULL" if each is None else str(each) for each in members)
    chain = any_of(None if wanted is None or each is None else wanted == each for each in members)
    assert value(f"CAST(? AS INTEGER) IN ({listed})", wanted) is chain


@settings(max_examples=300)
@given(TEXT, TEXT)
def test_matches_arn_knows_two_wildcards_and_no_others(arn: str, pattern: str) -> None:
    expected = re.fullmatch(
        "".join({"*": ".*", "?": "[^*]"}.get(each) or re.escape(each) for each in pattern), arn, re.DOTALL
    )
    assert value("matches_arn(?, ?)", arn, pattern) is bool(expected)


@pytest.mark.parametrize(
    ("arn", "pattern", "expected"),
    [
        ("arn:aws:iam::111111111111:role/Admin", "arn:aws:iam::*:role/Admin", True),
        ("arn:aws:iam::111111111111:role/admin", "arn:aws:iam::*:role/Admin", False),
        ("arn:aws:iam::111111111111:role/Admin2", "arn:aws:iam::*:role/Admin", False),
        ("arn:aws:iam::*:role/Admin", "arn:aws:iam::????????????:role/Admin", False),
        (None, "*", None),
        ("arn", None, None),
    ],
)
def test_matches_arn_by_examples(arn: str | None, pattern: str | None, *, expected: bool | None) -> None:
    assert value("matches_arn(CAST(? AS VARCHAR), CAST(? AS VARCHAR))", arn, pattern) is expected
    if arn and pattern and "?" not in pattern:
        assert fnmatch.fnmatchcase(arn, pattern) is expected


@pytest.mark.parametrize(
    ("moment", "days"),
    [
        ("2026-11-21T12:00:00Z", 1.0),
        ("2026-11-22T11:59:59.500Z", 0.5 / 86400),
        ("2026-11-21T14:00:00+02:00", 1.0),
        ("2027-01-01T00:00:00Z", 0.0),
        ("2026-11-21T12:00:00", 1.0),
        ("not a time", None),
        (None, None),
    ],
)
def test_days_since_the_clock_of_the_evaluation(moment: str | None, days: float | None) -> None:
    assert value("days_since(CAST(? AS VARCHAR))", moment) == (days if days is None else pytest.approx(days))


def test_the_clock_is_taken_in_utc() -> None:
    local = datetime(2026, 11, 22, 14, tzinfo=timezone(timedelta(hours=2)))
    assert macro_statements(local) == macro_statements(NOON)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("hours_between('2026-01-01', '2026-01-02')", 24.0),
        ("hours_between('2026-01-02', '2026-01-01')", 0.0),
        ("hours_between(NULL, '2026-01-01')", None),
        ("hours_between('2026-01-01', NULL)", None),
    ],
)
def test_hours_between(sql: str, expected: float | None) -> None:
    assert value(sql) == expected


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("days(1)", "1 day"),
        ("days(35.0)", "35 days"),
        ("days(999999)", "for ever"),
        ("days(NULL)", "an unknown number of days"),
        ("for_days(35.0)", "for 35 days"),
        ("for_days(999999)", "for ever"),
        ("for_days(NULL)", "for an unknown number of days"),
        ("hours(1.0)", "1 hour"),
        ("hours(52.25)", "52.25 hours"),
        ("hours(100)", "100 hours"),
        ("hours(999999.0)", "never"),
        ("hours(NULL)", "an unknown number of hours"),
        ("counted(1, 'rule')", "1 rule"),
        ("counted(20, 'rule')", "20 rules"),
        ("counted(NULL, 'rule')", "an unknown number of rules"),
        ("short_name('arn:aws:backup:eu-west-1:111111111111:backup-vault:main')", "main"),
        ("names(['b', 'a', 'a'])", "a, b"),
        ("names(['a', NULL])", "a and perhaps others"),
        ("names(['1', '2', '3', '4', '5', '6', '7'])", "1, 2, 3, 4, 5 and 2 more"),
        ("names(CAST(NULL AS VARCHAR[]))", "unknown"),
        ("shown_number(min_of([]))", "none"),
    ],
)
def test_what_texts_may_use(sql: str, expected: str) -> None:
    assert value(sql) == expected


def test_every_macro_is_documented() -> None:
    assert all(macro.doc.strip() for macro in (*VERDICT_MACROS, *REASON_MACROS))
