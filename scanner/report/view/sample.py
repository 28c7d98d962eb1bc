"""A random sample of evaluated findings, which an auditor can reproduce.

The seed is a checksum of the findings themselves: everyone who has them draws the same sample, and the seed
cannot be chosen. Passed findings are drawn like failed ones: the sample serves to re-perform checks.
"""

import hashlib
import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from scanner.findings.schema import is_findings_file
from scanner.model.finding import Finding, Status
from scanner.model.manifest import Manifest

SIZE: Final = 25
"""Number of findings in the sample."""

JUDGED: Final = (Status.PASS, Status.FAIL, Status.WAIVED)
"""Only evaluated checks can be re-performed; the reason of an unknown says what is missing."""

_FINDINGS: Final = "findings.jsonl.gz"


@dataclass(frozen=True, slots=True)
class Sample:
    """The sample in the order of the draw. `of`: the number of findings that it was drawn from."""

    seed: str
    of: int
    findings: Sequence[Finding]

    @property
    def query(self) -> str:
        """The query that reproduces it (`audit query SCAN_DIR "…"`)."""
        statuses = ", ".join(f"'{status.value}'" for status in JUDGED)
        return (
            f"SELECT status, control, subject FROM findings WHERE status IN ({statuses}) "  # nosec B608 # noqa: S608 -- our own words
            f"ORDER BY sha256('{self.seed}' || fingerprint) LIMIT {SIZE}"
        )


def seed_of(manifest: Manifest) -> str:
    """Return the seed in letters and digits.

    Schema 2: the SHA-256 of the sorted lines `NAME SHA256`, each with a newline, of the manifest's findings
    files. Schema 1: the SHA-256 of findings.jsonl.gz. Without both: the SHA-256 of the scan's id.
    """
    filed = sorted(
        f"{name} {checksum}\n" for name, checksum in manifest.files.items() if is_findings_file(name)
    )
    if filed:
        return hashlib.sha256("".join(filed).encode()).hexdigest()
    return manifest.files.get(_FINDINGS) or hashlib.sha256(manifest.scan_id.encode()).hexdigest()


class Draw:
    """Draws from a stream of findings: those whose checksums together with the seed are the smallest."""

    def __init__(self, seed: str, size: int = SIZE) -> None:
        self._seed, self._size = seed, size
        self._of = 0
        self._heap: list[tuple[int, int, Finding]] = []  # a heap, the greatest checksum first

    def add(self, finding: Finding) -> None:
        """Include a finding in the draw if it was evaluated."""
        if finding.status not in JUDGED:
            return
        self._of += 1
        checksum = hashlib.sha256(f"{self._seed}{finding.fingerprint}".encode()).digest()
        entry = (
            # Negative, since Python's heaps have the smallest entry first.
            -int.from_bytes(checksum),
            self._of,
            finding,
        )  # the number keeps findings from being compared
        if len(self._heap) < self._size:
            heapq.heappush(self._heap, entry)
        elif entry > self._heap[0]:
            heapq.heapreplace(self._heap, entry)

    def drawn(self) -> Sample:
        """Return the sample."""
        return Sample(
            self._seed, self._of, tuple(finding for _, _, finding in sorted(self._heap, reverse=True))
        )


def sample(findings: Iterable[Finding], seed: str, size: int = SIZE) -> Sample:
    """Return a sample of findings."""
    draw = Draw(seed, size)
    for finding in findings:
        draw.add(finding)
    return draw.drawn()
