"""Writes findings: one file for each account, in row groups that depend on its findings alone."""

import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from scanner.errors import OutputError
from scanner.findings.schema import FILED, NO_ACCOUNT, WITHOUT_TEXTS
from scanner.model.finding import Finding
from scanner.model.text import mended

ROW_GROUP: Final = 50_000
"""The rows of a row group: as many findings of one account are in memory before they are written."""

_REPEATED: Final = (
    "control",
    "status",
    "subject",
    "subject_type",
    "account",
    "region",
    "evidence.list.element.file",
    "tier",
    "parameters",
    "owner",
    "owner_source",
)
"""Columns with many repeated values, which get a dictionary in each row group."""

HELD: Final = 16 << 20
"""Bytes of findings that wait in memory, over all accounts; more are spilled to the disk."""

_BATCH: Final = 10_000


class FindingFiles:
    """Writes the findings of many accounts, as a context manager. `folder` exists and is empty.

    Findings of one account are added in filing order, accounts in any order. A finished account has its file;
    an account without findings has none.

    Raises:
        OutputError: a file cannot be written (disk full, no permission).
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.total = 0
        self._open: dict[str, _AccountFile] = {}
        self._done: set[str] = set()
        self._held = 0
        self._spool = _Spool()

    def __enter__(self) -> Self:
        return self

    def add(self, account: str, batch: pa.RecordBatch, size: int | None = None) -> None:
        """Add findings of one account, with the columns of FILED; texts may be dictionary-encoded.

        `size`: about how many bytes they take, where that is known: measuring a few rows takes as long as
        adding them.
        """
        name = account or NO_ACCOUNT
        if name in self._done:
            raise ValueError(f"the findings of {name} have already been written")
        if name not in self._open:
            self._open[name] = _AccountFile(self.folder / f"{name}.parquet", self._spool)
        self._open[name].add(batch)
        self.total += batch.num_rows
        self._held += batch.nbytes if size is None else size
        if self._held > HELD:
            for file in self._open.values():
                file.spill()
            self._held = 0

    def add_findings(self, findings: Iterable[Finding]) -> None:
        """Add findings with all their texts, whatever their status."""
        waiting: dict[str, list[Finding]] = {}
        for finding in findings:
            batch = waiting.setdefault(finding.account, [])
            batch.append(finding)
            if len(batch) >= _BATCH:
                self._add_batch(finding.account, waiting.pop(finding.account))
        for account, batch in waiting.items():
            self._add_batch(account, batch)

    def _add_batch(self, account: str, findings: list[Finding]) -> None:
        self.add(account, batch_of(findings))

    def finish(self, accounts: Iterable[str]) -> None:
        """Write the remaining findings of accounts that get no more."""
        for account in accounts:
            name = account or NO_ACCOUNT
            # Accounts without findings as well: rows that arrive later are a mistake of the caller.
            self._done.add(name)
            if (file := self._open.pop(name, None)) is not None:
                file.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # After an error nothing is finished: a file with some of the findings must not pass for a complete
        # one.
        if kind is None:
            self.finish(tuple(self._open))
        for file in self._open.values():
            file.abandon()
        self._spool.close()


class _Spool:
    """An unnamed temporary file for rows that wait to be written."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 -- closed with the files that are written
        self._end = 0

    def put(self, batch: pa.RecordBatch) -> "_Place":
        """Store rows. OutputError: the disk is full."""
        content = batch.serialize()
        try:
            # Reads move the position, so each write returns to the end.
            self._file.seek(self._end)
            self._file.write(content)
        except OSError as error:
            raise OutputError(
                f"Temporary files cannot be written to {tempfile.gettempdir()}: {error.strerror}. "
                "Free some space there, or set TMPDIR to a folder on another disk."
            ) from error
        self._end += content.size
        return _Place(self._end - content.size, content.size)

    def get(self, place: "_Place") -> pa.RecordBatch:
        """Return stored rows."""
        self._file.seek(place.start)
        return pa.ipc.read_record_batch(pa.py_buffer(self._file.read(place.size)), FILED)

    def close(self) -> None:
        """Delete the file."""
        with suppress(OSError):
            self._file.close()


@dataclass(frozen=True, slots=True)
class _Place:
    """The position of rows in the spool, in bytes."""

    start: int
    size: int


class _AccountFile:
    """The file of one account: a row group of findings is gathered in memory, then written."""

    def __init__(self, path: Path, spool: _Spool) -> None:
        self._path, self._spool = path, spool
        self._spilled: list[_Place] = []  # these come before `_waiting`
        # The file gets its name only when it is complete, so a crash leaves nothing that reads as findings.
        self._part = path.with_name(f"{path.name}.part")
        self._waiting: list[pa.RecordBatch] = []
        self._rows = 0
        self._writer: pq.ParquetWriter | None = None

    def add(self, batch: pa.RecordBatch) -> None:
        self._waiting.append(batch)
        self._rows += batch.num_rows
        # A batch may complete several row groups.
        while self._rows >= ROW_GROUP:
            self._write(ROW_GROUP)

    def spill(self) -> None:
        """Spill rows that wait to the disk. OutputError: the disk is full."""
        if self._waiting:
            rows = _joined(self._waiting).combine_chunks()
            self._spilled += [self._spool.put(batch) for batch in rows.to_batches()]
            self._waiting = []

    def _write(self, rows: int) -> None:
        table = _joined([*map(self._spool.get, self._spilled), *self._waiting])
        self._spilled = []
        group, rest = table.slice(0, rows).combine_chunks(), table.slice(rows)
        try:
            if self._writer is None:
                # Opened with the first rows: an account without findings has no file.
                self._writer = pq.ParquetWriter(
                    self._part, FILED, compression="zstd", use_dictionary=list(_REPEATED), store_schema=False
                )
            self._writer.write_table(group, row_group_size=ROW_GROUP)
        except OSError as error:
            raise self._failure(error) from error
        self._waiting = [batch for batch in rest.to_batches() if batch.num_rows]
        self._rows = rest.num_rows

    def close(self) -> None:
        """Write the rest, and give the file its name."""
        try:
            if self._rows:
                self._write(self._rows)
            if self._writer is not None:
                self._writer.close()
                self._writer = None
                self._part.replace(self._path)
        except OSError as error:
            self.abandon()
            raise self._failure(error) from error
        # Also at Ctrl-C, which is no OSError.
        except BaseException:
            self.abandon()
            raise

    def abandon(self) -> None:
        """Remove the unfinished file."""
        with suppress(OSError):  # the first failure is the one that is reported
            if self._writer is not None:
                self._writer.close()
                self._writer = None
        with suppress(OSError):
            self._part.unlink(missing_ok=True)

    def _failure(self, error: OSError) -> OutputError:
        return OutputError(
            f"{self._path} could not be written: {error.strerror or error}. Free some space there, "
            "or choose another folder with --out."
        )


def _joined(batches: Sequence[pa.RecordBatch]) -> pa.Table:
    """Join batches to a table with the columns of FILED. Casting each batch would take most of the time."""
    if all(batch.schema == FILED for batch in batches):
        return pa.Table.from_batches(batches, FILED)
    # Batches with the same schema are cast together.
    alike = [pa.Table.from_batches(list(run)) for _, run in groupby(batches, key=attrgetter("schema"))]
    return pa.concat_tables([table.unify_dictionaries().cast(FILED) for table in alike])


def batch_of(findings: list[Finding], *, whole: bool = True) -> pa.RecordBatch:
    """Build the rows of findings. `whole` False: without the texts that are not filed."""
    columns = _columns(findings, whole=whole)
    arrays = [_array(columns[field.name], field.type) for field in FILED]
    return pa.RecordBatch.from_arrays(arrays, schema=FILED)


def _columns(findings: list[Finding], *, whole: bool) -> dict[str, list[object]]:
    has_texts = [whole or finding.status not in WITHOUT_TEXTS for finding in findings]
    texts = ("control", "status", "subject", "subject_type", "account", "region")
    rows = tuple(zip(findings, has_texts, strict=True))
    return {
        **{name: [str(getattr(finding, name)) for finding in findings] for name in texts},
        "reason": [finding.reason if filed else None for finding, filed in rows],
        "details": [details_text(finding.details) if filed else None for finding, filed in rows],
        "evidence": [
            [{"file": ref.file, "line": ref.line} for ref in finding.evidence] if filed else None
            for finding, filed in rows
        ],
        "tier": [_tier(finding) for finding in findings],
        "parameters": [_parameters(finding) for finding in findings],
        "waiver": [finding.document()["waiver"] if finding.waiver else None for finding in findings],
        "owner": [finding.owner.name if finding.owner else None for finding in findings],
        "owner_source": [finding.owner.source if finding.owner else None for finding in findings],
    }


def _tier(finding: Finding) -> str | None:
    # A tier of None is unknown, while a missing key means that there is none.
    tier = finding.details.get("tier", "")
    return tier if isinstance(tier, str) else None


def _parameters(finding: Finding) -> str | None:
    parameters = finding.details.get("parameters")
    return details_text(parameters) if isinstance(parameters, dict) else None


def details_text(content: object) -> str:
    """Return details as JSON. A lone surrogate, which is not valid Unicode, becomes U+FFFD."""
    try:
        return orjson.dumps(content).decode()
    except TypeError:
        return orjson.dumps(mended(content)).decode()


def _array(values: list[object], kind: pa.DataType) -> pa.Array:
    try:
        # Lone surrogates are so rare that only a failure pays for mending.
        return pa.array(values, kind)
    except UnicodeEncodeError:
        return pa.array(mended(values), kind)
