"""A sample of what was judged, that nobody chose and anybody can draw again.

The seed is a checksum of the findings themselves: whoever has them can draw the same sample, and nobody can
look for a seed that suits. Passes are drawn like failures: a sample is there to re-perform what was said.
"""

import hashlib
import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from scanner.findings.schema import is_findings_file
from scanner.model.finding import Finding, Status
from scanner.model.manifest import Manifest

SIZE: Final = 25
"""Findings that are drawn."""

JUDGED: Final = (Status.PASS, Status.FAIL, Status.WAIVED)
"""Only what was judged can be re-performed: what is unknown says itself why it could not be."""

_FINDINGS: Final = "findings.jsonl.gz"


@dataclass(frozen=True, slots=True)
class Sample:
    """What was drawn, in the order of the draw. `of`: how many it was drawn from."""

    seed: str
    of: int
    findings: tuple[Finding, ...]

    @property
    def query(self) -> str:
        """The query that draws it again (`audit query SCAN_DIR "…"`)."""
        statuses = ", ".join(f"'{status.value}'" for status in JUDGED)
        return (
            f"SELECT status, control, subject FROM findings WHERE status IN ({statuses}) "  # noqa: S608 -- our own words
            f"ORDER BY sha256('{self.seed}' || fingerprint) LIMIT {SIZE}"
        )


def seed_of(manifest: Manifest) -> str:
    """Return the seed, in letters and digits.

    Schema 2: the SHA-256 of the lines `NAME SHA256` that the manifest has of the files of findings, sorted,
    each with a newline. Schema 1: the SHA-256 of findings.jsonl.gz. Without both: that of the scan's id.
    """
    filed = sorted(
        f"{name} {checksum}\n" for name, checksum in manifest.files.items() if is_findings_file(name)
    )
    if filed:
        return hashlib.sha256("".join(filed).encode()).hexdigest()
    return manifest.files.get(_FINDINGS) or hashlib.sha256(manifest.scan_id.encode()).hexdigest()


class Draw:
    """Draws from findings that come one after the other: those with the least checksums with the seed."""

    def __init__(self, seed: str, size: int = SIZE) -> None:
        self._seed, self._size = seed, size
        self._of = 0
        self._kept: list[tuple[int, int, Finding]] = []  # a heap, the greatest checksum first

    def add(self, finding: Finding) -> None:
        """Take part in the draw, when it was judged."""
        if finding.status not in JUDGED:
            return
        self._of += 1
        checksum = hashlib.sha256(f"{self._seed}{finding.fingerprint}".encode()).digest()
        entry = (
            -int.from_bytes(checksum),
            self._of,
            finding,
        )  # the number keeps findings from being compared
        if len(self._kept) < self._size:
            heapq.heappush(self._kept, entry)
        elif entry > self._kept[0]:
            heapq.heapreplace(self._kept, entry)

    def drawn(self) -> Sample:
        """Give the sample."""
        return Sample(self._seed, self._of, tuple(each for _, _, each in sorted(self._kept, reverse=True)))


def sample(findings: Iterable[Finding], seed: str, size: int = SIZE) -> Sample:
    """Draw from findings."""
    draw = Draw(seed, size)
    for finding in findings:
        draw.add(finding)
    return draw.drawn()
