"""The root causes of the failures of a judged scan: alike failures are joined with SQL, and traced once."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from scanner.app.cause_tables import BATCH, RESOURCE, BatchTables, TracedTables, batches
from scanner.evaluate.compiled import compile_control
from scanner.evaluate.controls.loader import load_controls
from scanner.evaluate.root_causes.columns import COLUMNS
from scanner.evaluate.root_causes.trace import (
    LINKED,
    NOT_TRACED,
    RootCauseTally,
    Tracer,
    in_order,
    missing_read,
    table_of,
)
from scanner.evidence.manifest import read_manifest
from scanner.evidence.scan_files import INVENTORY, ScanFiles
from scanner.findings.causes import cause_rows, write_causes
from scanner.findings.schema import FOLDER
from scanner.graph.protection_graph import ProtectionTables, protection_graph
from scanner.model.explanation import Advice, Explanation
from scanner.model.facts import TABLES
from scanner.model.finding import Status
from scanner.model.inventory_tables import RootCauseTable
from scanner.model.root_causes import Blocker, RootCause, RootCauseSummary, Trace
from scanner.model.scan import Scan
from scanner.report.explain.advice import advice_of, definitions_of
from scanner.storage.table_files import NoTableError


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
    tracing = _Tracing(scan)
    for tables in batches(folder, scan):
        for failures in tracing.of(tables, by_subject=False):
            tally.add(failures.control, failures.trace, failures.number)
            # One trace for many failures, but a row for each, so that SQL can join them with findings.
            for subject in failures.subjects:
                key = (failures.control, failures.account, failures.region, subject)
                yield from cause_rows(key, failures.trace)
        for unknown in _unknown_findings(tables):
            tally.add_unknown(unknown.control, unknown.read, unknown.number)
            for account, region, subject in unknown.subjects:
                yield from cause_rows((unknown.control, account, region, subject), Trace(unknown.read))
    for failures in tracing.untraced():
        tally.add(failures.control, failures.trace, failures.number)


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


def traced_failures(
    folder: Path, scan: Scan, *, by_subject: bool = False, batch: int = BATCH
) -> Iterator[TracedFailures]:
    """Yield the failures of a scan with their traces: alike resources together, unless `by_subject`.

    Failures of controls without links come last, together and not traced. `batch`: bytes of facts in memory.

    Raises:
        NoTableError: the scan has no facts, or no protection groups.
    """
    tracing = _Tracing(scan)
    for tables in batches(folder, scan, batch):
        yield from tracing.of(tables, by_subject=by_subject)
    yield from tracing.untraced()


class _Tracing:
    """Traces the failures of a scan, batch by batch, and counts those that no table explains."""

    def __init__(self, scan: Scan) -> None:
        self._linked = _linked((control.id, control.population, control.require) for control in scan.controls)
        self._left: Counter[str] = Counter()

    def of(self, tables: BatchTables, *, by_subject: bool) -> Iterator[TracedFailures]:
        """Yield the failures of a batch whose controls have links."""
        graph = tables.graph()
        tracer = Tracer(tables.structures(), graph, self._linked)
        left = Counter(tables.totals(Status.FAIL))
        for table in COLUMNS:
            ids = [
                control for control in tables.controls_of(table) if left[control] and control in self._linked
            ]
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
        self._left += left
        # A graph of networkx refers to itself, so that it would stay in memory for a while.
        graph.clear()

    def untraced(self) -> Iterator[TracedFailures]:
        """Yield the failures of all batches whose controls have no links, in the end."""
        for control, number in sorted(self._left.items()):
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
    for tables in batches(folder, scan):
        yield from _unknown_findings(tables)


def _unknown_findings(tables: BatchTables) -> Iterator[UnknownFindings]:
    unknown = tables.totals(Status.UNKNOWN)
    for table in TABLES:
        needed = {
            name: compile_control(control).columns
            for name, control in tables.controls_of(table).items()
            if name in unknown
        }
        for row in tables.unknown(table, needed):
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
        traces = _traces_of(
            TracedTables(files, manifest.evaluated_as_of, explanation.account), failures, linked
        )
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
    tables: TracedTables, failures: Collection[tuple[str, str]], linked: Collection[str]
) -> Mapping[tuple[str, str], Trace]:
    """Trace failures of subjects of one account."""
    structures = tables.structures()
    by_table: dict[str, list[str]] = {}
    for control, subject in failures:
        by_table.setdefault(table_of(control), []).append(subject)
    groups = list(tables.groups_of(by_table.get(RESOURCE, ())))
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
