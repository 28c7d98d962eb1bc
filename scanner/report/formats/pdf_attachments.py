"""The files attached to the PDF: findings, population and manifest, limited so that every PDF stays small.

They are compressed while they are written, and stay on disk until the document is written.
"""

import hashlib
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scanner.evidence.manifest import manifest_bytes, manifest_document
from scanner.findings.filed import Filed
from scanner.findings.schema import is_findings_file
from scanner.findings.stored_lines import LINES
from scanner.findings.texts import all_without_texts
from scanner.model.finding import Finding, Severity, Status
from scanner.model.manifest import Manifest
from scanner.report.formats.csv import findings_csv, inventory_csv
from scanner.report.formats.json import LEFT_OUT, MAX_FINDINGS
from scanner.report.view.view import View
from scanner.report.wording import STATUS_ORDER
from scanner.storage.files import write_atomically

FINDINGS: Final = "findings.csv"
INVENTORY: Final = "inventory.csv"
MANIFEST: Final = "manifest.json"

MAX_RESOURCES: Final = 50_000
"""Above this number of resources the population is not attached, because a part of it would mislead."""

_FEW: Final = 3
"""Number of findings files that a sentence names."""

Rank = tuple[Status, Severity]


@dataclass(frozen=True, slots=True)
class Attached:
    """A file for the PDF, compressed (zlib) at `path`. Size and checksums are of the uncompressed file."""

    name: str
    path: Path
    description: str
    bytes: int
    sha256: str
    md5: str


@dataclass(frozen=True, slots=True)
class Extent:
    """Which findings are attached: all, those that did not pass and are applicable, or the worst of these."""

    total: int
    not_passed: int  # neither passed nor not applicable
    numbers: Mapping[Rank, int]  # of attached findings

    @property
    def has_all(self) -> bool:
        """Whether every finding is attached."""
        return self.total <= MAX_FINDINGS

    @property
    def has_not_passed(self) -> bool:
        """Whether every finding is attached that neither passed nor is not applicable."""
        return self.has_all or self.not_passed <= MAX_FINDINGS

    @property
    def sentence(self) -> str:
        """Which findings the attached file contains."""
        if self.has_all:
            return "All findings, one per row."
        which = f"{sum(self.numbers.values()):,} of {self.total:,} findings: "
        if self.has_not_passed:
            return which + "all that neither passed nor are not applicable."
        return which + f"the worst of the {self.not_passed:,} that neither passed nor are not applicable."


def extent(view: View) -> Extent:
    """Return which findings to attach, by their counts.

    Above MAX_FINDINGS passed and not applicable findings are left out, and of the others the worst are
    attached.
    """
    left_out = () if view.counts.total <= MAX_FINDINGS else LEFT_OUT
    statuses = sorted((status for status in Status if status not in left_out), key=STATUS_ORDER.__getitem__)
    by_severity = {Severity(group.key): group.counts for group in view.severities}
    numbers: dict[Rank, int] = {}
    room = MAX_FINDINGS
    for status in statuses:
        for severity in sorted(by_severity, key=lambda level: level.rank):
            numbers[status, severity] = min(room, by_severity[severity].of(status))
            room -= numbers[status, severity]
    return Extent(view.counts.total, view.counts.asked - view.counts.passed, numbers)


def attachments(view: View, folder: Path) -> tuple[Attached, ...]:
    """Write the files to attach to the PDF.

    Raises:
        OutputError: there is no space on the disk.
    """
    return tuple(_attachments(view, folder))


def _attachments(view: View, folder: Path) -> Iterator[Attached]:
    chosen = extent(view)
    rows = findings_csv(view, chosen_findings(view.findings, chosen))
    yield _attached(folder, FINDINGS, rows, chosen.sentence)
    # None: another program wrote the scan, without the population.
    if view.inventory is not None and len(view.inventory) <= MAX_RESOURCES:
        description = "The population, one resource per row."
        yield _attached(folder, INVENTORY, inventory_csv(view), description)
    manifest = (manifest_bytes(manifest_document(view.manifest)),)
    yield _attached(folder, MANIFEST, manifest, "Provenance, scope, shards and checksums of the scan.")


def chosen_findings(findings: Iterable[Finding], chosen: Extent) -> Iterable[Finding]:
    """Return the findings to attach in their order: of each rank the number in the extent."""
    if chosen.has_all:
        return findings
    statuses = [status for (status, _), number in chosen.numbers.items() if number]
    filed = all_without_texts(findings, statuses) if isinstance(findings, Filed) else findings
    return _up_to(filed, chosen.numbers)


def _up_to(findings: Iterable[Finding], numbers: Mapping[Rank, int]) -> Iterator[Finding]:
    room = dict(numbers)
    for finding in findings:
        rank = finding.status, finding.severity
        if room.get(rank, 0):
            # Of the last rank that fits, the first in filing order: the choice is the same each time.
            room[rank] -= 1
            yield finding


def where_all_are(manifest: Manifest) -> str:
    """Return a sentence that names the files with all findings in the scan's folder."""
    names = [name for name in sorted(manifest.files) if is_of_findings(name)]
    if not names:
        return "audit report SCAN_DIR --format csv writes all findings."
    files = ", ".join(names) if len(names) <= _FEW else f"the {len(names):,} files {names[0]} to {names[-1]}"
    checksums = "its SHA-256 checksum is" if len(names) == 1 else "their SHA-256 checksums are"
    return f"All findings are in {files} in the folder of the scan; {checksums} in the attached {MANIFEST}."


def is_of_findings(name: str) -> bool:
    """Return whether a file in the manifest contains findings of the scan."""
    return name in LINES or is_findings_file(name)


def _attached(folder: Path, name: str, pieces: Iterable[bytes], description: str) -> Attached:
    packed = _Packed(pieces)
    path = folder / name
    write_atomically(path, packed)
    return Attached(name, path, description, packed.bytes, packed.sha256.hexdigest(), packed.md5.hexdigest())


class _Packed:
    """Compresses pieces as they stream by. Size and checksums are those of the input."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = pieces
        self.bytes = 0
        self.sha256 = hashlib.sha256()
        self.md5 = hashlib.md5(usedforsecurity=False)  # PDF's CheckSum of an embedded file is MD5

    def __iter__(self) -> Iterator[bytes]:
        packer = zlib.compressobj()
        for piece in self._pieces:
            # Counted while they stream by, since the PDF needs size and checksum of the plain file.
            self.bytes += len(piece)
            self.sha256.update(piece)
            self.md5.update(piece)
            yield packer.compress(piece)
        yield packer.flush()
