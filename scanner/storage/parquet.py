"""Tables in Parquet files, `FOLDER/TABLE.parquet`: written as a stream, there only when complete."""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from scanner.errors import BundleError, OutputError
from scanner.storage.tables import decoded_rows, row_schema, table_of

ROW_GROUP: Final = 50_000
"""Rows that are held in memory before they are written, and the rows of a row group."""


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
            self._writer = pq.ParquetWriter(self._part, row_schema(self._row), compression="zstd")
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
        self._settle()
        self._encoded.append(decoded_rows(self._row, data))
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
        if not self._encoded or self._writer is None:
            return
        table = pa.concat_tables(self._encoded)
        group, rest = table.slice(0, self._row_group), table.slice(self._row_group)
        try:
            self._writer.write_table(group.combine_chunks(), row_group_size=self._row_group)
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
            self._close()
            self._part.replace(self.path)
        except OSError as failed:
            self._abandon()
            raise self._failure(failed) from failed
        except BaseException:
            self._abandon()
            raise

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


def open_parquet(folder: Path, table: str, row: type) -> ds.Dataset:
    """Open a table that was written, without reading its rows.

    BundleError: it is not there, is no Parquet file, or lacks a column of `row`.
    """
    path = folder / f"{table}.parquet"
    try:
        dataset = ds.dataset(path, format="parquet")
        missing = set(row_schema(row).names) - set(dataset.schema.names)
    except (OSError, pa.ArrowInvalid) as error:
        raise BundleError(
            f"{path} cannot be read: {error}. Run audit evaluate on the bundle again."
        ) from error
    if missing:
        names = ", ".join(sorted(missing))
        raise BundleError(f"{path} lacks the columns {names}. Run audit evaluate on the bundle again.")
    return dataset
