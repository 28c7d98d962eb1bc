"""Lines of a temporary file, for other processes of the same judgement."""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from scanner.errors import OutputError


class Lines:
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
    """Yield the lines of a file that `Lines` wrote."""
    with file.open("rb") as stream:
        for line in stream:
            yield line.rstrip(b"\n")


def _full(problem: OSError) -> OutputError:
    return OutputError(
        f"The folder for temporary files cannot be written: {problem}. Free some space there, or name "
        "another folder with the environment variable SQLITE_TMPDIR."
    )
