"""Facts that lie in Parquet files in the order of findings: DuckDB reads them where they lie.

A scan writes its facts in that order. So a large table need neither be sorted nor be held in memory: each
control reads the columns that it asks, row group by row group.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

_BATCH: Final = 65_536
_PATTERNS: Final = frozenset("*?[")
"""What makes a name a pattern for DuckDB."""


def files_in_order(table: pa.Table | ds.Dataset, order: Sequence[str], more_than: int) -> tuple[str, ...]:
    """Give the Parquet files of a table of more than so many rows, when these are sorted by `order`.

    Empty: it is shorter, in another order, in memory, or its files have names that DuckDB takes for patterns.
    """
    files = parquet_files(table)
    if not files or not set(order) <= set(table.schema.names):
        return ()
    if sum(map(rows_of, files)) <= more_than or not _sorted(table, order):
        return ()
    return files


def parquet_files(table: pa.Table | ds.Dataset) -> tuple[str, ...]:
    """Return the Parquet files of a table; none: it is in memory, or a name is a pattern for DuckDB."""
    if not isinstance(table, ds.FileSystemDataset) or not isinstance(table.format, ds.ParquetFileFormat):
        return ()
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
        same = pc.and_(same, pc.equal(here, above))
    return False
