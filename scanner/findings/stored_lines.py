"""Findings that are stored as lines, and read from their file whenever they are iterated over."""

import zlib
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Final

import orjson

from scanner.errors import BundleError
from scanner.model.finding import Finding, finding_from_document
from scanner.storage.bounded import read_lines
from scanner.storage.encoding import encode

LINES: Final = ("findings.jsonl.gz", "findings.jsonl")
"""The files with all findings of a scan, one a line. The first that exists is used."""

# What is around the subject in a line of ours; lines written otherwise are decoded.
_SUBJECT: Final = b',"subject":'
_TYPE: Final = b',"subject_type":'

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
        return self._findings(lambda _: True)

    def of_subjects(self, subjects: Collection[str]) -> Iterator[Finding]:
        """Yield the findings of some subjects, in the order of the file. Lines of others are not decoded."""
        wanted = frozenset(map(encode, subjects))

        def is_wanted(line: bytes) -> bool:
            # The subject precedes every text that could contain the mark ("findings", bytes).
            start = line.find(_SUBJECT) + len(_SUBJECT)
            end = line.find(_TYPE, start)
            return min(start, end) < len(_SUBJECT) or line[start:end] in wanted

        return (finding for finding in self._findings(is_wanted) if encode(finding.subject) in wanted)

    def _findings(self, is_wanted: Callable[[bytes], bool]) -> Iterator[Finding]:
        for number, line in enumerate(self._lines(), start=1):
            if not is_wanted(line):
                continue
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
