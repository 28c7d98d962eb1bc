"""Locations of the Parquet files of a table.

Facts are stored by account, inventory is not. Scans of schema 1 have one file per table for both.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from scanner.errors import BundleError
from scanner.model.inventory_tables import LATER_COLUMNS
from scanner.storage.bounded import FREE, RATIO

ROWS_A_BYTE: Final = 100
FREE_ROWS: Final = 100_000
"""A table may have this number of rows, and ROWS_A_BYTE more for each byte of its file."""

ORGANIZATION: Final = "aws-organization"
"""The file name for rows that belong to no account."""


def _trust(_: Path) -> None:
    """Accept a file unchecked, as the default of `TableFiles.verify`."""


@dataclass(frozen=True, slots=True)
class TableFiles:
    """The files of one table, in the order of their accounts; none: no account has a row.

    `columns`: the `columns_digest` that every file must have; empty: any. `verify` is called with each file
    before it is opened, and raises BundleError if the file was changed.
    """

    paths: tuple[Path, ...]
    columns: str = ""
    verify: Callable[[Path], None] = field(default=_trust, compare=False)


TableSource: TypeAlias = Callable[[str], TableFiles]
"""Returns the files of a table by its name."""


class NoTableError(BundleError):
    """A scan has no file for a table."""


def table_files(folder: Path, table: str) -> TableFiles:
    """Return the files of a table that are in `folder`.

    NoTableError: there is none, and the folder is not organised by account, where an empty table has no file.
    """
    single = folder / f"{table}.parquet"
    if single.is_file():
        return TableFiles((single,))
    if not (folder / table).is_dir() and not _is_by_account(folder):
        raise no_table(single)
    # By account, so that rows that belong to none come first.
    return TableFiles(tuple(sorted((folder / table).glob("*.parquet"), key=account_of)))


def account_of(path: Path) -> str:
    """Return the account that a file is named after; empty: its rows belong to no account."""
    return "" if path.stem == ORGANIZATION else path.stem


def no_table(path: Path) -> NoTableError:
    """Build the error for a table without a file."""
    return NoTableError(f"{path} cannot be read: it is missing. Run audit evaluate on the bundle again.")


def _is_by_account(folder: Path) -> bool:
    return folder.is_dir() and any(path.is_dir() for path in folder.iterdir())


def columns_digest(schema: pa.Schema) -> str:
    """Return the SHA-256 of the names and types of all columns, in order."""
    return sha256(
        "\n".join(f"{column.name} {_type_name(column.type)}" for column in schema).encode()
    ).hexdigest()


def _type_name(kind: pa.DataType) -> str:
    """Return the name of a type without the names that Parquet and Arrow give list members."""
    if pa.types.is_list(kind):
        return f"list<{_type_name(kind.value_type)}>"
    if pa.types.is_struct(kind):
        return f"struct<{', '.join(f'{member.name}: {_type_name(member.type)}' for member in kind)}>"
    return str(kind)


def open_file(files: TableFiles, path: Path) -> pq.ParquetFile:
    """Open one file of a table. BundleError: it is unreadable, or its columns differ from the manifest's."""
    # Before Arrow parses a file that anyone may have written.
    files.verify(path)
    try:
        file = pq.ParquetFile(path)
        schema = file.schema_arrow
    except FileNotFoundError as error:
        raise no_table(path) from error
    except (OSError, pa.ArrowException) as error:
        raise unreadable(path, error) from error
    # Before any row is read.
    check_size(path, file.metadata)
    if files.columns and columns_digest(schema) != files.columns:
        raise BundleError(
            f"{path} has other columns than the manifest lists: it belongs to another scan, or was written "
            "by another version. Run audit evaluate on the bundle again."
        )
    return file


def check_size(path: Path, metadata: pq.FileMetaData) -> None:
    """Raise BundleError if a file has more rows, or unpacks to more, than tables of its size can have.

    A column of one repeated value takes hardly a byte for a billion rows; rows of tables have ids.
    """
    size = path.stat().st_size
    unpacked = sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
    if metadata.num_rows > size * ROWS_A_BYTE + FREE_ROWS or unpacked > size * RATIO + FREE:
        raise BundleError(
            f"{path} claims {metadata.num_rows:,} rows and {unpacked:,} bytes in {size:,} bytes, which no "
            "table of a scan has. Restore it from a copy, or run audit evaluate on the bundle again."
        )


def unreadable(path: Path, error: Exception) -> BundleError:
    """Build the error for a file that is not valid Parquet."""
    return BundleError(f"{path} cannot be read: {error}. Run audit evaluate on the bundle again.")


def check_columns(path: Path, schema: pa.Schema, needed: pa.Schema) -> None:
    """Raise BundleError if a file lacks a column, unless it is a later one, or has it with another type."""
    missing = sorted(set(needed.names) - set(schema.names) - set(LATER_COLUMNS))
    if missing:
        raise BundleError(
            f"{path} lacks the columns {', '.join(missing)}. Run audit evaluate on the bundle again."
        )
    for column in needed:
        if column.name not in schema.names:
            continue
        kind = schema.field(column.name).type
        if kind != column.type:
            raise BundleError(
                f"{path} has the column {column.name} as {kind} instead of {column.type}. "
                "Run audit evaluate on the bundle again."
            )
