"""The root causes of the failures of a judged scan: alike failures are joined with SQL, and traced once."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from scanner.app.protection import graph_of
from scanner.evaluate.compiled import compile_control
from scanner.evaluate.controls.loader import load_controls
from scanner.evaluate.database import Limits, Table
from scanner.evaluate.language.reasons import literal
from scanner.evaluate.loaded_tables import LoadedTables, ScanTable, loaded_tables
from scanner.evaluate.query import answered, check_query
from scanner.evaluate.root_causes.columns import COLUMNS, EVIDENCE
from scanner.evaluate.root_causes.links import Row, Structures
from scanner.evaluate.root_causes.trace import (
    LINKED,
    NOT_TRACED,
    RootCauseTally,
    Tracer,
    in_order,
    missing_read,
    named,
    table_of,
)
from scanner.evidence.manifest import read_manifest
from scanner.evidence.scan_files import FACTS, INVENTORY, ScanFiles
from scanner.findings.causes import cause_rows, write_causes
from scanner.findings.queried import FindingsTable
from scanner.findings.schema import FOLDER
from scanner.graph.protection_graph import ProtectionTables, protection_graph
from scanner.model.control import Control
from scanner.model.explanation import Advice, Explanation
from scanner.model.facts import TABLES
from scanner.model.finding import Status
from scanner.model.inventory_tables import INVENTORY_TABLES, RootCauseTable
from scanner.model.protection import ProtectionGroup
from scanner.model.root_causes import Blocker, RootCause, RootCauseSummary, Trace
from scanner.model.scan import Scan
from scanner.report.explain.advice import advice_of, definitions_of
from scanner.storage.parquet import arrow_schema, open_table, row_schema
from scanner.storage.table_files import NoTableError, account_of, no_table

_LIMITS: Final = Limits(seconds=900.0, threads=1)
"""For one query. A scan for which one takes longer has no root causes."""

_GROUPS: Final = "protection_groups"
_RESOURCE: Final = "resource"
_FAILED: Final = "SELECT control, subject, account, region FROM findings WHERE status = 'fail'"


@dataclass(frozen=True, slots=True)
class TracedFailures:
    """Failures of a control that are alike: how many they are, and their trace. `subject` empty: several.

    `subjects`: those of all of them, in `account` and `region`; empty: they are not traced.
    """

    control: str
    subject: str
    number: int
    trace: Trace
    subjects: tuple[str, ...] = ()
    account: str = ""
    region: str = ""


def write_root_causes(folder: Path, scan: Scan) -> RootCauseSummary | None:
    """Write the root causes of a judged scan into its inventory, and return their counts.

    None: another program, or an earlier version, evaluated the scan. Errors: as `graph_of`, and UsageError
    where a query takes too long or too much memory; then no table is written.
    """
    tally = RootCauseTally()
    try:
        write_causes(folder / INVENTORY, _rows(folder, scan, tally))
    except NoTableError:
        return None
    return tally.summary()


def _rows(folder: Path, scan: Scan, tally: RootCauseTally) -> Iterator[RootCauseTable]:
    """Yield the rows of the table `root_causes`, and count them."""
    with _loaded(folder, scan) as tables:
        for failures in _traced(folder, scan, tables, by_subject=False):
            tally.add(failures.control, failures.trace, failures.number)
            # One trace for many failures, but a row for each, so that SQL can join them with findings.
            for subject in failures.subjects:
                key = (failures.control, failures.account, failures.region, subject)
                yield from cause_rows(key, failures.trace)
        for unknown in _unknown_findings(tables):
            tally.add_unknown(unknown.control, unknown.read, unknown.number)
            for account, region, subject in unknown.subjects:
                yield from cause_rows((unknown.control, account, region, subject), Trace(unknown.read))


def root_causes_of(folder: Path, scan: Scan) -> RootCauseSummary | None:
    """Return the root causes of a judged scan. Errors: as `graph_of`.

    None: another program, or an earlier version, evaluated the scan.
    """
    tally = RootCauseTally()
    try:
        for _ in _rows(folder, scan, tally):
            pass
    except NoTableError:
        return None
    return tally.summary()


def traced_failures(folder: Path, scan: Scan, *, by_subject: bool = False) -> Iterator[TracedFailures]:
    """Yield the failures of a scan with their traces: alike resources together, unless `by_subject`.

    Failures of controls without links come last, together and not traced.

    Raises:
        NoTableError: the scan has no facts, or no protection groups.
    """
    with _loaded(folder, scan) as tables:
        yield from _traced(folder, scan, tables, by_subject=by_subject)


def _traced(folder: Path, scan: Scan, tables: "_ScanTables", *, by_subject: bool) -> Iterator[TracedFailures]:
    structures = tables.structures()
    linked = _linked((control.id, control.population, control.require) for control in scan.controls)
    tracer = Tracer(structures, graph_of(folder, scan.manifest), linked)
    # Failures that no table explains are counted as untraced in the end.
    left = Counter(tables.totals(Status.FAIL))
    for table in COLUMNS:
        ids = [control for control in tables.controls_of(table) if left[control] and control in linked]
        for row in tables.failures(table, ids, by_subject=by_subject):
            subject, group = str(row.get("subject") or ""), str(row.get("first_resource") or "")
            subjects = tuple(row.get("subjects") or (subject,))
            for control in row["controls"]:
                # Counted down here: what is left belongs to controls without links.
                left[control] -= row["number"]
                trace = tracer.failure(control, row, subject, group)
                yield TracedFailures(
                    control, subject, row["number"], trace, subjects, row["account"], row["region"]
                )
    # Unary plus drops the controls whose failures were all traced.
    for control, number in sorted((+left).items()):
        yield TracedFailures(control, "", number, NOT_TRACED)


def _linked(controls: Iterable[tuple[str, str, str]]) -> frozenset[str]:
    """Return the ids of those controls that have links; each is an id, a population and a requirement.

    A control of the user may have the id of a packaged one, whose links say nothing about it.
    """
    packaged = {(control.id, control.population, control.require) for control in load_controls()}
    # Equal id and equal SQL: the links explain the packaged control only.
    return frozenset(control[0] for control in controls if control in packaged and control[0] in LINKED)


@dataclass(frozen=True, slots=True)
class UnknownFindings:
    """Unknown findings of a control that are alike: how many they are, and the first missing read.

    `subjects`: account, Region and subject of each.
    """

    control: str
    read: RootCause | None
    number: int
    subjects: tuple[tuple[str, str, str], ...]


def unknown_findings(folder: Path, scan: Scan) -> Iterator[UnknownFindings]:
    """Yield unknown findings with the first missing read that they need, alike ones together.

    NoTableError: the scan has no facts.
    """
    with _loaded(folder, scan) as tables:
        yield from _unknown_findings(tables)


def _unknown_findings(tables: "_ScanTables") -> Iterator[UnknownFindings]:
    unknown = tables.totals(Status.UNKNOWN)
    for table in TABLES:
        needed = {
            name: compile_control(control).columns
            for name, control in tables.controls_of(table).items()
            if name in unknown
        }
        for row in tables.rows(_unknown(table, needed)) if needed else ():
            read = missing_read(row, needed[row["control"]])
            subjects = tuple((key["account"], key["region"], key["subject"]) for key in row["subjects"])
            yield UnknownFindings(row["control"], read, int(row["number"]), subjects)


def with_root_causes(folder: Path, explanation: Explanation) -> Explanation:
    """Return an explanation whose failures have their root causes, those first that others hang on.

    A failure that others hang on is added. Reads the files of the subject's account only.

    BundleError: a file differs from the manifest's checksum.
    """
    failed = [advice for advice in explanation.advice if advice.status is Status.FAIL]
    linked = _linked(
        (name, str(definition.get("population")), str(definition.get("require")))
        for name, definition in (definitions_of(folder) if failed else {}).items()
    )
    failures = tuple((advice.control, advice.subject) for advice in failed if advice.control in linked)
    if not failures:
        return explanation
    manifest = read_manifest(folder)
    files = ScanFiles(folder, manifest)
    try:
        traces = _traces_of(_Tables(files, manifest.evaluated_as_of, explanation.account), failures, linked)
    except NoTableError:  # another program or an earlier version evaluated the scan
        return explanation
    missing = {
        (trace.blocked_by.control, trace.blocked_by.subject) for trace in traces.values() if trace.blocked_by
    } - {(advice.control, advice.subject) for advice in explanation.advice}
    findings = files.checked(f"{FOLDER}/{explanation.account}.parquet")
    added = advice_of(folder, missing, findings) if missing else ()
    advice = (*explanation.advice, *added)
    shown = {Blocker(failure.control, failure.subject) for failure in advice}
    return replace(
        explanation, advice=in_order(tuple(_with_trace(failure, traces, shown) for failure in advice))
    )


def _with_trace(
    advice: Advice, traces: Mapping[tuple[str, str], Trace], shown: Collection[Blocker]
) -> Advice:
    trace = traces.get((advice.control, advice.subject), NOT_TRACED)
    # A failure that is not shown cannot be referred to.
    blocker = trace.blocked_by if trace.blocked_by in shown else None
    return replace(advice, root_cause=trace.root_cause, blocked_by=blocker)


def _traces_of(
    tables: "_Tables", failures: Collection[tuple[str, str]], linked: Collection[str]
) -> Mapping[tuple[str, str], Trace]:
    """Trace failures of subjects of one account."""
    structures = tables.structures()
    by_table: dict[str, list[str]] = {}
    for control, subject in failures:
        by_table.setdefault(table_of(control), []).append(subject)
    groups = list(tables.groups_of(by_table.get(_RESOURCE, ())))
    graph = protection_graph(
        ProtectionTables(
            groups=groups,
            rules=structures.rules.values(),
            selections=structures.selections.values(),
            keys=tables.rows("SELECT key, kind, state, enabled FROM keys"),
        )
    )
    tracer = Tracer(structures, graph, linked)
    group_of = {resource: str(row["examples"][0]) for row in groups for resource in row["resources"]}
    rows = {
        (table, row["subject"]): row
        for table, subjects in by_table.items()
        if table in COLUMNS
        for row in tables.of_subjects(table, subjects)
    }
    return {
        (control, subject): tracer.failure(control, row, subject, group_of.get(subject, ""))
        for control, subject in failures
        for row in (rows.get((table_of(control), subject)),)
        if row is not None
    }


@dataclass(frozen=True, slots=True)
class _Tables:
    """The tables of a scan, or of one account of it, asked with SQL."""

    files: ScanFiles
    as_of: datetime
    account: str = ""  # empty: all

    def rows(self, sql: str) -> Iterator[Row]:
        """Yield the rows of a query as mappings. UsageError: it takes too long, or too much memory."""
        query = check_query(sql, {*TABLES, *INVENTORY_TABLES})
        tables = {name: self._table(name, query.names) for name in sorted(query.tables)}
        with answered(tables, query, as_of=self.as_of, limits=_LIMITS) as answer:
            yield from named(answer.columns, answer.rows)

    def _table(self, name: str, columns: frozenset[str] | None) -> Table:
        is_fact = name in TABLES
        source = self.files.table(FACTS if is_fact else INVENTORY, name)
        # Facts of one account are enough: a resource's plans and rules are in its own account.
        if is_fact and self.account:
            paths = tuple(path for path in source.paths if account_of(path) == self.account)
            source = replace(source, paths=paths)
        return open_table(source, TABLES[name] if is_fact else INVENTORY_TABLES[name], columns)

    def structures(self) -> Structures:
        """Return the rules and selections, which links of resources lead to."""
        return Structures(self._by_subject("rule"), self._by_subject("selection"))

    def _by_subject(self, table: str) -> dict[str, Row]:
        return {row["subject"]: row for row in self.rows(f"SELECT {_columns(table)} FROM {table}")}  # nosec B608 # noqa: S608 -- names of the model

    def of_subjects(self, table: str, subjects: Collection[str]) -> Iterator[Row]:
        """Yield the rows of some subjects, with the columns that are traced."""
        names = "" if "subject" in COLUMNS[table] else "subject, evidence, "
        yield from self.rows(
            f"SELECT {names}{_columns(table)} FROM {table} WHERE subject IN ({_texts(subjects)})"  # nosec B608 # noqa: S608 -- as above
        )

    def groups_of(self, resources: Collection[str]) -> Iterator[Row]:
        """Yield the protection groups of some resources; their `resources` are only these."""
        if resources:
            columns = ", ".join(field.name for field in fields(ProtectionGroup) if field.name != "resources")
            wanted = f"list_intersect(resources, [{_texts(resources)}])"
            yield from self.rows(
                f"SELECT {columns}, {wanted} AS resources FROM {_GROUPS} WHERE len({wanted}) > 0"  # nosec B608 # noqa: S608 -- as above
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class _ScanTables(_Tables):
    """The tables of a whole scan, with its findings."""

    scan: Scan
    loaded: LoadedTables

    def rows(self, sql: str) -> Iterator[Row]:
        """Yield the rows of a query, which may read the findings that do not pass, too."""
        answer = self.loaded.answer(sql)
        yield from named(answer.columns, answer.rows)

    def totals(self, status: Status) -> dict[str, int]:
        """Return how many findings of each control have a status."""
        sql = f"SELECT control, count(*) AS number FROM findings WHERE status = '{status}' GROUP BY control"  # nosec B608 # noqa: S608 -- a word of the model
        return {row["control"]: row["number"] for row in self.rows(sql)}

    def controls_of(self, table: str) -> dict[str, Control]:
        """Return the controls of a table by id."""
        return {control.id: control for control in self.scan.controls if control.subject == table}

    def failures(self, table: str, controls: Collection[str], *, by_subject: bool) -> Iterator[Row]:
        """Yield the failures of some controls of a table, each with the columns that are traced."""
        if controls:
            is_resource = table == _RESOURCE
            yield from self.rows(
                _of_resources(controls, by_subject=by_subject) if is_resource else _failures(table, controls)
            )


@contextmanager
def _loaded(folder: Path, scan: Scan) -> Iterator[_ScanTables]:
    """Open the tables of a judged scan. BundleError: its findings cannot be read."""
    files, as_of = ScanFiles(folder, scan.manifest), scan.manifest.evaluated_as_of
    tables = {name: ScanTable(files.table(FACTS, name), arrow_schema(name)) for name in TABLES}
    groups = files.table(INVENTORY, _GROUPS)
    # Without groups there is no graph, so no failure of a resource could be traced.
    if not groups.paths:
        raise no_table(folder / INVENTORY / f"{_GROUPS}.parquet")
    tables[_GROUPS] = ScanTable(groups, row_schema(ProtectionGroup))
    with loaded_tables(tables, FindingsTable(scan), as_of=as_of, limits=_LIMITS) as database:
        yield _ScanTables(files, as_of, scan=scan, loaded=database)


def _columns(table: str) -> str:
    return ", ".join(f"{sql} AS {name}" for name, sql in COLUMNS[table].items())


def _failures(table: str, controls: Iterable[str]) -> str:
    return (
        f"WITH failed AS ({_FAILED} AND control IN ({_texts(controls)})) "  # nosec B608 # noqa: S608 -- names of the model and ids as literals
        f"SELECT [control] AS controls, 1 AS number, {_columns(table)} "
        f"FROM failed JOIN {table} USING (subject, account, region)"
    )


def _unknown(table: str, controls: Mapping[str, Collection[str]]) -> str:
    """Return the query over unknown findings. `controls`: the columns that each reads.

    Of the notes of a row only the first missing read is kept: they are wide, and each has its own.
    """
    ids, columns = _texts(controls), ", ".join(f"[{_texts(sorted(names))}]" for names in controls.values())
    needed = "lambda note: note.operation <> '' AND list_contains(needed, note.about)"
    read = ", ".join(f"{name} := note.{name}" for name in ("operation", "of", "account", "region", "about"))
    return (
        "WITH open AS (SELECT control, subject, account, region FROM findings "  # nosec B608 # noqa: S608 -- as above
        f"WHERE status = 'unknown' AND control IN ({ids})), "
        f"reading AS (SELECT unnest([{ids}]) AS control, unnest([{columns}]) AS needed) "
        # Sorted within SQL, so the first missing read is the same on every run.
        f"SELECT control, list_sort(list_transform(list_filter(not_known, {needed}), "
        f"lambda note: struct_pack({read})))[:1] AS not_known, count(*) AS number, "
        "list({'account': account, 'region': region, 'subject': subject}) AS subjects "
        f"FROM open JOIN reading USING (control) JOIN {table} USING (subject, account, region) GROUP BY ALL"
    )


def _of_resources(controls: Iterable[str], *, by_subject: bool) -> str:
    """Return the query over resources: those with equal columns that failed the same controls are one row.

    The controls are gathered first, because grouping by the columns, which are wide, is what takes time.
    """
    subject = "subject, " if by_subject else "list(subject) AS subjects, "
    return (
        "WITH grouped AS "  # nosec B608 # noqa: S608 -- as above
        f"(SELECT examples[1] AS first_resource, unnest(resources) AS subject FROM {_GROUPS}), "
        "failed AS (SELECT subject, account, region, list_sort(list(control)) AS controls FROM findings "
        f"WHERE status = 'fail' AND control IN ({_texts(controls)}) GROUP BY subject, account, region) "
        f"SELECT controls, {subject}first_resource, {_columns(_RESOURCE)}, {EVIDENCE} AS evidence, "
        "count(*) AS number "
        f"FROM failed JOIN {_RESOURCE} USING (subject, account, region) LEFT JOIN grouped USING (subject) "
        "GROUP BY ALL"
    )


def _texts(values: Iterable[str]) -> str:
    return ", ".join(map(literal, values))
