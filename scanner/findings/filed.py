"""The filed findings of a scan, read from their files: all of them in order, or those that a query picks."""

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import duckdb
import orjson
import pyarrow as pa

from scanner.errors import BundleError
from scanner.findings.schema import FILED
from scanner.model.control import Control
from scanner.model.finding import Finding, Status, Waiver
from scanner.model.owner import Owner
from scanner.model.reading import EvidenceRef

BATCH: Final = 5_000
"""Findings that are in memory at once."""

TABLE: Final = "findings"
"""The name of the filed findings in SQL."""

_SETTINGS: Final = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "memory_limit": "300MB",
    "threads": "2",
}

_NAMES: Final = tuple(FILED.names)
_COLUMNS: Final = ", ".join(_NAMES)


@dataclass(frozen=True, slots=True)
class FiledRow:
    """A finding as it is filed. Where it `has_texts` not, reason, details and evidence are empty."""

    finding: Finding
    has_texts: bool
    tier: str | None  # None: not known; "": none, or there are no tiers
    parameters: str | None  # JSON text of what tiers and overrides set; None: they set nothing


class Words(Protocol):
    """Renders the texts that are not filed, from facts and controls."""

    def some(self, rows: Sequence[FiledRow]) -> list[Finding]:
        """Return the findings of rows, in their order, with their texts. BundleError: the facts differ."""
        ...

    def all(self, control: str, rows: Iterator[FiledRow]) -> Iterator[Finding]:
        """Return all findings of a control, with their texts. `rows`: every row of it, in filing order."""
        ...


class Filed:
    """The findings of a scan. Iterating goes through all of them, with their texts, in filing order.

    `files` are in the order of accounts; `controls` give severity and frameworks.

    Raises:
        BundleError: a file cannot be read, or a finding is of a control that is not among `controls`.
    """

    def __init__(
        self, files: Sequence[Path], controls: Iterable[Control], words: Words | None = None
    ) -> None:
        self.files = tuple(files)
        self.controls = {control.id: control for control in controls}
        self._words = words
        self._number: int | None = None

    def with_words(self, words: Words | None) -> "Filed":
        """Return the same findings with texts from `words`. None: the texts that are not filed are empty."""
        return Filed(self.files, self.controls.values(), words)

    @contextmanager
    def database(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open DuckDB with the view TABLE of the filed columns. BundleError: what it raises of the files."""
        with (
            tempfile.TemporaryDirectory(prefix="vaultproof-") as spill,
            duckdb.connect(":memory:", config={**_SETTINGS, "temp_directory": spill}) as connection,
        ):
            try:
                self.attach(connection)
                yield connection
            except duckdb.Error as error:
                raise BundleError(
                    f"The filed findings cannot be read: {error}. Run audit evaluate on the bundle again."
                ) from error

    def attach(self, connection: duckdb.DuckDBPyConnection, name: str = TABLE) -> None:
        """Create the view `name` of the filed columns in another database."""
        if not self.files:
            connection.register("nothing_filed", FILED.empty_table())
            connection.execute(f"CREATE TABLE {name} AS FROM nothing_filed")
            return
        connection.execute("SET parquet_metadata_cache = true")
        connection.execute(f"CREATE VIEW {name} AS SELECT {_COLUMNS} FROM {read_parquet(self.files)}")  # noqa: S608 -- names of the model, files of the scan

    def __len__(self) -> int:
        """Count the findings, once."""
        if self._number is None:
            with self.database() as connection:
                self._number = int(connection.execute(f"SELECT count(*) FROM {TABLE}").fetchall()[0][0])  # noqa: S608
        return self._number

    def __iter__(self) -> Iterator[Finding]:
        with self.database() as connection:
            for control in sorted(self._filed_controls(connection)):
                rows = self._rows_of(connection, control)
                if self._words is None:
                    yield from (row.finding for row in rows)
                else:
                    yield from self._words.all(control, rows)

    def _filed_controls(self, connection: duckdb.DuckDBPyConnection) -> list[str]:
        found = connection.execute(f"SELECT DISTINCT control FROM {TABLE}").fetchall()  # noqa: S608
        return [str(row[0]) for row in found]

    def _rows_of(self, connection: duckdb.DuckDBPyConnection, control: str) -> Iterator[FiledRow]:
        """Read a control's rows. The files are in order, and so is each of them: nothing is sorted."""
        with connection.cursor() as cursor:
            sql = f"SELECT * FROM {TABLE} WHERE control = $control"  # noqa: S608
            for batch in cursor.sql(sql, params={"control": control}).to_arrow_reader(BATCH):
                yield from self.rows(batch)

    def chosen(self, connection: duckdb.DuckDBPyConnection, sql: str) -> list[Finding]:
        """Return the findings that a query over TABLE picks (it selects all columns), with their texts."""
        rows = [row for batch in connection.sql(sql).to_arrow_reader(BATCH) for row in self.rows(batch)]
        return [row.finding for row in rows] if self._words is None else self._words.some(rows)

    def rows(self, batch: pa.RecordBatch) -> Iterator[FiledRow]:
        """Read rows of TABLE."""
        columns = (batch.column(name).to_pylist() for name in _NAMES)
        for values in zip(*columns, strict=True):
            yield self._row(dict(zip(_NAMES, values, strict=True)))

    def _row(self, row: Mapping[str, Any]) -> FiledRow:
        control = self.controls.get(row["control"])
        if control is None:
            raise BundleError(
                f"A finding is of the control {row['control']}, which the scan does not define."
            )
        finding = Finding(
            control=control.id,
            status=_STATUSES[row["status"]],
            severity=control.severity,
            subject=row["subject"],
            subject_type=row["subject_type"],
            account=row["account"],
            region=row["region"],
            reason=row["reason"] or "",
            details=orjson.loads(row["details"]) if row["details"] else {},
            evidence=tuple(EvidenceRef(ref["file"], ref["line"]) for ref in row["evidence"] or ()),
            frameworks=control.frameworks,
            waiver=None if row["waiver"] is None else Waiver(**row["waiver"]),
            owner=None if row["owner_source"] is None else Owner(row["owner"], row["owner_source"]),
        )
        return FiledRow(finding, row["reason"] is not None, row["tier"], row["parameters"])


def read_parquet(files: Iterable[Path]) -> str:
    """Write the table function that reads these files, whatever characters their names have."""
    return f"read_parquet([{', '.join(map(literal, map(pattern, files)))}])"


def pattern(path: Path) -> str:
    """Return the pattern that matches this path only: DuckDB takes every name for a pattern."""
    return "".join(f"[{char}]" if char in _WILDCARDS else char for char in str(path))


def literal(text: str) -> str:
    """Return a text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


_WILDCARDS: Final = frozenset("*?[")

_STATUSES: Final[Mapping[str, Status]] = {status.value: status for status in Status}
