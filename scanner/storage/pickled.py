"""Objects in a file of our own, one after the other, for other processes of the same judgement."""

import pickle
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from scanner.errors import OutputError


class Pickled:
    """Writes objects into a file. Use it as a context. OutputError: there is no room."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._stream: IO[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self._stream = self._file.open("wb")
        except OSError as problem:
            raise _full(problem) from problem
        return self

    def put(self, thing: object) -> None:
        """Write one object."""
        if self._stream is None:
            raise ValueError("used outside of its context")
        try:
            pickle.dump(thing, self._stream, pickle.HIGHEST_PROTOCOL)
        except OSError as problem:
            raise _full(problem) from problem

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._stream is not None:
                self._stream.close()
        except OSError as problem:
            if kind is None:  # else the first failure is the one that is told
                raise _full(problem) from problem


def unpickled(file: Path) -> Iterator[Any]:
    """Give the objects of a file that this program wrote, and nobody else could."""
    with file.open("rb") as stream:
        while True:
            try:
                yield pickle.load(stream)  # noqa: S301 -- our own, in a folder that only we can write to
            except EOFError:
                return


def _full(problem: OSError) -> OutputError:
    return OutputError(
        f"The folder for temporary files cannot be written: {problem}. Free some space there, or name "
        "another folder with the environment variable SQLITE_TMPDIR."
    )
