"""Facts and controls to findings, in the order of the contract.

Each control is judged by one SELECT whose answer is complete before its first finding is given: a control
that breaks half way leaves no half answers, but an `error` for each of its subjects, and the next goes on.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import duckdb
import orjson

from scanner.evaluate.compiled import Compiled, compile_control, needed_columns
from scanner.evaluate.database import Deadline, Limits, Table, first_line, opened
from scanner.evaluate.problem import RefusedError
from scanner.evaluate.waivers import Waivers
from scanner.model.control import Control
from scanner.model.finding import Finding, Status
from scanner.model.reading import EvidenceRef

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


def _judged(
    connection: duckdb.DuckDBPyConnection, compiled: Compiled, settings: Mapping[str, Any], limits: Limits
) -> Iterator[Finding]:
    failure = _run(connection, compiled, settings, limits)
    if failure:
        yield from _errors(connection, compiled.control, failure)
        return
    for row in _rows(connection, "SELECT * FROM verdict"):
        yield _finding(compiled.control, row)


def _run(
    connection: duckdb.DuckDBPyConnection, compiled: Compiled, settings: Mapping[str, Any], limits: Limits
) -> str:
    """Judge into the table `verdict`; give what broke, in a sentence, or an empty text."""
    bound = {name: settings[name] for name in compiled.parameters}
    deadline = Deadline(connection, limits.seconds)
    try:
        with deadline:
            connection.execute(f"CREATE OR REPLACE TEMP TABLE verdict AS {compiled.sql}", bound)
    except (duckdb.Error, RuntimeError) as error:
        if deadline.passed:
            return f"The control took longer than {limits.seconds:g} s and was stopped."
        if isinstance(error, duckdb.InterruptException):
            raise KeyboardInterrupt from error
        return f"The control broke: {first_line(error)}"
    return ""


def _errors(connection: duckdb.DuckDBPyConnection, control: Control, failure: str) -> Iterator[Finding]:
    """Give an `error` for each subject that the control was to judge."""
    columns = "account, region, subject, subject_type"
    for row in _rows(connection, f'SELECT {columns} FROM "{control.subject}"'):  # noqa: S608 -- a table of the model
        broken = {"status": Status.ERROR, "reason": failure, "details": "{}", "evidence": []}
        yield _finding(control, {**row, **broken})


def _rows(connection: duckdb.DuckDBPyConnection, sql: str) -> Iterator[dict[str, Any]]:
    """Stream rows; DuckDB keeps the order in which they were inserted (`preserve_insertion_order`)."""
    for batch in connection.sql(sql).to_arrow_reader(BATCH):
        yield from batch.to_pylist()


def _finding(control: Control, row: Mapping[str, Any]) -> Finding:
    return Finding(
        control=control.id,
        status=Status(row["status"]),
        severity=control.severity,
        subject=row["subject"],
        subject_type=row["subject_type"],
        account=row["account"],
        region=row["region"],
        reason=row["reason"],
        details=_details(row["details"]),
        evidence=_references(row["evidence"]),
        frameworks=control.frameworks,
    )


def _details(text: str) -> dict[str, Any]:
    """Read the details. DuckDB writes Infinity and NaN, which JSON lacks: they become null."""
    try:
        details: dict[str, Any] = orjson.loads(text)
    except orjson.JSONDecodeError:
        details = json.loads(text, parse_constant=lambda _: None)
    return details


def _references(places: Sequence[Mapping[str, Any]] | None) -> tuple[EvidenceRef, ...]:
    return tuple(EvidenceRef(place["file"], place["line"]) for place in places or ())
