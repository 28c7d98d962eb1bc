"""Facts and controls to findings, in the order of the contract.

Each control judges its subjects once, and findings stream, a batch at a time, with their reasons and
details. A control that breaks gives an `error` for each subject that has no finding yet, and the next one
goes on. Where a reason or details cannot be written, that finding alone is an `error`.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any

import duckdb

from scanner.evaluate.allowance import Allowance, BrokenControlError
from scanner.evaluate.answered import Answered
from scanner.evaluate.asking import BATCH, Asking
from scanner.evaluate.compiled import compile_control
from scanner.evaluate.compiler import needed_columns
from scanner.evaluate.database import Limits, Table, opened
from scanner.evaluate.problem import RefusedError
from scanner.evaluate.tier_rows import TableRows, columns_asked, table_rows
from scanner.evaluate.tiered import Tiered
from scanner.evaluate.tiers import Tiering, conditions
from scanner.evaluate.waivers import EXPIRED, Waivers
from scanner.model.control import Compiled, Control
from scanner.model.finding import Finding
from scanner.model.tier import Tiers

Parameters = Mapping[str, Mapping[str, Any]]
"""By control id, what audit.yaml sets; the rest keeps the control's defaults."""

_Some = tuple[int, Iterable[Finding]]
"""So many findings."""


def evaluate(  # noqa: PLR0913 -- each is another thing that a verdict depends on
    tables: Mapping[str, Table],
    controls: Iterable[Control],
    parameters: Parameters | None = None,
    *,
    as_of: datetime,
    waivers: Waivers | None = None,
    limits: Limits | None = None,
    tiering: Tiering | None = None,
) -> Iterator[Finding]:
    """Judge fact tables, by name, and give the findings: by control, account, Region and subject.

    `as_of` (aware) is the one clock of the evaluation. KeyError: the table of a control is missing.
    """
    limits = limits or Limits()
    waivers = waivers or Waivers((), as_of)
    tiering = tiering or Tiering(Tiers())
    compiled = [_compiled(control) for control in sorted(controls, key=lambda control: control.id)]
    columns = _columns(compiled, tiering, tables)
    with opened(tables, columns, as_of, limits) as connection:
        judge = _Judge(connection, tiering, columns)
        expired = waivers.findings()
        for each in compiled:
            if each.control.id > EXPIRED:
                yield from expired
            settings = {**each.control.parameters, **(parameters or {}).get(each.control.id, {})}
            for finding in judge.findings(each, settings, limits):
                yield waivers.apply(finding)
        yield from expired


def _compiled(control: Control) -> Compiled:
    """Compile a control that the loader has let through. ValueError: it has not been through the loader."""
    try:
        return compile_control(control)
    except RefusedError as refused:
        raise ValueError(f"control {control.id}: {refused}") from refused


def _columns(
    compiled: Iterable[Compiled], tiering: Tiering, tables: Iterable[str]
) -> dict[str, tuple[str, ...]]:
    """Give the columns to load: those that controls read, and those that tiers and overrides ask."""
    columns = needed_columns(compiled)
    if tiering.tiers:
        asked = columns_asked(conditions(each.match for each in tiering.tiers), columns)
        for table in {*asked} & {*tables}:
            columns[table] = tuple(dict.fromkeys((*columns.get(table, ()), *asked[table])))
    return columns


class _Judge:
    """Judges the tables of an open database."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, tiering: Tiering, tables: Iterable[str]
    ) -> None:
        self._connection, self._tiering = connection, tiering
        self._tables = tuple(tables)
        self._rows = cache(self._table_rows)

    def _table_rows(self, table: str) -> TableRows:
        return table_rows(self._connection, table, self._tiering, self._tables)

    def findings(self, compiled: Compiled, settings: Mapping[str, Any], limits: Limits) -> Iterator[Finding]:
        """Give the findings of a control; from where it breaks on, they are errors."""
        allowance = Allowance(limits.seconds)
        told = self._tiered(compiled, settings, allowance) if self._tiering.tiers else None
        given = 0
        try:
            for number, findings in told or self._plain(Asking(compiled, settings), allowance):
                yield from findings
                given += number
        except BrokenControlError as failure:
            yield from self._errors(compiled.control, str(failure), given)

    def _plain(self, asking: Asking, allowance: Allowance) -> Iterator[_Some]:
        answered = Answered(asking.compiled.control)
        for batch in asking.batches(self._connection, allowance):
            yield batch.num_rows, answered.findings(batch)

    def _tiered(
        self, compiled: Compiled, settings: Mapping[str, Any], allowance: Allowance
    ) -> Iterator[_Some]:
        rows = self._rows(compiled.control.subject)
        tiered = Tiered(compiled, settings, self._tiering.tiers, rows)
        yield from ((1, (each,)) for each in tiered.findings(self._connection, allowance))

    def _errors(self, control: Control, failure: str, given: int) -> Iterator[Finding]:
        """Give an `error` for each subject that has no finding yet."""
        sql = (
            "SELECT account, region, subject, subject_type, 'error' AS status, $failure AS reason, "  # noqa: S608 -- a table of the model
            "'{}' AS details, CAST([] AS STRUCT(file VARCHAR, line BIGINT)[]) AS evidence "
            f'FROM "{control.subject}" OFFSET {given}'
        )
        answered = Answered(control)
        for batch in self._connection.sql(sql, params={"failure": failure}).to_arrow_reader(BATCH):
            yield from answered.findings(batch)
