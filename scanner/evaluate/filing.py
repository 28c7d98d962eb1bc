"""Evaluates controls on facts, a group of accounts at a time, and writes the findings account by account.

The statuses of all rows are computed first. Texts are computed for the rows whose findings are neither passed
nor not applicable, and for those of which it is unknown which parameters apply.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from pathlib import Path
from typing import Final

import duckdb
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from scanner.errors import VaultproofError
from scanner.evaluate.database import FactFiles, Facts, Limits, opened
from scanner.evaluate.decisions.owners import BACKUP, Owners, owned
from scanner.evaluate.decisions.tier_rows import EVERYWHERE, TAGGED, columns_asked
from scanner.evaluate.decisions.tiers import Tiering, conditions
from scanner.evaluate.decisions.waivers import EXPIRED, Waivers
from scanner.evaluate.engine import Judge, Parameters, compile_loaded, in_effect, loaded_columns
from scanner.evaluate.queries import LETTERS
from scanner.evaluate.subjects import SubjectBatch, Subjects
from scanner.evaluate.tier_evaluation import RowStatus
from scanner.evaluate.verdicts import UNCERTAIN, Verdicts, is_one_of, texts_of
from scanner.findings.schema import FILED, WITHOUT_TEXTS
from scanner.findings.writing import FindingFiles
from scanner.model.control import Compiled, Control
from scanner.model.decisions import Tiers
from scanner.model.finding import Finding, Status
from scanner.storage.memory import release_memory
from scanner.storage.parquet import arrow_schema

_SOURCE: Final = "resource"
"""The column of recovery points that says what they are backups of: its owner is theirs."""

LIMITS: Final = Limits(threads=1)
"""Most queries are short: with two threads they take a fifth more processor time, and more memory."""

_TEXTS: Final = frozenset(
    (*(letter for status, letter in LETTERS.items() if status not in WITHOUT_TEXTS), UNCERTAIN)
)
"""The letters of rows whose findings have texts."""
_ONE: Final = pa.scalar(ord("1"), pa.uint8())

_REORDERED: Final = (
    "Findings of {} could not be filed: DuckDB returned them in another order than their subjects."
)
_OF_TEXTS: Final = ("reason", "details", "evidence", "waiver")
_STATUSES: Final = tuple(LETTERS)

# `UNCERTAIN` is a letter of its own for texts, but a status like any other unknown.
_TO_INDICES: Final = bytes.maketrans(
    bytes((*LETTERS.values(), UNCERTAIN)), bytes((*range(len(_STATUSES)), _STATUSES.index(Status.UNKNOWN)))
)

MOST: Final = 100_000
"""Findings of a group, unless one account has more: four times as many take 100 MB, and a fifth less time."""


def file_findings(  # noqa: PLR0913 -- each is another thing that a verdict depends on
    tables: Mapping[str, FactFiles],
    controls: Iterable[Control],
    parameters: Parameters,
    files: FindingFiles,
    *,
    as_of: datetime,
    waivers: Waivers,
    tiering: Tiering | None = None,
    owners: Owners | None = None,
    limits: Limits | None = None,
) -> None:
    """Judge fact tables whose files are named after accounts, and write the findings.

    `as_of` (aware) is the one clock of the evaluation. OutputError: a file cannot be written.
    """
    filing = _Filing(
        compiled=[compile_loaded(control) for control in sorted(controls, key=attrgetter("id"))],
        parameters=parameters,
        files=files,
        waivers=waivers,
        tiering=tiering or Tiering(Tiers()),
        owners=owners,
        limits=limits or LIMITS,
    )
    filing.file(tables, as_of)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Filing:
    compiled: list[Compiled]
    parameters: Parameters
    files: FindingFiles
    waivers: Waivers
    tiering: Tiering
    owners: Owners | None
    limits: Limits

    def file(self, tables: Mapping[str, FactFiles], as_of: datetime) -> None:
        controls_by_table = Counter(compiled.control.subject for compiled in self.compiled)
        columns = loaded_columns(self.compiled, self.tiering, tables)
        if self.owners is not None and BACKUP in columns:
            # The owner of a recovery point is that of its resource, whose column no control may have
            # selected.
            columns[BACKUP] = tuple(dict.fromkeys((*columns[BACKUP], _SOURCE)))
        elsewhere = self._elsewhere(tables, columns)
        expired = tuple(owned(self.waivers.findings(), self.owners))
        for group in groups(tables, controls_by_table, self.limits.rows):
            # Filed with the account that runs the scan, even though no row of facts belongs to it.
            due = [finding for finding in expired if finding.account in group.accounts]
            with opened({**group.tables, **elsewhere}, columns, as_of, self.limits) as connection:
                self._judge(connection, Judge(connection, self.tiering, columns, self.limits), due)
            self.files.finish(group.accounts)
            # Arrow and DuckDB keep freed memory, which would add up over hundreds of accounts.
            release_memory()
            expired = () if due else expired
        # Their account may have no facts at all.
        self.files.add_findings(expired)

    def _elsewhere(
        self, tables: Mapping[str, FactFiles], columns: dict[str, tuple[str, ...]]
    ) -> dict[str, Facts]:
        """Return the tables that are loaded of all accounts, and add their columns to those to load."""
        by_tag = columns_asked(conditions(tier.match for tier in self.tiering.tiers), columns)
        if BACKUP not in columns or TAGGED not in by_tag:
            return {}
        columns[EVERYWHERE] = by_tag[TAGGED]
        everywhere = tables[TAGGED]
        return {EVERYWHERE: everywhere if everywhere.paths else arrow_schema(TAGGED).empty_table()}

    def _judge(self, connection: duckdb.DuckDBPyConnection, judge: Judge, expired: list[Finding]) -> None:
        """Judge the loaded tables by every control. `expired`: findings among those of this group."""
        subjects: dict[str, Subjects] = {}
        for compiled in self.compiled:
            # Findings are sorted by control, and those of expired waivers have an id, too.
            if compiled.control.id > EXPIRED:
                self.files.add_findings(expired)
                expired = []
            table = compiled.control.subject
            if table not in subjects:
                # Subjects of a table are the same for every control, so they are read once.
                subjects[table] = Subjects(connection, table, self.owners)
            verdicts = judge.verdicts(compiled, in_effect(compiled.control, self.parameters))
            self._add(compiled.control, verdicts, subjects[table])
        self.files.add_findings(expired)

    def _add(self, control: Control, verdicts: Verdicts, subjects: Subjects) -> None:
        """Add the findings of a control: a batch of rows at a time, each account's by itself."""
        # Most rows pass, and a text costs forty times a status: texts of passes are computed when read.
        chosen = is_one_of(verdicts.letters, _TEXTS)
        waived = texts_of(map(self.waivers.apply, verdicts.findings(chosen)))
        # Without waivers the texts stay in Arrow, without a Python object for each finding.
        texts = _Texts(waived if self.waivers else verdicts.texts(chosen))
        for batch in subjects:
            written = texts.take(chosen.count(b"1", batch.start, batch.end))
            rows = _rows(control.id, batch, verdicts, written)
            # `nbytes` of a slice counts the whole buffer, so the size is derived from the rows.
            row_size = rows.nbytes // max(rows.num_rows, 1)
            for account, first, last in batch.accounts:
                number = last - first
                self.files.add(account, rows.slice(first - batch.start, number), number * row_size)


class _Texts:
    """Filed columns of rows that have texts, taken as many at a time as there are in a batch of rows."""

    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self._batches, self._waiting = batches, 0
        self._held: list[pa.RecordBatch] = []

    def take(self, number: int) -> pa.Table:
        """Take the next rows."""
        while self._waiting < number:
            batch = next(self._batches)
            self._held.append(batch)
            self._waiting += batch.num_rows
        if not number:
            return pa.table({})
        held = pa.Table.from_batches(self._held)
        self._held = held.slice(number).to_batches()
        self._waiting -= number
        return held.slice(0, number)


def _rows(control: str, batch: SubjectBatch, verdicts: Verdicts, texts: pa.Table) -> pa.RecordBatch:
    """Build the filed findings of a batch of rows. `texts`: those that have texts, in full."""
    letters = verdicts.letters[batch.start : batch.end]
    number = len(letters)
    columns = {
        "control": pa.repeat(control, number),
        "status": _words(letters.translate(_TO_INDICES), _STATUSES),
        **batch.columns,
        **_standings(verdicts, batch),
        **{name: pa.nulls(number, FILED.field(name).type) for name in _OF_TEXTS},
    }
    if texts.num_rows:
        flags = pc.equal(_bytes(is_one_of(letters, _TEXTS)), _ONE)
        # The texts are from a query of their own, and SQL promises no order: a mix-up must not be filed.
        if not columns["subject"].filter(flags).equals(texts.column("subject").combine_chunks()):
            raise VaultproofError(_REORDERED.format(control))
        columns |= _with_texts(columns["status"], flags, texts)
    return pa.RecordBatch.from_arrays([columns[name] for name in FILED.names], schema=FILED)


def _with_texts(status: pa.Array, flags: pa.BooleanArray, texts: pa.Table) -> dict[str, pa.Array]:
    # NULL takes no row: findings without texts get NULL in these columns.
    at = pc.subtract(pc.cumulative_sum(pc.cast(flags, pa.int32())), 1)
    places = pc.if_else(flags, at, pa.scalar(None, pa.int32()))
    columns = {name: texts.column(name).combine_chunks() for name in texts.column_names}
    taken = {name: columns[name].take(places) for name in _OF_TEXTS if name in columns}
    # A text that could not be rendered turns its row into an error, so the status comes from there.
    return {**taken, "status": pc.replace_with_mask(status, flags, columns["status"])}


def _standings(verdicts: Verdicts, batch: SubjectBatch) -> dict[str, pa.Array]:
    """Build the columns `tier` and `parameters`."""
    number, standings = batch.end - batch.start, verdicts.standings()
    if standings is None:
        return {"tier": pa.repeat("", number), "parameters": pa.nulls(number, pa.string())}
    numbers = standings.numbers.slice(batch.start, number).combine_chunks()
    columns = {
        "tier": [status.details.get("tier", "") for status in standings.distinct],
        "parameters": [_parameters(status) for status in standings.distinct],
    }
    return {name: pa.array(values, pa.string()).take(numbers) for name, values in columns.items()}


def _parameters(standing: RowStatus) -> str | None:
    # Without certainty no single set of parameters applies.
    settings = standing.details.get("parameters") if standing.is_certain else None
    return None if settings is None else orjson.dumps(settings).decode()


def _words(indices: bytes, words: Iterable[str]) -> pa.Array:
    """Build a column of texts from a byte for each row."""
    return pa.array([str(word) for word in words], pa.string()).take(_bytes(indices))


def _bytes(content: bytes) -> pa.UInt8Array:
    return pa.Array.from_buffers(pa.uint8(), len(content), [None, pa.py_buffer(content)])


@dataclass(frozen=True, slots=True)
class Group:
    """Accounts, and their part of each fact table."""

    accounts: tuple[str, ...]
    tables: Mapping[str, FactFiles]


def groups(
    tables: Mapping[str, FactFiles], controls: Mapping[str, int], rows: int, most: int = MOST
) -> Iterator[Group]:
    """Return all accounts in groups, in order. `controls`: how many are evaluated for each table.

    A group has no more than `rows` rows of a table, and `most` findings, unless it is of one account.
    """
    # Binding the SQL of all controls takes as long for one row as for a million: small accounts share it.
    findings = _findings(tables, controls, most // max(rows, 1))
    waiting: list[str] = []
    for account in sorted(findings):
        if waiting and sum(findings[member] for member in (*waiting, account)) > most:
            yield _group(waiting, tables)
            waiting = []
        waiting.append(account)
    if waiting:
        yield _group(waiting, tables)


def _findings(tables: Mapping[str, FactFiles], controls: Mapping[str, int], least: int) -> Mapping[str, int]:
    """Return how many findings each account will have. A row counts as `least` findings, if it has fewer."""
    findings: Counter[str] = Counter()
    for name, files in tables.items():
        for path, number in zip(files.paths, files.rows, strict=True):
            findings[_account(path)] += number * max(controls.get(name, 0), least)
    return findings


def _account(path: str) -> str:
    return Path(path).stem


def _group(accounts: Iterable[str], tables: Mapping[str, FactFiles]) -> Group:
    # Materialised: an iterator would be exhausted by the first table.
    chosen = tuple(accounts)
    return Group(chosen, {name: _part(files, frozenset(chosen)) for name, files in tables.items()})


def _part(files: FactFiles, accounts: frozenset[str]) -> FactFiles:
    chosen = [file for file in zip(files.paths, files.rows, strict=True) if _account(file[0]) in accounts]
    return FactFiles(tuple(path for path, _ in chosen), tuple(number for _, number in chosen))
