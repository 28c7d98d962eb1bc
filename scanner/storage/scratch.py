"""Temporary files of an evaluation: rows for other shards, counts by subject, lines for other processes.

Memory must not grow with the organisation, and a recovery point may be in another shard than the resource
that it backs up. Such rows are stored in an unnamed SQLite file that vanishes with the process, or in a named
one that other processes read when it is complete.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import IO, Any, Final, Self

import orjson

from scanner.errors import OutputError

Encoded = tuple[str, bytes]
"""The name of a row, and the row as JSON."""
_CACHE: Final = -16_384  # SQLite's page cache, in KiB (negative by its convention); the rest is on disk
_DIGEST: Final = 8  # bytes; they have to differ within one group only


class Spool:
    """JSON rows by name, in a SQLite file. Use it as a context manager, in one thread."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file  # without one: SQLite's own temporary file, deleted when it is closed
        self._database = sqlite3.connect(file or "")
        try:
            self._database.execute(f"PRAGMA cache_size = {_CACHE}")
            # Nothing has to survive a crash.
            self._database.execute("PRAGMA synchronous = OFF")
            self._database.execute("CREATE TABLE spooled (wanted_by TEXT NOT NULL, row BLOB NOT NULL)")
        except sqlite3.OperationalError as problem:
            raise _full(problem) from problem
        self._sorted = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close and delete the database."""
        self._database.close()

    def put(self, rows: Iterable[tuple[str, Any]]) -> None:
        """Add rows, each with the name to look it up by. OutputError: the disk is full."""
        self.put_encoded(encoded(rows))

    def put_encoded(self, rows: Iterable[Encoded]) -> None:
        """Add rows that another process encoded with `encoded`."""
        try:
            self._database.executemany("INSERT INTO spooled VALUES (?, ?)", rows)
        except sqlite3.OperationalError as problem:
            raise _full(problem) from problem

    def of(self, name: str) -> Iterator[Any]:
        """Yield the rows of a name, in the order in which they were added."""
        if not self._sorted:
            self._sort()
        yield from _rows_of(self._database, name)

    def share(self) -> Path:
        """Complete the file, and return its path for other processes. OutputError: the disk is full."""
        if self._file is None:
            raise ValueError("a spool without a file cannot be shared")
        self._sort()
        try:
            self._database.commit()
        except sqlite3.OperationalError as problem:
            raise _full(problem) from problem
        return self._file

    def _sort(self) -> None:
        """Create the index before the first lookup: inserting rows is faster without it."""
        try:
            self._database.execute("CREATE INDEX IF NOT EXISTS by_name ON spooled (wanted_by)")
        except sqlite3.OperationalError as problem:
            raise _full(problem) from problem
        self._sorted = True


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Yield a temporary folder that several processes may read. OutputError: it cannot be created."""
    try:
        folder = TemporaryDirectory(
            prefix="vaultproof-aside-", dir=os.environ.get("SQLITE_TMPDIR"), ignore_cleanup_errors=True
        )
    except OSError as problem:
        raise _full(problem) from problem
    with folder as name:
        yield Path(name)


class SpoolReader:
    """Reader for a spool that another process filled (`Spool.share`)."""

    def __init__(self, file: Path) -> None:
        # `immutable`: the file is complete, so that SQLite takes no locks.
        self._database = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro&immutable=1", uri=True)

    def of(self, name: str) -> Iterator[Any]:
        """Yield the rows of a name, in the order in which they were added."""
        yield from _rows_of(self._database, name)


def _rows_of(database: sqlite3.Connection, name: str) -> Iterator[Any]:
    # By rowid, so that the order is that of adding and not that of the index.
    query = "SELECT row FROM spooled WHERE wanted_by = ? ORDER BY rowid"
    for (row,) in database.execute(query, (name,)):
        yield orjson.loads(row)


def encoded(rows: Iterable[tuple[str, Any]]) -> Iterator[Encoded]:
    """Encode rows as bytes, each with its name."""
    return ((name, orjson.dumps(row)) for name, row in rows)


def _full(problem: sqlite3.OperationalError | OSError) -> OutputError:
    return OutputError(
        f"The folder for temporary files is not writable: {problem}. Free some space there, or name "
        "another folder with the environment variable SQLITE_TMPDIR."
    )


# Counts of statuses by subject, on disk: only those of one group are in memory at a time.
#
# There are as many statuses as subjects times controls. They arrive control by control, and are needed
# subject by subject.
class ScratchCounts:
    """Counts of statuses by group and subject, in a temporary database. Use it as a context manager.

    Raises:
        OutputError: the folder for temporary files is full.
    """

    def __init__(self) -> None:
        self._database = sqlite3.connect("")
        self._database.execute(f"PRAGMA cache_size = {_CACHE}")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute(
            "CREATE TABLE counts (group_id INTEGER, subject INTEGER, status TEXT, number INTEGER)"
        )
        self._groups: dict[str, int] = {}
        self._indexed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close and delete the database."""
        self._database.close()

    def add(self, counts: Iterable[tuple[str, str, str, int]]) -> None:
        """Add counts: group, subject, status, number."""
        rows = (
            (self._groups.setdefault(group, len(self._groups)), _number(subject), status, number)
            for group, subject, status, number in counts
        )
        try:
            self._database.executemany("INSERT INTO counts VALUES (?, ?, ?, ?)", rows)
        except sqlite3.OperationalError as problem:
            raise _full(problem) from problem

    def of(self, group: str) -> "SubjectCounts":
        """Return the counts of all subjects of a group."""
        number = self._groups.get(group)
        counts: dict[int, dict[str, int]] = {}
        for subject, status, count in self._rows(number) if number is not None else ():
            counts.setdefault(subject, {})[status] = count
        return SubjectCounts(counts)

    def _rows(self, group: int) -> Iterator[tuple[int, str, int]]:
        try:
            if not self._indexed:  # before the first lookup: inserting rows is faster without an index
                self._database.execute("CREATE INDEX by_group ON counts (group_id)")
                self._indexed = True
            yield from self._database.execute(
                "SELECT subject, status, sum(number) FROM counts WHERE group_id = ? GROUP BY subject, status",
                (group,),
            )
        except sqlite3.OperationalError as problem:
            raise _full(problem) from problem


class SubjectCounts:
    """The counts of statuses by subject, for one group."""

    def __init__(self, counts: Mapping[int, Mapping[str, int]]) -> None:
        self._counts = counts

    def of(self, subject: str) -> Mapping[str, int]:
        """Return the counts by status; empty if the subject was not checked."""
        return self._counts.get(_number(subject), {})


def _number(subject: str) -> int:
    digest = blake2b(subject.encode(errors="surrogatepass"), digest_size=_DIGEST).digest()
    return int.from_bytes(digest, "big", signed=True)


class ScratchLines:
    """Writer for a file of lines. Use it as a context manager. OutputError: the disk is full."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._stream: IO[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self._stream = self._file.open("wb")
        except OSError as problem:
            raise _full(problem) from problem
        return self

    def put(self, line: bytes) -> None:
        """Write one line; a line end is added."""
        if self._stream is None:
            raise ValueError("used outside of its context")
        try:
            self._stream.write(line + b"\n")
        except OSError as problem:
            raise _full(problem) from problem

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._stream is not None:
                self._stream.close()
        except OSError as problem:
            if kind is None:  # otherwise report the first error
                raise _full(problem) from problem


def lines_of(file: Path) -> Iterator[bytes]:
    """Yield the lines of a file that `ScratchLines` wrote."""
    with file.open("rb") as stream:
        for line in stream:
            yield line.rstrip(b"\n")
