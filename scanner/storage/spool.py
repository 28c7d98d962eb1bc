"""Rows that are put aside while shards are read, and wanted again when another shard is judged.

Memory must not grow with the organisation, and a recovery point may lie in another shard than what it is
a backup of. The rows wait in a database file that has no name and is gone with the process, or in one that
other processes read when it is full.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Final, Self

import orjson

from scanner.errors import OutputError

_PAGES: Final = -16_384  # kibibytes of cache; the rest is on disk


Encoded = tuple[str, bytes]
"""A row as JSON, after the name that it is asked for by."""


class Spool:
    """Rows of JSON by the name of who wants them. Use it as a context; for one thread."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file  # without one: SQLite's own temporary file, deleted when it is closed
        self._database = sqlite3.connect(file or "")
        try:
            self._database.execute(f"PRAGMA cache_size = {_PAGES}")
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
        """Forget everything."""
        self._database.close()

    def put(self, rows: Iterable[tuple[str, Any]]) -> None:
        """Put rows aside, each with the name that it is asked for by. OutputError: the disk is full."""
        self.put_encoded(encoded(rows))

    def put_encoded(self, rows: Iterable[Encoded]) -> None:
        """Put rows aside that another process made into bytes."""
        try:
            self._database.executemany("INSERT INTO spooled VALUES (?, ?)", rows)
        except sqlite3.OperationalError as problem:
            raise _full(problem) from problem

    def of(self, name: str) -> Iterator[Any]:
        """Give the rows put aside under a name, in the order in which they were put."""
        if not self._sorted:
            self._sort()
        yield from _rows_of(self._database, name)

    def share(self) -> Path:
        """Let other processes read the file, which gets no more rows. OutputError: the disk is full."""
        if self._file is None:
            raise ValueError("a spool without a file cannot be shared")
        self._sort()
        try:
            self._database.commit()
        except sqlite3.OperationalError as problem:
            raise _full(problem) from problem
        return self._file

    def _sort(self) -> None:
        """Make the index once, when the first row is asked for: rows come faster without."""
        try:
            self._database.execute("CREATE INDEX IF NOT EXISTS by_name ON spooled (wanted_by)")
        except sqlite3.OperationalError as problem:
            raise _full(problem) from problem
        self._sorted = True


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Make a folder for what several processes read, and remove it. OutputError: it cannot be made."""
    try:
        folder = TemporaryDirectory(
            prefix="vaultproof-aside-", dir=os.environ.get("SQLITE_TMPDIR"), ignore_cleanup_errors=True
        )
    except OSError as problem:
        raise _full(problem) from problem
    with folder as name:
        yield Path(name)


class SpoolReader:
    """Reads a spool that another process filled (`Spool.share`)."""

    def __init__(self, file: Path) -> None:
        self._database = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro&immutable=1", uri=True)

    def of(self, name: str) -> Iterator[Any]:
        """Give the rows put aside under a name, in the order in which they were put."""
        yield from _rows_of(self._database, name)


def _rows_of(database: sqlite3.Connection, name: str) -> Iterator[Any]:
    query = "SELECT row FROM spooled WHERE wanted_by = ? ORDER BY rowid"
    for (row,) in database.execute(query, (name,)):
        yield orjson.loads(row)


def encoded(rows: Iterable[tuple[str, Any]]) -> Iterator[Encoded]:
    """Turn rows into bytes, each with its name."""
    return ((name, orjson.dumps(row)) for name, row in rows)


def _full(problem: sqlite3.OperationalError | OSError) -> OutputError:
    return OutputError(
        f"The folder for temporary files cannot be written: {problem}. Free some space there, or name "
        "another folder with the environment variable SQLITE_TMPDIR."
    )
