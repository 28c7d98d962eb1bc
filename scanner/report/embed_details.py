"""The details of findings within the HTML report, in blocks that the page inflates when somebody asks.

A block holds some subjects, worst first, each with all that its findings tell and the chain that protects
it. When the room is used up the rest is left out, and counted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import orjson

from scanner.findings.filed import Filed
from scanner.model.explanation import Node
from scanner.model.finding import Finding, waiver_document
from scanner.report.blocks import block
from scanner.report.chains import Chains
from scanner.report.encoding import encode
from scanner.report.overview import STRUCTURES, UNLISTED
from scanner.report.picture import told
from scanner.report.view import ResourceView, View

LARGEST: Final = 40_000
"""Bytes of one detail at most: a list of thousands of resources is for the files beside the report."""

BLOCK: Final = 250_000
"""Bytes of a block before it is compressed, at least: what is inflated to show one subject."""

_FIRST: Final = 300
"""Subjects whose chains are read at first. They show how many find room."""

_AT_ONCE: Final = 1_000
"""Subjects whose chains are read later, at most: each time, the files of all their accounts are opened."""

_MORE: Final = 50
"""Subjects that are read beyond those that are expected to find room."""

_HIDDEN: Final = "name"
"""The detail that is the subject's title, and no news below it."""


@dataclass(frozen=True, slots=True)
class Details:
    """The blocks, the number of the block that tells of a subject, and how many findings are told."""

    blocks: tuple[str, ...]
    places: Mapping[str, int]
    findings: int


def embed_details(view: View, room: int) -> Details:
    """Put the details of the worst subjects into `room` characters, or one block more."""
    subjects, packed, number = _Subjects(view), _Packed(room), _FIRST
    while not packed.is_full() and (batch := subjects.next(number)):
        for subject, findings, chain in batch:
            packed.add(subject, len(findings), _told(findings, chain))
            if packed.is_full():
                break
        number = packed.fitting()
    packed.finish()
    return Details(tuple(packed.blocks), packed.places, packed.findings)


class _Packed:
    """Blocks of details, as many as `room` has place for, or one more."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._waiting: dict[str, orjson.Fragment] = {}
        self._size = self._used = 0
        self.blocks: list[str] = []
        self.places: dict[str, int] = {}
        self.findings = 0

    def is_full(self) -> bool:
        """Check whether the room is used up."""
        return self._used >= self._room

    def fitting(self) -> int:
        """Return how many subjects may still find room, judging by the former ones, and some more."""
        share = self._used / (len(self.places) - len(self._waiting) or 1)
        return min(_AT_ONCE, int((self._room - self._used) / share) + _MORE) if share else _FIRST

    def add(self, subject: str, findings: int, text: bytes) -> None:
        """Add what is known of a subject."""
        self.places[subject] = len(self.blocks)
        self._waiting[subject] = orjson.Fragment(text)
        self.findings += findings
        self._size += len(text)
        if self._size > BLOCK:
            self.finish()

    def finish(self) -> None:
        """Pack what waits, if anything does."""
        if self._waiting:
            self.blocks.append(block(self._waiting))
            self._used += len(self.blocks[-1])
            self._waiting, self._size = {}, 0


_Subject = tuple[str, Sequence[Finding], Node | None]
"""A subject, its findings, and the chain that protects it."""


class _Subjects:
    """The subjects of a view's worst findings, worst first."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._chains = Chains(view)
        self._left = iter(view.worst_subjects.items())

    def next(self, number: int) -> list[_Subject]:
        """Return the next subjects; none: there are no more. `number`: how many are read at once."""
        # Findings that are not filed in columns are read from the first to the last for each batch.
        types = dict(islice(self._left, number if isinstance(self._view.findings, Filed) else _AT_ONCE))
        subjects = self._view.resources_of(tuple(types))
        nodes = self._chains.of([each for each in subjects if types[each.subject] not in STRUCTURES])
        return [(each.subject, self._shown(each), nodes.get(each.subject)) for each in subjects]

    def _shown(self, subject: ResourceView) -> Sequence[Finding]:
        """Return the findings that are shown: of a structure of a large scan, those that are listed."""
        if self._view.has_all or subject.subject_type not in STRUCTURES:
            return subject.findings
        return [each for each in subject.findings if each.status not in UNLISTED]


def _told(findings: Sequence[Finding], chain: Node | None) -> bytes:
    document: dict[str, Any] = {"findings": {each.control: _finding(each) for each in findings}}
    if chain is not None:
        document["chain"] = told(chain)
    return encode(document)


def _finding(finding: Finding) -> dict[str, Any]:
    waiver, owner = finding.waiver, finding.owner
    parts = {
        "details": _details({key: value for key, value in finding.details.items() if key != _HIDDEN}),
        "evidence": [[ref.file, ref.line] for ref in finding.evidence],
        "waiver": waiver and waiver_document(waiver),
        "owner_source": owner and owner.source,
    }
    return {key: content for key, content in parts.items() if content}


def _details(details: Mapping[str, Any]) -> object:
    """Return details encoded, without those that are too large; None: there are none."""
    if not details:
        return None
    whole = encode(details)
    if len(whole) > LARGEST:
        whole = encode({key: _bounded(encode(value)) for key, value in details.items()})
    return orjson.Fragment(whole)


def _bounded(text: bytes) -> object:
    if len(text) <= LARGEST:
        return orjson.Fragment(text)
    return f"{len(text):,} bytes, left out here: see findings.jsonl.gz"
