"""DuckDB's own parse tree of one expression, as plain JSON, and back to SQL.

Nothing is executed here: the text is an argument of `json_serialize_sql`, on a connection of its own that
can reach neither file nor network. The tree's nodes are dictionaries with a `class` and a `type`.
"""

import copy
import json
from functools import cache
from typing import Any, Final

import duckdb

from scanner.evaluate.problem import Problem, RefusedError

Node = dict[str, Any]

MAX_LENGTH: Final = 10_000
"""Characters of an expression. A longer one is refused before it is parsed."""

MAX_QUERY: Final = 100_000
"""Characters of a query."""

_OPEN: Final = "SELECT ("
_LOCKED: Final = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "lock_configuration": "true",
    "threads": "1",
}
_ONE: Final = "write one expression, without SELECT, FROM or a semicolon"


def parse(text: str) -> Node:
    """Parse one expression. RefusedError: it is too long, does not parse, or is not one expression."""
    if len(text) > MAX_LENGTH:
        raise RefusedError(
            Problem(f"the expression has {len(text):,} characters, {MAX_LENGTH:,} are allowed", "write less")
        )
    if not text.strip():
        raise RefusedError(Problem("the expression is empty", "write a condition over the columns"))
    # The line break ends a comment in the expression, which would otherwise hide the parenthesis.
    answer = _serialized(f"{_OPEN}{text}\n)")
    if answer["error"] and answer["error_type"] == "parser":
        raise RefusedError(Problem(_syntax(answer, text)))
    if answer["error"]:  # it parses, and is no SELECT
        raise RefusedError(Problem("this is more than one expression", _ONE))
    statements = answer["statements"]
    # What surrounds the expression must equal that of `SELECT (1)`: no FROM, no WHERE, no second column.
    if len(statements) != 1 or _around(statements[0]["node"]) != _around_one():
        raise RefusedError(Problem("this is more than one expression", _ONE))
    selected = statements[0]["node"]["select_list"]
    # An alias would be accepted by DuckDB, and mean nothing here.
    if len(selected) != 1 or selected[0]["alias"]:
        raise RefusedError(Problem("this is more than one expression", _ONE))
    node: Node = selected[0]
    return node


def parse_query(text: str) -> Node:
    """Parse one SELECT. RefusedError: it is too long, does not parse, or is anything else."""
    if len(text) > MAX_QUERY:
        raise RefusedError(Problem(f"it has {len(text):,} characters, {MAX_QUERY:,} are allowed"))
    answer = _serialized(text)
    if answer["error"] and answer["error_type"] == "parser":
        raise RefusedError(Problem(str(answer.get("error_message", "it does not parse"))))
    if answer["error"] or len(answer["statements"]) != 1:
        raise RefusedError(Problem("it is not one SELECT", "a query reads, and changes nothing"))
    statement: Node = answer["statements"][0]
    return statement


def to_sql(node: Node) -> str:
    """Write a tree as SQL again."""
    # A copy, as the cached tree would otherwise be changed.
    statement = copy.deepcopy(_statement("1"))
    statement["statements"][0]["node"]["select_list"] = [node]
    row = _parser().execute("SELECT json_deserialize_sql(?::JSON)", [json.dumps(statement)]).fetchone()
    return str(row[0] if row else "").removeprefix("SELECT ")


def guard(variable: str, body: Node) -> Node:
    """Make `CASE WHEN variable IS NOT NULL THEN body END`.

    A NULL among the rows of a list says that there may be more rows: nothing is known of it, whatever
    the body makes of a NULL (`true OR NULL` is true).
    """
    return _filled("CASE WHEN placeholder IS NOT NULL THEN 1 END", variable, body)


def cast(node: Node, sql_type: str) -> Node:
    """Make `CAST(node AS sql_type)`."""
    call = copy.deepcopy(_expression(f"CAST(1 AS {sql_type})"))
    call["child"] = node
    return call


def finite(node: Node) -> Node:
    """Make `finite(node)`: NULL for NaN and the infinities."""
    call = copy.deepcopy(_expression("finite(1)"))
    call["arguments"][0]["expression"] = node
    return call


def _filled(template: str, variable: str, body: Node) -> Node:
    # Built from parsed SQL: the shape of DuckDB's tree may change from version to version.
    case = copy.deepcopy(_expression(template))
    check = case["case_checks"][0]
    check["when_expr"]["children"][0]["column_names"] = [variable]
    check["then_expr"] = body
    return case


@cache
def _expression(text: str) -> Node:
    node: Node = _statement(text)["statements"][0]["node"]["select_list"][0]
    return node


@cache
def _statement(text: str) -> Node:
    return _serialized(f"{_OPEN}{text})")


def _around(select: Node) -> Node:
    """Return a SELECT without what it selects: it must equal that of `SELECT (1)`."""
    return {key: value for key, value in select.items() if key != "select_list"}


def _around_one() -> Node:
    return _around(_statement("1")["statements"][0]["node"])


def _serialized(sql: str) -> Node:
    try:
        row = _parser().execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchone()
        answer: Node = json.loads(row[0] if row else "{}")
    # Deep nesting can exhaust the stack of the JSON parser.
    except (duckdb.Error, RecursionError, UnicodeError) as error:
        raise RefusedError(
            Problem(f"the expression cannot be parsed: {error}", "write it simpler")
        ) from error
    return answer


def _syntax(answer: Node, text: str) -> str:
    message = str(answer.get("error_message", "it does not parse"))
    position = str(answer.get("position", ""))
    if not position.isdecimal():
        return message
    # Positions count bytes.
    near = text.encode()[max(int(position) - len(_OPEN), 0) :][:30].decode(errors="ignore").strip()
    return f"{message} (before {near!r})" if near else f"{message} (at the end)"


@cache
def _connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(":memory:", config=dict(_LOCKED))


def _parser() -> duckdb.DuckDBPyConnection:
    return _connection().cursor()  # a cursor of its own for each call: threads may parse at once
