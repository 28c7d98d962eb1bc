"""The control language: which functions, operators and types an expression may use, and why not others.

What is not listed is refused. Most refusals are about one thing: DuckDB's function turns NULL, "not known",
into a known value, and a control would pass or fail on something that was not read.
"""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Final

import pyarrow as pa

from scanner.evaluate.language.macros import REASON_MACROS, VERDICT_MACROS

COMPARISONS: Final = frozenset(
    f"COMPARE_{name}"
    for name in (
        "EQUAL",
        "NOTEQUAL",
        "LESSTHAN",
        "GREATERTHAN",
        "LESSTHANOREQUALTO",
        "GREATERTHANOREQUALTO",
        "BETWEEN",
        "IN",
    )
)
CONNECTIVES: Final = frozenset({"CONJUNCTION_AND", "CONJUNCTION_OR", "OPERATOR_NOT"})

OPERATORS: Final = frozenset({"+", "-", "*", "/", "//", "%", "||", "~~", "!~~", "~~*", "!~~*"})
"""As the parse tree calls them: the last four are LIKE, NOT LIKE, ILIKE and NOT ILIKE."""

ARITHMETIC: Final = frozenset({"+", "-", "*", "/", "//", "%"})

FINITE: Final = ARITHMETIC | {"abs", "ceil", "floor", "round"}
"""Operators and functions whose result may be infinite or NaN, which DuckDB takes for more than any number.

A result that is not finite is NULL, then. A test compares the list with the types of DuckDB's functions.
"""

FINITE_TYPES: Final = frozenset({"DOUBLE", "DATE"})
"""Types with infinite values: the text 'infinity' can be cast to each."""

FUNCTIONS: Final = frozenset(
    {
        "abs",
        "ceil",
        "contains",
        "ends_with",
        "floor",
        "length",
        "like_escape",
        "lower",
        # DuckDB's regular expressions are RE2's, with linear time: no expression can hang the scan.
        "regexp_full_match",
        "regexp_matches",
        "replace",
        "round",
        "split_part",
        "starts_with",
        "substring",
        "trim",
        "upper",
    }
)
"""DuckDB's own functions of scalars: NULL in, NULL out."""

REASON_FUNCTIONS: Final = frozenset(
    {
        "array_to_string",
        "concat",
        "flatten",
        "if",
        "list_apply",
        "list_distinct",
        "list_filter",
        "list_sort",
        "list_transform",
        "list_value",
        "nullif",
        "struct_extract",
        "struct_pack",
    }
)
"""What texts may use besides: they are for people and decide nothing."""

REASON_OPERATORS: Final = frozenset(
    {
        "OPERATOR_COALESCE",
        "OPERATOR_IS_NULL",
        "OPERATOR_IS_NOT_NULL",
        "OPERATOR_NULLIF",
        "ARRAY_EXTRACT",
        "ARRAY_SLICE",
    }
)
TYPES: Final = frozenset({"BIGINT", "INTEGER", "DOUBLE", "VARCHAR", "BOOLEAN", "DATE"})
LIST_MACROS: Final = {macro.name: macro.lists for macro in VERDICT_MACROS if macro.lists}
REASON_LIST_MACROS: Final = {macro.name: macro.lists for macro in REASON_MACROS if macro.lists}
CALLABLE: Final = FUNCTIONS | {macro.name for macro in VERDICT_MACROS} | {"len"}
REASON_CALLABLE: Final = CALLABLE | REASON_FUNCTIONS | {macro.name for macro in REASON_MACROS}
_CASE: Final = "write the condition with AND, OR and NOT"
_MEMBERS: Final = "move the condition into the comprehension: any_of([condition AND ... for c in list])"
_LISTS: Final = "read a list through any_of, all_of, count_of, min_of, max_of, len or one_of"

# The common reason: each of them turns "not known" into an answer.
REFUSED: Final = {
    "CASE_EXPR": ("CASE takes NULL for false, so what is not known would decide", _CASE),
    "OPERATOR_COALESCE": ("coalesce puts a value in the place of what is not known", _CASE),
    "OPERATOR_NULLIF": ("nullif makes something not known of a known value", _CASE),
    "OPERATOR_IS_NULL": (
        "IS NULL gives an answer where there is none",
        "leave it out: a NULL makes the finding unknown by itself",
    ),
    "OPERATOR_IS_NOT_NULL": (
        "IS NOT NULL gives an answer where there is none",
        "leave it out: a NULL makes the finding unknown by itself",
    ),
    "COMPARE_DISTINCT_FROM": (
        "IS [NOT] TRUE, IS [NOT] FALSE and IS DISTINCT FROM take NULL for a value",
        "write the condition itself, or NOT before it; compare with = and <>",
    ),
    "COMPARE_NOT_DISTINCT_FROM": (
        "IS [NOT] TRUE, IS [NOT] FALSE and IS NOT DISTINCT FROM take NULL for a value",
        "write the condition itself, or NOT before it; compare with = and <>",
    ),
    "SUBQUERY": ("a subquery reaches beyond the row", "use the columns of the row"),
    "STAR": ("a star is no column", "name the column"),
    "LAMBDA": (
        "a lambda is outside of a function, or is written with an arrow",
        "write any_of([c.column for c in list])",
    ),
    "ARRAY_EXTRACT": ("an index reads a list past what is known of it", _LISTS),
    "ARRAY_SLICE": ("a slice reads a list past what is known of it", _LISTS),
    "COLLATE": ("a collation changes what equal means", "use lower(...)"),
    "POSITIONAL_REFERENCE": ("# is no column", "name the column"),
    "VALUE_DEFAULT": ("DEFAULT has no meaning here", "write the value"),
}
"""Nodes by type or class: why they are refused, and what to write instead."""

REFUSED_FUNCTIONS: Final = {
    "concat": ("concat drops what is not known", "use ||"),
    "concat_ws": ("concat_ws drops what is not known", "use ||"),
    "greatest": ("greatest drops what is not known", "compare with each value, or use max_of([...])"),
    "least": ("least drops what is not known", "compare with each value, or use min_of([...])"),
    "if": ("if takes NULL for false", _CASE),
    "ifnull": ("ifnull puts a value in the place of what is not known", _CASE),
    "list_filter": ("the `if` of a comprehension drops members of which it is not known", _MEMBERS),
    "list_apply": ("a comprehension is a list, and this place takes no list", _LISTS),
    "list_transform": ("a list is used where no list is allowed", _LISTS),
    "list_value": ("a list is used where no list is allowed", _LISTS),
    "row": ("a tuple is compared as a whole, NULLs included", "compare the values one by one"),
    "struct_pack": ("a struct is compared as a whole, NULLs included", "compare the fields one by one"),
    "unnest": ("unnest makes several rows of one", _LISTS),
    "now": ("the clock of the machine is not the clock of the evaluation", "use days_since(column)"),
    "random": ("a verdict is the same every time", "leave it out"),
}  # fmt: skip
"""Functions that people reach for: why they are refused, and what to write instead."""

# Whole families, as DuckDB adds functions with every version.
_BY_PREFIX: Final = (
    (("list_", "array_", "len"), "DuckDB's list functions drop what is not known", _LISTS),
    (
        ("read_", "parquet_", "glob", "sniff_", "query", "getenv"),
        "a control reads no file and no setting",
        "",
    ),
)
_CASTS: Final = {
    **dict.fromkeys(("BIGINT", "INTEGER", "DOUBLE"), "number"),
    "VARCHAR": "text",
    "BOOLEAN": "boolean",
    "DATE": "date",
}
_RESULTS: Final = {
    **dict.fromkeys(("lower", "replace", "split_part", "substring", "trim", "upper", "||"), "text"),
    **dict.fromkeys(("abs", "ceil", "floor", "length", "round", "len", "known_length"), "number"),
    **dict.fromkeys(("count_of", "min_of", "max_of", "days_since", "hours_between"), "number"),
    **dict.fromkeys(("contains", "ends_with", "starts_with", "like_escape"), "boolean"),
    **dict.fromkeys(("regexp_full_match", "regexp_matches", "matches_arn"), "boolean"),
    **dict.fromkeys(("any_of", "all_of", "one_of", "~~", "!~~", "~~*", "!~~*"), "boolean"),
}
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_LITERALS: Final = {"STRING": "text", "INTEGER": "number", "NUMERIC": "number", "BOOLEAN": "boolean"}


def refusal(name: str) -> tuple[str, str]:
    """Return why a function is refused, and what to write instead; empty texts: no special reason."""
    if name in REFUSED_FUNCTIONS:
        return REFUSED_FUNCTIONS[name]
    for prefixes, why, instead in _BY_PREFIX:
        if name.startswith(prefixes):
            return why, instead
    return "", ""


def kind_of_literal(kind: str) -> str:
    """Return the kind of a literal by its name in the parse tree; empty: it has none."""
    return _LITERALS.get(kind, "")


def is_finite(literal: Mapping[str, str]) -> bool:
    """Check that a literal of the parse tree is no number beyond those that DuckDB can represent."""
    if literal["kind"] not in {"INTEGER", "NUMERIC"}:
        return True
    # DuckDB allows underscores within numbers.
    return math.isfinite(float(literal["text"].replace("_", "")))


def is_date(literal: Mapping[str, str]) -> bool:
    """Check that a literal of the parse tree is a text that DuckDB reads as a day of the calendar."""
    return literal["kind"] == "STRING" and _DATE.fullmatch(literal["text"]) is not None


def kind_of_cast(target: str) -> str:
    """Return the kind of a cast by the name of its type; empty: it is not part of the language."""
    return _CASTS.get(target, "")


def kind_of_result(name: str, arguments: Iterable[str]) -> str:
    """Return the kind of a function's result; `arguments`: their kinds. Empty: it depends on more."""
    if name in ARITHMETIC and set(arguments) == {"number"}:
        return "number"
    return _RESULTS.get(name, "")


def kind_of_type(kind: pa.DataType | None) -> str:
    """Return the kind of a column; empty: its type is unknown or nested."""
    if kind is None:
        return ""
    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_string(kind):
        return "text"
    return "number" if pa.types.is_integer(kind) or pa.types.is_floating(kind) else ""


def kind_of_value(value: object) -> str:
    """Return the kind of a parameter by its default."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "text"
    return "number" if isinstance(value, int | float) else ""


def clash(kinds: Iterable[str]) -> str:
    """Return that values of several kinds are compared; empty: they are of one kind."""
    # Empty kinds are unknown, and clash with nothing: DuckDB will check them.
    distinct = sorted(set(kinds) - {""})
    return f"a {distinct[0]} is compared with a {distinct[1]}" if len(distinct) > 1 else ""
