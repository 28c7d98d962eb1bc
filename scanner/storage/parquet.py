"""Tables in Parquet files, written as a stream and there only when complete; and opening them again."""

from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from scanner.errors import OutputError
from scanner.storage.table_files import TableFiles, check_columns, open_file, table_files
from scanner.storage.tables import decoded_rows, row_schema, table_of

ROW_GROUP: Final = 50_000
"""Rows that are held in memory before they are written, and the rows of a row group."""

_SMALL: Final = 1_000
"""Rows below which a file has no dictionaries: with a hundred columns, they cost more than the rows."""


class ParquetTable:
    """Writes the rows of one table. Use it as a context: the file appears when the context ends well.

    Until then it is called `TABLE.parquet.part`; when the context ends with an error, that is removed.
    OutputError: the file cannot be written (no room, no permission).
    """

    def __init__(self, folder: Path, table: str, row: type, *, row_group: int = ROW_GROUP) -> None:
        self.path = folder / f"{table}.parquet"
        self._part = folder / f"{table}.parquet.part"
        self._row, self._row_group = row, row_group
        self._waiting: list[object] = []
        self._encoded: list[pa.Table] = []  # before what waits
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> Self:
        try:
            self._part.parent.mkdir(parents=True, exist_ok=True)
            self._part.unlink(missing_ok=True)
        except OSError as error:
            raise self._failure(error) from error
        return self

    def write(self, rows: Iterable[object]) -> None:
        """Add rows, instances of the table's dataclass."""
        held = self._held
        for row in rows:
            self._waiting.append(row)
            if held + len(self._waiting) >= self._row_group:
                self._flush()
                held = 0

    def write_encoded(self, data: bytes) -> None:
        """Add rows that another process made into bytes (`encoded_rows`). The file is the same either way."""
        self.append(decoded_rows(self._row, data))

    def append(self, table: pa.Table) -> None:
        """Add rows that are an Arrow table already, of the schema of the row's dataclass."""
        self._settle()
        if table.num_rows:  # without rows there is no row group, however often nothing is added
            self._encoded.append(table)
        while self._held >= self._row_group:
            self._flush()

    @property
    def _held(self) -> int:
        return sum(table.num_rows for table in self._encoded)

    def _settle(self) -> None:
        """Put what waits behind what was encoded."""
        if self._waiting:
            self._encoded.append(table_of(self._row, self._waiting))
            self._waiting.clear()

    def _flush(self) -> None:
        """Write a row group, or what there is where that is less."""
        self._settle()
        if not self._encoded:
            return
        table = pa.concat_tables(self._encoded)
        group, rest = table.slice(0, self._row_group), table.slice(self._row_group)
        try:
            writer = self._opened(group.num_rows)
            writer.write_table(group.combine_chunks(), row_group_size=self._row_group)
        except OSError as error:
            raise self._failure(error) from error
        self._encoded = [rest] if rest.num_rows else []

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._abandon()
            return
        try:
            self._flush()
            self._opened(0)
            self._close()
            self._part.replace(self.path)
        except OSError as failed:
            self._abandon()
            raise self._failure(failed) from failed
        except BaseException:
            self._abandon()
            raise

    def _opened(self, rows: int) -> pq.ParquetWriter:
        """Return the writer; it is opened when the size of the first row group is known."""
        if self._writer is None:
            schema = row_schema(self._row)
            self._writer = pq.ParquetWriter(self._part, schema, **_writer_options(schema, rows))
        return self._writer

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _abandon(self) -> None:
        with suppress(OSError):  # the first failure is the one that is told
            self._close()
        with suppress(OSError):
            self._part.unlink(missing_ok=True)

    def _failure(self, error: OSError) -> OutputError:
        return OutputError(
            f"{self.path} could not be written: {error.strerror or error}. Free some room there, "
            "or choose another folder with --out."
        )


def write_parquet(folder: Path, table: str, row: type, rows: Iterable[object]) -> Path:
    """Write all rows of one table, and give the file's path. OutputError: it cannot be written."""
    with ParquetTable(folder, table, row) as writer:
        writer.write(rows)
    return writer.path


def _writer_options(schema: pa.Schema, rows: int) -> dict[str, Any]:
    """Return the options that cost least for a schema of a hundred nested columns and few rows.

    Statistics of nested columns are never used to skip a row group. Arrow's own copy of the schema is left
    out: Parquet's own schema has the same types.
    """
    plain = [column.name for column in schema if not pa.types.is_nested(column.type)]
    return {
        "compression": "zstd",
        "write_statistics": plain,
        "use_dictionary": rows >= _SMALL,
        "store_schema": False,
    }


def open_parquet(folder: Path, table: str, row: type, *, new: bool = False) -> ds.Dataset:
    """Open a table of a folder, without reading its rows. `new`, and errors: as `open_table`."""
    return open_table(table_files(folder, table), row, new=new)


def open_table(
    files: TableFiles, row: type, columns: Collection[str] | None = None, *, new: bool = False
) -> ds.Dataset:
    """Open a table as a dataset of its files, without reading its rows; `columns` None: all of `row`.

    `new`: this version has just written the files, so that their columns need not be checked.

    Raises:
        BundleError: a file is missing, is no Parquet file, or lacks a column.
    """
    schema = row_schema(row)
    if columns is not None:
        schema = pa.schema([field for field in schema if field.name in columns])
    for path in () if new else files.paths:  # Arrow would read a column that is missing as NULL
        with open_file(files, path) as file:
            check_columns(path, file.schema_arrow, schema)
    return ds.dataset([str(path) for path in files.paths], schema=schema, format="parquet")
