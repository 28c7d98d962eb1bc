"""Temporary files of a judgement: rows for other shards, counts by subject, lines for other processes.

Memory must not grow with the organisation, and a recovery point may be in another shard than what it is
a backup of. The rows wait in a database file that has no name and vanishes with the process, or in one that
other processes read when it is complete.
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

_PAGES: Final = -16_384  # kibibytes of cache; the rest is on disk

Encoded = tuple[str, bytes]
"""A row as JSON, after the name that it is asked for by."""
_CACHE: Final = -16_384  # kibibytes; the rest is on disk
_DIGEST: Final = 8  # bytes; subjects are told apart within one place only


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


# Numbers of answers by subject, put aside on disk: memory holds those of one place at a time.
#
# There are as many answers as subjects times controls, and they come control by control; whoever tells the
# numbers of a subject needs them subject by subject.
class ScratchCounts:
    """Counts answers by place and subject in a temporary file without a name. Use it as a context.

    Raises:
        OutputError: the folder for temporary files is full.
    """

    def __init__(self) -> None:
        self._database = sqlite3.connect("")
        self._database.execute(f"PRAGMA cache_size = {_CACHE}")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute(
            "CREATE TABLE told (place INTEGER, subject INTEGER, answer TEXT, number INTEGER)"
        )
        self._places: dict[str, int] = {}
        self._indexed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Forget everything."""
        self._database.close()

    def add(self, answers: Iterable[tuple[str, str, str, int]]) -> None:
        """Add answers: place, subject, answer, and how often it was given."""
        rows = (
            (self._places.setdefault(place, len(self._places)), _number(subject), answer, number)
            for place, subject, answer, number in answers
        )
        try:
            self._database.executemany("INSERT INTO told VALUES (?, ?, ?, ?)", rows)
        except sqlite3.OperationalError as problem:
            raise _full(problem) from problem

    def of(self, place: str) -> "SubjectCounts":
        """Give the numbers of all subjects of a place."""
        number = self._places.get(place)
        found: dict[int, dict[str, int]] = {}
        for subject, answer, times in self._rows(number) if number is not None else ():
            found.setdefault(subject, {})[answer] = times
        return SubjectCounts(found)

    def _rows(self, place: int) -> Iterator[tuple[int, str, int]]:
        try:
            if not self._indexed:  # once, when the first place is asked for: rows come faster without
                self._database.execute("CREATE INDEX by_place ON told (place)")
                self._indexed = True
            yield from self._database.execute(
                "SELECT subject, answer, sum(number) FROM told WHERE place = ? GROUP BY subject, answer",
                (place,),
            )
        except sqlite3.OperationalError as problem:
            raise _full(problem) from problem


class SubjectCounts:
    """The numbers of the answers about the subjects of one place."""

    def __init__(self, found: Mapping[int, Mapping[str, int]]) -> None:
        self._found = found

    def of(self, subject: str) -> Mapping[str, int]:
        """Give the numbers by answer; empty: nothing was asked of it."""
        return self._found.get(_number(subject), {})


def _number(subject: str) -> int:
    digest = blake2b(subject.encode(errors="surrogatepass"), digest_size=_DIGEST).digest()
    return int.from_bytes(digest, "big", signed=True)


class ScratchLines:
    """Writes lines into a file. Use it as a context. OutputError: there is no room."""

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
        """Write one line, without its end."""
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
            if kind is None:  # else the first failure is the one that is reported
                raise _full(problem) from problem


def lines_of(file: Path) -> Iterator[bytes]:
    """Yield the lines of a file that `ScratchLines` wrote."""
    with file.open("rb") as stream:
        for line in stream:
            yield line.rstrip(b"\n")
