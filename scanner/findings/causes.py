"""The filed root causes of findings: one row for each finding that was traced, in filing order."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from scanner.errors import OutputError
from scanner.findings.filed import literal, pattern, read_parquet
from scanner.findings.rows import evidence_of
from scanner.model.finding import Finding, Status
from scanner.model.inventory_tables import RootCauseTable
from scanner.model.known import EvidenceRef
from scanner.model.root_causes import Blocker, CauseKind, RootCause, Trace
from scanner.storage.parquet import ParquetTable, StoredRows, row_schema, table_of
from scanner.storage.table_files import TableFiles, TableSource

TABLE: Final = "root_causes"
"""The name of the table, and of its file in the inventory."""

# Only these can have a cause; other findings skip the lookup.
_TRACED: Final = frozenset({Status.FAIL, Status.UNKNOWN})
_ORDER: Final = ("control", "account", "region", "subject")
_TRACE: Final = (
    *("blocked_by_control", "blocked_by_subject", "kind", "cause_subject", "cause_account", "cause_region"),
    *("cause_about", "cause_name", "cause_control"),
)
_BATCH: Final = 10_000
_SETTINGS: Final = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "memory_limit": "300MB",
    "threads": "1",
}
_Key = tuple[str, str, str, str]
_Values = tuple[Any, ...]
"""The evidence of a row, and the columns _TRACE."""


class FiledCauses:
    """The root causes of a scan. Errors of its methods: BundleError, as of `StoredRows`."""

    def __init__(self, tables: TableSource) -> None:
        """Use these files. NoTableError: the scan has no such table."""
        self._tables = tables
        self._files: TableFiles = tables(TABLE)

    def cursor(self) -> "Cursor":
        """Return a reader for findings that come in filing order."""
        return Cursor(StoredRows(self._tables, TABLE, RootCauseTable).batches())

    def merged(self, findings: Iterable[Finding]) -> Iterator[Finding]:
        """Yield findings, which come in filing order, with their root causes."""
        cursor = self.cursor()
        # Both sides are in filing order, so one forward pass finds every trace without an index.
        for finding in findings:
            trace = cursor.at(finding.order) if finding.status in _TRACED else None
            yield finding if trace is None else _traced(finding, trace)

    @property
    def sql(self) -> str:
        """The SQL table function that reads the table. Its files are checked before."""
        for path in self._files.paths:
            self._files.verify(path)
        return read_parquet(self._files.paths)

    def of(self, findings: Sequence[Finding]) -> list[Finding]:
        """Return some findings with their root causes, in the same order."""
        # A few findings are looked up by filter, since a cursor would read the table from the start.
        wanted = {finding.order for finding in findings if finding.status in _TRACED}
        if not wanted:
            return list(findings)
        subjects, controls = ({key[at] for key in wanted} for at in (3, 0))
        # Checked against the manifest before use.
        for path in self._files.paths:
            self._files.verify(path)
        dataset = ds.dataset([str(path) for path in self._files.paths], row_schema(RootCauseTable))
        # Subjects and controls prune row groups; exact keys are compared below.
        chosen = ds.field("subject").isin(sorted(subjects)) & ds.field("control").isin(sorted(controls))
        rows = _keyed(dataset.to_table(filter=chosen).to_batches())
        traces = {key: _trace(*values) for key, values in rows}
        return [
            finding if (trace := traces.get(finding.order)) is None else _traced(finding, trace)
            for finding in findings
        ]


class Cursor:
    """Reads root causes in filing order."""

    def __init__(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Read these rows of the table."""
        self._rows = _keyed(batches)
        self._row: tuple[_Key, _Values] | None = next(self._rows, None)

    def at(self, key: _Key) -> Trace | None:
        """Return the trace of the finding with this key, not before the last one; None: it has none."""
        row = self._row
        # Skipped rows belong to findings that the caller did not select.
        while row is not None and row[0] < key:
            row = next(self._rows, None)
        self._row = row
        return _trace(*row[1]) if row is not None and row[0] == key else None


def _keyed(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[_Key, _Values]]:
    """Yield the rows of the table by key: column by column, which is much faster than a mapping a row."""
    for batch in batches:
        keys, values = ([batch.column(name).to_pylist() for name in names] for names in (_ORDER, _TRACE))
        evidence = evidence_of(batch.column("evidence"))
        yield from zip(zip(*keys, strict=True), zip(evidence, *values, strict=True), strict=True)


def _trace(evidence: tuple[EvidenceRef, ...], blocking: str, blocked: str, *cause: str) -> Trace:
    """Return the trace of a row. Its columns: the evidence, and those of _TRACE."""
    # An empty control means that nothing blocks.
    return Trace(_cause(evidence, *cause), Blocker(blocking, blocked) if blocking else None)


@lru_cache(maxsize=4_096)
def _cause(evidence: tuple[EvidenceRef, ...], kind: str, *names: str) -> RootCause:
    """Return a root cause. Many findings have the same."""
    subject, account, region, about, name, control = names
    return RootCause(
        kind=CauseKind(kind),
        subject=subject,
        account=account,
        region=region,
        about=about,
        name=name,
        control=control,
        evidence=evidence,
    )


def _traced(finding: Finding, trace: Trace) -> Finding:
    return replace(finding, root_cause=trace.root_cause, blocked_by=trace.blocked_by)


def cause_rows(key: _Key, trace: Trace) -> Iterator[RootCauseTable]:
    """Yield the row of a finding that was traced. A blocker without a subject has the finding's."""
    cause, blocker = trace.root_cause, trace.blocked_by
    if cause is None:
        return
    control, account, region, subject = key
    yield RootCauseTable(
        control=control,
        account=account,
        region=region,
        subject=subject,
        kind=cause.kind.value,
        step=cause.step.value,
        cause_subject=cause.subject,
        cause_name=cause.name,
        cause_about=cause.about,
        cause_account=cause.account,
        cause_region=cause.region,
        cause_control=cause.control,
        evidence=cause.evidence,
        blocked_by_control=blocker.control if blocker else "",
        # Filled in here, so that SQL over the table needs no coalesce.
        blocked_by_subject=(blocker.subject or subject) if blocker else "",
    )


def write_causes(folder: Path, rows: Iterable[RootCauseTable]) -> Path:
    """Write the table into the inventory folder, and return its path. Rows are sorted on the disk.

    OutputError: the disk is full, or a file cannot be written.
    """
    # Rows come in the order of tracing; sorting them on the disk keeps memory bounded.
    with tempfile.TemporaryDirectory(prefix="vaultproof-") as scratch:
        unsorted = Path(scratch) / f"{TABLE}.parquet"
        try:
            _write_unsorted(unsorted, rows)
            with ParquetTable(folder, TABLE, RootCauseTable) as table:
                for batch in _sorted(unsorted, Path(scratch)):
                    table.append(batch)
        except (OSError, duckdb.Error) as error:
            raise OutputError(f"{folder / TABLE}.parquet cannot be written: {error}.") from error
        return table.path


def _write_unsorted(path: Path, rows: Iterable[RootCauseTable]) -> None:
    waiting = iter(rows)
    with pq.ParquetWriter(path, row_schema(RootCauseTable)) as writer:
        while batch := list(islice(waiting, _BATCH)):
            writer.write_table(table_of(RootCauseTable, batch))


def _sorted(path: Path, scratch: Path) -> Iterator[pa.Table]:
    schema = row_schema(RootCauseTable)
    # A temporary folder of its own: DuckDB would otherwise spill into the working directory.
    with duckdb.connect(":memory:", config={**_SETTINGS, "temp_directory": str(scratch)}) as connection:
        sql = f"SELECT * FROM read_parquet({literal(pattern(path))}) ORDER BY {', '.join(_ORDER)}"  # nosec B608 # noqa: S608 -- names of the model, a file of ours
        # DuckDB drops nullability, so the batches are cast back to the declared schema.
        for batch in connection.sql(sql).to_arrow_reader(_BATCH):
            yield pa.Table.from_batches([batch]).cast(schema)
