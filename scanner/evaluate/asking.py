"""One control asked with one set of parameters, of all subjects or of some."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import duckdb
import pyarrow as pa

from scanner.evaluate.allowance import Allowance
from scanner.evaluate.database import POSITION, numbered
from scanner.model.control import Compiled

BATCH: Final = 10_000
"""Findings that are in memory at once."""

_ROWS: Final = "_rows"
"""The name by which the chosen rows are bound: no parameter of a control begins like this."""


@dataclass(frozen=True, slots=True)
class Asking:
    """`parameters` are all that the control has; `rows`: the chosen ones, as bits; None: all."""

    compiled: Compiled
    parameters: Mapping[str, Any]
    rows: str | None = None

    @property
    def bound(self) -> dict[str, Any]:
        """Give what is bound to the SQL."""
        values = {name: self.parameters[name] for name in self.compiled.parameters}
        return values if self.rows is None else {**values, _ROWS: self.rows}

    @property
    def _head(self) -> str:
        """Put the chosen rows in the place of the table. DuckDB keeps their order."""
        if self.rows is None:
            return ""
        table = self.compiled.control.subject
        return (
            f'WITH "{table}" AS NOT MATERIALIZED (SELECT * FROM "{numbered(table)}" '  # noqa: S608 -- a name of the model
            f'WHERE get_bit(CAST(${_ROWS} AS BIT), CAST("{POSITION}" AS INTEGER)) = 1) '
        )

    def batches(
        self, connection: duckdb.DuckDBPyConnection, allowance: Allowance
    ) -> Iterator[pa.RecordBatch]:
        """Stream rows; DuckDB keeps the order in which they were inserted (`preserve_insertion_order`)."""
        sql = f"{self._head}{self.compiled.sql}"

        def open_reader() -> pa.RecordBatchReader:
            return connection.sql(sql, params=self.bound).to_arrow_reader(BATCH)

        reader = allowance.spend(connection, open_reader)
        while batch := allowance.spend(connection, lambda: next(reader, None)):
            yield batch
