"""Numbers of answers by subject, put aside on disk: memory holds those of one place at a time.

There are as many answers as subjects times controls, and they come control by control; whoever tells the
numbers of a subject needs them subject by subject.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from types import TracebackType
from typing import Final, Self

from scanner.errors import OutputError

_CACHE: Final = -16_384  # kibibytes; the rest is on disk
_DIGEST: Final = 8  # bytes; subjects are told apart within one place only


class CountsAside:
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


def _full(problem: sqlite3.OperationalError) -> OutputError:
    return OutputError(
        f"The folder for temporary files cannot be written: {problem}. Free some space there, or name "
        "another folder with the environment variable SQLITE_TMPDIR."
    )
