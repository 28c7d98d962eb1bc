"""Tables in Parquet files: writing them as a stream, and opening them."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, is_dataclass
from enum import StrEnum
from functools import cache
from itertools import chain
from pathlib import Path
from types import NoneType, TracebackType, UnionType
from typing import Any, Final, Self, Union, get_args, get_origin, get_type_hints

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from scanner.errors import OutputError
from scanner.model.facts import TABLES
from scanner.storage.column_builders import table_of_rows
from scanner.storage.table_files import (
    NoTableError,
    TableFiles,
    TableSource,
    check_columns,
    columns_digest,
    open_file,
    table_files,
    unreadable,
)

ROW_GROUP: Final = 50_000
"""Rows of a row group, which are in memory until it is written."""

_SMALL: Final = 1_000
"""Below this number of rows, a hundred dictionaries would be larger than the rows: none are written."""
_SCALARS: Final = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}

_BATCH: Final = 2_000
"""Rows read at once."""


class ParquetTable:
    """Writer for one table. Use it as a context manager: the file appears when the block succeeds.

    Until then it is named `TABLE.parquet.part`; if the block raises, that file is removed.

    OutputError: the file cannot be written (disk full, no permission).
    """

    def __init__(self, folder: Path, table: str, row: type, *, row_group: int = ROW_GROUP) -> None:
        self.path = folder / f"{table}.parquet"
        self._part = folder / f"{table}.parquet.part"
        self._row, self._row_group = row, row_group
        self._waiting: list[object] = []
        self._encoded: list[pa.Table] = []  # rows before those in _waiting
        self._encoded_rows = 0
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
        for row in rows:
            self._waiting.append(row)
            if self._encoded_rows + len(self._waiting) >= self._row_group:
                self._flush()

    def write_encoded(self, data: bytes) -> None:
        """Add rows that another process encoded with `encoded_rows`. The resulting file is the same."""
        self.append(decoded_rows(self._row, data))

    def append(self, table: pa.Table) -> None:
        """Add rows that are an Arrow table already, with the schema of the row's dataclass."""
        self._encode_waiting()
        if table.num_rows:  # an empty table must not become a row group
            self._add_encoded(table)
        while self._encoded_rows >= self._row_group:
            self._flush()

    def _add_encoded(self, table: pa.Table) -> None:
        self._encoded.append(table)
        self._encoded_rows += table.num_rows

    def _encode_waiting(self) -> None:
        """Encode the waiting rows, behind those that are encoded already."""
        if self._waiting:
            self._add_encoded(table_of(self._row, self._waiting))
            self._waiting.clear()

    def _flush(self) -> None:
        """Write one row group, or all rows if they are fewer."""
        self._encode_waiting()
        if not self._encoded:
            return
        table = pa.concat_tables(self._encoded)
        group, rest = table.slice(0, self._row_group), table.slice(self._row_group)
        try:
            writer = self._opened(group.num_rows)
            # In one chunk, so that the bytes do not depend on how the rows arrived.
            writer.write_table(group.combine_chunks(), row_group_size=self._row_group)
        except OSError as error:
            raise self._failure(error) from error
        self._encoded, self._encoded_rows = ([rest] if rest.num_rows else []), rest.num_rows

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._abandon()
            return
        try:
            self._flush()
            # A table without rows is a file with columns.
            self._opened(0)
            self._close()
            self._part.replace(self.path)
        except OSError as problem:
            self._abandon()
            raise self._failure(problem) from problem
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
        with suppress(OSError):  # the first error is the one to report
            self._close()
        with suppress(OSError):
            self._part.unlink(missing_ok=True)

    def _failure(self, error: OSError) -> OutputError:
        return OutputError(
            f"{self.path} could not be written: {error.strerror or error}. Free some space there, "
            "or choose another folder with --out."
        )


def write_parquet(folder: Path, table: str, row: type, rows: Iterable[object]) -> Path:
    """Write all rows of one table, and return the file's path. OutputError: it cannot be written."""
    with ParquetTable(folder, table, row) as writer:
        writer.write(rows)
    return writer.path


def _writer_options(schema: pa.Schema, rows: int) -> dict[str, Any]:
    """Return the options that are cheapest for a hundred nested columns and few rows.

    No reader skips row groups by statistics of nested columns. Arrow's copy of the schema is redundant:
    Parquet's schema has the same types. For a few rows, zstd takes longer than all the rest.
    """
    plain = [column.name for column in schema if not pa.types.is_nested(column.type)]
    return {
        "compression": "zstd" if rows >= _SMALL else "snappy",
        "write_statistics": plain,
        "use_dictionary": rows >= _SMALL,
        "store_schema": False,
    }


def open_parquet(folder: Path, table: str, row: type, *, new: bool = False) -> ds.Dataset:
    """Open a table of a folder without reading its rows; `new` and errors as in `open_table`."""
    return open_table(table_files(folder, table), row, new=new)


def open_table(
    files: TableFiles, row: type, columns: Collection[str] | None = None, *, new: bool = False
) -> ds.Dataset:
    """Open a table as a dataset of its files, without reading its rows; `columns` None: all of `row`.

    `new`: this process has just written the files, so their columns are not checked.

    Raises:
        BundleError: a file is missing, is not valid Parquet, or lacks a column.
    """
    schema = row_schema(row)
    if columns is not None:
        schema = pa.schema([field for field in schema if field.name in columns])
    for path in () if new else files.paths:  # Arrow would read a missing column as NULL
        with open_file(files, path) as file:
            check_columns(path, file.schema_arrow, schema)
    return ds.dataset([str(path) for path in files.paths], schema=schema, format="parquet")


def streamed(
    table: ds.Dataset, columns: Sequence[str], where: pc.Expression | None = None
) -> pa.RecordBatchReader:
    """Read columns of a dataset, one file at a time. `where`: which rows, by these columns; None: all.

    Arrow's own scanner holds the metadata of all files at once, a quarter of a megabyte each.
    """
    if not isinstance(table, ds.FileSystemDataset):
        return table.scanner(columns=list(columns), filter=where).to_reader()
    schema = pa.schema([table.schema.field(name) for name in columns])
    batches = chain.from_iterable(_batches_of(Path(path), schema, where) for path in table.files)
    return pa.RecordBatchReader.from_batches(schema, batches)


def _batches_of(path: Path, schema: pa.Schema, where: pc.Expression | None) -> Iterator[pa.RecordBatch]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(_BATCH, columns=schema.names, use_threads=False):
            # Files have their columns in an order of their own.
            rows = pa.Table.from_batches([batch]).select(schema.names).cast(schema)
            yield from (rows if where is None else rows.filter(where)).to_batches()


# Rows of the model as Arrow tables: the schema follows the annotations of the row's dataclass.
#
# str, int, float and bool become string, int64, float64 and bool; `X | None` is the same column with NULLs; a
# tuple becomes a list, a dataclass a struct.
@cache
def arrow_schema(table: str) -> pa.Schema:
    """Return the Arrow schema of a fact table. KeyError: there is no such table."""
    return row_schema(TABLES[table])  # type: ignore[arg-type]  # mypy asks the instances' hash


def columns_digests(rows: Mapping[str, type]) -> dict[str, str]:
    """Return the `columns_digest` of tables, by their names."""
    return {name: columns_digest(row_schema(row)) for name, row in rows.items()}


@cache
def row_schema(row: type) -> pa.Schema:
    """Return the Arrow schema of a dataclass of the model. TypeError: a field has no Arrow type."""
    return pa.schema(list(arrow_type(row)))


def arrow_table(table: str, rows: Iterable[object]) -> pa.Table:
    """Convert rows of a fact table to an Arrow table."""
    return table_of(TABLES[table], rows)


def table_of(row: type, rows: Iterable[object]) -> pa.Table:
    """Convert instances of the dataclass `row` to an Arrow table with its schema."""
    return table_of_rows(row_schema(row), rows)


def encoded_rows(row: type, rows: Iterable[object]) -> bytes:
    """Encode instances of the dataclass `row` as an Arrow record batch, without its schema."""
    instances = list(rows)
    if not instances:  # most tables of most shards are empty, and building their columns takes 0.5 ms
        return b""
    (batch,) = table_of(row, instances).combine_chunks().to_batches()
    return bytes(batch.serialize().to_pybytes())


def decoded_rows(row: type, data: bytes) -> pa.Table:
    """Decode the bytes of `encoded_rows`."""
    schema = row_schema(row)
    if not data:
        return schema.empty_table()
    return pa.Table.from_batches([pa.ipc.read_record_batch(pa.py_buffer(data), schema)])


def arrow_type(annotation: Any) -> pa.DataType:  # noqa: ANN401 -- an annotation is of any type
    """Return the Arrow type of a field's annotation. TypeError: it has none."""
    plain = _without_none(annotation)
    if get_origin(plain) is tuple:
        return pa.list_(arrow_type(get_args(plain)[0]))
    if is_dataclass(plain) and isinstance(plain, type):
        hints = get_type_hints(plain)
        return pa.struct([(field.name, arrow_type(hints[field.name])) for field in fields(plain)])
    plain = getattr(plain, "__supertype__", plain)  # the type behind a NewType
    if isinstance(plain, type) and issubclass(plain, StrEnum):
        return pa.string()
    if plain not in _SCALARS:
        raise TypeError(f"{annotation!r} has no Arrow type")
    return _SCALARS[plain]


def _without_none(annotation: Any) -> Any:  # noqa: ANN401 -- as arrow_type
    if get_origin(annotation) not in (Union, UnionType):
        return annotation
    kinds = [kind for kind in get_args(annotation) if kind is not NoneType]
    if len(kinds) != 1:
        raise TypeError(f"{annotation!r} has no single Arrow type")
    return kinds[0]


class StoredRows:
    """The rows of a table as mappings from column names, with `columns` or all columns of `row`.

    `tables` finds this table and others of the same folder. Only one file is open at a time: the metadata of
    a thousand open files takes half a gigabyte. A file is checked when it is opened.

    Raises:
        NoTableError: there is no such table.
        BundleError, while rows are read or counted: a file is missing, is not valid Parquet, or lacks a
        column.
    """

    def __init__(
        self, tables: TableSource, table: str, row: type, columns: tuple[str, ...] | None = None
    ) -> None:
        self.tables = tables
        schema = row_schema(row)
        self._columns = schema.names if columns is None else list(columns)
        self._needed = pa.schema([schema.field(name) for name in self._columns])
        self._files = tables(table)
        self._rows: int | None = None

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        """Yield all rows in order."""
        for batch in self.batches():
            yield from batch.to_pylist()

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield all rows in order, many at a time."""
        for path in self._files.paths:
            with self._checked(path) as file:
                try:
                    yield from file.iter_batches(_BATCH, columns=self._columns)
                except (OSError, pa.ArrowException) as error:
                    raise unreadable(path, error) from error

    def __len__(self) -> int:
        """Return the number of rows according to the files' metadata, which is read once."""
        if self._rows is None:
            self._rows = sum(map(self._rows_of, self._files.paths))
        return self._rows

    def _rows_of(self, path: Path) -> int:
        with self._checked(path) as file:
            return int(file.metadata.num_rows)

    def _checked(self, path: Path) -> pq.ParquetFile:
        file = open_file(self._files, path)
        check_columns(path, file.schema_arrow, self._needed)
        return file


class DeferredRows:
    """Rows as `StoredRows`, whose files are opened when they are read. None: there is no such table."""

    def __init__(
        self, tables: TableSource, table: str, row: type, columns: tuple[str, ...] | None = None
    ) -> None:
        self._arguments = (tables, table, row, columns)

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        """Yield all rows in order. BundleError: as of `StoredRows`."""
        return iter(self._stored() or ())

    def __len__(self) -> int:
        """Return the number of rows according to the files' metadata."""
        return len(self._stored() or ())

    def _stored(self) -> StoredRows | None:
        try:
            return StoredRows(*self._arguments)
        except NoTableError:
            return None
