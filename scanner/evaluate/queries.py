"""One control asked with one set of parameters: the status of every row, and the texts of some."""

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, TypeAlias

import duckdb
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from scanner.evaluate.database import POSITION, Allowance, BrokenControlError, numbered
from scanner.evaluate.language.verdict import STATUS_OF
from scanner.evaluate.to_do import MissingRead, to_do_of
from scanner.findings.schema import EVIDENCE
from scanner.model.control import Compiled, Query
from scanner.model.finding import TO_DO, Finding, Status
from scanner.model.known import EvidenceRef

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
UNWRITTEN: Final = "The control could not be evaluated: {} for this subject could not be written."
WITHOUT_WORDS: Final = "The result is certain, but {} for this subject could not be written."

COLUMNS: Final = ("subject", "status", "reason", "details", "evidence")
"""The filed columns that are made of an answer."""
_CALM: Final = frozenset({Status.PASS, Status.NOT_APPLICABLE})

MAX_CAUSES: Final = 5
"""Causes that the reason of an unknown names at most."""

MAX_MISSING: Final = 50
"""Missing reads that the advice about an unknown is made of at most."""

_REMEMBERED: Final = 100_000
"""Evidence lines that are remembered while a control is judged."""
_UNKNOWN: Final = Status.UNKNOWN.value
_READ: Final = ("operation", "of", "account", "region", "kind", "code")


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
        # One letter per row: even millions of rows fit in memory.
        answer = batches(connection, query.sql, self._bound(query), in_memory=True)
        return b"".join(map(_letters, _allowed(connection, allowance, answer)))

    def _bound(self, query: Query) -> dict[str, Any]:
        return {name: self.parameters[name] for name in query.parameters}

    def failure(self, connection: duckdb.DuckDBPyConnection, position: int) -> str:
        """Return why the control cannot be evaluated for a row."""
        table = self.compiled.control.subject
        row = f'(SELECT * FROM "{numbered(table)}" WHERE "{POSITION}" = {position})'  # nosec B608 # noqa: S608 -- a name of the model
        query = self.compiled.status_sql
        # Without TRY for this one row, DuckDB says why it fails.
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
        # All rows: no join and no mask is needed.
        if number < len(rows):
            sql = f"{_chosen(self.compiled.control.subject)}{sql}"
            bound[_ROWS] = rows.decode("ascii")
        answer = batches(connection, sql, bound, in_memory=number <= IN_MEMORY)
        yield from _allowed(connection, allowance, answer)


def _chosen(table: str) -> str:
    """Replace the table by the chosen rows. DuckDB keeps their order."""
    return (
        f'WITH "{table}" AS NOT MATERIALIZED (SELECT * FROM "{numbered(table)}" '  # nosec B608 # noqa: S608 -- a name of the model
        # A bit string is the smallest way to name rows; a list of positions would have to be parsed.
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
    # Time counts only while DuckDB works, not while the caller uses the batch.
    while batch := allowance.spend(connection, lambda: next(answer, None)):
        yield batch


def _letters(batch: pa.RecordBatch) -> bytes:
    # A slice may start in the middle of its buffer.
    column = pc.cast(pc.fill_null(batch.column(0), _BROKEN), pa.uint8())
    start = column.offset
    numbers: bytes = column.buffers()[1].to_pybytes()
    return numbers[start : start + len(column)].translate(_TO_LETTERS)


@dataclass(frozen=True, slots=True)
class Texts:
    """Status, reason and details (JSON text) of the rows of a batch, in its order."""

    statuses: Sequence[Status]
    reasons: Sequence[str]
    details: Sequence[str]


_Note: TypeAlias = tuple[str, ...]
"""A note of a row: the column or field that it is about, the reason, then the read that is missing."""


@dataclass(frozen=True, slots=True)
class _Open:
    """What keeps an answer open: the causes in words, and what to do about them as JSON text."""

    causes: str
    to_do: str


class Answered:
    """Makes texts of the rows of a verdict (`verdict_sql`) of one control."""

    def __init__(self, compiled: Compiled) -> None:
        """Take the control whose verdicts they are."""
        self._compiled, self._control = compiled, compiled.control
        self._judging = tuple(sorted(compiled.judges))
        self._lines: dict[tuple[str, int], EvidenceRef] = {}
        self._open: dict[tuple[bool, tuple[_Note, ...]], _Open] = {}
        self._to_dos: dict[tuple[tuple[str, ...], ...], str] = {}

    def texts(self, batch: pa.RecordBatch) -> Texts:
        """Write the texts of a batch. What cannot be written makes an error of the answer.

        A pass, and what is not applicable, stays what it is: the status does not depend on its texts.
        """
        statuses = [_STATUSES[number] for number in _values(batch, "status")]
        reasons, details = _values(batch, "reason"), _values(batch, "details")
        self._complete_unknowns(batch, statuses, reasons, details)
        for row, remedy in enumerate(_values(batch, "remedy")):
            # The remedy for this subject, not the general one of the control.
            if remedy is not None:
                details[row] = _with_to_do(details[row], orjson.dumps(remedy).decode())
        for row, (reason, text) in enumerate(zip(reasons, details, strict=True)):
            if missing := _missing(reason, text):
                is_calm = statuses[row] in _CALM
                # A pass whose text fails to render is still a pass.
                statuses[row] = statuses[row] if is_calm else Status.ERROR
                reasons[row] = (WITHOUT_WORDS if is_calm else UNWRITTEN).format(missing)
                details[row] = text or "{}"
            elif "NaN" in text or "Infinity" in text:
                # JSON has neither NaN nor Infinity; most texts lack both words, so they are not parsed.
                details[row] = _finite(text)
        return Texts(statuses, reasons, details)

    def _complete_unknowns(
        self,
        batch: pa.RecordBatch,
        statuses: list[Status],
        reasons: list[str | None],
        details: list[str | None],
    ) -> None:
        """Add to the reasons of unknowns what was not read, and to their details what to do about it."""
        if Status.UNKNOWN not in statuses:
            return
        is_asked, unread = _values(batch, "is_asked"), _values(batch, "unread")
        notes = _notes(batch.column("notes"))
        for row, status in enumerate(statuses):
            if status is Status.UNKNOWN:
                has_population = is_asked[row] is not None
                opened = self._opened(notes[row], is_asked=has_population)
                causes = opened.causes or self._unread(unread[row], is_asked=has_population)
                reason = reasons[row]
                reasons[row] = None if reason is None else f"{reason} {causes}".strip(" ")
                details[row] = _with_to_do(details[row], opened.to_do)

    def _opened(self, notes: tuple[_Note, ...], *, is_asked: bool) -> _Open:
        # The same notes recur for every row of a shard that misses a read.
        if (opened := self._open.get((is_asked, notes))) is None:
            if len(self._open) > _REMEMBERED:
                self._open.clear()
            about = self._about(notes, is_asked=is_asked)
            # Sorted and bounded, so the advice is the same for equal notes.
            reads = tuple(sorted({note[2:] for note in about})[:MAX_MISSING])
            opened = self._open[is_asked, notes] = _Open(
                _causes(sorted({note[1] for note in about})), self._to_do(reads)
            )
        return opened

    def _about(self, notes: tuple[_Note, ...], *, is_asked: bool) -> tuple[_Note, ...]:
        """Return the notes about the columns that keep the answer open; all notes if there are none."""
        # Of an unknown population the requirement does not matter yet.
        columns = self._compiled.require if is_asked else self._compiled.population
        # A note may be about a field ("rules.max_gap_hours"); the column is its first part.
        return tuple(note for note in notes if note[0].partition(".")[0] in columns) or notes

    def _to_do(self, reads: tuple[tuple[str, ...], ...]) -> str:
        if (text := self._to_dos.get(reads)) is None:
            if len(self._to_dos) > _REMEMBERED:
                self._to_dos.clear()
            to_do = to_do_of(tuple(MissingRead(*read) for read in reads))
            text = self._to_dos[reads] = orjson.dumps({"text": to_do.text, "cli": to_do.cli}).decode()
        return text

    def _unread(self, values: Mapping[str, object] | None, *, is_asked: bool) -> str:
        """Name the columns that are NULL or incomplete; all of them where that is unknown."""
        columns = self._compiled.require if is_asked else self._compiled.population
        names = [name for name in self._judging if name in columns]
        listed = ", ".join(name for name in names if values is not None and _is_open(values[name]))
        return f"Unknown: {listed or ', '.join(names) or 'the data that it needs'}."

    def columns(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return `subject`, `status`, `reason`, `details` and `evidence` of a batch as they are filed."""
        texts = self.texts(batch)
        arrays = {
            "subject": batch.column("subject"),
            "status": pa.array([status.value for status in texts.statuses], pa.string()),
            "reason": pa.array(texts.reasons, pa.string()),
            "details": pa.array(texts.details, pa.string()),
            "evidence": batch.column("evidence").cast(EVIDENCE),
        }
        return pa.RecordBatch.from_arrays([arrays[name] for name in COLUMNS], names=COLUMNS)

    def findings(self, batch: pa.RecordBatch) -> Iterator[Finding]:
        """Return the findings of a batch, in its order."""
        control, texts = self._control, self.texts(batch)
        names = ("account", "region", "subject", "subject_type")
        columns = (_values(batch, name) for name in names)
        evidence = self._evidence(batch.column("evidence"))
        for status, reason, details, account, region, subject, subject_type, lines in zip(
            texts.statuses, texts.reasons, texts.details, *columns, evidence, strict=True
        ):
            yield Finding(
                control=control.id,
                status=status,
                severity=control.severity,
                subject=subject,
                subject_type=subject_type,
                account=account,
                region=region,
                reason=reason,
                details=orjson.loads(details),
                evidence=lines,
                frameworks=control.frameworks,
            )

    def _evidence(self, column: pa.ListArray) -> Iterator[tuple[EvidenceRef, ...]]:
        """Return the evidence lines of each row. Those of all rows lie in one array, one after the other."""
        offsets, values = _members(column)
        files, numbers = (values.field(name).to_pylist() for name in ("file", "line"))
        # Between batches only, so that the rows of a batch share their objects.
        if len(self._lines) > _REMEMBERED:
            self._lines.clear()
        refs = self._lines
        members = []
        for place in zip(files, numbers, strict=True):
            line = refs.get(place)
            if line is None:
                line = refs[place] = EvidenceRef(*place)
            members.append(line)
        return (tuple(members[start:end]) for start, end in pairwise(offsets))


_STATUSES: Final[Mapping[str, Status]] = {status.value: status for status in Status}


def _values(batch: pa.RecordBatch, name: str) -> list[Any]:
    return list(batch.column(name).to_pylist())


def _notes(column: pa.ListArray) -> list[tuple[_Note, ...]]:
    """Return the notes of each row."""
    offsets, values = _members(column)
    names = ("about", "reason", *_READ)
    members = tuple(zip(*(values.field(name).to_pylist() for name in names), strict=True))
    return [members[start:end] for start, end in pairwise(offsets)]


def _is_open(value: object) -> bool:
    """Whether something of a column is not known. It looks two levels deep."""
    if isinstance(value, dict):
        return None in value.values()
    if isinstance(value, list):
        return any(member is None or _has_open_field(member) for member in value)
    return value is None


def _has_open_field(member: object) -> bool:
    fields = member.values() if isinstance(member, dict) else ()
    return any(field is None or (isinstance(field, list) and None in field) for field in fields)


def _members(column: pa.ListArray) -> tuple[list[int], pa.StructArray]:
    """Return the members of all lists of a column, and where each list begins among them."""
    # A batch may be a slice, so its first offset need not be 0.
    offsets = column.offsets.to_pylist()
    first, last = offsets[0], offsets[-1]
    return [offset - first for offset in offsets], column.values.slice(first, last - first)


def _causes(reasons: Sequence[str]) -> str:
    more = f" {len(reasons) - MAX_CAUSES} more causes." if len(reasons) > MAX_CAUSES else ""
    return " ".join(reasons[:MAX_CAUSES]) + more


def _with_to_do(details: str | None, to_do: str) -> str | None:
    if details is None:
        return None
    # Text instead of parsing and writing JSON for each unknown row.
    between = "" if details == "{}" else ","
    return f'{details[:-1]}{between}"{TO_DO}":{to_do}}}'


def _missing(reason: str | None, details: str | None) -> str:
    """Return what could not be written; empty: nothing."""
    if reason is None:
        return "its reason"
    return "its details" if details is None else ""


def _finite(text: str) -> str:
    """Write null for Infinity and NaN, which DuckDB writes and JSON lacks."""
    return orjson.dumps(json.loads(text, parse_constant=lambda _: None)).decode()
