"""Findings of Security Hub, gathered into calls: each of one account and one Region.

Findings come in the order of filing, so that those of one account and Region are far from each other. What
waits for its batch to be full is bounded: the fullest batches go as they are when all of them together are
too much to hold.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from scanner.report.asff_text import units

MAX_FINDINGS: Final = 100
"""Findings of one BatchImportFindings call."""

MAX_CALL_BYTES: Final = 6_000_000
MAX_WAITING_BYTES: Final = 64_000_000
"""Bytes that wait in memory, over all batches."""

_ENVELOPE: Final = 100
"""Bytes of a call around its findings, commas not counted."""

_ESCAPED: Final = 6
"""Bytes that a UTF-16 unit takes where it is written by its code, as boto3 and the AWS CLI do."""

Place = tuple[str, str]
"""An account and a Region."""


@dataclass(slots=True)
class _Batch:
    findings: list[bytes] = field(default_factory=list)
    held: int = 0  # bytes in memory
    sent: int = _ENVELOPE  # bytes of the call


class Batches:
    """Gathers findings, and gives batches as they are full: JSON arrays, one a line."""

    def __init__(self, waiting: int = MAX_WAITING_BYTES) -> None:
        self._limit = waiting
        self._held = 0
        self._open: dict[Place, _Batch] = {}

    def add(self, place: Place, finding: bytes) -> Iterator[bytes]:
        """Take a finding; give what can no longer wait."""
        size = wire_bytes(finding) + 1
        batch = self._open.get(place)
        if batch is not None and batch.sent + size > MAX_CALL_BYTES:
            yield self._close(place)
            batch = None
        if batch is None:
            batch = self._open[place] = _Batch()
        batch.findings.append(bytes(memoryview(finding)))  # a copy: orjson's own keeps its wide buffer
        batch.held += len(finding)
        batch.sent += size
        self._held += len(finding)
        if len(batch.findings) == MAX_FINDINGS:
            yield self._close(place)
        if self._held > self._limit:
            yield from self._make_room()

    def rest(self) -> Iterator[bytes]:
        """Give the batches that did not become full, by account and Region."""
        for place in sorted(self._open):
            yield self._close(place)

    def _make_room(self) -> Iterator[bytes]:
        """Give the fullest batches as they are, until half of the room is free."""
        for place in sorted(self._open, key=lambda each: (-self._open[each].held, each)):
            if self._held <= self._limit // 2:
                return
            yield self._close(place)

    def _close(self, place: Place) -> bytes:
        batch = self._open.pop(place)
        self._held -= batch.held
        return b"[" + b",".join(batch.findings) + b"]\n"


def wire_bytes(finding: bytes) -> int:
    """Count the bytes that a finding takes in a call, where all but ASCII is written by its code."""
    if finding.isascii():
        return len(finding)
    text = finding.decode()
    plain = len(text.encode("ascii", "ignore"))
    return plain + _ESCAPED * (units(text) - plain)
