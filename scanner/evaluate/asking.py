"""One control asked with one set of parameters: the status of every row, and the texts of some."""

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from scanner.evaluate.allowance import Allowance, BrokenControlError
from scanner.evaluate.database import POSITION, numbered
from scanner.evaluate.verdict import STATUS_OF
from scanner.model.control import Compiled, Query
from scanner.model.finding import Status

BATCH: Final = 10_000
"""Findings that are in memory at once."""

IN_MEMORY: Final = 50_000
"""Rows of an answer that are held in memory whole: the query is then bound once, and not twice."""

LETTERS: Final[dict[Status, int]] = {
    status: ord(status.value[0]) for status in Status if status is not Status.WAIVED
}
"""The letter of each status in bytes that have one for every row of a table."""

ERROR: Final = LETTERS[Status.ERROR]

_BROKEN: Final = len(STATUS_OF)
"""The number in place of NULL."""

_LETTER_OF: Final = bytes((*(LETTERS[status] for status in STATUS_OF), ERROR))
_TO_LETTERS: Final = bytes.maketrans(bytes(range(_BROKEN + 1)), _LETTER_OF)

_UNEXPLAINED: Final = "The control could not be evaluated for this subject."
_SECONDS: Final = 10.0
"""How long it may take to find out why."""

_ROWS: Final = "_rows"
"""The name by which the chosen rows are bound: no parameter of a control begins like this."""


@dataclass(frozen=True, slots=True)
class Asking:
    """`parameters` are all that the control has."""

    compiled: Compiled
    parameters: Mapping[str, Any]

    def letters(self, connection: duckdb.DuckDBPyConnection, allowance: Allowance) -> bytes:
        """Return the status of every row of the table as a letter of LETTERS, in the order of the table.

        Where the control cannot be evaluated for a row, that row alone has ERROR. BrokenControlError: it
        cannot be evaluated at all.
        """
        query = self.compiled.status_sql
        answer = batches(connection, query.sql, self._bound(query), in_memory=True)
        return b"".join(map(_letters, _allowed(connection, allowance, answer)))

    def _bound(self, query: Query) -> dict[str, Any]:
        return {name: self.parameters[name] for name in query.parameters}

    def failure(self, connection: duckdb.DuckDBPyConnection, position: int) -> str:
        """Say why the control cannot be evaluated for a row."""
        table = self.compiled.control.subject
        row = f'(SELECT * FROM "{numbered(table)}" WHERE "{POSITION}" = {position})'  # noqa: S608 -- a name of the model
        query = self.compiled.status_sql
        sql, bound = f'WITH "{table}" AS {row} {query.sql.replace("TRY(", "(", 1)}', self._bound(query)
        with connection.cursor() as cursor:  # answers of the connection itself may still be streaming
            try:
                Allowance(_SECONDS).spend(cursor, lambda: cursor.execute(sql, bound).fetchall())
            except BrokenControlError as failure:
                return str(failure)
        return _UNEXPLAINED

    def answers(
        self, connection: duckdb.DuckDBPyConnection, allowance: Allowance, rows: bytes, *, calm: bool = True
    ) -> Iterator[pa.RecordBatch]:
        """Return the verdicts of chosen rows, in the order of the table. `rows`: "1" or "0" each.

        `calm` False: none of them passes, or is not applicable. None may be one that the control cannot be
        evaluated for. BrokenControlError: the control broke.
        """
        number = rows.count(b"1")
        if not number:
            return
        query = self.compiled.sql if calm else self.compiled.open_sql
        sql, bound = query.sql, self._bound(query)
        if number < len(rows):
            sql = f"{_chosen(self.compiled.control.subject)}{sql}"
            bound[_ROWS] = rows.decode("ascii")
        answer = batches(connection, sql, bound, in_memory=number <= IN_MEMORY)
        yield from _allowed(connection, allowance, answer)


def _chosen(table: str) -> str:
    """Put the chosen rows in the place of the table. DuckDB keeps their order."""
    return (
        f'WITH "{table}" AS NOT MATERIALIZED (SELECT * FROM "{numbered(table)}" '  # noqa: S608 -- a name of the model
        f'WHERE get_bit(CAST(${_ROWS} AS BIT), CAST("{POSITION}" AS INTEGER)) = 1) '
    )


def batches(
    connection: duckdb.DuckDBPyConnection, sql: str, bound: Mapping[str, Any], *, in_memory: bool
) -> Iterator[pa.RecordBatch]:
    """Stream an answer; DuckDB keeps the order in which rows were inserted (`preserve_insertion_order`).

    Only `sql` streams, and it binds the query twice, which takes most of the time that few rows take.
    """
    if in_memory:
        with warnings.catch_warnings(action="ignore", category=UserWarning):  # that rows are copied once more
            answer: pa.Table = connection.execute(sql, dict(bound)).to_arrow_table()
        yield from answer.to_batches(max_chunksize=BATCH)
    else:
        yield from connection.sql(sql, params=dict(bound)).to_arrow_reader(BATCH)


def _allowed(
    connection: duckdb.DuckDBPyConnection, allowance: Allowance, answer: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """Stream an answer within the time that a control may take."""
    while batch := allowance.spend(connection, lambda: next(answer, None)):
        yield batch


def _letters(batch: pa.RecordBatch) -> bytes:
    column = pc.cast(pc.fill_null(batch.column(0), _BROKEN), pa.uint8())
    start = column.offset
    numbers: bytes = column.buffers()[1].to_pybytes()
    return numbers[start : start + len(column)].translate(_TO_LETTERS)
