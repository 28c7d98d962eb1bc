"""Facts and controls to findings, in the order of the contract.

A control is asked of all its subjects before its first finding is given: one that breaks gives an `error`
for each of them, and the next goes on. Findings then stream, a batch at a time, with their reasons and
details. Where one of these cannot be written, that finding alone is an `error`.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final, TypeVar

import duckdb
import pyarrow as pa

from scanner.evaluate.answered import Answered
from scanner.evaluate.compiled import Compiled, compile_control, needed_columns
from scanner.evaluate.database import Deadline, Limits, Table, first_line, opened
from scanner.evaluate.problem import RefusedError
from scanner.evaluate.waivers import Waivers
from scanner.model.control import Control
from scanner.model.finding import Finding

T = TypeVar("T")

BATCH: Final = 10_000
"""Findings that are in memory at once."""

Parameters = Mapping[str, Mapping[str, Any]]
"""By control id, what audit.yaml sets; the rest keeps the control's defaults."""


def evaluate(  # noqa: PLR0913 -- each is another thing that a verdict depends on
    tables: Mapping[str, Table],
    controls: Iterable[Control],
    parameters: Parameters | None = None,
    *,
    as_of: datetime,
    waivers: Waivers | None = None,
    limits: Limits | None = None,
) -> Iterator[Finding]:
    """Judge fact tables, by name, and give the findings: by control, account, Region and subject.

    `as_of` (aware) is the one clock of the evaluation. KeyError: the table of a control is missing.
    """
    limits = limits or Limits()
    waivers = waivers or Waivers((), as_of)
    compiled = [_compiled(control) for control in sorted(controls, key=lambda control: control.id)]
    columns = needed_columns(compiled)
    with opened(tables, columns, as_of, limits) as connection:
        for each in compiled:
            settings = {**each.control.parameters, **(parameters or {}).get(each.control.id, {})}
            for finding in _judged(connection, each, settings, limits):
                yield waivers.apply(finding)


def _compiled(control: Control) -> Compiled:
    """Compile a control that the loader has let through. ValueError: it has not been through the loader."""
    try:
        return compile_control(control)
    except RefusedError as refused:
        raise ValueError(f"control {control.id}: {refused}") from refused


class _BrokenError(Exception):
    """A control broke; the message says how, in a sentence."""


class _Allowance:
    """The time that a control may take of DuckDB. What its findings are used for does not count."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, seconds: float) -> None:
        self._connection, self._seconds, self._left = connection, seconds, seconds

    def spend(self, work: Callable[[], T]) -> T:
        """Do a piece of work. _BrokenError: it broke, or the time is up."""
        deadline = Deadline(self._connection, max(self._left, 0.0))
        begun = time.perf_counter()
        try:
            with deadline:
                return work()
        except (duckdb.Error, RuntimeError, OSError) as error:
            if deadline.passed:
                told = f"The control took longer than {self._seconds:g} s and was stopped."
                raise _BrokenError(told) from error
            if isinstance(error, duckdb.InterruptException):
                raise KeyboardInterrupt from error
            raise _BrokenError(f"The control broke: {first_line(error)}") from error
        finally:
            self._left -= time.perf_counter() - begun


def _judged(
    connection: duckdb.DuckDBPyConnection, compiled: Compiled, settings: Mapping[str, Any], limits: Limits
) -> Iterator[Finding]:
    bound = {name: settings[name] for name in compiled.parameters}
    allowance = _Allowance(connection, limits.seconds)
    answered = Answered(compiled.control)
    given = 0
    try:
        allowance.spend(lambda: _ask(connection, compiled, bound))
        for batch in _batches(connection, compiled.sql, bound, allowance):
            yield from answered.findings(batch)
            given += batch.num_rows
    except _BrokenError as failure:
        yield from _errors(connection, answered, compiled.control.subject, str(failure), given)


def _ask(connection: duckdb.DuckDBPyConnection, compiled: Compiled, bound: Mapping[str, Any]) -> None:
    """Judge all subjects, and keep nothing: what breaks breaks here, before the first finding."""
    connection.execute(f"SELECT max(status) FROM ({compiled.sql})", dict(bound)).fetchall()  # noqa: S608 -- checked SQL


def _batches(
    connection: duckdb.DuckDBPyConnection, sql: str, bound: Mapping[str, Any], allowance: _Allowance
) -> Iterator[pa.RecordBatch]:
    """Stream rows; DuckDB keeps the order in which they were inserted (`preserve_insertion_order`)."""
    reader = allowance.spend(lambda: connection.sql(sql, params=dict(bound)).to_arrow_reader(BATCH))
    while batch := allowance.spend(lambda: next(reader, None)):
        yield batch


def _errors(
    connection: duckdb.DuckDBPyConnection, answered: Answered, table: str, failure: str, given: int
) -> Iterator[Finding]:
    """Give an `error` for each subject that has no finding yet."""
    sql = (
        "SELECT account, region, subject, subject_type, 'error' AS status, $failure AS reason, "  # noqa: S608 -- a table of the model
        "'{}' AS details, CAST([] AS STRUCT(file VARCHAR, line BIGINT)[]) AS evidence "
        f'FROM "{table}" OFFSET {given}'
    )
    for batch in connection.sql(sql, params={"failure": failure}).to_arrow_reader(BATCH):
        yield from answered.findings(batch)
