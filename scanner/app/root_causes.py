"""The root causes of the failures of a judged scan: alike failures are joined with SQL, and traced once."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scanner.app.protection import graph_of
from scanner.evaluate.compiled import compile_control
from scanner.evaluate.database import Limits
from scanner.evaluate.language.reasons import literal
from scanner.evaluate.query import answered, check_query
from scanner.evaluate.root_causes.columns import COLUMNS, EVIDENCE
from scanner.evaluate.root_causes.links import Row, Structures
from scanner.evaluate.root_causes.trace import (
    NOT_TRACED,
    RootCauseTally,
    Tracer,
    is_traced,
    missing_read,
    named,
)
from scanner.evidence.scan_files import FACTS, INVENTORY, ScanFiles
from scanner.findings.queried import FindingsTable
from scanner.model.facts import TABLES
from scanner.model.protection import ProtectionGroup
from scanner.model.root_causes import RootCause, RootCauseSummary, Trace
from scanner.model.scan import Scan
from scanner.storage.parquet import open_table
from scanner.storage.table_files import NoTableError

_LIMITS: Final = Limits(seconds=3_600.0)
"""An evaluation must not fail because its summary takes long."""

_GROUPS: Final = "protection_groups"
_RESOURCE: Final = "resource"
_FAILED: Final = "SELECT control, subject, account, region FROM findings WHERE status = 'fail'"
_TOTALS: Final = "SELECT control, count(*) AS number FROM findings WHERE status = 'fail' GROUP BY control"


@dataclass(frozen=True, slots=True)
class TracedFailures:
    """Failures of a control that are alike: how many they are, and their trace. `subject` empty: several."""

    control: str
    subject: str
    number: int
    trace: Trace


def root_causes_of(folder: Path, scan: Scan) -> RootCauseSummary | None:
    """Return the root causes of a judged scan. Errors: as `graph_of`.

    None: another program, or an earlier version, evaluated the scan.
    """
    tally = RootCauseTally()
    try:
        for failures in traced_failures(folder, scan):
            tally.add(failures.control, failures.trace, failures.number)
        for control, read, number in unknown_findings(folder, scan):
            tally.add_unknown(control, read, number)
    except NoTableError:
        return None
    return tally.summary()


def traced_failures(folder: Path, scan: Scan, *, by_subject: bool = False) -> Iterator[TracedFailures]:
    """Yield the failures of a scan with their traces: alike resources together, unless `by_subject`.

    Failures of controls without links come last, together and not traced.

    Raises:
        NoTableError: the scan has no facts, or no protection groups.
    """
    tables = _Tables(ScanFiles(folder, scan.manifest), scan)
    structures = Structures(tables.by_subject("rule"), tables.by_subject("selection"))
    controls = frozenset(control.id for control in scan.controls)
    tracer = Tracer(structures, graph_of(folder, scan.manifest), controls)
    left = Counter({row["control"]: int(row["number"]) for row in tables.rows(_TOTALS)})
    for table in COLUMNS:
        for row in tables.failures(table, by_subject=by_subject):
            control, subject, number = row["control"], str(row.get("subject") or ""), int(row["number"])
            left[control] -= number
            trace = tracer.failure(control, row, subject, str(row.get("first_resource") or ""))
            yield TracedFailures(control, subject, number, trace)
    for control, number in sorted((+left).items()):
        yield TracedFailures(control, "", number, NOT_TRACED)


def unknown_findings(folder: Path, scan: Scan) -> Iterator[tuple[str, RootCause | None, int]]:
    """Yield unknown findings with the first missing read that they need, alike ones together.

    NoTableError: the scan has no facts.
    """
    tables = _Tables(ScanFiles(folder, scan.manifest), scan)
    for table in TABLES:
        needed = {
            control.id: compile_control(control).columns
            for control in scan.controls
            if control.subject == table
        }
        for row in tables.rows(_unknown(table, needed)) if needed else ():
            yield row["control"], missing_read(row, needed[row["control"]]), int(row["number"])


@dataclass(frozen=True, slots=True)
class _Tables:
    """The tables of a scan, asked with SQL."""

    files: ScanFiles
    scan: Scan

    def rows(self, sql: str) -> Iterator[Row]:
        """Yield the rows of a query as mappings. UsageError: it takes too long, or too much memory."""
        query = check_query(sql, {*TABLES, _GROUPS, "findings"})
        tables = {}
        for name in sorted(query.tables - {"findings"}):
            row = ProtectionGroup if name == _GROUPS else TABLES[name]
            source = self.files.table(INVENTORY if name == _GROUPS else FACTS, name)
            tables[name] = open_table(source, row, query.names)
        findings = FindingsTable(self.scan) if "findings" in query.tables else None
        as_of = self.scan.manifest.evaluated_as_of
        with answered(tables, query, as_of=as_of, findings=findings, limits=_LIMITS) as answer:
            yield from named(answer.columns, answer.rows)

    def by_subject(self, table: str) -> dict[str, Row]:
        """Return the rows of a small table by their subjects."""
        columns = ", ".join(f"{sql} AS {name}" for name, sql in COLUMNS[table].items())
        return {row["subject"]: row for row in self.rows(f"SELECT {columns} FROM {table}")}  # nosec B608 # noqa: S608 -- names of the model

    def failures(self, table: str, *, by_subject: bool) -> Iterator[Row]:
        """Yield the failures of the controls of a table, each with the columns that are traced."""
        ids = [
            control.id for control in self.scan.controls if control.subject == table and is_traced(control.id)
        ]
        if ids:
            sql = _of_resources(ids, by_subject=by_subject) if table == _RESOURCE else _failures(table, ids)
            yield from self.rows(sql)


def _failures(table: str, controls: Iterable[str]) -> str:
    columns = ", ".join(f"{sql} AS {name}" for name, sql in COLUMNS[table].items())
    return (
        f"WITH failed AS ({_FAILED} AND control IN ({_texts(controls)})) "  # nosec B608 # noqa: S608 -- names of the model and ids as literals
        f"SELECT control, 1 AS number, {columns} FROM failed JOIN {table} USING (subject, account, region)"
    )


def _unknown(table: str, controls: Iterable[str]) -> str:
    return (
        "WITH open AS (SELECT control, subject, account, region FROM findings "  # nosec B608 # noqa: S608 -- as above
        f"WHERE status = 'unknown' AND control IN ({_texts(controls)})) "
        f"SELECT control, not_known, count(*) AS number "
        f"FROM open JOIN {table} USING (subject, account, region) GROUP BY ALL"
    )


def _of_resources(controls: Iterable[str], *, by_subject: bool) -> str:
    """Return the query over resources: those with equal columns are one row."""
    columns = ", ".join(f"{sql} AS {name}" for name, sql in COLUMNS[_RESOURCE].items())
    subject = "subject, " if by_subject else ""
    return (
        "WITH grouped AS "  # nosec B608 # noqa: S608 -- as above
        f"(SELECT examples[1] AS first_resource, unnest(resources) AS subject FROM {_GROUPS}), "
        f"failed AS ({_FAILED} AND control IN ({_texts(controls)})) "
        f"SELECT control, {subject}first_resource, {columns}, {EVIDENCE} AS evidence, count(*) AS number "
        f"FROM failed JOIN {_RESOURCE} USING (subject, account, region) LEFT JOIN grouped USING (subject) "
        "GROUP BY ALL"
    )


def _texts(values: Iterable[str]) -> str:
    return ", ".join(map(literal, values))
