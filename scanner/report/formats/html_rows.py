"""The findings within the HTML report, as columns: all of them, or as many of the worst as fit.

A row consists of numbers: control, subject, rank (status and severity) and reason. Each subject (ARN, name,
type, account, Region, owner) and each reason is stored once. In filing order successive numbers differ
little, so that they compress well.
"""

import base64
import gzip
from array import array
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from typing import Any, Final

import orjson

from scanner.findings.filed import Filed
from scanner.findings.picks import ListedRow, listed_rows
from scanner.model.explanation import Node, NodeKind, Verdict
from scanner.model.finding import Finding, Severity, Status, waiver_document
from scanner.report.cause_wording import cause_sentence
from scanner.report.explain.queries import Facts
from scanner.report.explain.resource import resource_chains
from scanner.report.formats.explanation import WIDTH, Box, description, lay_out
from scanner.report.view.counts import Counts, count
from scanner.report.view.overview import STRUCTURES, UNLISTED
from scanner.report.view.view import ResourceView, View
from scanner.report.wording import STATUS_ORDER, given_name, title
from scanner.storage.encoding import encode
from scanner.storage.parquet import StoredRows
from scanner.storage.table_files import NoTableError

SEVERITIES: Final = len(Severity)
_Key = tuple[str, str, str, str]  # subject, type, account, Region
_STATUSES: Final = {rank: status for status, rank in STATUS_ORDER.items()}

_RANKS: Final = {
    (status, severity): place * SEVERITIES + severity.rank
    for status, place in STATUS_ORDER.items()
    for severity in Severity
}

_SPARE: Final = 0.93
"""Part of the share that should just fit which is tried next, since rows differ in size."""
_LEVEL: Final = 6

_PICTURED: Final = frozenset((NodeKind.SELECTION, NodeKind.RECOVERY_POINT, NodeKind.KEY))
"""Kinds of nodes in groups that are drawn. The others appear in findings and in the tree."""

LARGEST: Final = 40_000
"""Maximum bytes of one detail. A list of thousands of resources belongs in the other files of the report."""

BLOCK: Final = 250_000
"""Minimum bytes of a block before compression. The page decompresses a whole block to show one subject."""

_FIRST: Final = 300
"""Number of subjects whose chains are read first. Their size shows how many more may fit."""

_AT_ONCE: Final = 1_000
"""Maximum number of subjects read at once later. Each time the files of all their accounts are opened."""

_MORE: Final = 200
"""Number of subjects to read beyond those that are expected to fit."""

_CALM: Final = frozenset({Status.PASS, Status.NOT_APPLICABLE})
_HIDDEN: Final = "name"
"""The detail that is already the subject's title."""


@dataclass(slots=True)
class Subjects:
    """The subjects of the rows, each with a number."""

    numbers: dict[_Key, int] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    owners: list[int] = field(
        default_factory=list
    )  # number of the owner; -1: no rule for owners is configured
    owner_numbers: dict[str | None, int] = field(default_factory=dict)  # None: unknown; empty: no owner

    def number(self, row: ListedRow) -> int:
        """Return the number of a row's subject. Its name is that of its first row with a name."""
        key = (row.subject, row.subject_type, row.account, row.region)
        number = self.numbers.setdefault(key, len(self.numbers))
        if number == len(self.names):
            self.names.append("")
            self.owners.append(-1 if row.owner_source is None else self._owner(row.owner))
        # Details of some controls lack the name: the first finding that has one gives it.
        if not self.names[number]:
            self.names[number] = row.name.strip()
        return number

    def _owner(self, name: str | None) -> int:
        return self.owner_numbers.setdefault(name, len(self.owner_numbers))


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows as text for the page, the numbers of their subjects by ARN, and counts of those left out."""

    text: str
    reasons: str
    number: int
    subjects: dict[str, int]
    cut: Counts


def _numbers() -> "array[int]":
    # Four bytes a number, where a list of Python integers takes some thirty.
    return array("I")


@dataclass(slots=True)
class Dictionary:
    """Distinct texts, each with its number."""

    numbers: dict[str, int] = field(default_factory=dict)

    def number(self, text: str) -> int:
        """Return the number of a text; a new text gets the next one."""
        return self.numbers.setdefault(text, len(self.numbers))

    @property
    def texts(self) -> list[str]:
        """The texts in the order of their numbers."""
        return list(self.numbers)


@dataclass(slots=True)
class _Columns:
    controls: Dictionary = field(default_factory=Dictionary)
    subjects: Subjects = field(default_factory=Subjects)
    reasons: Dictionary = field(default_factory=Dictionary)
    control: "array[int]" = field(default_factory=_numbers)
    subject: "array[int]" = field(default_factory=_numbers)
    rank: "array[int]" = field(default_factory=_numbers)
    reason: "array[int]" = field(default_factory=_numbers)

    def add(self, row: ListedRow, severity: Severity) -> None:
        self.control.append(self.controls.number(row.control))
        self.subject.append(self.subjects.number(row))
        self.rank.append(_RANKS[Status(row.status), severity])
        self.reason.append(self.reasons.number(row.reason))

    def worst(self, number: int) -> "_Columns":
        """Return the worst rows alone, with the texts that they need."""
        # The sort is stable, so equally bad findings stay in filing order.
        places = sorted(range(len(self.rank)), key=self.rank.__getitem__)[:number]
        fewer = _Columns(controls=self.controls, subjects=Subjects(owner_numbers=self.subjects.owner_numbers))
        subjects, reasons = list(self.subjects.numbers), self.reasons.texts
        # Back in filing order, in which successive numbers differ least.
        for place in sorted(places):
            subject = self.subject[place]
            number_of_subject = fewer.subjects.numbers.setdefault(
                subjects[subject], len(fewer.subjects.numbers)
            )
            if number_of_subject == len(fewer.subjects.names):
                fewer.subjects.names.append(self.subjects.names[subject])
                fewer.subjects.owners.append(self.subjects.owners[subject])
            fewer.control.append(self.control[place])
            fewer.subject.append(number_of_subject)
            fewer.rank.append(self.rank[place])
            fewer.reason.append(fewer.reasons.number(reasons[self.reason[place]]))
        return fewer

    def texts(self) -> tuple[str, str]:
        """Return the two blocks: rows with their subjects, and reasons."""
        return block(
            {
                "controls": self.controls.texts,
                "subjects": _subjects(self.subjects),
                "control": deltas(self.control),
                "subject": deltas(self.subject),
                "rank": self.rank.tolist(),
                "reason": deltas(self.reason),
            }
        ), block(self.reasons.texts)


def embed_rows(view: View, room: int, limit: int) -> Rows:
    """Encode the rows of a view in at most `room` characters, the worst ones if not all fit.

    Of more than `limit` findings, those that pass or are not applicable are counted and left out: their texts
    are not filed, and rendering them would take most of the time.
    """
    columns = _Columns()
    for row, severity in _listed_rows(view, limit):
        columns.add(row, severity)
    text, reasons = columns.texts()
    # The size is known only after compression, so the share is tried until it fits.
    while len(text) + len(reasons) > room:
        columns = columns.worst(int(len(columns.rank) * room / (len(text) + len(reasons)) * _SPARE))
        text, reasons = columns.texts()
    shown = count(_STATUSES[rank // SEVERITIES] for rank in columns.rank)
    numbers = {key[0]: number for key, number in columns.subjects.numbers.items()}
    return Rows(text, reasons, len(columns.rank), numbers, view.counts.less(shown))


def _listed_rows(view: View, limit: int) -> Iterator[tuple[ListedRow, Severity]]:
    """Return the rows that the report contains, in filing order, with their severities."""
    if view.counts.total <= limit:
        return ((_row_of(finding), finding.severity) for finding in view.findings)
    if isinstance(filed := view.findings, Filed):
        rows = listed_rows(filed, _worst_numbers(view, filed, limit))
        return ((row, filed.control(row.control).severity) for row in rows)
    return ((_row_of(finding), finding.severity) for finding in _worst(view, limit))


def _row_of(finding: Finding) -> ListedRow:
    owner = finding.owner
    return ListedRow(
        control=finding.control,
        status=finding.status.value,
        subject=finding.subject,
        subject_type=finding.subject_type,
        account=finding.account,
        region=finding.region,
        reason=finding.reason,
        name=given_name(finding.details),
        owner=owner.name if owner else None,
        owner_source=owner.source if owner else None,
    )


def _worst(view: View, limit: int) -> Iterator[Finding]:
    """Return the worst findings in filing order. Of the last rank that fits, the first findings are taken."""
    places = {
        (status, Severity(group.key)): number
        for group in view.severities
        for status, number in group.counts.parts()
        # What passes is counted above the table, and is the first to be left out.
        if status not in UNLISTED
    }
    left: dict[tuple[Status, Severity], int] = {}
    room = limit
    for place in sorted(places, key=lambda pair: (STATUS_ORDER[pair[0]], pair[1].rank)):
        left[place] = min(places[place], room)
        room -= left[place]
    for finding in view.findings:
        place = (finding.status, finding.severity)
        if left.get(place, 0) > 0:
            left[place] -= 1
            yield finding


def _worst_numbers(view: View, filed: Filed, room: int) -> Mapping[str, Mapping[Status, int]]:
    """Return how many of the worst `room` findings belong to each control and status."""
    numbers: dict[str, dict[Status, int]] = {}
    pairs = [
        (control, pair)
        for control, counts in view.by_control.items()
        for pair in counts.parts()
        if pair[0] not in UNLISTED
    ]

    def order(pair: tuple[str, tuple[Status, int]]) -> tuple[int, int, str]:
        control, (status, _) = pair
        return STATUS_ORDER[status], filed.control(control).severity.rank, control

    for control, (status, number) in sorted(pairs, key=order):
        if room > 0 < number:
            numbers.setdefault(control, {})[status] = min(number, room)
            room -= number
    return numbers


def _subjects(subjects: Subjects) -> dict[str, object]:
    types, accounts, regions = Dictionary(), Dictionary(), Dictionary()
    keys = list(subjects.numbers)
    return {
        "arn": [subject for subject, _, _, _ in keys],
        "name": subjects.names,
        "type": deltas([types.number(kind) for _, kind, _, _ in keys]),
        "account": deltas([accounts.number(account) for _, _, account, _ in keys]),
        "region": deltas([regions.number(region) for _, _, _, region in keys]),
        "owner": subjects.owners,
        "types": types.texts,
        "accounts": accounts.texts,
        "regions": regions.texts,
        "owners": list(subjects.owner_numbers),
    }


def block(content: object) -> str:
    """Return JSON as base64 of gzip, which cannot end a script element. Equal content gives equal text."""
    # Without a time in the header: equal reports give equal bytes.
    return base64.b64encode(gzip.compress(encode(content), _LEVEL, mtime=0)).decode()


def deltas(numbers: Sequence[int]) -> list[int]:
    """Return the differences between successive numbers: a series of ones for consecutive numbers."""
    return [number - former for former, number in zip(chain((0,), numbers), numbers, strict=False)]


class Chains:
    """Reads the chains of a view's resources; the files of fact tables are opened once.

    Fact tables are read only if the view's inventory is the scan's own table. If it was changed for the
    report (by redaction, for example), reading the facts would undo that.
    """

    def __init__(self, view: View) -> None:
        inventory = view.inventory
        has_facts = isinstance(inventory, StoredRows) and not view.notice
        groups = view.scan.protection_groups
        self._facts = (
            Facts(inventory.tables, groups.tables if isinstance(groups, StoredRows) else None)
            if has_facts and isinstance(inventory, StoredRows)
            else None
        )

    def of(self, resources: Collection[ResourceView]) -> dict[str, Node]:
        """Return the chains of resources by subject, from facts if there are any, else from findings.

        Raises:
            BundleError: a table cannot be read.
        """
        nodes = self._from_facts([resource.subject for resource in resources])
        others = (resource for resource in resources if resource.subject not in nodes)
        return nodes | {
            resource.subject: _of_findings(resource) for resource in others if resource.chain.has_rules
        }

    def _from_facts(self, subjects: Collection[str]) -> dict[str, Node]:
        if self._facts is not None:
            try:
                return dict(resource_chains(self._facts, subjects))
            except NoTableError:  # fall back to the details of findings, which contain less
                self._facts = None
        return {}


def _of_findings(resource: ResourceView) -> Node:
    root = resource.chain.root
    label = root.label or title(resource.subject, resource.name)
    return replace(root, label=label, subject=resource.subject)


def chain_document(node: Node) -> dict[str, Any]:
    """Return a chain for the page: `tree`, `picture`, and `spoken` for screen readers."""
    return {"tree": _compact(node), "picture": _picture(node), "spoken": description(node)}


def _compact(node: Node) -> dict[str, Any]:
    """Return a node and its descendants without empty keys."""
    parts = {
        "kind": node.kind.value,
        "label": node.label,
        "subject": node.subject,
        "verdict": "" if node.verdict is Verdict.STATED else node.verdict.value,
        "because": node.because,
        "facts": [f"{name} {value}" for name, value in node.facts],
        "evidence": [f"{ref.file}:{ref.line}" for ref in node.evidence],
        "children": [_compact(child) for child in node.children],
    }
    return {key: content for key, content in parts.items() if content}


def _picture(node: Node) -> dict[str, Any]:
    drawn = lay_out(replace(node, children=tuple(filter(_is_pictured, node.children))))
    return {
        "width": drawn.width,
        "height": drawn.height,
        "box": WIDTH,
        "boxes": [_box(box) for box in drawn.boxes],
        "arrows": drawn.arrows,
    }


def _is_pictured(node: Node) -> bool:
    return node.kind is not NodeKind.GROUP or any(child.kind in _PICTURED for child in node.children)


def _box(box: Box) -> list[Any]:
    """Return a box: left, top, height, verdict, kind, title, text for screen readers, and its lines."""
    lines = [[line.text, line.style, line.y, line.mark, line.indent] for line in box.lines]
    node = box.node
    return [box.x, box.y, box.height, node.verdict.value, box.kind, box.title, box.spoken, lines]


# The details of findings within the HTML report, in blocks that the page decompresses on demand.
#
# A block contains some subjects, worst first, each with the details of its findings and its chain. When the
# room is used up, the remaining subjects are left out and counted.
@dataclass(frozen=True, slots=True)
class Details:
    """The blocks, the block number of each subject, and the number of findings in them."""

    blocks: tuple[str, ...]
    places: Mapping[str, int]
    findings: int


def embed_details(view: View, room: int, limit: int) -> Details:
    """Pack the details of the worst subjects into `room` characters; the last block may exceed it.

    `limit`: as in `embed_rows`, whose rows are those that show details.
    """
    subjects, packed, number = _Subjects(view, limit), _Packed(room), _FIRST
    while not packed.is_full() and (batch := subjects.next(number)):
        for subject, findings, root in batch:
            packed.add(subject, len(findings), _subject_document(view, findings, root))
            if packed.is_full():
                break
        number = packed.fitting()
    packed.finish()
    return Details(tuple(packed.blocks), packed.places, packed.findings)


class _Packed:
    """Packs details into blocks until they take `room` characters; the last block may exceed it."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._waiting: dict[str, orjson.Fragment] = {}
        self._size = self._used = 0
        self.blocks: list[str] = []
        self.places: dict[str, int] = {}
        self.findings = 0

    def is_full(self) -> bool:
        """Return whether the room is used up."""
        return self._used >= self._room

    def fitting(self) -> int:
        """Return how many further subjects probably fit, judging by those packed, and some more."""
        # Only what is compressed counts: the size of the rest is not known yet.
        share = self._used / (len(self.places) - len(self._waiting) or 1)
        return min(_AT_ONCE, int((self._room - self._used) / share) + _MORE) if share else _FIRST

    def add(self, subject: str, findings: int, text: bytes) -> None:
        """Add the details of a subject."""
        self.places[subject] = len(self.blocks)
        self._waiting[subject] = orjson.Fragment(text)
        self.findings += findings
        self._size += len(text)
        if self._size > BLOCK:
            self.finish()

    def finish(self) -> None:
        """Compress the subjects that wait, if any."""
        if self._waiting:
            self.blocks.append(block(self._waiting))
            self._used += len(self.blocks[-1])
            self._waiting, self._size = {}, 0


_Subject = tuple[str, Sequence[Finding], Node | None]
"""A subject, its findings, and its chain."""


class _Subjects:
    """The subjects of a view's worst findings, worst first."""

    def __init__(self, view: View, limit: int) -> None:
        self._view = view
        self._unlisted = frozenset[Status]() if view.counts.total <= limit else UNLISTED
        self._chains = Chains(view)
        self._left = iter(view.worst_subjects.items())

    def next(self, number: int) -> list[_Subject]:
        """Return the next subjects; empty: there are no more. `number`: how many to read at once."""
        # Findings that are not in Parquet are read from start to end for each batch: use large batches.
        types = dict(islice(self._left, number if isinstance(self._view.findings, Filed) else _AT_ONCE))
        subjects = self._view.resources_of(tuple(types), without=self._unlisted)
        # Only resources have a chain that is worth a picture.
        nodes = self._chains.of([subject for subject in subjects if types[subject.subject] not in STRUCTURES])
        return [(subject.subject, self._shown(subject), nodes.get(subject.subject)) for subject in subjects]

    def _shown(self, subject: ResourceView) -> Sequence[Finding]:
        """Return the findings to show. For structures of a large scan these are only the listed ones."""
        if self._view.has_all or subject.subject_type not in STRUCTURES:
            return subject.findings
        return [finding for finding in subject.findings if finding.status not in UNLISTED]


def _subject_document(view: View, findings: Sequence[Finding], chain: Node | None) -> bytes:
    document: dict[str, Any] = {
        "findings": {finding.control: _finding(view, finding) for finding in findings}
    }
    if chain is not None:
        # The browser draws it from this: the layout is computed once, here.
        document["chain"] = chain_document(chain)
    return encode(document)


def _finding(view: View, finding: Finding) -> dict[str, Any]:
    waiver, owner, cause = finding.waiver, finding.owner, finding.root_cause
    advice = view.to_do(finding) if finding.status not in _CALM else None
    parts = {
        "details": _details({key: value for key, value in finding.details.items() if key != _HIDDEN}),
        "evidence": [[ref.file, ref.line] for ref in finding.evidence],
        "waiver": waiver and waiver_document(waiver),
        "owner_source": owner and owner.source,
        "first_seen": view.first_seen_words(finding),
        "commands": advice and advice.cli,
        "cause": cause and cause_sentence(cause),
    }
    return {key: content for key, content in parts.items() if content}


def _details(details: Mapping[str, Any]) -> object:
    """Return the encoded details, without values that are too large; None: there are no details."""
    if not details:
        return None
    whole = encode(details)
    # Only then value by value, since encoding each one alone is slower.
    if len(whole) > LARGEST:
        whole = encode({key: _bounded(encode(value)) for key, value in details.items()})
    return orjson.Fragment(whole)


def _bounded(text: bytes) -> object:
    if len(text) <= LARGEST:
        return orjson.Fragment(text)
    return f"{len(text):,} bytes, left out here: see findings.jsonl.gz"
