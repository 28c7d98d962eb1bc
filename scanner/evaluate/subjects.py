"""The subjects of a loaded fact table, with their owners: what the findings of all its controls share."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from scanner.evaluate.decisions.owners import BACKUP, Owners
from scanner.model.decisions import Owner

BATCH: Final = 50_000
"""Rows that are in memory at once."""

_COLUMNS: Final = ("account", "region", "subject", "subject_type")


@dataclass(frozen=True, slots=True)
class SubjectBatch:
    """Rows from position `start` to `end` of a table. `accounts`: each with its positions, from and to."""

    start: int
    end: int
    accounts: tuple[tuple[str, int, int], ...]
    rows: pa.RecordBatch
    owners: tuple[pa.StringArray, pa.StringArray]  # the name and the source of each

    @property
    def columns(self) -> dict[str, pa.Array]:
        """Return the columns of filed findings that are the same for all controls."""
        name, source = self.owners
        return {
            **{column: self.rows.column(column) for column in _COLUMNS},
            "owner": name,
            "owner_source": source,
        }


class Subjects:
    """The subjects of a table, batch by batch, as often as there are controls. One batch is kept."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, table: str, owners: Owners | None) -> None:
        self._connection, self._table, self._owners = connection, table, owners
        self._only: SubjectBatch | None = None
        self._known: list[tuple[pa.StringArray, pa.StringArray]] = []

    def __iter__(self) -> Iterator[SubjectBatch]:
        if self._only is not None:
            yield self._only
            return
        start = 0
        for number, rows in enumerate(self._batches()):
            batch = SubjectBatch(
                start, start + rows.num_rows, _runs(rows, start), rows, self._owners_of(number, rows)
            )
            yield batch
            start = batch.end
            # A table of one batch is kept; of longer ones only the owners are, which are small.
            self._only = batch if number == 0 else None

    def _batches(self) -> Iterator[pa.RecordBatch]:
        names = (*_COLUMNS, *(["resource"] if self._table == BACKUP and self._owners is not None else []))
        sql = f'SELECT {", ".join(names)} FROM "{self._table}"'  # nosec B608 # noqa: S608 -- names of the model
        # A cursor: answers of the connection itself may still be streaming.
        yield from self._connection.cursor().sql(sql).to_arrow_reader(BATCH)

    def _owners_of(self, number: int, rows: pa.RecordBatch) -> tuple[pa.StringArray, pa.StringArray]:
        """Return the owners of a batch; they are worked out once."""
        if self._owners is None:
            none = pa.nulls(rows.num_rows, pa.string())
            return none, none
        # The first control works out the owners; all others reuse them.
        if number == len(self._known):
            owners = [*self._named(self._owners, rows)]
            names = pa.array([owner.name for owner in owners], pa.string())
            self._known.append((names, pa.array([owner.source for owner in owners], pa.string())))
        return self._known[number]

    def _named(self, owners: Owners, rows: pa.RecordBatch) -> Iterator[Owner]:
        texts = (rows.column(name).to_pylist() for name in ("subject", "subject_type", "account", "region"))
        sources = (
            rows.column("resource").to_pylist() if "resource" in rows.schema.names else [None] * rows.num_rows
        )
        for subject, kind, account, region, source in zip(*texts, sources, strict=True):
            yield owners.of_row(subject, kind, account, region, source)


def _runs(rows: pa.RecordBatch, start: int) -> tuple[tuple[str, int, int], ...]:
    """Return where each account begins and ends. Rows are sorted by account."""
    encoded = pc.run_end_encode(rows.column("account"))
    ends = encoded.run_ends.to_pylist()
    # Values of runs, not of rows: few accounts for many rows.
    accounts = encoded.values.to_pylist()
    places = pairwise((start, *(start + end for end in ends)))
    return tuple((account, first, last) for account, (first, last) in zip(accounts, places, strict=True))
