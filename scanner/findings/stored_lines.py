"""Findings that are stored as lines, and read from their file whenever they are iterated over."""

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import orjson

from scanner.errors import BundleError
from scanner.model.finding import Finding, finding_from_document
from scanner.storage.bounded import read_lines

LINES: Final = ("findings.jsonl.gz", "findings.jsonl")
"""The files with all findings of a scan, one a line. The first that exists is used."""

# Everything that a malformed document can raise while it is read.
_NO_FINDING = (KeyError, TypeError, ValueError, AttributeError)


class StoredFindings:
    """The findings of findings.jsonl.gz, in its order. `number`: of findings, if known.

    Raises:
        BundleError, during iteration: the file cannot be read to its end, or a line is not a finding.
    """

    def __init__(self, path: Path, number: int | None = None) -> None:
        self.path, self._number = path, number

    def __iter__(self) -> Iterator[Finding]:
        """Yield the findings from the first."""
        for number, line in enumerate(self._lines(), start=1):
            try:
                yield finding_from_document(orjson.loads(line))
            except _NO_FINDING as problem:
                # A KeyError's text is the bare key, which explains nothing alone.
                fault = f"the key {problem} is missing" if isinstance(problem, KeyError) else str(problem)
                raise BundleError(f"{self.path.name}: line {number} is not a finding: {fault}.") from problem

    def __len__(self) -> int:
        """Return the number of lines, which are counted once."""
        if self._number is None:
            self._number = sum(1 for _ in self._lines())
        return self._number

    def _lines(self) -> Iterator[bytes]:
        try:
            yield from read_lines(self.path)
        except (EOFError, zlib.error, OSError) as problem:
            raise BundleError(f"{self.path} cannot be read to its end: {problem}.") from problem


def stored_findings(folder: Path) -> StoredFindings | None:
    """Return the findings of a folder that are stored as lines; None: there is no such file."""
    # The compressed file first: it is what this version writes.
    path = next((folder / name for name in LINES if (folder / name).is_file()), None)
    return None if path is None else StoredFindings(path)
