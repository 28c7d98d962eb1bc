"""The tables of a judged scan as root causes need them: of one account, or of a batch of accounts at a time.

A batch has the facts, findings and protection groups of its accounts. What a failure is traced to is in its
own account, except keys, so that one batch in memory is enough however many accounts there are.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Final

from scanner.evaluate.database import Limits, Table
from scanner.evaluate.language.reasons import literal
from scanner.evaluate.loaded_tables import LoadedTables, ScanTable, loaded_tables
from scanner.evaluate.query import answered, check_query, columns_of
from scanner.evaluate.root_causes.columns import COLUMNS, EVIDENCE
from scanner.evaluate.root_causes.links import Row, Structures
from scanner.evaluate.root_causes.trace import named
from scanner.evidence.scan_files import FACTS, INVENTORY, ScanFiles
from scanner.findings.filed import Filed
from scanner.findings.queried import FindingsTable
from scanner.graph.protection_graph import Graph, ProtectionTables, protection_graph
from scanner.model.control import Control
from scanner.model.facts import TABLES
from scanner.model.finding import Status
from scanner.model.inventory_tables import INVENTORY_TABLES
from scanner.model.protection import ProtectionGroup
from scanner.model.scan import Scan
from scanner.storage.memory import return_freed_memory
from scanner.storage.parquet import arrow_schema, open_table, row_schema
from scanner.storage.table_files import ORGANIZATION, account_of, no_table

RESOURCE: Final = "resource"

_LIMITS: Final = Limits(seconds=900.0, threads=1)
"""For one query. A scan for which one takes longer has no root causes."""

_GROUPS: Final = "protection_groups"
_KEYS: Final = "keys"
_FAILED: Final = "SELECT control, subject, account, region FROM findings WHERE status = 'fail'"

BATCH: Final = 4 << 20
"""Bytes of the facts of a batch, unless it is of one account. Opening a database for each costs 0.1 s."""


@dataclass(frozen=True, slots=True)
class TracedTables:
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
class BatchTables(TracedTables):
    """The tables of some accounts, with their findings that do not pass."""

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

    def graph(self) -> Graph:
        """Build the protection graph of the accounts, as far as traces walk it: without places and plans."""
        structures = self.structures()
        columns = ", ".join(field.name for field in fields(ProtectionGroup) if field.name != "resources")
        return protection_graph(
            ProtectionTables(
                groups=self.rows(f"SELECT {columns} FROM {_GROUPS}"),  # nosec B608 # noqa: S608 -- names of the model
                rules=structures.rules.values(),
                selections=structures.selections.values(),
                # Keys that are enabled, or of which that is not known, break no edge.
                keys=self.rows(f"SELECT key, kind, state, enabled FROM {_KEYS} WHERE enabled = false"),  # nosec B608 # noqa: S608 -- as above
            )
        )

    def failures(self, table: str, controls: Collection[str], *, by_subject: bool) -> Iterator[Row]:
        """Yield the failures of some controls of a table, each with the columns that are traced."""
        if controls:
            is_resource = table == RESOURCE
            yield from self.rows(
                _of_resources(controls, by_subject=by_subject) if is_resource else _failures(table, controls)
            )

    def unknown(self, table: str, needed: Mapping[str, Collection[str]]) -> Iterator[Row]:
        """Yield the unknown findings of controls of a table, alike ones together.

        `needed`: the columns that each control reads.
        """
        if needed:
            yield from self.rows(_unknown(table, needed))


def batches(folder: Path, scan: Scan, size: int = BATCH) -> Iterator[BatchTables]:
    """Yield the tables of a judged scan, some accounts at a time. Each is open until the next one is taken.

    `size`: bytes of the facts of a batch.

    Raises:
        NoTableError: the scan has no facts, or no protection groups.
        BundleError: its findings cannot be read.
    """
    files = ScanFiles(folder, scan.manifest)
    tables = {
        name: ScanTable(files.table(FACTS, name), arrow_schema(name), first=_traced_columns(name))
        for name in TABLES
    }
    tables[_KEYS] = ScanTable(files.table(INVENTORY, _KEYS), row_schema(INVENTORY_TABLES[_KEYS]))
    groups = files.table(INVENTORY, _GROUPS)
    # Without groups there is no graph, so no failure of a resource could be traced.
    if not groups.paths:
        raise no_table(folder / INVENTORY / f"{_GROUPS}.parquet")
    of_groups = row_schema(ProtectionGroup)
    tables[_GROUPS] = ScanTable(groups, of_groups, first=frozenset(of_groups.names))
    for accounts in _batches_of_accounts(tables, scan, size):
        with _opened(files, tables, scan, accounts) as batch:
            yield batch
        # DuckDB keeps what it has freed, which would add up over many batches.
        return_freed_memory()


def _batches_of_accounts(
    tables: Mapping[str, ScanTable], scan: Scan, size: int
) -> Iterator[frozenset[str] | None]:
    """Yield accounts, as their files are named, in batches; None: all of them."""
    paths = [path for name in TABLES for path in tables[name].files.paths]
    # Scans of schema 1 and of other programs have one file for all accounts.
    if not isinstance(scan.findings, Filed) or any(path.stem in TABLES for path in paths):
        yield None
        return
    sizes = dict.fromkeys((path.stem for path in scan.findings.files), 0)
    for path in paths:
        sizes[path.stem] = sizes.get(path.stem, 0) + path.stat().st_size
    batch: list[str] = []
    total = 0
    for account in sorted(sizes):
        if batch and total + sizes[account] > size:
            yield frozenset(batch)
            batch, total = [], 0
        batch.append(account)
        total += sizes[account]
    if batch:
        yield frozenset(batch)


@contextmanager
def _opened(
    files: ScanFiles, tables: Mapping[str, ScanTable], scan: Scan, accounts: frozenset[str] | None
) -> Iterator[BatchTables]:
    """Open the tables of some accounts; None: of all."""
    as_of = scan.manifest.evaluated_as_of
    if accounts is not None and isinstance(scan.findings, Filed):
        scan = replace(scan, findings=scan.findings.of_accounts(accounts))
        tables = {name: _part(name, table, accounts) for name, table in tables.items()}
    with loaded_tables(tables, FindingsTable(scan), as_of=as_of, limits=_LIMITS) as database:
        yield BatchTables(files, as_of, scan=scan, loaded=database)


def _part(name: str, table: ScanTable, accounts: frozenset[str]) -> ScanTable:
    if name in TABLES:
        paths = tuple(path for path in table.files.paths if path.stem in accounts)
        return replace(table, files=replace(table.files, paths=paths))
    # A key may be of any account: which ones are not enabled has to be known for all of them.
    if name == _KEYS:
        return table
    return replace(table, accounts=tuple(sorted("" if name == ORGANIZATION else name for name in accounts)))


@cache
def _traced_columns(table: str) -> frozenset[str]:
    """Return the columns of a fact table that the queries about its findings read."""
    traced = f", {_columns(table)}, {EVIDENCE}" if table in COLUMNS else ""
    sql = f"SELECT subject, account, region, not_known{traced} FROM {table}"  # nosec B608 # noqa: S608 -- names of the model
    return frozenset(columns_of(arrow_schema(table).names, check_query(sql, {table})))


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
        f"SELECT controls, {subject}first_resource, {_columns(RESOURCE)}, {EVIDENCE} AS evidence, "
        "count(*) AS number "
        f"FROM failed JOIN {RESOURCE} USING (subject, account, region) LEFT JOIN grouped USING (subject) "
        "GROUP BY ALL"
    )


def _texts(values: Iterable[str]) -> str:
    return ", ".join(map(literal, values))
