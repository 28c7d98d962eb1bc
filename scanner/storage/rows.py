"""The rows of a table as they are in its Parquet files: read anew each time they are iterated over."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from scanner.storage.table_files import TableFiles, TableSource, check_columns, open_file, unreadable
from scanner.storage.tables import row_schema

_BATCH: Final = 2_000
"""Rows that are in memory at once."""


class StoredRows:
    """The rows of a table, by the names of their columns: of `columns`, or of all of `row`.

    `tables`: where this table is from, and others of the same folder. One file is open at a time: what
    Arrow knows of a thousand files would be half a gigabyte.

    Raises:
        BundleError: a file is missing, is no Parquet file, or lacks a column.
    """

    def __init__(
        self, tables: TableSource, table: str, row: type, columns: tuple[str, ...] | None = None
    ) -> None:
        self.tables = tables
        schema = row_schema(row)
        self._columns = schema.names if columns is None else list(columns)
        needed = pa.schema([schema.field(name) for name in self._columns])
        self._files = tables(table)
        self._rows = sum(_checked_rows(self._files, path, needed) for path in self._files.paths)

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        """Read them from the first on."""
        for path in self._files.paths:
            yield from _rows_of(path, self._columns)

    def __len__(self) -> int:
        """Return the number of rows that the files state."""
        return self._rows


def _checked_rows(files: TableFiles, path: Path, needed: pa.Schema) -> int:
    with open_file(files, path) as file:
        check_columns(path, file.schema_arrow, needed)
        return int(file.metadata.num_rows)


def _rows_of(path: Path, columns: list[str]) -> Iterator[Mapping[str, Any]]:
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(_BATCH, columns=columns):
                yield from batch.to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise unreadable(path, error) from error
