"""`audit query`: one SELECT over the tables of a judged scan, and nothing else.

The text is checked on DuckDB's parse tree before anything is opened: one SELECT (with WITH, UNION, joins,
DESCRIBE and SUMMARIZE), of tables of the scan alone. What it reads is loaded, then the database is locked,
so that even what the check would let through reaches neither a file nor the network.
"""

import re
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

import duckdb

from scanner.errors import UsageError
from scanner.evaluate.database import Deadline, Limits, Table, opened
from scanner.evaluate.language.tree import parse_query
from scanner.evaluate.problem import RefusedError, suggestion
from scanner.findings.queried import FindingsTable
from scanner.findings.schema import WITHOUT_TEXTS
from scanner.model.facts import TABLES
from scanner.model.inventory_tables import INVENTORY_TABLES

Node = Mapping[str, Any]
_STATUS: Final = "status"
Rows = Iterator[tuple[Any, ...]]
_TABLE_FUNCTIONS: Final = frozenset({"generate_series", "range", "unnest"})
_BATCH: Final = 1_000
_QUOTED: Final = re.compile(r"\n\s*LINE \d")
_MISSPELT: Final = re.compile(r'Referenced column "([^"]+)" not found|does not have a column named "([^"]+)"')


# A query that filters by status does not need the texts of passes, whose rendering takes most of the time.
# Read from DuckDB's parse tree, and only where it is plain to see: each `FROM findings` has a condition of
# its own in WHERE, joined by AND, that compares its status with constants. Everything else counts as
# unfiltered.
def excludes(tree: Any, table: str, statuses: Collection[str]) -> bool:  # noqa: ANN401 -- a tree of JSON
    """Check that no SELECT of the tree can return a row of `table` with one of these statuses."""
    selects = [node for node in nodes(tree) if node.get("type") == "SELECT_NODE"]
    filtered = sum(_filtered(select, table, statuses) for select in selects)
    # A table that is read anywhere without a filter may return every status.
    sources = sum(_is_table(node, table) for node in nodes(tree))
    return sources == filtered and not any(node.get("type") == "SHOW_REF" for node in nodes(tree))


def nodes(tree: Any) -> Iterator[Node]:  # noqa: ANN401 -- a tree of JSON
    """Iterate over the objects of a tree."""
    # A stack of its own: queries may be nested deeper than Python recurses.
    todo = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, dict):
            yield node
            todo += node.values()
        elif isinstance(node, list):
            todo += node


def _is_table(node: Node, table: str) -> bool:
    return node.get("type") == "BASE_TABLE" and str(node.get("table_name", "")).lower() == table


def _filtered(select: Node, table: str, statuses: Collection[str]) -> int:
    """Count the sources of a SELECT that are `table` and have a filter by status."""
    sources = tuple(_sources(select.get("from_table") or {}))
    compared = [names for names in _compared(select.get("where_clause"), statuses) if names]
    return sum(
        _is_table(source, table)
        # Renamed columns go by position, so `status` may be another one.
        and not source.get("column_name_alias")
        and any(_names_status(names, source, alone=len(sources) == 1) for names in compared)
        for source in sources
    )


def _sources(source: Node) -> Iterator[Node]:
    # Outer joins return rows for which the condition on this side was not checked.
    if source.get("type") == "JOIN" and source.get("join_type") == "INNER":
        yield from _sources(source["left"])
        yield from _sources(source["right"])
    else:
        yield source


def _compared(where: Any, statuses: Collection[str]) -> Iterator[tuple[str, ...]]:  # noqa: ANN401
    """Return the names of columns that WHERE compares with constants, none of them in `statuses`."""
    if not isinstance(where, dict):
        return
    match where.get("type"):
        case "CONJUNCTION_AND":
            for child in where["children"]:
                yield from _compared(child, statuses)
        case "COMPARE_EQUAL":
            # `=` may be written either way round.
            yield _column((where["left"], where["right"]), statuses)
            yield _column((where["right"], where["left"]), statuses)
        case "COMPARE_IN":
            yield _column(where["children"], statuses)


def _column(operands: Any, statuses: Collection[str]) -> tuple[str, ...]:  # noqa: ANN401
    """Return the name of the column that comes first. Empty: there is none, or another constant follows."""
    column, *constants = operands
    texts = [
        constant.get("literal", {}).get("text")
        for constant in constants
        if constant["type"] == "VALUE_CONSTANT"
    ]
    # A comparison with another column, or with one of these statuses, proves nothing.
    if column["type"] != "COLUMN_REF" or len(texts) < len(constants) or set(texts) & {None, *statuses}:
        return ()
    return tuple(name.lower() for name in column["column_names"])


def _names_status(names: tuple[str, ...], source: Node, *, alone: bool) -> bool:
    """Check for `status` of this source: by its name, or where there is no other source."""
    called = str(source.get("alias") or source.get("table_name")).lower()
    return names == (called, _STATUS) or (alone and names == (_STATUS,))


@dataclass(frozen=True, slots=True)
class Answer:
    """The names of the columns, and the rows as they come."""

    columns: tuple[str, ...]
    rows: Rows


@dataclass(frozen=True, slots=True)
class Query:
    """A checked query: which tables it reads, and which names it uses as columns (None: perhaps all).

    `passes`: it may return findings whose texts are not filed.
    """

    sql: str
    tables: frozenset[str]
    names: frozenset[str] | None
    passes: bool = True


def check_query(sql: str, names: Iterable[str]) -> Query:
    """Check one SELECT against the names of the tables. UsageError: it is no SELECT, or reads elsewhere."""
    tables = frozenset(names)
    try:
        statement = parse_query(sql)
    except RefusedError as refused:
        raise UsageError("; ".join(_sentence(row.message, row.hint) for row in refused.problems)) from None
    return _Check(tables).run(sql, statement)


def _sentence(message: str, hint: str) -> str:
    return f"The query is refused: {message}" + (f" ({hint})." if hint else ".")


class _Check:
    """Walks the tree of a statement once, and notes what it reads."""

    def __init__(self, tables: frozenset[str]) -> None:
        self._known = tables
        self._inner: set[str] = set()  # names that WITH gives
        self._tables: set[str] = set()
        self._names: set[str] = set()
        self._all = False

    def run(self, sql: str, statement: Any) -> Query:  # noqa: ANN401 -- a tree of JSON
        # Before the walk: a table of WITH may be used before its definition is met.
        self._inner = {name.lower() for name in _names_of_with(statement)}
        for node in nodes(statement):
            self._note(node)
        names = None if self._all else frozenset(self._names)
        passes = not excludes(statement, FindingsTable.name, WITHOUT_TEXTS)
        return Query(sql, frozenset(self._tables), names, passes)

    def _note(self, node: Mapping[str, Any]) -> None:
        match node.get("type"):
            case "BASE_TABLE":
                self._note_table(node)
                self._all = self._all or bool(node.get("column_name_alias"))  # which go by position
            case "TABLE_FUNCTION":
                self._refuse_function(str(node["function"].get("function_name", "")).lower())
            # DESCRIBE, `*` and PIVOT use every column.
            case "SHOW_REF" | "STAR" | "PIVOT":
                self._all = True
                if name := node.get("table_name"):
                    self._note_table({**node, "table_name": name})
            case "COLUMN_REF":
                self._names.update(name.lower() for name in node.get("column_names", ()))
        # USING names columns without a reference to them.
        self._names.update(str(name).lower() for name in node.get("using_columns") or ())
        # NATURAL joins compare all columns with the same name.
        self._all = self._all or node.get("ref_type") == "NATURAL"

    def _note_table(self, node: Mapping[str, Any]) -> None:
        name = str(node.get("table_name", ""))
        if node.get("schema_name") or node.get("catalog_name"):
            raise UsageError(
                f"The query is refused: name the table {name!r} alone, without a schema or database."
            )
        # Names of WITH hide tables.
        if name.lower() in self._inner:
            return
        if name.lower() not in self._known:
            hint = suggestion(name, self._known)
            raise UsageError(
                f"The query is refused: there is no table {name!r} in a scan; {hint} "
                "`audit query --tables` lists them with their columns."
            )
        self._tables.add(name.lower())

    def _refuse_function(self, name: str) -> None:
        if name not in _TABLE_FUNCTIONS:
            raise UsageError(
                f"The query is refused: {name}(...) is no table of a scan, and a query reads nothing else."
            )


def _names_of_with(tree: Any) -> Iterator[str]:  # noqa: ANN401 -- a tree of JSON
    for node in nodes(tree):
        entries = (node.get("cte_map") or {}).get("map") or ()
        yield from (str(entry["key"]) for entry in entries)


@contextmanager
def answered(
    tables: Mapping[str, Table],
    query: Query,
    *,
    as_of: datetime,
    findings: FindingsTable | None = None,
    limits: Limits | None = None,
) -> Iterator[Answer]:
    """Run a checked query. UsageError: DuckDB cannot make sense of it, or it takes too long or too much.

    `findings`: the table of that name, where the query reads it and `tables` does not have it.
    """
    limits = limits or Limits()
    named = {name: tables[name].schema.names for name in sorted(query.tables & tables.keys())}
    columns = {name: columns_of(names, query) for name, names in named.items()}
    known_columns = {column for name, names in named.items() for column in _all_columns(name, names)}
    with ExitStack() as stack:
        # `findings` is created by a function of its own, since its columns are computed.
        creating = []
        if findings is not None:
            wanted = columns_of(findings.names, query)
            creating.append(stack.enter_context(findings.creating(wanted, passes=query.passes)))
            known_columns.update(findings.names)
        connection = stack.enter_context(opened(tables, columns, as_of, limits, creating))
        deadline = Deadline(connection, limits.seconds)
        # The deadline counts until the last row is fetched.
        with deadline, _translated_errors(deadline, limits, known_columns):
            relation = connection.execute(query.sql)
            names = tuple(column[0] for column in relation.description or ())
            yield Answer(names, _rows(connection))


def _all_columns(table: str, opened_with: Iterable[str]) -> Iterable[str]:
    """Return all columns of a table, of which perhaps only some are open."""
    row = TABLES.get(table) or INVENTORY_TABLES.get(table)
    return opened_with if row is None else [field.name for field in fields(row)]


def answer_of(connection: duckdb.DuckDBPyConnection, query: Query, limits: Limits) -> Answer:
    """Run a checked query of this program, over tables that are loaded. UsageError: as `answered`."""
    deadline = Deadline(connection, limits.seconds)
    with deadline, _translated_errors(deadline, limits, ()):
        connection.execute(query.sql)
    return Answer(tuple(column[0] for column in connection.description or ()), _rows(connection))


def columns_of(names: Sequence[str], query: Query) -> tuple[str, ...]:
    """Return the columns to load: those whose name the query uses anywhere; at least one, for count(*)."""
    used = [name for name in names if query.names is None or name.lower() in query.names]
    # count(*) needs no column, but a table without columns cannot be created.
    return tuple(used or names[:1])


def _rows(connection: duckdb.DuckDBPyConnection) -> Rows:
    while batch := connection.fetchmany(_BATCH):
        yield from batch


@contextmanager
def _translated_errors(deadline: Deadline, limits: Limits, columns: Iterable[str]) -> Iterator[None]:
    """Turn what DuckDB raises into a sentence for whoever wrote the query."""
    try:
        yield
    except (duckdb.Error, RuntimeError) as error:
        if deadline.passed:
            message = f"The query took longer than {limits.seconds:g} s and was stopped: ask for less."
            raise UsageError(message) from error
        if isinstance(error, duckdb.InterruptException):
            raise KeyboardInterrupt from error
        if isinstance(error, duckdb.OutOfMemoryException):
            raise UsageError(
                f"The query needs more than {limits.memory} of memory, and more than the free space of "
                f"{tempfile.gettempdir()}: ask for less, or set TMPDIR to a folder on another disk."
            ) from error
        raise UsageError(f"The query cannot be answered: {_words(error, columns)}") from error


def _words(error: Exception, columns: Iterable[str]) -> str:
    """Return DuckDB's message as a sentence without what it quotes; for a column, with similar names."""
    # DuckDB quotes the statement below its message.
    said = _QUOTED.split(str(error).strip())[0]
    if misspelt := _MISSPELT.search(said):
        name = misspelt[1] or misspelt[2]
        hint = suggestion(name, columns)
        return f"there is no column {name!r}; {hint if hint.endswith('?') else f'{hint}.'}"
    return f"{' '.join(said.split()).rstrip('.')}."
