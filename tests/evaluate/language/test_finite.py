"""No division by zero, no infinity and no NaN decides: the result is NULL, against an oracle in Python."""

import math
import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final, TypeAlias

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.evaluate.controls.cases import AS_OF
from scanner.evaluate.language import grammar
from scanner.evaluate.language.expression import Vocabulary, check
from scanner.evaluate.language.growth import MAX_PARTS
from scanner.evaluate.language.macros import macro_statements
from scanner.evaluate.problem import RefusedError

SCHEMA: Final = pa.schema(
    [
        ("a", pa.float64()),
        ("b", pa.float64()),
        ("text", pa.string()),
        ("numbers", pa.list_(pa.float64())),
        ("texts", pa.list_(pa.string())),
    ]
)
VOCABULARY: Final = Vocabulary(SCHEMA, {"limit": 5.0, "names": ("nan", "x")})


@cache
def database() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:")
    for statement in macro_statements(AS_OF):
        connection.execute(statement)
    return connection


def value(text: str, a: float | None = 1.0, b: float | None = 0.0, words: str = "nan") -> object:
    """Return what a checked expression is for one row."""
    sql = check(text, VOCABULARY).sql
    row = (
        "SELECT CAST($a AS DOUBLE) AS a, CAST($b AS DOUBLE) AS b, CAST($words AS VARCHAR) AS text, "
        "CAST([1, 2] AS DOUBLE[]) AS numbers, [CAST($words AS VARCHAR)] AS texts"
    )
    answer = database().execute(f"SELECT ({sql}) FROM ({row})", {"a": a, "b": b, "words": words}).fetchone()  # noqa: S608 -- checked
    assert answer is not None
    return answer[0]


@pytest.mark.parametrize(
    "text",
    [
        "0.0 / 0.0 >= 0.9",
        "1 / 0 > 0",
        "1 // 0 > 0",
        "1 % 0 = 0",
        "NOT (1 / 0 > 0)",
        "-(1 / 0) < 0",
        "a / b > 0",
        "a // b > 0",
        "a % b = 0",
        "1 / (a / b) = 0",
        "a / b BETWEEN 0 AND 1",
        "a / b IN (1, 2)",
        "a / b NOT IN (1, 2)",
        "1e308 * (a + 9) > 0",
        "CAST('nan' AS DOUBLE) > 1",
        "'inf'::DOUBLE > 1",
        "CAST(text AS DOUBLE) > 1",
        "CAST(lower('Infinity') AS DOUBLE) > 1",
        "CAST(1 / 0 AS VARCHAR) = 'inf'",
        "CAST(a / b AS BOOLEAN)",
        "abs(min_of([])) > 1",
        "floor(max_of([])) < 1",
        "min_of([]) - min_of([]) = 0",
        "min_of([]) / 2 > 1",
        "max_of(texts) > 1",
        "min_of(texts) < 1",
        "min_of([n / b for n in numbers]) > 0",
        "count_of([n / b > 0 for n in numbers]) = 2",
        "any_of([n / b > 0 for n in numbers])",
        "all_of([n % b = 0 for n in numbers])",
        "one_of(a / b, numbers)",
        "one_of(a, [a / b])",
        "CAST('infinity' AS DATE) > CAST('2026-01-01' AS DATE)",
        "CAST('2026-01-01' AS DATE) - CAST('-infinity' AS DATE) > 1",
        "days_since('infinity') = 0",
        "days_since('-infinity') > 5",
        "hours_between('2026-01-01', 'infinity') > 5",
    ],
)
def test_what_is_no_finite_number_does_not_decide(text: str) -> None:
    assert value(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a / 2 = 0.5", True),
        ("7 // 2 = 3", True),
        ("7 % 2 = 1", True),
        ("CAST('2.5' AS DOUBLE) > 1", True),
        ("CAST('2026-01-02' AS DATE) - CAST('2026-01-01' AS DATE) = 1", True),
        ("CAST('2026-01-02' AS DATE) >= '2026-01-02'", True),
        ("max_of(numbers) = 2", True),
        ("max_of([]) < 1", True),
        ("hours_between('2026-01-01', '2026-01-02') = 24", True),
        ("a / b > 0 OR a = 1", True),
        ("a / b > 0 AND a = 2", False),
    ],
)
def test_finite_numbers_still_decide(text: str, *, expected: bool) -> None:
    assert value(text) is expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1e999 > a", "larger than any"),
        ("-1e999 < a", "larger than any"),
        ("CAST(1e999 AS BOOLEAN)", "larger than any"),
        (f"{'9' * 400} > a", "larger than any"),
        ("trim(text) > a", "a number is compared with a text"),
        ("a IN (trim(text), 'inf')", "a number is compared with a text"),
        ("a NOT IN (lower(text))", "a number is compared with a text"),
        ("CAST(a AS VARCHAR) > 5", "a number is compared with a text"),
        ("one_of('nan', numbers)", "a number is compared with a text"),
        ("one_of(a, $names)", "a number is compared with a text"),
        ("one_of(a, ['inf'])", "a number is compared with a text"),
        ("1.5 + 'inf' > 1", "a text is used where a number is expected"),
        ("-'inf' < 1", "a text is used where a number is expected"),
        ("CAST('2026-01-01' AS DATE) < 'infinity'", "a date is compared with a text"),
    ],
)
def test_what_would_become_infinite_by_a_silent_cast_is_refused(text: str, why: str) -> None:
    with pytest.raises(RefusedError) as refused:
        check(text, VOCABULARY)
    assert why in "; ".join(problem.message for problem in refused.value.problems)


# The oracle: an expression as a tree, its SQL, and its value in Python.
@dataclass(frozen=True)
class Number:
    text: str
    value: float


@dataclass(frozen=True)
class Calculation:
    operator: str
    left: "Tree"
    right: "Tree"


@dataclass(frozen=True)
class Column:
    name: str


Tree: TypeAlias = Number | Calculation | Column
_OPERATIONS: Final[dict[str, Callable[[float, float], float]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.truediv,  # of DOUBLE, DuckDB's // is a plain division
    "%": math.fmod,
}
_COLUMN_VALUES: Final = st.sampled_from([None, 0.0, -0.0, 1.0, -2.5, 3.0, 1e-308, 1e308, -1e308])
_TREES: Final[st.SearchStrategy[Tree]] = st.recursive(
    st.one_of(
        st.sampled_from([Column("a"), Column("b")]),
        st.sampled_from([0.0, 1.0, 2.5, 1e308]).map(lambda n: Number(f"CAST({n!r} AS DOUBLE)", n)),
    ),
    lambda inner: st.builds(Calculation, st.sampled_from(sorted(_OPERATIONS)), inner, inner),
    max_leaves=8,
)


def written(tree: Tree) -> str:
    match tree:
        case Number(text):
            return text
        case Column(name):
            return name
        case Calculation(symbol, left, right):
            return f"({written(left)} {symbol} {written(right)})"


def result(tree: Tree, row: dict[str, float | None]) -> float | None:
    """Return the value of a tree; None: part of it is not known, or is no finite number."""
    match tree:
        case Number(_, number):
            return number
        case Column(name):
            return row[name]
        case Calculation(symbol, left, right):
            first, second = result(left, row), result(right, row)
            if first is None or second is None or (symbol in {"/", "//", "%"} and second == 0):
                return None
            try:
                number = _OPERATIONS[symbol](first, second)
            except OverflowError:
                return None
            return number if math.isfinite(number) else None


@settings(max_examples=150, deadline=None)
@given(_TREES, _COLUMN_VALUES, _COLUMN_VALUES, st.sampled_from(["<", ">=", "="]))
def test_calculations_are_those_of_python_or_not_known(
    tree: Tree, a: float | None, b: float | None, comparison: str
) -> None:
    number = result(tree, {"a": a, "b": b})
    compare = {"<": operator.lt, ">=": operator.ge, "=": operator.eq}[comparison]
    expected = None if number is None else compare(number, 1.0)
    assert value(f"{written(tree)} {comparison} 1.0", a, b) is expected


# The lists of the grammar against DuckDB's own catalogue.
def _types_of(name: str) -> set[str]:
    rows = database().execute(
        "SELECT DISTINCT return_type FROM duckdb_functions() WHERE function_name = ?", [name]
    )
    return {str(kind) for (kind,) in rows.fetchall() if kind is not None}


def test_every_function_with_a_result_that_may_be_infinite_is_guarded() -> None:
    infinite = {"DOUBLE", "FLOAT", "DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "INTERVAL"}
    symbols = {"like_escape", *grammar.OPERATORS, *grammar.FUNCTIONS}
    assert {name for name in symbols if _types_of(name) & infinite} == set(grammar.FINITE)


def _calls() -> Iterator[tuple[str, str, str]]:
    yield from (
        ("lower", "lower(text)", "text"),
        ("upper", "upper(text)", "text"),
        ("trim", "trim(text)", "text"),
        ("replace", "replace(text, 'a', 'b')", "text"),
        ("substring", "substring(text, 1, 2)", "text"),
        ("split_part", "split_part(text, 'a', 1)", "text"),
        ("||", "text || 'a'", "text"),
        ("abs", "abs(a)", "number"),
        ("ceil", "ceil(a)", "number"),
        ("floor", "floor(a)", "number"),
        ("round", "round(a, 1)", "number"),
        ("length", "length(text)", "number"),
        ("len", "len(numbers)", "number"),
        ("known_length", "known_length(numbers)", "number"),
        ("count_of", "count_of([true])", "number"),
        ("min_of", "min_of(numbers)", "number"),
        ("max_of", "max_of(numbers)", "number"),
        ("days_since", "days_since(text)", "number"),
        ("hours_between", "hours_between(text, text)", "number"),
        ("contains", "contains(text, 'a')", "boolean"),
        ("starts_with", "starts_with(text, 'a')", "boolean"),
        ("ends_with", "ends_with(text, 'a')", "boolean"),
        ("regexp_matches", "regexp_matches(text, 'a')", "boolean"),
        ("regexp_full_match", "regexp_full_match(text, 'a')", "boolean"),
        ("like_escape", "text LIKE 'a' ESCAPE '!'", "boolean"),
        ("matches_arn", "matches_arn(text, 'a')", "boolean"),
        ("any_of", "any_of([true])", "boolean"),
        ("all_of", "all_of([true])", "boolean"),
        ("one_of", "one_of(a, numbers)", "boolean"),
        ("~~", "text LIKE 'a'", "boolean"),
        ("!~~", "text NOT LIKE 'a'", "boolean"),
        ("~~*", "text ILIKE 'a'", "boolean"),
        ("!~~*", "text NOT ILIKE 'a'", "boolean"),
        *((symbol, f"(a {symbol} b)", "number") for symbol in sorted(grammar.ARITHMETIC)),
    )


def test_the_kind_of_each_function_is_that_of_its_sql_type() -> None:
    assert {name for name, _, _ in _calls()} == grammar.CALLABLE | grammar.OPERATORS
    kinds = {"VARCHAR": "text", "BOOLEAN": "boolean", "DOUBLE": "number", "BIGINT": "number"}
    row = "SELECT 1.0::DOUBLE AS a, 2.0::DOUBLE AS b, 'x' AS text, [1.0::DOUBLE] AS numbers"
    for name, call, kind in _calls():
        sql = check(call, VOCABULARY).sql
        answer = database().execute(f"SELECT typeof({sql}) FROM ({row})").fetchall()  # noqa: S608 -- checked
        assert kinds[str(answer[0][0])] == kind, call
        assert grammar.kind_of_result(name, ["number", "number"]) == kind, call


@pytest.mark.parametrize(
    "text",
    [
        "any_of([" * 20 + "true" + "])" * 20,
        "all_of([any_of([" * 6 + "true" + "])])" * 6,
        "len([" * 15 + "1" + "])" * 15 + " > 0",
        "days_since(CAST(" * 14 + "text" + " AS VARCHAR))" * 14 + " > 1",
    ],
)
def test_calls_within_calls_are_refused_before_they_grow_without_end(text: str) -> None:
    with pytest.raises(RefusedError) as refused:
        check(text, VOCABULARY)
    assert any(word in str(refused.value.problems) for word in (f"{MAX_PARTS:,} parts", "takes one value"))


def test_long_sums_are_bound_at_once() -> None:
    assert value(" + ".join(["a"] * 55) + " = 55") is True
