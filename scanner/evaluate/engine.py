"""Facts and controls to findings, in the order of the contract.

Findings stream, a batch at a time, with their reasons and details. A subject that a control cannot be
evaluated for is an `error`, and no other. A control that breaks as a whole gives an `error` for each subject
that has no finding yet, and the next one goes on. Where a reason or details cannot be written, that finding
alone is an `error`; what passes or is not applicable stays so, since its status does not depend on its texts.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any

import duckdb

from scanner.evaluate.compiled import compile_control
from scanner.evaluate.compiler import needed_columns
from scanner.evaluate.database import Allowance, BrokenControlError, Limits, Table, opened
from scanner.evaluate.decisions.tier_rows import TableRows, columns_asked, table_rows
from scanner.evaluate.decisions.tiers import Tiering, conditions
from scanner.evaluate.decisions.waivers import EXPIRED, Waivers
from scanner.evaluate.problem import RefusedError
from scanner.evaluate.queries import Asking
from scanner.evaluate.tier_evaluation import Tiered
from scanner.evaluate.verdicts import Broken, ByTier, Plain, Verdicts
from scanner.model.control import Compiled, Control
from scanner.model.decisions import Tiers
from scanner.model.finding import Finding

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
    tiering: Tiering | None = None,
) -> Iterator[Finding]:
    """Judge fact tables, by name, and give the findings: by control, account, Region and subject.

    `as_of` (aware) is the one clock of the evaluation. KeyError: the table of a control is missing.
    """
    limits = limits or Limits()
    waivers = Waivers((), as_of) if waivers is None else waivers
    tiering = tiering or Tiering(Tiers())
    # Findings are sorted by control.
    compiled_controls = [
        compile_loaded(control) for control in sorted(controls, key=lambda control: control.id)
    ]
    columns = loaded_columns(compiled_controls, tiering, tables)
    with opened(tables, columns, as_of, limits) as connection:
        judge = Judge(connection, tiering, columns, limits)
        expired = waivers.findings()
        for compiled in compiled_controls:
            # Expired waivers are findings of a control with an id, and take its place in the order.
            if compiled.control.id > EXPIRED:
                yield from expired
            for finding in judge.verdicts(compiled, in_effect(compiled.control, parameters)).findings():
                yield waivers.apply(finding)
        yield from expired


def in_effect(control: Control, parameters: Parameters | None) -> dict[str, Any]:
    """Return the parameters of a control: its defaults, and what audit.yaml sets."""
    return {**control.parameters, **(parameters or {}).get(control.id, {})}


def compile_loaded(control: Control) -> Compiled:
    """Compile a control that the loader has let through. ValueError: it has not been through the loader."""
    try:
        return compile_control(control)
    except RefusedError as refused:
        raise ValueError(f"control {control.id}: {refused}") from refused


def loaded_columns(
    compiled: Iterable[Compiled], tiering: Tiering, tables: Iterable[str]
) -> dict[str, tuple[str, ...]]:
    """Return the columns to load: those of controls, and those that tiers and overrides need."""
    columns = needed_columns(compiled)
    if tiering.tiers:
        by_tiers = columns_asked(conditions(tier.match for tier in tiering.tiers), columns)
        # Tiers name columns that the controls themselves may not read.
        for table in {*by_tiers} & {*tables}:
            columns[table] = tuple(dict.fromkeys((*columns.get(table, ()), *by_tiers[table])))
    return columns


class Judge:
    """Asks controls of the tables of an open database."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        tiering: Tiering,
        tables: Iterable[str],
        limits: Limits,
    ) -> None:
        self._connection, self._tiering, self._limits = connection, tiering, limits
        self._tables = tuple(tables)
        # Numbering rows is the same for all controls of a table.
        self._rows = cache(self._table_rows)

    def _table_rows(self, table: str) -> TableRows:
        return table_rows(self._connection, table, self._tiering, self._tables)

    def verdicts(self, compiled: Compiled, settings: Mapping[str, Any]) -> Verdicts:
        """Ask a control with these parameters, and with those of tiers and overrides."""
        allowance = Allowance(self._limits.seconds)
        try:
            if self._tiering.tiers:
                rows = self._rows(compiled.control.subject)
                tiered = Tiered(compiled, settings, self._tiering.tiers, rows)
                return ByTier(self._connection, compiled, allowance, tiered, rows)
            # One broken control gives errors for its own subjects; the others are judged.
            return Plain(self._connection, compiled, allowance, Asking(compiled, settings))
        except BrokenControlError as failure:
            return Broken(self._connection, compiled, allowance, str(failure))
