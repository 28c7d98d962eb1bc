"""DuckDB, in memory: filled with facts, then locked. Nothing that runs in it reaches a file or a network."""

import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any, Final, Self, TypeAlias, TypeVar

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from scanner.errors import VaultproofError
from scanner.evaluate.language.macros import macro_statements
from scanner.evaluate.language.reasons import literal
from scanner.evaluate.problem import Problem, RefusedError
from scanner.findings.filed import pattern
from scanner.model.facts import TABLES
from scanner.model.inventory_tables import LATER_COLUMNS
from scanner.storage.parquet import arrow_schema

Table: TypeAlias = pa.Table | ds.Dataset
"""Facts in memory, or in Parquet files that are read as they are needed."""
T = TypeVar("T")
_BATCH: Final = 65_536

_PATTERNS: Final = frozenset("*?[")
"""What makes a name a pattern for DuckDB."""


@dataclass(frozen=True, slots=True)
class FactFiles:
    """The files of a fact table as a scan writes them, in the order of findings, and the rows of each."""

    paths: tuple[str, ...]
    rows: tuple[int, ...]


Facts: TypeAlias = Table | FactFiles

ORDER: Final = "account, region, subject"
"""The order of findings within a control (evidence format, "Bytes"); DuckDB compares texts by code points."""

POSITION: Final = "_position"
"""The column of a numbered table that says which row it is, from 0, in the order of findings."""
_MANY: Final = 20

_SMALL: Final = 1 << 20
"""More files than the first, smaller on average than the second in bytes, are joined before they are read."""

_FEW: Final = 8_000
"""Rows of a table that are copied into memory: decoding them for every query would cost more."""

_JOINED_GROUP: Final = 2_048
"""Rows of a row group of joined files: ten times as many take 300 MB of memory, and more time."""
_QUIET: Final = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}


@dataclass(frozen=True, slots=True)
class Limits:
    """What a control may use: seconds of DuckDB's time, its memory (beyond it, disk), its threads.

    `rows`: tables in files that have more are not copied into memory, if they are in the order of findings.
    """

    seconds: float = 300.0
    memory: str = "1GB"
    threads: int = 0  # 0: as many as the machine has
    rows: int = 50_000

    def settings(self, spill: str) -> dict[str, str]:
        """Return DuckDB's settings. `spill`: the folder for data that does not fit into memory."""
        return {**_QUIET, "memory_limit": self.memory, "threads": str(self.cores), "temp_directory": spill}

    @property
    def cores(self) -> int:
        """Return the number of threads."""
        return self.threads or os.cpu_count() or 1


def numbered(table: str) -> str:
    """Return the name of a table's view that also has its POSITION."""
    return f"{table}#"


Creating = Callable[[duckdb.DuckDBPyConnection], tuple[str, ...]]
"""Creates a table in the database before it is locked, and returns the paths of the files that it reads."""


@contextmanager
def opened(
    tables: Mapping[str, Facts],
    columns: Mapping[str, Iterable[str]],
    as_of: datetime,
    limits: Limits,
    creating: Iterable[Creating] = (),
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a locked database that contains `columns` of `tables`, in the order of findings.

    Each table also has a view with the number of each row (`numbered`). `creating` adds further tables.
    """
    with (
        tempfile.TemporaryDirectory(prefix="vaultproof-") as spill,
        duckdb.connect(":memory:", config=dict(limits.settings(spill))) as connection,
    ):
        # Macros first: views and controls refer to them.
        for statement in macro_statements(as_of):
            connection.execute(statement)
        files = _fill(connection, tables, columns, limits, Path(spill))
        # `creating` runs before the lock, and its files have to be among the allowed ones.
        _allow(connection, [*files, *(path for create in creating for path in create(connection))])
        _lock(connection)
        yield connection


def _fill(
    connection: duckdb.DuckDBPyConnection,
    tables: Mapping[str, Facts],
    columns: Mapping[str, Iterable[str]],
    limits: Limits,
    spill: Path,
) -> list[str]:
    """Create the tables, and return the paths of the files that are read by every query."""
    viewed: list[str] = []
    try:
        for name, names in columns.items():
            wanted = tuple(names)
            files, table = _files(tables[name], limits.rows), tables[name]
            # Arrow tables, and files in another order, are loaded and sorted once.
            if files is None or not files.paths:
                _load(connection, name, _empty(name) if isinstance(table, FactFiles) else table, wanted)
            elif sum(files.rows) <= _FEW:
                _copy(connection, name, files, wanted)
            else:
                if _are_many_small(files.paths):
                    files = _joined(connection, spill / f"{name}.parquet", files, wanted, limits.cores)
                _view(connection, name, files, wanted)
                viewed += files.paths
    except (duckdb.OutOfMemoryException, duckdb.IOException) as error:
        raise VaultproofError(
            f"The facts do not fit into {limits.memory} of memory and the disk of {tempfile.gettempdir()}: "
            f"{first_line(error)}. Free some room there, or set TMPDIR to a folder on another disk."
        ) from error
    return viewed


def _allow(connection: duckdb.DuckDBPyConnection, files: list[str]) -> None:
    """Let these files, and nothing else, be reached once the database is locked."""
    if files:
        listed = dict.fromkeys(name for file in files for name in (file, pattern(Path(file))))
        connection.execute(f"SET allowed_paths = [{', '.join(map(literal, listed))}]")


def _are_many_small(files: tuple[str, ...]) -> bool:
    """Whether opening files, once for every query, costs more than reading them."""
    return len(files) > _MANY and sum(map(os.path.getsize, files)) < _SMALL * len(files)


def _joined(
    connection: duckdb.DuckDBPyConnection, path: Path, files: FactFiles, wanted: Iterable[str], threads: int
) -> FactFiles:
    """Copy the wanted columns of many files into one, in the order of the files.

    Several threads would take twice the processor time and memory: each holds the columns of other files.
    """
    connection.execute("SET threads = 1")
    connection.execute(
        f"COPY (SELECT {_selected(wanted)} FROM {_source(files.paths, wanted)}) TO {literal(str(path))} "  # nosec B608 # noqa: S608 -- names of the model, files of the scan
        f"(FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE {_JOINED_GROUP})"
    )
    connection.execute(f"SET threads = {threads}")
    return FactFiles((str(path),), (sum(files.rows),))


def _files(table: Facts, more_than: int) -> FactFiles | None:
    """Return the files of a table; None: it is in memory, is short, or is not in the order of findings."""
    if isinstance(table, FactFiles):
        return table
    paths = files_in_order(table, ORDER.split(", "), more_than)
    return FactFiles(paths, tuple(map(rows_of, paths))) if paths else None


def _view(connection: duckdb.DuckDBPyConnection, name: str, files: FactFiles, wanted: Iterable[str]) -> None:
    """Leave a table where it is. One read of all files: DuckDB would take seconds to bind a thousand."""
    selected = _selected(wanted)
    connection.execute(f'CREATE VIEW "{name}" AS SELECT {selected} FROM {_source(files.paths, wanted)}')  # nosec B608 # noqa: S608 -- names of the model, files of the scan
    # `file_row_number` counts within a file; the starts make positions of the whole table.
    starts = list(accumulate(files.rows[:-1], initial=0))
    position = f"file_row_number + list_extract({starts}, CAST(file_index AS BIGINT) + 1)"
    connection.execute(
        f'CREATE VIEW "{numbered(name)}" AS SELECT {selected}, {position} AS "{POSITION}" '  # nosec B608 # noqa: S608 -- as above
        f"FROM {_source(files.paths, wanted, ', file_row_number = true')}"
    )


def _copy(connection: duckdb.DuckDBPyConnection, name: str, files: FactFiles, wanted: Iterable[str]) -> None:
    """Copy the wanted columns of files, which are in the order of findings."""
    connection.execute(
        f'CREATE TABLE "{name}" AS SELECT {_selected(wanted)} FROM {_source(files.paths, wanted)}'  # nosec B608 # noqa: S608 -- as above
    )
    _number(connection, name)


def _number(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    connection.execute(f'CREATE VIEW "{numbered(name)}" AS SELECT *, rowid AS "{POSITION}" FROM "{name}"')  # nosec B608 # noqa: S608 -- as above


def _selected(columns: Iterable[str]) -> str:
    return ", ".join(f'"{column}"' for column in columns)


def _source(paths: Sequence[str], wanted: Iterable[str], options: str = "") -> str:
    """Return the SQL that reads files. Columns that scans of earlier versions lack are NULL."""
    source = f"read_parquet([{', '.join(literal(pattern(Path(path))) for path in paths)}]{options})"
    later = [name for name in wanted if name in LATER_COLUMNS]
    # All files of a scan are of the same version.
    present = set(pq.read_schema(paths[0]).names) if later else set()
    nulls = [f'NULL::{LATER_COLUMNS[name]} AS "{name}"' for name in later if name not in present]
    return f"(SELECT *, {', '.join(nulls)} FROM {source})" if nulls else source  # nosec B608 # noqa: S608 -- names of the model, files of the scan


def _empty(table: str) -> pa.Table:
    return arrow_schema(table).empty_table()


def _load(connection: duckdb.DuckDBPyConnection, name: str, table: Table, wanted: Iterable[str]) -> None:
    """Copy the wanted columns of a table; facts are sorted, once for all controls."""
    connection.register("arriving", table)
    files = parquet_files(table)  # Arrow would keep half a megabyte for each file that it has read
    source = _source(files, wanted) if files else "arriving"
    selected = _selected(wanted)
    # Tables without these columns, such as the inventory's, have no order of findings.
    order = f"ORDER BY {ORDER}" if set(ORDER.split(", ")) <= set(table.schema.names) else ""
    connection.execute(f'CREATE TABLE "{name}" AS SELECT {selected} FROM {source} {order}')  # nosec B608 # noqa: S608 -- names of the model
    connection.unregister("arriving")
    _number(connection, name)


def load_files(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    columns: Sequence[str],
    paths: Sequence[Path],
    accounts: Iterable[str] | None = None,
) -> None:
    """Create a table of some columns of Parquet files, or replace it; there is at least one file.

    `accounts`: those whose rows are loaded, by the column `account`; None: all rows are.
    """
    source = f"read_parquet([{', '.join(literal(pattern(path)) for path in paths)}])"
    where = "" if accounts is None else f" WHERE account IN ({', '.join(map(literal, accounts))})"
    connection.execute(
        f'CREATE OR REPLACE TABLE "{name}" AS SELECT {_selected(columns)} FROM {source}{where}'  # nosec B608 # noqa: S608 -- names of the model, accounts as literals
    )


def load_empty(
    connection: duckdb.DuckDBPyConnection, name: str, columns: Sequence[str], schema: pa.Schema
) -> None:
    """Create a table of some columns of a schema without rows, or replace it."""
    connection.register("arriving", schema.empty_table())
    connection.execute(f'CREATE OR REPLACE TABLE "{name}" AS SELECT {_selected(columns)} FROM arriving')  # nosec B608 # noqa: S608 -- names of the model
    connection.unregister("arriving")


def _lock(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("SET enable_external_access = false")
    # Locked last: a control's expression must not be able to undo the settings above.
    connection.execute("SET lock_configuration = true")


class Deadline:
    """Interrupts DuckDB when a control takes too long; DuckDB has no time-out of its own."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, seconds: float) -> None:
        self.passed = False
        self._connection = connection
        self._timer = threading.Timer(seconds, self._interrupt)
        # A daemon: a forgotten timer must not keep the process alive.
        self._timer.daemon = True

    def _interrupt(self) -> None:
        # Set before the interrupt, so that the error is recognised as a time-out.
        self.passed = True
        self._connection.interrupt()

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()


def bound_types(table: str, expressions: Iterable[str], parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the SQL types of checked expressions over a fact table, without reading a row.

    RefusedError: DuckDB cannot make sense of them together (a text is compared with a list ...).
    """
    selected = ", ".join(f"({expression})" for expression in expressions)
    try:
        rows = (
            _workbench()
            .cursor()
            .execute(f'DESCRIBE SELECT {selected} FROM "{table}"', dict(parameters))  # nosec B608 # noqa: S608 -- checked before
            .fetchall()
        )
    # DuckDB raises RuntimeError for some internal faults.
    except (duckdb.Error, RuntimeError) as error:
        raise RefusedError(Problem(first_line(error))) from error
    return tuple(str(row[1]) for row in rows)


def first_line(error: Exception) -> str:
    """Return DuckDB's message without the kind of error and the statement that it quotes."""
    text = str(error).strip()
    # "Binder Error: ..." and the quoted statement mean nothing to the author of a control.
    kind, _, rest = text.partition(": ")
    lines = (rest if kind.endswith("Error") else text).splitlines() or [type(error).__name__]
    return lines[0]


@cache
def _workbench() -> duckdb.DuckDBPyConnection:
    """Return a locked database of empty fact tables, to bind expressions on."""
    connection = duckdb.connect(":memory:", config={**_QUIET, "threads": "1"})
    # Any clock will do, as no row is read.
    for statement in macro_statements(datetime(2000, 1, 1, tzinfo=UTC)):
        connection.execute(statement)
    for name in TABLES:
        _load(connection, name, arrow_schema(name).empty_table(), arrow_schema(name).names)
    _lock(connection)
    return connection


class BrokenControlError(Exception):
    """A control broke; the message says how, in a sentence. It never leaves this package."""


class Allowance:
    """The time that a control may take of DuckDB. What its findings are used for does not count."""

    def __init__(self, seconds: float) -> None:
        """Take the time in seconds."""
        self._seconds, self._left = seconds, seconds

    def spend(self, connection: duckdb.DuckDBPyConnection, work: Callable[[], T]) -> T:
        """Do a piece of work on a connection. BrokenControlError: it broke, or the time is up."""
        # Never negative: Timer would fire at once, which is what an empty allowance should do.
        deadline = Deadline(connection, max(self._left, 0.0))
        begun = time.perf_counter()
        try:
            with deadline:
                return work()
        except (duckdb.Error, RuntimeError, OSError) as error:
            if deadline.passed:
                message = f"The control took longer than {self._seconds:g} s and was stopped."
                raise BrokenControlError(message) from error
            # Interrupted, but not by the deadline: the user pressed Ctrl-C.
            if isinstance(error, duckdb.InterruptException):
                raise KeyboardInterrupt from error
            raise BrokenControlError(f"The control could not be evaluated: {first_line(error)}") from error
        finally:
            self._left -= time.perf_counter() - begun


# Facts that lie in Parquet files in the order of findings: DuckDB reads them where they lie.
#
# A scan writes its facts in that order. So a large table need neither be sorted nor be held in memory: each
# control reads the columns that it asks, row group by row group.
def files_in_order(table: pa.Table | ds.Dataset, order: Sequence[str], more_than: int) -> tuple[str, ...]:
    """Return the Parquet files of a large table if they are sorted by `order`.

    Empty: it is shorter, in another order, in memory, or its files have names that DuckDB takes for patterns.
    """
    files = parquet_files(table)
    if not files or not set(order) <= set(table.schema.names):
        return ()
    # The order is checked rather than trusted: files may come from another program.
    if sum(map(rows_of, files)) <= more_than or not _sorted(table, order):
        return ()
    return files


def parquet_files(table: pa.Table | ds.Dataset) -> tuple[str, ...]:
    """Return the Parquet files of a table; none: it is in memory, or a name is a pattern for DuckDB."""
    if not isinstance(table, ds.FileSystemDataset) or not isinstance(table.format, ds.ParquetFileFormat):
        return ()
    # Names with wildcards are read by Arrow instead, which takes paths literally.
    return () if any(_PATTERNS & set(file) for file in table.files) else tuple(table.files)


def rows_of(file: str) -> int:
    """Return the number of rows that a Parquet file states."""
    return int(pq.read_metadata(file).num_rows)


def _sorted(table: ds.Dataset, order: Sequence[str]) -> bool:
    last: list[pa.Array] | None = None
    for batch in _batches(table, order):
        columns = [batch.column(name) for name in order]
        joined = (
            columns
            if last is None
            else [pa.concat_arrays([*pair]) for pair in zip(last, columns, strict=True)]
        )
        if _falls(joined):
            return False
        # The last row is compared with the first of the next batch.
        last = [column.slice(len(column) - 1) for column in columns]
    return True


def _batches(table: ds.Dataset, order: Sequence[str]) -> Iterator[pa.RecordBatch]:
    scanned = table.to_batches(
        columns=list(order), batch_size=_BATCH, batch_readahead=2, fragment_readahead=1, cache_metadata=False
    )
    return (batch for batch in scanned if batch.num_rows)


def _falls(columns: list[pa.Array]) -> bool:
    """Whether a row comes before the one above it; texts are compared by code points, as DuckDB does."""
    same = pa.scalar(value=True)
    for column in columns:
        above, here = column[:-1], column[1:]
        if pc.any(pc.and_(same, pc.less(here, above))).as_py():
            return True
        # Later columns count only where all earlier ones are equal.
        same = pc.and_(same, pc.equal(here, above))
    return False
