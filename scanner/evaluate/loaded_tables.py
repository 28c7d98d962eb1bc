"""The tables of a judged scan in one database, for several queries of this program in a row."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import duckdb
import pyarrow as pa

from scanner.errors import BundleError
from scanner.evaluate.database import Limits, first_line, load_empty, load_files, opened
from scanner.evaluate.query import Answer, answer_of, check_query, columns_of
from scanner.findings.queried import FindingsTable
from scanner.findings.schema import WITHOUT_TEXTS
from scanner.storage.table_files import TableFiles

_OF_FINDINGS: Final = ("control", "status", "subject", "account", "region")
_NAME: Final = FindingsTable.name


@dataclass(frozen=True, slots=True)
class ScanTable:
    """The files of a table, and its columns.

    `accounts`: only the rows of these are loaded; None: all rows of the files. `first`: columns that are
    loaded with those of the first query, because later ones need them.
    """

    files: TableFiles
    schema: pa.Schema
    accounts: tuple[str, ...] | None = None
    first: frozenset[str] = frozenset()


@contextmanager
def loaded_tables(
    tables: Mapping[str, ScanTable], findings: FindingsTable, *, as_of: datetime, limits: Limits
) -> Iterator["LoadedTables"]:
    """Open a database of a scan's tables, and of the identity and status of its findings that do not pass.

    BundleError: the findings cannot be read.
    """
    files = tuple(str(path) for table in tables.values() for path in table.files.paths)
    with (
        findings.creating(_OF_FINDINGS, passes=False) as creating,
        # The files are allowed before the lock, although they are loaded only when a query reads them.
        opened({}, {}, as_of, limits, (creating, _without_passes, lambda _: files)) as connection,
    ):
        yield LoadedTables(connection, tables, limits)


def _without_passes(connection: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """Replace the view of all findings by a table of those that have filed texts."""
    # Nearly all findings pass, and the queries of this program are about the others.
    passed = ", ".join(f"'{status.value}'" for status in sorted(WITHOUT_TEXTS))
    connection.execute(f"CREATE TABLE listed AS SELECT * FROM {_NAME} WHERE status NOT IN ({passed})")  # nosec B608 # noqa: S608 -- names and words of the model
    connection.execute(f"DROP VIEW {_NAME}")
    connection.execute(f"ALTER TABLE listed RENAME TO {_NAME}")
    return ()


class LoadedTables:
    """Answers queries. A table is loaded when a query first reads it.

    Opening the files of many accounts for each query would take most of the time.
    """

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, tables: Mapping[str, ScanTable], limits: Limits
    ) -> None:
        self._connection, self._tables, self._limits = connection, tables, limits
        self._loaded: dict[str, frozenset[str]] = {}

    def answer(self, sql: str) -> Answer:
        """Run a query.

        Raises:
            BundleError: a file of a table cannot be read, or is not the scan's.
            UsageError: the query takes too long, or too much memory.
        """
        query = check_query(sql, {*self._tables, _NAME})
        # Sorted: the order of loading must not depend on hashing.
        for name in sorted(query.tables - {_NAME}):
            self._load(name, frozenset(columns_of(self._tables[name].schema.names, query)))
        return answer_of(self._connection.cursor(), query, self._limits)

    def _load(self, name: str, columns: frozenset[str]) -> None:
        """Load columns of a table, with those that were loaded before."""
        table, earlier = self._tables[name], self._loaded.get(name, frozenset())
        # Columns only grow, so a table is loaded a few times at most.
        if columns <= earlier:
            return
        for path in table.files.paths:
            # Before DuckDB reads it: a file that was changed after judging must not explain a finding.
            table.files.verify(path)
        # Loaded again with all columns: to add columns to rows, DuckDB would have to join both.
        wanted = columns | earlier | table.first
        names = [column for column in table.schema.names if column in wanted]
        try:
            if table.files.paths:
                load_files(self._connection, name, names, table.files.paths, table.accounts)
            else:
                load_empty(self._connection, name, names, table.schema)
        except (duckdb.BinderException, duckdb.InvalidInputException, duckdb.IOException) as error:
            raise BundleError(
                f"The table {name} of the scan cannot be read: {first_line(error)}. "
                "Run audit evaluate on the bundle again."
            ) from error
        self._loaded[name] = frozenset(names)
