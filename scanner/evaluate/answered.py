"""What DuckDB answers, as findings: column by column, and what many findings share is made once."""

import json
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, Final

import orjson
import pyarrow as pa

from scanner.evaluate.to_do import MissingRead, to_do_of
from scanner.model.control import Control
from scanner.model.finding import TO_DO, Finding, Status
from scanner.model.reading import EvidenceRef

_REMEMBERED: Final = 100_000
"""Evidence lines that are remembered while a control is judged."""


Document = dict[str, Any]

UNWRITTEN: Final = "The control could not be evaluated: {} for this subject could not be written."


class Answered:
    """Makes findings of the rows of a verdict (`verdict_sql`) of one control."""

    def __init__(self, control: Control) -> None:
        """Take the control whose verdicts they are."""
        self._control = control
        self._lines: dict[tuple[str, int], EvidenceRef] = {}
        self._advice: dict[tuple[MissingRead, ...], Document] = {}

    def findings(
        self, batch: pa.RecordBatch, more: Iterator[Mapping[str, Any]] | None = None
    ) -> Iterator[Finding]:
        """Give the findings of a batch, in its order. `more`: what else the details of each row say."""
        control = self._control
        statuses = map(_STATUSES.__getitem__, _texts(batch, "status"))
        names = ("account", "region", "subject", "subject_type", "reason")
        columns = (_texts(batch, name) for name in names)
        details = map(_details, _texts(batch, "details"))
        to_dos = map(self._to_do, _column(batch, "remedy"), _column(batch, "missing"))
        evidence = self._evidence(batch.column("evidence"))
        for status, account, region, subject, subject_type, reason, told, lines, to_do in zip(
            statuses, *columns, details, evidence, to_dos, strict=True
        ):
            failure = _failure(reason, told)
            yield Finding(
                control=control.id,
                status=Status.ERROR if failure else status,
                severity=control.severity,
                subject=subject,
                subject_type=subject_type,
                account=account,
                region=region,
                reason=failure or reason,
                details={**(told or {}), **to_do, **(next(more) if more else {})},
                evidence=lines,
                frameworks=control.frameworks,
            )

    def _to_do(self, remedy: Document | None, missing: list[Document] | None) -> Document:
        """Give the detail that says what to do; empty where the remediation of the control says it all."""
        if remedy is not None:
            return {TO_DO: remedy}
        if missing is None:
            return {}
        reads = tuple(MissingRead(**each) for each in missing)
        if (known := self._advice.get(reads)) is None:
            told = to_do_of(reads)
            known = self._advice[reads] = {TO_DO: {"text": told.text, "cli": told.cli}}
        return known

    def _evidence(self, column: pa.ListArray) -> Iterator[tuple[EvidenceRef, ...]]:
        """Give the evidence lines of each row. Those of all rows lie in one array, one after the other."""
        offsets = column.offsets.to_pylist()
        files = column.values.field("file").to_pylist()
        numbers = column.values.field("line").to_pylist()
        if len(self._lines) > _REMEMBERED:
            self._lines.clear()
        known = self._lines
        members = []
        for place in zip(files, numbers, strict=True):
            line = known.get(place)
            if line is None:
                line = known[place] = EvidenceRef(*place)
            members.append(line)
        return (tuple(members[start:end]) for start, end in pairwise(offsets))


_STATUSES: Final = {status.value: status for status in Status}


def _texts(batch: pa.RecordBatch, name: str) -> list[Any]:
    column = batch.column(name)
    return list(column.to_pylist())


def _column(batch: pa.RecordBatch, name: str) -> list[Any]:
    """Give the values of a column; NULLs where the batch lacks it, which is of a control that broke."""
    if name not in batch.schema.names:
        return [None] * batch.num_rows
    return list(batch.column(name).to_pylist())


def _failure(reason: str | None, details: dict[str, Any] | None) -> str:
    """Say what could not be written; an empty text: nothing."""
    if reason is None:
        return UNWRITTEN.format("its reason")
    return UNWRITTEN.format("its details") if details is None else ""


def _details(text: str | None) -> dict[str, Any] | None:
    """Read the details. DuckDB writes Infinity and NaN, which JSON lacks: they become null."""
    if text is None:
        return None
    try:
        details: dict[str, Any] = orjson.loads(text)
    except orjson.JSONDecodeError:
        details = json.loads(text, parse_constant=lambda _: None)
    return details
