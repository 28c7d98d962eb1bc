"""The findings as compact JSON within the HTML report, bounded, worst first.

Every distinct text and every distinct detail is there once. The first findings come with their details
and the chain of their resource, later ones as a row alone, and when the room is used up the rest is left
out: `Embedded` says how much, and the report says where it is.
"""

from dataclasses import dataclass, field
from typing import Final

import orjson

from scanner.model.finding import Finding, Status
from scanner.report.chain import Chain, compact
from scanner.report.counts import Counts, count
from scanner.report.json import encode
from scanner.report.view import View
from scanner.report.words import SEVERITY_WORDS, STATUS_WORDS, given_name

DETAIL_ROOM: Final = 2_000_000
ROOM: Final = 3_400_000
"""Bytes for findings with their details, and for all that is embedded: the file stays under 5 MB."""

FINGERPRINT_LENGTH: Final = 16
"""Characters of a fingerprint that links within the report use: 64 bits tell findings apart."""

LARGEST: Final = 40_000
"""Bytes of one detail at most: a list of thousands of resources is for the files beside the report."""

_ROW_BYTES: Final = 68  # of a row's numbers, at most, beside its fingerprint


@dataclass(frozen=True, slots=True)
class Embedded:
    """The JSON text, safe between script tags, and what it holds."""

    text: str
    rows: int
    detailed: int
    cut: Counts


@dataclass(slots=True)
class _Pool:
    """JSON texts, each distinct one once, and the bytes they take between script tags."""

    members: dict[bytes, int] = field(default_factory=dict)
    size: int = 0

    def place(self, content: object) -> int:
        """Give the position of a value, adding it when it is new."""
        text = _safe(encode(content))
        if len(text) > LARGEST:
            text = encode(f"{len(text):,} bytes, left out here: see findings.jsonl.gz")
        position = self.members.setdefault(text, len(self.members))
        if position == len(self.members) - 1:
            self.size += len(text) + 1
        return position


@dataclass(slots=True)
class _Writer:
    """The rows so far."""

    chains: dict[str, Chain]
    texts: _Pool = field(default_factory=_Pool)
    values: _Pool = field(default_factory=_Pool)
    told: dict[int, int] = field(default_factory=dict)  # text of a subject -> value of its chain
    rows: list[list[object]] = field(default_factory=list)

    @property
    def size(self) -> int:
        return self.texts.size + self.values.size + len(self.rows) * (_ROW_BYTES + FINGERPRINT_LENGTH)

    def add(self, finding: Finding, *, detailed: bool) -> None:
        place = self.texts.place
        self.rows.append(
            [
                place(finding.control),
                _STATUS_RANK[finding.status],
                finding.severity.rank,
                place(finding.subject),
                place(finding.subject_type),
                place(finding.account),
                place(finding.region),
                place(finding.reason),
                finding.fingerprint[:FINGERPRINT_LENGTH],
                self._details(finding) if detailed else None,
                place(given_name(finding.details)),
            ]
        )

    def _details(self, finding: Finding) -> list[object]:
        chain = self.chains.get(finding.subject)
        if chain is not None:
            self.told.setdefault(self.texts.place(finding.subject), self.values.place(compact(chain.root)))
        document = finding.document()
        details = [(self.texts.place(key), self.values.place(each)) for key, each in finding.details.items()]
        evidence = [(self.texts.place(ref.file), ref.line) for ref in finding.evidence]
        return [details, evidence, document["waiver"] and self.values.place(document["waiver"])]


_STATUS_RANK: Final = {status: rank for rank, status in enumerate(STATUS_WORDS)}


def embed(view: View, detail_room: int = DETAIL_ROOM, room: int = ROOM) -> Embedded:
    """Make the JSON that the HTML report carries."""
    chains = {each.subject: each.chain for each in view.resources if each.chain.told}
    writer = _Writer(chains)
    detailed = 0
    for finding in view.worst:
        if writer.size >= room:
            break
        whole = writer.size < detail_room
        detailed += whole
        writer.add(finding, detailed=whole)
    cut = view.counts.less(count(finding.status for finding in view.worst[: len(writer.rows)]))
    text = _safe(encode(_document(view, writer))).decode()
    return Embedded(text, len(writer.rows), detailed, cut)


def _document(view: View, writer: _Writer) -> dict[str, object]:
    return {
        "total": view.counts.total,
        "statuses": [[status.value, word] for status, word in STATUS_WORDS.items()],
        "severities": [[severity.value, word] for severity, word in SEVERITY_WORDS.items()],
        "controls": {each.control.id: each.control.title for each in view.controls},
        "accounts": dict(view.names),
        "types": {each.key: each.label for each in view.types},
        "texts": [orjson.Fragment(text) for text in writer.texts.members],
        "values": [orjson.Fragment(text) for text in writer.values.members],
        "chains": {str(subject): chain for subject, chain in writer.told.items()},
        "rows": writer.rows,
        "counted": {status.value: view.counts.of(status) for status in Status},
    }


def _safe(text: bytes) -> bytes:
    """Escape what could end the script element or open a comment in it."""
    return text.replace(b"<", b"\\u003c")
