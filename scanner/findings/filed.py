"""The filed findings of a scan, read from their files: all of them in order, or those that a query picks."""

import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import chain
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

import duckdb
import pyarrow as pa

from scanner.errors import BundleError
from scanner.findings.filing_order import Controls, in_filing_order
from scanner.findings.rows import FiledRow, defined, read_rows
from scanner.findings.schema import FILED, NO_ACCOUNT
from scanner.model.control import Control
from scanner.model.finding import Finding, Status

Connection = duckdb.DuckDBPyConnection
"""An open database (`Filed.database`), for rooms that do not know DuckDB."""

BATCH: Final = 5_000
"""Findings that are in memory at once."""

TABLE: Final = "findings"
"""The name of the filed findings in SQL."""

_SETTINGS: Final = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "memory_limit": "300MB",
    "threads": "2",
}

_NAMES: Final = tuple(FILED.names)
_COLUMNS: Final = ", ".join(_NAMES)


ReadControl: TypeAlias = Callable[[str, Collection[str | None], Iterator[FiledRow]], Iterator[Finding]]
"""Returns all findings of a control with their texts, in filing order.

Its arguments: the control, the `parameters` of its rows without texts (each once), and all its rows."""


class Words(Protocol):
    """Renders the texts that are not filed, from facts and controls."""

    def some(self, rows: Sequence[FiledRow]) -> list[Finding]:
        """Return the findings of rows, in their order, with their texts. BundleError: the facts differ."""
        ...

    def reader(self) -> AbstractContextManager[ReadControl]:
        """Open what renders all findings of one control after the other. BundleError: the facts differ."""
        ...


class Filed:
    """The findings of a scan. Iterating goes through all of them, with their texts, in filing order.

    `files` are those of the accounts, in any order; `controls` give severity and frameworks.

    Raises:
        BundleError: a file cannot be read, or a finding is of a control that is not among `controls`.
    """

    def __init__(
        self,
        files: Sequence[Path],
        controls: Iterable[Control],
        words: Words | None = None,
        lines: Iterable[Finding] | None = None,
    ) -> None:
        """Take the files. `lines`: the same findings with all texts, where a scan has them in a file, too."""
        self.files = tuple(sorted(files, key=_account))
        self.controls = {control.id: control for control in controls}
        self._words, self._lines = words, lines
        self._number: int | None = None

    def with_words(self, words: Words | None) -> "Filed":
        """Return the same findings with texts from `words`. None: the texts that are not filed are empty."""
        return Filed(self.files, self.controls.values(), words, self._lines)

    def with_lines(self, lines: Iterable[Finding]) -> "Filed":
        """Return the same findings, of which all are read from `lines` when they are iterated."""
        return Filed(self.files, self.controls.values(), self._words, lines)

    @contextmanager
    def database(self) -> Iterator[Connection]:
        """Open DuckDB with the view TABLE of the filed columns. BundleError: what it raises of the files."""
        with (
            tempfile.TemporaryDirectory(prefix="vaultproof-") as spill,
            duckdb.connect(":memory:", config={**_SETTINGS, "temp_directory": spill}) as connection,
        ):
            try:
                self.attach(connection)
                yield connection
            except duckdb.Error as error:
                raise BundleError(
                    f"The filed findings cannot be read: {error}. Run audit evaluate on the bundle again."
                ) from error

    def attach(self, connection: Connection, name: str = TABLE) -> None:
        """Create the view `name` of the filed columns in another database."""
        if not self.files:
            connection.register("nothing_filed", FILED.empty_table())
            connection.execute(f"CREATE TABLE {name} AS FROM nothing_filed")
            return
        connection.execute(f"CREATE VIEW {name} AS SELECT {_COLUMNS} FROM {read_parquet(self.files)}")  # noqa: S608 -- names of the model, files of the scan

    def __len__(self) -> int:
        """Count the findings, once."""
        if self._number is None:
            with self.database() as connection:
                self._number = int(connection.execute(f"SELECT count(*) FROM {TABLE}").fetchall()[0][0])  # noqa: S608
        return self._number

    def __iter__(self) -> Iterator[Finding]:
        if self._lines is not None:
            yield from self._lines
            return
        reader = nullcontext(None) if self._words is None else self._words.reader()
        with self.database() as connection, reader as read:
            sets = self._parameter_sets(connection)
            for control, batches in self.in_order(connection, f"SELECT * FROM {TABLE}"):  # noqa: S608
                rows = chain.from_iterable(map(self.rows, batches))
                if read is None or control not in sets:
                    yield from (row.finding for row in rows)
                else:
                    yield from read(control, sets[control], rows)

    def _parameter_sets(self, connection: Connection) -> Mapping[str, Collection[str | None]]:
        """Return the `parameters` of the rows without texts, by control."""
        sql = f"SELECT DISTINCT control, parameters FROM {TABLE} WHERE reason IS NULL ORDER BY ALL"  # noqa: S608
        sets: dict[str, list[str | None]] = {}
        for control, parameters in connection.execute(sql).fetchall():
            sets.setdefault(control, []).append(parameters)
        return sets

    def in_order(self, connection: Connection, sql: str) -> Controls:
        """Return what a query without ORDER BY picks from TABLE, in filing order.

        It selects the column `control`. OutputError: rows have to wait on the disk, and there is no room.
        """
        # The files are in the order of accounts, and each is in filing order: only controls are sorted.
        return in_filing_order(connection.sql(sql).to_arrow_reader(BATCH))

    def chosen(
        self, connection: Connection, sql: str, parameters: Mapping[str, Any] | None = None
    ) -> list[Finding]:
        """Return the findings that a query over TABLE picks (it selects all columns), with their texts."""
        batches = connection.sql(sql, params=parameters).to_arrow_reader(BATCH)
        rows = [row for batch in batches for row in self.rows(batch)]
        return [row.finding for row in rows] if self._words is None else self._words.some(rows)

    def control(self, control: str) -> Control:
        """Return the control with this id. BundleError: the scan does not define it."""
        return defined(self.controls, control)

    def rows(self, batch: pa.RecordBatch) -> Iterator[FiledRow]:
        """Read rows of TABLE."""
        return read_rows(batch, self.controls)


def having(statuses: Iterable[Status]) -> str:
    """Write the condition that a row of TABLE has one of these statuses.

    DuckDB turns a long IN into a join, which does not keep the order of the files.
    """
    return " OR ".join(f"status = {literal(status.value)}" for status in statuses)


def _account(file: Path) -> str:
    return "" if file.stem == NO_ACCOUNT else file.stem


def read_parquet(files: Iterable[Path]) -> str:
    """Write the table function that reads these files, whatever characters their names have."""
    return f"read_parquet([{', '.join(map(literal, map(pattern, files)))}])"


def pattern(path: Path) -> str:
    """Return the pattern that matches this path only: DuckDB takes every name for a pattern."""
    return "".join(f"[{char}]" if char in _WILDCARDS else char for char in str(path))


def literal(text: str) -> str:
    """Return a text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


_WILDCARDS: Final = frozenset("*?[")
