"""Follows findings through a series of scans: when each began to fail, and how its failure ended.

A streak is a run of scans in which a finding fails or may fail. It ends when a scan shows it as passing, as
not applicable, or as deleted. A scan that did not run the control, did not read what would list the subject,
or could not evaluate it ends no streak, and fixes nothing. Between scans the streaks are in a file, so memory
grows with neither scans nor findings.
"""

import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import duckdb
import orjson

from scanner.errors import BundleError
from scanner.findings.filed import literal, read_parquet
from scanner.history.criteria import Criteria, criteria_of
from scanner.history.observed import FINGERPRINT, counts_of, load_rows, load_scan, rows_of
from scanner.history.reach import ScanReach, scan_reach
from scanner.history.transition import Absent
from scanner.model.finding import Finding, Severity, Status
from scanner.model.scan import Scan
from scanner.model.timeline import FirstSeen, FirstSeenTimes

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_UNCERTAIN: Final = frozenset({Absent.NOT_ASKED, Absent.NOT_READ})

_SETTINGS: Final[dict[str, str | bool | int | float | list[str]]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "memory_limit": "300MB",
    "threads": "1",
}

_STATE: Final = {
    "key": "BLOB",
    "control": "VARCHAR",
    "account": "VARCHAR",
    "region": "VARCHAR",
    "subject": "VARCHAR",
    "subject_type": "VARCHAR",
    "began": "BIGINT",  # the first scan of the streak
    "failing": "BIGINT",  # the first scan in which it failed; NULL: it is only unknown so far
    "may_be_older": "BOOLEAN",
    "definite": "INTEGER",  # the number of the last scan in which it failed
    "parameters": "VARCHAR",  # of that scan
    "tier": "VARCHAR",
    "unknowns": "INTEGER",
    "seen": "INTEGER",  # the number of the last scan that has the finding
}
"""Columns of a streak. Times are microseconds since 1970."""

_NEXT: Final = """
INSERT INTO next
SELECT s.key, s.control, s.account, s.region, s.subject, s.subject_type, s.began,
    CASE WHEN l.is_open THEN coalesce(s.failing, $now) ELSE s.failing END,
    s.may_be_older OR (l.is_open AND s.failing IS NULL),
    CASE WHEN l.is_open THEN $number ELSE s.definite END,
    CASE WHEN l.is_open THEN l.parameters ELSE s.parameters END,
    CASE WHEN l.is_open THEN l.tier ELSE s.tier END,
    s.unknowns + CASE WHEN l.is_open THEN 0 ELSE 1 END, $number
FROM state AS s JOIN live AS l USING (key)
UNION ALL
SELECT s.* REPLACE (s.unknowns + 1 AS unknowns) FROM state AS s JOIN absent AS a ON a.key = hex(s.key)
WHERE a.is_uncertain
UNION ALL
SELECT l.key, l.control, l.account, l.region, l.subject, l.subject_type, $now,
    CASE WHEN l.is_open THEN $now END,
    $number = 0 OR coalesce(f.is_uncertain, false) OR coalesce(r.is_changed, false),
    CASE WHEN l.is_open THEN $number END, l.parameters, l.tier,
    CASE WHEN l.is_open THEN 0 ELSE 1 END, $number
FROM live AS l ANTI JOIN state USING (key) LEFT JOIN fresh AS f ON f.key = hex(l.key)
LEFT JOIN former AS p ON p.key = l.key
LEFT JOIN rules AS r ON p.key IS NOT NULL AND r.control = l.control
    AND r.was_parameters IS NOT DISTINCT FROM p.parameters AND r.was_tier IS NOT DISTINCT FROM p.tier
    AND r.parameters IS NOT DISTINCT FROM l.parameters AND r.tier IS NOT DISTINCT FROM l.tier
"""

# What passed in the scan before may have been judged by another rule.
_RULES: Final = """
SELECT DISTINCT l.control, p.parameters, p.tier, l.parameters, l.tier
FROM live AS l ANTI JOIN state USING (key) JOIN former AS p ON p.key = l.key WHERE l.is_open
"""

# Failures that were not seen in this scan, or are neither failing nor unknown in it.
_ENDED: Final = """
SELECT s.control, s.failing, s.definite, s.parameters, s.tier, s.may_be_older,
    coalesce(c.passes, false), c.parameters, c.tier, count(*)
FROM state AS s LEFT JOIN clear AS c USING (key) LEFT JOIN absent AS a ON a.key = hex(s.key)
WHERE s.failing IS NOT NULL AND (c.key IS NOT NULL OR NOT a.is_uncertain)
GROUP BY ALL ORDER BY ALL
"""

_ABSENT: Final = """
SELECT hex(key), control, account, region, subject, subject_type
FROM state ANTI JOIN live USING (key) ANTI JOIN clear USING (key)
"""

_FRESH: Final = """
SELECT hex(key), control, account, region, subject, subject_type
FROM live ANTI JOIN state USING (key) ANTI JOIN former USING (key)
"""

_LAST: Final = """
SELECT control, failing, may_be_older, definite, count(*) FROM next
WHERE failing IS NOT NULL GROUP BY ALL ORDER BY ALL
"""

_TIMES: Final = f"""
SELECT {FINGERPRINT} AS fingerprint, min({{'at': coalesce(failing, began), 'may_be_older': may_be_older,
    'unknowns': unknowns}})
FROM next WHERE seen = $number GROUP BY fingerprint ORDER BY fingerprint
"""  # nosec B608 # noqa: S608 -- names of ours

# A stored time goes back further than this series, by the scans that were compared when it was stored.
_SEED: Final = f"""
UPDATE next SET failing = CASE WHEN failing IS NULL THEN NULL ELSE s.moment END, began = s.moment,
    may_be_older = s.may_be_older, unknowns = s.unknowns
FROM stored AS s WHERE s.fingerprint = {FINGERPRINT} AND s.moment <= coalesce(failing, began)
"""  # nosec B608 # noqa: S608 -- names of ours


@dataclass(frozen=True, slots=True)
class End:
    """Failures of one severity that began and ended at the same times. `is_fixed`: they were seen to pass.

    `number_of_scan`: in which they are fixed. `at`: then, or when they were last seen failing.
    """

    severity: Severity
    began: datetime
    at: datetime
    number_of_scan: int
    may_be_older: bool
    is_fixed: bool
    number: int


class StateFiles:
    """The files between scans, in a temporary folder that is removed when nothing refers to them."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="vaultproof-"))
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)

    def of(self, table: str, number: int) -> Path:
        """Return the file of a table after the scan with this number."""
        return self._folder / f"{table}-{number}.parquet"


@dataclass(frozen=True, slots=True)
class Streaks:
    """The open findings after a number of scans, in a temporary folder. Each scan gives new ones."""

    files: StateFiles = field(default_factory=StateFiles)
    times: tuple[datetime, ...] = ()
    criteria: tuple[Criteria, ...] = ()
    severities: Mapping[str, Severity] = field(default_factory=dict)
    ended: tuple[End, ...] = ()
    reach: ScanReach | None = None

    def after(self, scan: Scan, stored: FirstSeenTimes | None = None) -> "Step":
        """Return the streaks after the next scan, which is later than those before.

        `stored`: the times that the scan itself has stored. BundleError: its findings cannot be read.
        """
        with tempfile.TemporaryDirectory(prefix="vaultproof-") as spill:
            try:
                config = _SETTINGS | {"temp_directory": spill}
                with duckdb.connect(":memory:", config=config) as connection:
                    return self._after(connection, scan, stored, Path(spill))
            except duckdb.Error as error:
                as_of = scan.manifest.evaluated_as_of.isoformat()
                raise BundleError(
                    f"The findings of the scan of {as_of} cannot be read: "
                    f"{error}. Leave this scan out, or run audit evaluate on its bundle again."
                ) from error

    def _after(
        self, connection: duckdb.DuckDBPyConnection, scan: Scan, stored: FirstSeenTimes | None, folder: Path
    ) -> "Step":
        number, now = len(self.times), scan.manifest.evaluated_as_of
        reach = scan_reach(scan)
        severities = {**self.severities, **{control.id: control.severity for control in scan.controls}}
        load_scan(connection, scan, folder)
        self._load_state(connection)
        _load_reasons(connection, "absent", _ABSENT, reach, folder)
        # Before the first scan nothing was read, so everything may be older.
        _load_reasons(connection, "fresh", _FRESH, self.reach, folder)
        criteria = (*self.criteria, criteria_of(scan))
        _load_rules(connection, criteria, folder)
        connection.execute(_NEXT, {"now": _micros(now), "number": number})
        if stored is not None:
            _seed(connection, stored, folder)
        streaks = replace(
            self,
            times=(*self.times, now),
            criteria=criteria,
            severities=severities,
            ended=(*self.ended, *self._ends(connection, criteria, severities, now)),
            reach=reach,
        )
        self._save(connection, number)
        failed, totals = counts_of(connection, severities)
        return Step(
            streaks,
            failed,
            totals,
            _last(connection, streaks),
            FirstSeenTimes(_first_seen(connection, number)),
        )

    def _load_state(self, connection: duckdb.DuckDBPyConnection) -> None:
        types = ", ".join(f"{name} {kind}" for name, kind in _STATE.items())
        connection.execute(f"CREATE TABLE next ({types})")
        number = len(self.times) - 1
        if number < 0:
            connection.execute(f"CREATE TABLE state ({types})")
            connection.execute("CREATE TABLE former (key BLOB, parameters VARCHAR, tier VARCHAR)")
            return
        for table, name in (("state", "state"), ("former", "clear")):
            file = read_parquet((self.files.of(name, number),))
            connection.execute(f"CREATE VIEW {table} AS FROM {file}")

    def _save(self, connection: duckdb.DuckDBPyConnection, number: int) -> None:
        for name, query in (("state", "FROM next"), ("clear", "SELECT key, parameters, tier FROM clear")):
            file = literal(str(self.files.of(name, number)))
            connection.execute(f"COPY ({query}) TO {file} (FORMAT parquet)")
            # The files before this scan; those of the scan itself are read again where it is the last one.
            self.files.of(name, number - 2).unlink(missing_ok=True)

    def _ends(
        self,
        connection: duckdb.DuckDBPyConnection,
        criteria: tuple[Criteria, ...],
        severities: Mapping[str, Severity],
        now: datetime,
    ) -> Iterator[End]:
        for row in rows_of(connection, _ENDED):
            (
                control,
                failing,
                definite,
                parameters,
                tier,
                may_be_older,
                passes,
                new_parameters,
                new_tier,
                n,
            ) = row
            is_fixed = passes and not _is_changed(
                criteria[definite], criteria[-1], control, (parameters, tier), (new_parameters, new_tier)
            )
            yield End(
                severity=severities[control],
                began=_moment(failing),
                # Known to fail until then: what came later is not.
                at=now if is_fixed else self.times[definite],
                number_of_scan=len(self.times),
                may_be_older=may_be_older,
                is_fixed=is_fixed,
                number=n,
            )


@dataclass(frozen=True, slots=True)
class Step:
    """The streaks after a scan, and the counts of that scan.

    `failed`: failures by severity. `open`: the failures of its findings that have not ended; those whose `at`
    is before the scan are unknown in it. `first_seen`: of its open findings.
    """

    streaks: Streaks
    failed: Mapping[Severity, int]
    totals: Mapping[Status, int]
    open: tuple[End, ...]
    first_seen: FirstSeenTimes


def _load_reasons(
    connection: duckdb.DuckDBPyConnection, table: str, sql: str, reach: ScanReach | None, folder: Path
) -> None:
    """Create a table of findings that a scan lacks: whether it is uncertain that they did not exist."""

    def rows() -> Iterator[Mapping[str, Any]]:
        for key, control, account, region, subject, subject_type in rows_of(connection, sql) if reach else ():
            finding = _stub(control, account, region, subject, subject_type)
            # Without its details, a recovery point counts as unread if any vault was not read.
            yield {"key": key, "is_uncertain": reach.why_absent(finding).kind in _UNCERTAIN} if reach else {}

    load_rows(connection, table, {"key": "VARCHAR", "is_uncertain": "BOOLEAN"}, rows(), folder)


_Rule = tuple[str | None, str | None]
"""The parameters and the tier of a finding, as they are filed."""


def _is_changed(was: Criteria, now: Criteria, control: str, old: _Rule, new: _Rule) -> bool:
    """Check whether two findings of a control were judged by different rules."""
    before, after = (_stub(control, parameters=own, tier=tier) for own, tier in (old, new))
    return bool(was.change_to(now, before, after))


def _load_rules(connection: duckdb.DuckDBPyConnection, criteria: tuple[Criteria, ...], folder: Path) -> None:
    """Create a table of the rules of findings that passed and now fail: whether they differ."""
    names = ("control", "was_parameters", "was_tier", "parameters", "tier")
    # Without a scan before, nothing has passed, and there is no rule to compare.
    neighbours = criteria[max(0, len(criteria) - 2)], criteria[-1]
    rows = (
        {
            **dict(zip(names, row, strict=True)),
            "is_changed": _is_changed(*neighbours, row[0], row[1:3], row[3:]),
        }
        for row in rows_of(connection, _RULES)
    )
    columns = {**dict.fromkeys(names, "VARCHAR"), "is_changed": "BOOLEAN"}
    load_rows(connection, "rules", columns, rows, folder)


def _seed(connection: duckdb.DuckDBPyConnection, stored: FirstSeenTimes, folder: Path) -> None:
    columns = {"fingerprint": "VARCHAR", "moment": "BIGINT", "may_be_older": "BOOLEAN", "unknowns": "INTEGER"}
    rows = (
        {
            "fingerprint": fingerprint,
            "moment": _micros(value.at),
            "may_be_older": value.may_be_older,
            "unknowns": value.unknown_scans,
        }
        for fingerprint, value in stored
    )
    load_rows(connection, "stored", columns, rows, folder)
    connection.execute(_SEED)


def _last(connection: duckdb.DuckDBPyConnection, streaks: Streaks) -> tuple[End, ...]:
    return tuple(
        End(
            severity=streaks.severities[control],
            began=_moment(failing),
            at=streaks.times[definite],
            number_of_scan=definite,
            may_be_older=may_be_older,
            is_fixed=False,
            number=number,
        )
        for control, failing, may_be_older, definite, number in rows_of(connection, _LAST)
    )


def _first_seen(connection: duckdb.DuckDBPyConnection, number: int) -> Iterator[tuple[str, FirstSeen]]:
    for fingerprint, value in rows_of(connection, _TIMES.replace("$number", str(number))):
        at, may_be_older, unknowns = value["at"], value["may_be_older"], value["unknowns"]
        yield fingerprint, FirstSeen(_moment(at), may_be_older, unknowns)


def _stub(  # noqa: PLR0913 -- the columns of a finding
    control: str,
    account: str = "",
    region: str = "",
    subject: str = "",
    subject_type: str = "",
    *,
    parameters: str | None = None,
    tier: str | None = "",
) -> Finding:
    """Build a finding with what rules and reads are compared by."""
    # NULL as its parameters: it is unknown which apply.
    own = (
        {}
        if parameters is None and tier is not None
        else {"parameters": parameters and orjson.loads(parameters)}
    )
    return Finding(
        control=control,
        status=Status.FAIL,
        severity=Severity.INFO,
        subject=subject,
        subject_type=subject_type,
        account=account,
        region=region,
        reason="",
        details=own,
    )


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def _moment(micros: int) -> datetime:
    return _EPOCH + micros * _MICROSECOND
