"""No expression that is let through lets something not known decide: the whitelist, function by function."""

import itertools
from functools import cache
from typing import Any, Final

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.evaluate.controls.cases import AS_OF
from scanner.evaluate.language import grammar
from scanner.evaluate.language.expression import Vocabulary, check
from scanner.evaluate.language.macros import macro_statements
from scanner.evaluate.problem import RefusedError
from scanner.storage.parquet import arrow_schema

VOCABULARY: Final = Vocabulary(arrow_schema("resource"), {"wanted": ("a", "b")})


@cache
def database() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:")
    for statement in macro_statements(AS_OF):
        connection.execute(statement)
    return connection


def is_refused(text: str) -> bool:
    try:
        check(text, VOCABULARY)
    except RefusedError:
        return True
    return False


ARGUMENTS: Final = {
    "abs": ("1",),
    "ceil": ("1.5",),
    "contains": ("'ab'", "'a'"),
    "days_since": ("'2026-01-01T00:00:00Z'",),
    "ends_with": ("'ab'", "'b'"),
    "floor": ("1.5",),
    "hours_between": ("'2026-01-01T00:00:00Z'", "'2026-01-02T00:00:00Z'"),
    "length": ("'ab'",),
    "like_escape": ("'ab'", "'a%'", "'!'"),
    "lower": ("'A'",),
    "matches_arn": ("'arn:x'", "'arn:*'"),
    "regexp_full_match": ("'ab'", "'a.'"),
    "regexp_matches": ("'ab'", "'a'"),
    "replace": ("'ab'", "'a'", "'b'"),
    "round": ("1.25",),
    "split_part": ("'a.b'", "'.'", "1"),
    "starts_with": ("'ab'", "'a'"),
    "substring": ("'abc'", "1", "2"),
    "trim": ("' a '", "' '"),
    "upper": ("'a'",),
}
"""Known arguments of every function of scalars that may decide."""


def unknown(value: str) -> str:
    return f"CAST(NULL AS {'VARCHAR' if value.startswith(chr(39)) else 'INTEGER'})"


def test_no_function_is_left_out() -> None:
    assert set(ARGUMENTS) == grammar.CALLABLE - set(grammar.LIST_MACROS) - {"len"}


@pytest.mark.parametrize("name", sorted(ARGUMENTS))
def test_a_function_of_something_not_known_is_not_known(name: str) -> None:
    known = ARGUMENTS[name]
    for chosen in itertools.product((False, True), repeat=len(known)):
        told = ", ".join(value if keep else unknown(value) for value, keep in zip(known, chosen, strict=True))
        row = database().execute(f"SELECT {name}({told})").fetchall()
        assert (row[0][0] is None) is not all(chosen), told


@pytest.mark.parametrize("operator", sorted(grammar.OPERATORS))
def test_an_operator_over_something_not_known_is_not_known(operator: str) -> None:
    spelled = {"~~": "LIKE", "!~~": "NOT LIKE", "~~*": "ILIKE", "!~~*": "NOT ILIKE"}.get(operator, operator)
    value = "'a'" if operator == "||" or "~" in operator else "3"
    for left, right in ((value, "NULL"), ("NULL", value), ("NULL", "NULL")):
        assert database().execute(f"SELECT {left} {spelled} {right}").fetchall() == [(None,)]


@cache
def names_of_duckdb() -> tuple[str, ...]:
    rows = database().execute("SELECT DISTINCT function_name FROM duckdb_functions()").fetchall()
    return tuple(sorted(str(name) for (name,) in rows if str(name).isidentifier()))


def test_every_other_function_of_duckdb_is_refused() -> None:
    asked = set(names_of_duckdb()) - grammar.CALLABLE
    assert {"list_concat", "list_aggregate", "coalesce", "array_concat", "error", "read_text"} & asked
    texts = (
        "{}(NULL, NULL) = []",
        "{}(name) = 'a'",
        "{}(rules, rules) IS NOT NULL",
        "{}() = 1",
        "{}(covered)",
    )
    through = [name for name in sorted(asked) for text in texts if not is_refused(text.format(name))]
    assert through == []


@pytest.mark.parametrize(
    "text",
    [
        "list_concat(NULL, NULL) = []",
        "NULL || [] = []",
        "any_of(list_concat([c.effective for c in copies], NULL))",
        "any_of([c.effective for c in copies] || [true])",
        "any_of(copies || copies)",
        "len(list_concat(rules, NULL)) = 0",
        "len(list_filter(rules, lambda r: r.continuous)) = 0",
        "len([r for r in rules if r.continuous]) = 0",
        "len(list_distinct(rules)) = 0",
        "len(flatten([[r.name for r in rules]])) = 0",
        "length(rules) = 0",
        "array_length(rules) = 0",
        "rules = []",
        "rules IS NOT DISTINCT FROM []",
        "[r.name for r in rules] = ['a']",
        "newest_recovery_point = newest_recovery_point",
        "row(covered, encrypted) = row(true, true)",
        "(covered, encrypted) = (true, true)",
        "{'a': covered} = {'a': true}",
        "typeof(covered) = 'BOOLEAN'",
        "CAST(rules AS VARCHAR) = '[]'",
        "rules::VARCHAR = '[]'",
        "name IN (SELECT 'a')",
        "name = ANY(['a', NULL])",
        "'a' = ALL([r.name for r in rules])",
        "name IN [r.name for r in rules]",
        "list_contains([r.name for r in rules], 'a')",
        "list_has_any([r.name for r in rules], ['a'])",
        "[r.name for r in rules] && ['a']",
        "rules[1].continuous",
        "covered ?? true",
        "covered IS UNKNOWN",
        "covered ISNULL",
        "covered NOTNULL",
        "TRY(covered)",
        "CASE covered WHEN true THEN true ELSE true END",
        "nvl(covered, true)",
        "iif(covered, true, true)",
        "bool_or(covered)",
        "count(*) > 0",
        "concat(name, state) = 'a'",
        "concat_ws('', name, state) = 'a'",
        "format('{}', name) = 'a'",
        "printf('%s', name) = 'a'",
        "to_json(covered) = 'true'",
        "hash(covered) = 1",
        "greatest(1, NULL) = 1",
        "struct_pack(a := covered).a",
        "any_of(map_values(MAP {'a': covered}))",
        "COLUMNS('covered')",
        "unnest(rules).continuous",
        "(covered).x",
        "list_value(covered) = [true]",
        "alias(covered) = 'covered'",
    ],
)
def test_what_swallows_what_is_not_known_is_refused(text: str) -> None:
    assert is_refused(text)


ATOMS: Final = (
    "covered",
    "encrypted",
    "state = 'a'",
    "state <> 'a'",
    "state IN ('a', 'c')",
    "state NOT IN ('a', 'c')",
    "NOT starts_with(state, 'a')",
    "state || 'x' = 'ax'",
    "state LIKE 'a%'",
    "newest_recovery_point.age_hours <= 2",
    "newest_recovery_point.age_hours BETWEEN 2 AND 6",
    "newest_recovery_point.age_hours NOT BETWEEN 2 AND 6",
    "10 / (newest_recovery_point.age_hours - 5) > 1",
    "any_of([c.effective for c in copies])",
    "all_of([c.effective OR c.cross_region for c in copies])",
    "any_of([true for c in copies])",
    "all_of([false for c in copies])",
    "any_of([c.effective = covered for c in copies])",
    "all_of([encrypted OR c.effective for c in copies])",
    "count_of([c.effective for c in copies]) > 0",
    "len(copies) = 1",
    "any_of([n < 3 for n in longest_wait_hours])",
    "all_of([true for n in longest_wait_hours])",
    "any_of([len($wanted) = 2 for n in longest_wait_hours])",
    "min_of(longest_wait_hours) < 3",
    "max_of([n * 2 for n in longest_wait_hours]) > 3",
    "one_of(state, $wanted)",
    "one_of(2, longest_wait_hours)",
    "all_of([any_of([t.value = c.reason for t in tags]) for c in copies])",
)
JOINED: Final = st.recursive(
    st.sampled_from(ATOMS),
    lambda inner: st.one_of(
        inner.map(lambda one: f"NOT ({one})"),
        st.tuples(inner, st.sampled_from((" AND ", " OR ", " = ", " <> ")), inner).map(
            lambda parts: f"(({parts[0]}){parts[1]}({parts[2]}))"
        ),
    ),
    max_leaves=4,
)

TRUTHS: Final = ("true", "false", "NULL")
COPY: Final = "STRUCT(effective BOOLEAN, cross_region BOOLEAN, reason VARCHAR)"
COPIES: Final = {
    "[]": {"[]"},
    "[T]": {"[T]"},
    "[F]": {"[F]"},
    "[T,F]": {"[T,F]"},
    "[U]": {"[T]", "[F]"},
    "[F,?]": {"[F]", "[T,F]", "[F,F]"},
    "[?]": {"[]", "[T]", "[F]", "[T,F]", "[F,F]"},
    "NULL": {"[]", "[T]", "[F]", "[T,F]", "[F,F]"},
    "[F,F]": {"[F,F]"},
}
"""Lists of copies, as far as they are known, and all that each may be."""

NUMBERS: Final = {
    "[]": {"[]"},
    "[2]": {"[2]"},
    "[4]": {"[4]"},
    "[2,4]": {"[2,4]"},
    "[4,NULL]": {"[4]", "[2,4]"},
    "[NULL]": {"[]", "[2]", "[4]", "[2,4]"},
    "NULL": {"[]", "[2]", "[4]", "[2,4]"},
}
TEXTS: Final = ("'a'", "'b'", "NULL")
AGES: Final = ("1", "5", "7", "NULL")


def scalars(values: tuple[str, ...]) -> dict[str, set[str]]:
    return {one: {one} if one != "NULL" else set(values) - {"NULL"} for one in values}


COLUMNS: Final = (
    scalars(TRUTHS),
    scalars(TRUTHS),
    scalars(TEXTS),
    scalars(AGES),
    COPIES,
    NUMBERS,
)
"""What each column may be known to be, and what it may then really be."""


def _copies(spelled: str) -> str:
    members = {"T": "(true, true, 'x')", "F": "(false, false, 'y')", "U": "(NULL, NULL, NULL)", "?": "NULL"}
    if spelled == "NULL":
        return f"CAST(NULL AS {COPY}[])"
    listed = [members[each] for each in spelled.strip("[]").split(",") if each]
    return f"CAST([{', '.join(f'row{one}' if one != 'NULL' else one for one in listed)}] AS {COPY}[])"


@cache
def world() -> tuple[duckdb.DuckDBPyConnection, list[tuple[str, ...]]]:
    """Give a table of all combinations of what is known of the columns."""
    rows: list[tuple[str, ...]] = list(itertools.product(*COLUMNS))
    connection = database()
    connection.execute(
        "CREATE TABLE resource (number INTEGER, covered BOOLEAN, encrypted BOOLEAN, state VARCHAR, "
        f"newest_recovery_point STRUCT(age_hours DOUBLE), copies {COPY}[], longest_wait_hours DOUBLE[], "
        "tags STRUCT(key VARCHAR, value VARCHAR)[])"
    )
    values = ", ".join(
        f"({number}, {covered}, {encrypted}, {state}, {{'age_hours': CAST({age} AS DOUBLE)}}, "
        f"{_copies(copies)}, CAST({numbers} AS DOUBLE[]), [{{'key': 'k', 'value': 'x'}}])"
        for number, (covered, encrypted, state, age, copies, numbers) in enumerate(rows)
    )
    connection.execute(f"INSERT INTO resource VALUES {values}")  # noqa: S608 -- of this file
    return connection, rows


@settings(max_examples=25, deadline=None)
@given(JOINED)
def test_what_is_known_of_an_answer_holds_in_every_world(text: str) -> None:
    """Kleene: an answer that is known is the answer for all that the unknown may be."""
    connection, rows = world()
    sql = check(text, VOCABULARY).sql
    bound: dict[str, Any] = {"wanted": ["a", "b"]} if "$wanted" in sql else {}
    query = f"SELECT number, ({sql}) FROM resource ORDER BY number"  # noqa: S608 -- checked
    found = [answer for _, answer in connection.execute(query, bound).fetchall()]
    answers = dict(zip(rows, found, strict=True))
    for row, answer in answers.items():
        if answer is None:
            continue
        for place, column in enumerate(COLUMNS):
            for real in column[row[place]]:
                world_ = (*row[:place], real, *row[place + 1 :])
                assert answers[world_] is answer, (text, row, world_)
