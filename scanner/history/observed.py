"""The findings of one scan in a database, without their texts: what a series of scans is followed by.

Two tables are created: `live` has the findings that fail, are waived, or could not be evaluated, `clear` the
keys of all others. The view `filed` has the columns of both.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import duckdb
import orjson

from scanner.findings.filed import Filed
from scanner.model.finding import Finding, Severity, Status
from scanner.model.scan import Scan

FILED: Final = "filed"

KEY: Final = "unhex(md5(concat_ws(chr(10), control, account, region, subject)))"
"""The identity of a finding, of 16 bytes: keys are what takes most memory."""

FINGERPRINT: Final = "sha256(control || chr(10) || subject)"

_COLUMNS: Final = ("control", "account", "region", "subject", "subject_type", "status", "parameters", "tier")
_OPEN: Final = "status IN ('fail', 'waived')"
_CLEAR: Final = "status IN ('pass', 'not_applicable')"

Row = Mapping[str, Any]


def load_scan(connection: duckdb.DuckDBPyConnection, scan: Scan, folder: Path) -> None:
    """Create `filed`, `live` and `clear`. `folder`: for the lines of a scan without filed findings."""
    findings = scan.findings
    if isinstance(findings, Filed):
        findings.attach(connection, FILED)
    else:
        load_rows(connection, FILED, dict.fromkeys(_COLUMNS, "VARCHAR"), map(_row, findings), folder)
    connection.execute(
        f"CREATE TABLE live AS SELECT {KEY} AS key, control, account, region, subject, subject_type, "  # nosec B608 # noqa: S608 -- names of ours
        f"{_OPEN} AS is_open, parameters, tier FROM {FILED} WHERE NOT {_CLEAR}"
    )
    connection.execute(
        f"CREATE TABLE clear AS SELECT {KEY} AS key, status = 'pass' AS passes, parameters, tier "  # nosec B608 # noqa: S608 -- names of ours
        f"FROM {FILED} WHERE {_CLEAR}"
    )


def counts_of(
    connection: duckdb.DuckDBPyConnection, severities: Mapping[str, Severity]
) -> tuple[Mapping[Severity, int], Mapping[Status, int]]:
    """Return the failures by severity, and all findings by status. `severities`: by control."""
    failed: Counter[Severity] = Counter()
    totals: Counter[Status] = Counter()
    sql = f"SELECT control, status, count(*) FROM {FILED} GROUP BY ALL"  # nosec B608 # noqa: S608 -- a name of ours
    for control, status, number in connection.execute(sql).fetchall():
        totals[Status(status)] += number
        if status == Status.FAIL:
            failed[severities[control]] += number
    return dict(failed), dict(totals)


def load_rows(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    columns: Mapping[str, str],
    rows: Iterable[Row],
    folder: Path,
) -> None:
    """Create a table of rows. They pass through a file, which is much faster than inserting them."""
    path = folder / f"{table}.jsonl"
    with path.open("wb") as file:
        file.writelines(orjson.dumps(row) + b"\n" for row in rows)
    types = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    connection.execute(f"CREATE TABLE {table} ({types})")
    if path.stat().st_size:
        described = ", ".join(f"{name}: '{kind}'" for name, kind in columns.items())
        connection.execute(
            f"INSERT INTO {table} SELECT {', '.join(columns)} FROM read_json($path, "  # nosec B608 # noqa: S608 -- names of ours
            f"format = 'newline_delimited', columns = {{{described}}})",
            {"path": str(path)},
        )
    path.unlink()


def rows_of(connection: duckdb.DuckDBPyConnection, sql: str) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a query, many at a time in memory."""
    # A cursor of its own: another query on the connection would end this result.
    with connection.cursor() as cursor:
        cursor.execute(sql)
        while rows := cursor.fetchmany(_BATCH):
            yield from rows


_BATCH: Final = 10_000


def _row(finding: Finding) -> Row:
    details = finding.details
    own = details.get("parameters")
    tier = details.get("tier", "")
    # A NULL in the details: it was unknown which parameters apply.
    is_unknown = "parameters" in details and own is None
    return {
        "control": finding.control,
        "account": finding.account,
        "region": finding.region,
        "subject": finding.subject,
        "subject_type": finding.subject_type,
        "status": finding.status.value,
        "parameters": None if own is None else orjson.dumps(own, option=orjson.OPT_SORT_KEYS).decode(),
        "tier": None if is_unknown else str(tier or ""),
    }
