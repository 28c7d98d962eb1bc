"""Rows that are put aside while shards are read, and wanted again when another shard is judged.

Memory must not grow with the organisation, and a recovery point may lie in another shard than what it is
a backup of. The rows wait in a database file that has no name and is gone with the process.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, Final, Self

import orjson

from scanner.errors import OutputError

_PAGES: Final = -16_384  # kibibytes of cache; the rest is on disk


class Spool:
    """Rows of JSON by the name of who wants them. Use it as a context; for one thread."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("")  # SQLite's own temporary file, deleted when it is closed
        self._database.execute(f"PRAGMA cache_size = {_PAGES}")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute("CREATE TABLE spooled (wanted_by TEXT NOT NULL, row BLOB NOT NULL)")
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
        encoded = ((name, orjson.dumps(row)) for name, row in rows)
        try:
            self._database.executemany("INSERT INTO spooled VALUES (?, ?)", encoded)
        except sqlite3.OperationalError as problem:
            raise _full(problem) from problem

    def of(self, name: str) -> Iterator[Any]:
        """Give the rows put aside under a name, in the order in which they were put."""
        if not self._sorted:
            self._sort()
        for (row,) in self._database.execute(
            "SELECT row FROM spooled WHERE wanted_by = ? ORDER BY rowid", (name,)
        ):
            yield orjson.loads(row)

    def _sort(self) -> None:
        """Make the index once, when the first row is asked for: rows come faster without."""
        try:
            self._database.execute("CREATE INDEX IF NOT EXISTS by_name ON spooled (wanted_by)")
        except sqlite3.OperationalError as problem:
            raise _full(problem) from problem
        self._sorted = True


def _full(problem: sqlite3.OperationalError) -> OutputError:
    return OutputError(
        f"The folder for temporary files cannot be written: {problem}. Free some space there, or name "
        "another folder with the environment variable SQLITE_TMPDIR."
    )
