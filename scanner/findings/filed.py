"""The filed findings of a scan, read from their files: all in filing order, or those that a query selects.

Filing order is by control, account, Region and subject; the files are by account first.
"""

import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from scanner.errors import BundleError, OutputError
from scanner.findings.rows import FiledRow, defined, read_rows
from scanner.findings.schema import FILED, NO_ACCOUNT, WITHOUT_TEXTS
from scanner.findings.selected import Masks, Numbers, SelectedRows
from scanner.findings.stored_lines import StoredFindings
from scanner.model.control import Control
from scanner.model.finding import Finding, Status
from scanner.model.root_causes import Trace

IN_MEMORY: Final = 32_000_000
"""Bytes of rows that are held in memory; more go to an unnamed temporary file."""

ROWS: Final = 10_000
"""The number of rows that are sorted by control at once."""

Controls = Iterator[tuple[str, "Batches"]]
"""The id of each control with its rows. The rows of one are read before the next control."""

Connection = duckdb.DuckDBPyConnection
"""An open database (`Filed.database`), for rooms that do not know DuckDB."""

BATCH: Final = 5_000
"""The number of findings in memory at once."""

TABLE: Final = "findings"
"""The name of the filed findings in SQL."""

_SETTINGS: Final = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "memory_limit": "300MB",
    "threads": "1",  # two take a fifth more processor time, and the memory of the files that each reads
}
_NAMES: Final = tuple(FILED.names)
_COLUMNS: Final = ", ".join(_NAMES)

ReadControl: TypeAlias = Callable[[str, Masks, Iterator[FiledRow]], Iterator[Finding]]
"""Returns findings of a control with their texts, in filing order.

Its arguments: the control, which of its rows need rendered texts, and the rows that are read."""


def in_filing_order(batches: Iterable[pa.RecordBatch]) -> Controls:
    """Sort rows into filing order in one pass. Rows of one control are sorted already.

    Raises:
        OutputError: there is no space for the temporary file.
    """
    waiting = iter(batches)
    if (first := next(waiting, None)) is None:
        return
    # Below the limit no file is created; above it the rows are on disk without a name, gone if the process
    # dies.
    with tempfile.SpooledTemporaryFile(IN_MEMORY) as file:
        try:
            places = _write(file, first, waiting)
        except OSError as error:
            raise OutputError(
                f"The findings do not fit on the disk of {tempfile.gettempdir()}: {error.strerror or error}. "
                "Free some space there, or set TMPDIR to a folder on another disk."
            ) from error
        # The IPC file format has a footer with the places of batches, which makes random access possible.
        reader = pa.ipc.open_file(file)
        for control in sorted(places):
            yield control, Batches(reader, places[control])


class Batches(Iterable[pa.RecordBatch]):
    """The rows of a control. They can be iterated over repeatedly, and are read from the file each time."""

    def __init__(self, reader: pa.ipc.RecordBatchFileReader, numbers: Sequence[int]) -> None:
        self._reader, self._numbers = reader, numbers

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return map(self._reader.get_batch, self._numbers)


def _write(
    file: tempfile.SpooledTemporaryFile[bytes], first: pa.RecordBatch, waiting: Iterator[pa.RecordBatch]
) -> dict[str, list[int]]:
    """Write rows, and return the numbers of the batches of each control."""
    places: dict[str, list[int]] = {}
    number = 0
    with pa.ipc.new_file(file, first.schema) as writer:
        for batch in _larger(chain((first,), waiting)):
            for control, rows in _by_control(batch):
                writer.write_batch(rows)
                places.setdefault(control, []).append(number)
                number += 1
    return places


def _larger(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Join small batches: DuckDB returns those of each file separately, and an account may have few rows."""
    joined: list[pa.RecordBatch] = []
    rows = 0
    # DuckDB may return batches of a single row, whose overhead would outweigh their data.
    for batch in batches:
        joined.append(batch)
        rows += batch.num_rows
        if rows >= ROWS:
            yield pa.concat_batches(joined)
            joined, rows = [], 0
    if joined:
        yield pa.concat_batches(joined)


def _by_control(batch: pa.RecordBatch) -> Iterator[tuple[str, pa.RecordBatch]]:
    ordered = batch.take(pc.sort_indices(batch.column("control")))  # the sort is stable
    runs = pc.run_end_encode(ordered.column("control"))
    start = 0
    for end, control in zip(runs.run_ends.to_pylist(), runs.values.to_pylist(), strict=True):
        yield control, ordered.slice(start, end - start)
        start = end


class Words(Protocol):
    """Renders the texts that are not filed, from facts and controls."""

    def some(self, rows: Sequence[FiledRow]) -> list[Finding]:
        """Return the findings of rows, in the same order, with their texts. BundleError: the facts differ."""
        ...

    def reader(self, controls: Collection[str]) -> AbstractContextManager[ReadControl]:
        """Open a renderer that takes one control after the other. BundleError: the facts differ."""
        ...


class Causes(Protocol):
    """Adds root causes to findings."""

    def merged(self, findings: Iterable[Finding]) -> Iterator[Finding]:
        """Yield findings, which come in filing order, with their root causes."""
        ...

    def of(self, findings: Sequence[Finding]) -> list[Finding]:
        """Return some findings with their root causes, in the same order."""
        ...

    def cursor(self) -> "TraceCursor":
        """Return a reader for findings that come in filing order."""
        ...

    @property
    def sql(self) -> str:
        """The SQL table function that reads them."""
        ...


class TraceCursor(Protocol):
    """Reads root causes in filing order."""

    def at(self, key: tuple[str, str, str, str]) -> Trace | None:
        """Return the trace of a finding by control, account, Region and subject; None: it has none."""
        ...


class Filed:
    """The findings of a scan. Iterating yields all of them, with their texts, in filing order.

    `files`: those of the accounts, in any order. `controls`: they have severity and frameworks.

    Raises:
        BundleError: a file cannot be read, or a finding is of a control that is not among `controls`.
    """

    def __init__(
        self,
        files: Sequence[Path],
        controls: Iterable[Control],
        words: Words | None = None,
        lines: Iterable[Finding] | None = None,
        causes: Causes | None = None,
    ) -> None:
        """Use these files. `lines`: the same findings with all texts, where the scan has them as lines.

        `causes`: adds root causes; None: findings are read without.
        """
        # Filing order is by account, and NO_ACCOUNT replaces the empty one, which sorts first.
        self.files = tuple(sorted(files, key=_account))
        self.controls = {control.id: control for control in controls}
        self._words, self._lines = words, lines
        self.causes = causes
        self._number: int | None = None

    def with_words(self, words: Words | None) -> "Filed":
        """Return the same findings with texts from `words`. None: texts that are not filed are empty."""
        return Filed(self.files, self.controls.values(), words, self._lines, self.causes)

    def with_lines(self, lines: Iterable[Finding]) -> "Filed":
        """Return the same findings, which are read from `lines` when all of them are iterated over."""
        return Filed(self.files, self.controls.values(), self._words, lines, self.causes)

    def with_causes(self, causes: "Causes | None") -> "Filed":
        """Return the same findings with root causes. None: they have none."""
        return Filed(self.files, self.controls.values(), self._words, self._lines, causes)

    def of_accounts(self, accounts: Collection[str]) -> "Filed":
        """Return the findings of accounts, as their files are named, with the texts that are filed alone."""
        files = [path for path in self.files if path.stem in accounts]
        return Filed(files, self.controls.values())

    @contextmanager
    def database(self) -> Iterator[Connection]:
        """Open DuckDB with the view TABLE of the filed columns. BundleError: a file cannot be read."""
        with (
            # Spilled data goes to a folder that is removed in any case, not to the working directory.
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

    def attach(self, connection: Connection, name: str = TABLE) -> None:
        """Create the view `name` of the filed columns in another database."""
        # DuckDB's read_parquet refuses an empty list of files.
        if not self.files:
            connection.register("nothing_filed", FILED.empty_table())
            connection.execute(f"CREATE TABLE {name} AS FROM nothing_filed")
            return
        connection.execute(f"CREATE VIEW {name} AS SELECT {_COLUMNS} FROM {read_parquet(self.files)}")  # nosec B608 # noqa: S608 -- names of the model, files of the scan

    def __len__(self) -> int:
        """Return the number of findings, which are counted once."""
        if self._number is None:
            with self.database() as connection:
                self._number = int(connection.execute(f"SELECT count(*) FROM {TABLE}").fetchall()[0][0])  # nosec B608 # noqa: S608 -- names and words of the model
        return self._number

    def __iter__(self) -> Iterator[Finding]:
        # Lines have every text already, so nothing is rendered.
        if self._lines is not None:
            yield from self._lines
            return
        yield from self._in_causes(self._read(None))

    def first(self, numbers: Mapping[str, Numbers]) -> Iterator[Finding]:
        """Yield the first findings of controls (`numbers` of each status) in filing order, with texts."""
        return self._in_causes(self._read(numbers))

    def _in_causes(self, findings: Iterator[Finding]) -> Iterator[Finding]:
        return findings if self.causes is None else self.causes.merged(findings)

    def _read(self, numbers: Mapping[str, Numbers] | None) -> Iterator[Finding]:
        with self.database() as connection, ExitStack() as stack:
            controls = self._without_texts(connection, numbers)
            # Opening a renderer loads facts: only if some text is missing.
            read = stack.enter_context(self._words.reader(controls)) if self._words and controls else None
            where = "" if numbers is None else f" WHERE {of_controls(numbers)}"
            for control, batches in self.in_order(connection, f"SELECT * FROM {TABLE}{where}"):  # nosec B608 # noqa: S608 -- names and words of the model
                selected = SelectedRows(batches, None if numbers is None else numbers[control])
                # Rows are read a second time for the masks; both passes see the same batches.
                rows = chain.from_iterable(map(self.rows, selected.batches()))
                if read is None or control not in controls:
                    yield from (row.finding for row in rows)
                else:
                    yield from read(control, selected.masks(), rows)

    def _without_texts(self, connection: Connection, numbers: Mapping[str, Numbers] | None) -> frozenset[str]:
        """Return the controls whose findings are read and have no filed texts."""
        if numbers is not None:
            return frozenset(name for name, wanted in numbers.items() if WITHOUT_TEXTS & wanted.keys())
        # A reason is NULL exactly where texts are not filed.
        sql = f"SELECT DISTINCT control FROM {TABLE} WHERE reason IS NULL"  # nosec B608 # noqa: S608 -- names and words of the model
        return frozenset(control for (control,) in connection.execute(sql).fetchall())

    def in_order(self, connection: Connection, sql: str) -> Controls:
        """Return the result of a query over TABLE (without ORDER BY) in filing order.

        The query selects the column `control`. OutputError: the disk is full, where rows are spilled.
        """
        # Files are in the order of accounts, and each is in filing order, so only controls need sorting.
        return in_filing_order(connection.sql(sql).to_arrow_reader(BATCH))

    def chosen(
        self, connection: Connection, sql: str, parameters: Mapping[str, Any] | None = None
    ) -> list[Finding]:
        """Return the findings of a query over TABLE that selects all columns, with their texts."""
        batches = connection.sql(sql, params=parameters).to_arrow_reader(BATCH)
        rows = [row for batch in batches for row in self.rows(batch)]
        findings = self._worded(rows)
        return findings if self.causes is None else self.causes.of(findings)

    def _worded(self, rows: Sequence[FiledRow]) -> list[Finding]:
        """Return the findings of a few rows, with their texts."""
        if isinstance(self._lines, StoredFindings):
            without = {row.finding.order for row in rows if not row.has_texts}
            subjects = {subject for _, _, _, subject in without}
            lines = self._lines.of_subjects(subjects) if subjects else ()
            # Lines have the texts already: decoding some is much faster than opening the facts.
            whole = {finding.order: finding for finding in lines if finding.order in without}
            if len(whole) < len(without):
                raise BundleError(
                    f"{self._lines.path} lacks findings that the files in findings/ have. "
                    "Run audit evaluate on the bundle again."
                )
            return [whole.get(row.finding.order, row.finding) for row in rows]
        # Few rows, so they are rendered one by one instead of opening the renderer of a whole control.
        return [row.finding for row in rows] if self._words is None else self._words.some(rows)

    def of_subjects(self, subjects: Collection[str]) -> Iterator[Finding] | None:
        """Return the findings of subjects in filing order with their texts; None: there are no lines."""
        return self._lines.of_subjects(subjects) if isinstance(self._lines, StoredFindings) else None

    def control(self, control: str) -> Control:
        """Return the control with this id. BundleError: the scan does not define it."""
        return defined(self.controls, control)

    def rows(self, batch: pa.RecordBatch) -> Iterator[FiledRow]:
        """Read rows of TABLE."""
        return read_rows(batch, self.controls)


def having(statuses: Iterable[Status]) -> str:
    """Return the SQL condition that a row of TABLE has one of these statuses.

    DuckDB turns a long IN into a join, which loses the order of the files.
    """
    return " OR ".join(f"status = {literal(status.value)}" for status in statuses)


def of_controls(controls: Iterable[str]) -> str:
    """Return the SQL condition that a row of TABLE is of one of these controls."""
    # An empty OR is not valid SQL; "false" selects nothing.
    return " OR ".join(f"control = {literal(control)}" for control in controls) or "false"


def _account(file: Path) -> str:
    return "" if file.stem == NO_ACCOUNT else file.stem


def read_parquet(files: Iterable[Path]) -> str:
    """Return the SQL table function that reads these files, whatever characters their names have."""
    return f"read_parquet([{', '.join(map(literal, map(pattern, files)))}])"


def pattern(path: Path) -> str:
    """Return the pattern that matches only this path: DuckDB takes every file name for a pattern."""
    # A bracket around a wildcard matches the character itself.
    return "".join(f"[{char}]" if char in _WILDCARDS else char for char in str(path))


def literal(text: str) -> str:
    """Return a text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


_WILDCARDS: Final = frozenset("*?[")


def findings_of(filed: Filed, subjects: Collection[str]) -> list[Finding]:
    """Return the findings of subjects in filing order, without the texts that are not filed.

    The files of the accounts in the subjects are read first. A subject belongs to one account, so other files
    are read only for subjects without a finding there, such as ARNs without an account.
    """
    named = _accounts(subjects)
    # By file name, because a file has the findings of one account only.
    own = tuple(file for file in filed.files if file.stem in named)
    findings = _read(filed, own, subjects)
    missing = set(subjects) - {finding.subject for finding in findings}
    others = tuple(file for file in filed.files if file not in own)
    return sorted([*findings, *_read(filed, others, missing)], key=lambda finding: finding.order)


def _accounts(subjects: Collection[str]) -> set[str]:
    """Return the accounts in ARNs and in the subjects of accounts (`aws:account:ID`)."""
    return {part for subject in subjects for part in _parts(subject) if part.isdecimal()}


def _parts(subject: str) -> Iterator[str]:
    if subject.startswith("arn:"):
        yield from subject.split(":")[4:5]
    elif subject.startswith("aws:"):
        yield from (part.partition("/")[0] for part in subject.split(":")[2:3])


def _read(filed: Filed, files: Sequence[Path], subjects: Collection[str]) -> list[Finding]:
    if not files or not subjects:
        return []
    # Without words: rendering would need facts that the caller may not have.
    some = Filed(files, filed.controls.values())
    listed = ", ".join(
        map(literal, sorted(subjects))
    )  # constants, which DuckDB compares with the file's statistics
    with some.database() as connection:
        return some.chosen(connection, f"SELECT * FROM {TABLE} WHERE subject IN ({listed})")  # nosec B608 # noqa: S608 -- as literals
