"""Filing order: by control, account, Region and subject. The files of the findings are by account first."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from scanner.errors import OutputError

IN_MEMORY: Final = 32_000_000
"""Bytes of rows that are held in memory; more go to an unnamed temporary file."""

ROWS: Final = 10_000
"""The number of rows that are sorted by control at once."""

Controls = Iterator[tuple[str, "Batches"]]
"""The id of each control with its rows. The rows of one are read before the next control."""


def in_filing_order(batches: Iterable[pa.RecordBatch]) -> Controls:
    """Sort rows into filing order in one pass. Rows of one control are sorted already.

    Raises:
        OutputError: there is no space for the temporary file.
    """
    waiting = iter(batches)
    if (first := next(waiting, None)) is None:
        return
    with tempfile.SpooledTemporaryFile(IN_MEMORY) as file:
        try:
            places = _write(file, first, waiting)
        except OSError as error:
            raise OutputError(
                f"The findings do not fit on the disk of {tempfile.gettempdir()}: {error.strerror or error}. "
                "Free some space there, or set TMPDIR to a folder on another disk."
            ) from error
        reader = pa.ipc.open_file(file)
        for control in sorted(places):
            yield control, Batches(reader, places[control])


class Batches(Iterable[pa.RecordBatch]):
    """The rows of a control. They can be iterated over repeatedly, and are read from the file each time."""

    def __init__(self, reader: pa.ipc.RecordBatchFileReader, numbers: Sequence[int]) -> None:
        self._reader, self._numbers = reader, numbers

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return map(self._reader.get_batch, self._numbers)


def _write(
    file: tempfile.SpooledTemporaryFile[bytes], first: pa.RecordBatch, waiting: Iterator[pa.RecordBatch]
) -> dict[str, list[int]]:
    """Write rows, and return the numbers of the batches of each control."""
    places: dict[str, list[int]] = {}
    number = 0
    with pa.ipc.new_file(file, first.schema) as writer:
        for batch in _larger(chain((first,), waiting)):
            for control, rows in _by_control(batch):
                writer.write_batch(rows)
                places.setdefault(control, []).append(number)
                number += 1
    return places


def _larger(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Join small batches: DuckDB returns those of each file separately, and an account may have few rows."""
    joined: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        joined.append(batch)
        rows += batch.num_rows
        if rows >= ROWS:
            yield pa.concat_batches(joined)
            joined, rows = [], 0
    if joined:
        yield pa.concat_batches(joined)


def _by_control(batch: pa.RecordBatch) -> Iterator[tuple[str, pa.RecordBatch]]:
    ordered = batch.take(pc.sort_indices(batch.column("control")))  # the sort is stable
    runs = pc.run_end_encode(ordered.column("control"))
    start = 0
    for end, control in zip(runs.run_ends.to_pylist(), runs.values.to_pylist(), strict=True):
        yield control, ordered.slice(start, end - start)
        start = end
