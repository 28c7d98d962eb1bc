"""Findings as they lie in a scan's folder: read anew, line by line, each time somebody goes through them."""

import zlib
from collections.abc import Iterator
from gzip import BadGzipFile
from gzip import open as open_gzip
from pathlib import Path
from typing import Final

import orjson

from scanner.errors import BundleError
from scanner.model.finding import Finding, finding_from_document

LINES: Final = ("findings.jsonl.gz", "findings.jsonl")
"""The files that hold all findings of a scan, one a line; the first that is there counts."""

_NO_FINDING = (KeyError, TypeError, ValueError, AttributeError)


class StoredFindings:
    """The findings of findings.jsonl.gz, in its order. `number`: how many there are, where that is known.

    Raises:
        BundleError, when it is gone through: it cannot be read to its end, or a line is no finding.
    """

    def __init__(self, path: Path, number: int | None = None) -> None:
        self.path, self._number = path, number

    def __iter__(self) -> Iterator[Finding]:
        """Read them from the first on."""
        for number, line in enumerate(self._lines(), start=1):
            try:
                yield finding_from_document(orjson.loads(line))
            except _NO_FINDING as problem:
                told = f"the key {problem} is missing" if isinstance(problem, KeyError) else str(problem)
                raise BundleError(f"{self.path.name}: line {number} is no finding: {told}.") from problem

    def __len__(self) -> int:
        """Count the lines, once."""
        if self._number is None:
            self._number = sum(1 for _ in self._lines())
        return self._number

    def _lines(self) -> Iterator[bytes]:
        try:
            with open_gzip(self.path) if self.path.suffix == ".gz" else self.path.open("rb") as file:
                yield from file
        except (BadGzipFile, EOFError, zlib.error, OSError) as problem:
            raise BundleError(f"{self.path} cannot be read to its end: {problem}.") from problem


def stored_findings(folder: Path) -> StoredFindings | None:
    """Give the findings that lie in a folder; None: there is no file of them."""
    path = next((folder / name for name in LINES if (folder / name).is_file()), None)
    return None if path is None else StoredFindings(path)
