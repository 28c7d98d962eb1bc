"""The table `findings` of `audit query`: every column of a finding as text, over the filed findings.

Queries read the files of filed findings. In two cases all findings are first written to a temporary Parquet
file: when a query may return texts of passes, which are rendered, and for a scan of schema 1, whose findings
are lines.
"""

import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from scanner.errors import OutputError
from scanner.findings.filed import TABLE, Filed, pattern, read_parquet
from scanner.findings.schema import FILED
from scanner.findings.writing import batch_of, details_text
from scanner.model.finding import Finding
from scanner.model.scan import Scan
from scanner.model.text import mended

TEXTS: Final = frozenset({"reason", "details", "evidence"})
"""Columns that are not filed for every finding."""

COLUMNS: Final[Mapping[str, str]] = {
    "control": "Id of the control.",
    "title": "Title of the failure if the finding failed or was waived, else the requirement of the control.",
    "status": "pass, fail, not_applicable, unknown, error or waived.",
    "severity": "critical, high, medium, low or info.",
    "subject": "What was evaluated: an ARN, or a name that starts with aws:.",
    "subject_type": "AWS Backup's resource type, or plan, rule, selection, copy_action, vault and others.",
    "account": "Id of the account.",
    "account_name": "Name of the account; empty: it has none, or it was not read.",
    "region": "The Region; aws-global for subjects that have none.",
    "fingerprint": "SHA-256 of control and subject: the same in every scan.",
    "reason": "Why the finding has its status.",
    "details": "JSON: the values that the status depends on.",
    "evidence": "FILE:LINE of the recorded answers, separated by spaces.",
    "frameworks": "JSON: the requirements of each framework that the control serves.",
    "tier": "Name of the tier; empty: none, or no tiers are set; NULL: unknown.",
    "parameters": "JSON: the control's parameters where a tier or an override sets some for this subject.",
    "waiver": "JSON: the waiver that covers the failure; NULL: none does.",
    "owner": "Owner of the subject; empty: none; NULL: unknown, or audit.yaml names no owners.",
    "owner_source": "Where the owner comes from; NULL: audit.yaml names no owners.",
}
"""The columns with their descriptions. All are text, and the same for scans of every schema."""

_EXPRESSIONS: Final = {
    "fingerprint": "sha256(control || chr(10) || subject)",
    "title": "coalesce(CASE WHEN status IN ('fail', 'waived') THEN of_control.failure "
    "ELSE of_control.title END, '')",
    "severity": "of_control.severity",
    "frameworks": "of_control.frameworks",
    "account_name": "coalesce(of_account.name, '')",
    # The same text as in reports and JSON: FILE:LINE.
    "evidence": "array_to_string(list_transform(evidence, lambda ref: ref.file || ':' || ref.line), ' ')",
    "waiver": "CASE WHEN waiver IS NOT NULL THEN CAST(to_json(waiver) AS VARCHAR) END",
}
"""Columns that are computed from filed ones and from the definitions of controls and accounts."""

_OF_CONTROL: Final = frozenset({"title", "severity", "frameworks"})
_OWN: Final = pa.schema(
    [pa.field("severity", pa.string()), pa.field("frameworks", pa.string())],
)
"""Columns that only a temporary file has: those of another program may differ from the controls'."""

_BATCH: Final = 10_000

Creating = Callable[[duckdb.DuckDBPyConnection], tuple[str, ...]]
"""Creates the table in a database, and returns the paths of the files that it reads."""


class FindingsTable:
    """The findings of a scan as the table `findings`. `len` counts its rows."""

    name: Final = TABLE
    names: Final = tuple(COLUMNS)

    def __init__(self, scan: Scan) -> None:
        # Kept, not read: opening a scan must not cost what only a query needs.
        self._scan = scan

    def __len__(self) -> int:
        """Return the number of findings."""
        return len(self._scan.findings)

    @contextmanager
    def creating(self, columns: Collection[str], *, passes: bool = True) -> Iterator[Creating]:
        """Yield a function that creates the table with these columns. A temporary file is removed at the end.

        `passes` False: texts that are not filed are not needed.

        Raises:
            BundleError: the findings cannot be read.
            OutputError: there is no space for the temporary file.
        """
        findings = self._scan.findings
        # The filed files are enough, if no text is needed that they do not have.
        if isinstance(findings, Filed) and not (passes and TEXTS & set(columns)):
            yield self._creating(findings.files, columns, own=frozenset())
            return
        with tempfile.TemporaryDirectory(prefix="vaultproof-") as folder:
            file = Path(folder) / f"{TABLE}.parquet"
            _write(file, findings)
            yield self._creating((file,), columns, own=frozenset(_OWN.names))

    def _creating(self, files: tuple[Path, ...], columns: Collection[str], own: frozenset[str]) -> Creating:
        def create(connection: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
            source = _source(connection, files)
            joined = [source]
            # Joined only where a column needs it: each join costs time for every finding.
            if _OF_CONTROL & set(columns):
                _load(connection, "of_control", self._controls())
                joined.append("LEFT JOIN of_control ON of_control.id = control")
            if "account_name" in columns:
                _load(connection, "of_account", self._accounts())
                joined.append("LEFT JOIN of_account ON of_account.id = account")
            selected = ", ".join(_selected(name, own) for name in columns)
            connection.execute(f"CREATE VIEW {TABLE} AS SELECT {selected} FROM {' '.join(joined)}")  # nosec B608 # noqa: S608 -- names of the model, files of the scan
            # Both spellings: the sandbox compares paths as they are, DuckDB opens them as patterns.
            return tuple(path for file in files for path in (str(file), pattern(file)))

        return create

    def _controls(self) -> pa.Table:
        controls = self._scan.controls
        columns = {
            "id": [control.id for control in controls],
            "title": [control.title for control in controls],
            "failure": [control.failure for control in controls],
            "severity": [control.severity.value for control in controls],
            "frameworks": [_frameworks(control.frameworks) for control in controls],
        }
        return _texts(columns)

    def _accounts(self) -> pa.Table:
        accounts = {account.id: account.name for account in self._scan.manifest.accounts}
        return _texts({"id": list(accounts), "name": list(accounts.values())})


def _selected(name: str, own: frozenset[str]) -> str:
    """Return the SQL of a column of the table. `own`: columns that the file has itself."""
    if name in own:
        return f"filed.{name}"
    return f"{_EXPRESSIONS[name]} AS {name}" if name in _EXPRESSIONS else f"filed.{name}"


def _source(connection: duckdb.DuckDBPyConnection, files: tuple[Path, ...]) -> str:
    if files:
        return f"{read_parquet(files)} AS filed"
    # A scan without findings has no file, and DuckDB refuses an empty list.
    connection.register("nothing_filed", FILED.empty_table())
    return "nothing_filed AS filed"


def _load(connection: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> None:
    # Copied, so that the database does not depend on the life of a Python object.
    connection.register("arriving", table)
    connection.execute(f"CREATE TABLE {name} AS SELECT * FROM arriving")  # nosec B608 # noqa: S608 -- a name of ours
    connection.unregister("arriving")


def _texts(columns: Mapping[str, Iterable[str]]) -> pa.Table:
    # Lone surrogates in names of accounts cannot be stored in Arrow; `mended` replaces them.
    return pa.table({name: pa.array(mended(list(values)), pa.string()) for name, values in columns.items()})


def _frameworks(frameworks: Mapping[str, Iterable[str]]) -> str:
    return details_text({name: list(ids) for name, ids in frameworks.items()})


def _write(file: Path, findings: Iterable[Finding]) -> None:
    """Write findings with all their texts, a batch in memory at a time."""
    schema = pa.schema([*FILED, *_OWN])
    waiting = iter(findings)
    try:
        # Parquet's types suffice: no second, Arrow-specific schema in the metadata.
        with pq.ParquetWriter(file, schema, compression="zstd", store_schema=False) as writer:
            while batch := list(islice(waiting, _BATCH)):
                writer.write_batch(_batch(batch, schema))
    except OSError as error:
        raise OutputError(
            f"The findings do not fit on the disk of {tempfile.gettempdir()}: {error.strerror or error}. "
            "Free some space there, or set TMPDIR to a folder on another disk."
        ) from error


def _batch(findings: list[Finding], schema: pa.Schema) -> pa.RecordBatch:
    severities = pa.array([finding.severity.value for finding in findings], pa.string())
    frameworks = pa.array([_frameworks(finding.frameworks) for finding in findings], pa.string())
    columns = [*batch_of(findings).columns, severities, frameworks]
    return pa.RecordBatch.from_arrays(columns, schema=schema)
