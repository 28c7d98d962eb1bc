"""The rows of a table as they lie in its Parquet file: read anew each time somebody goes through them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from scanner.storage.parquet import open_parquet

_BATCH: Final = 2_000
"""Rows that are in memory at once."""


class StoredRows:
    """The rows of `FOLDER/TABLE.parquet`, by the names of their columns: of `columns`, or of all.

    Raises:
        BundleError: it is not there, is no Parquet file, or lacks a column of `row`.
    """

    def __init__(self, folder: Path, table: str, row: type, columns: tuple[str, ...] | None = None) -> None:
        self.folder = folder
        self._columns = None if columns is None else list(columns)
        self._dataset = open_parquet(folder, table, row)

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        """Read them from the first on."""
        batches = self._dataset.to_batches(
            columns=self._columns, batch_size=_BATCH, batch_readahead=1, fragment_readahead=1
        )
        for batch in batches:
            yield from batch.to_pylist()

    def __len__(self) -> int:
        """Count the rows, from the file's own word."""
        return int(self._dataset.count_rows())
