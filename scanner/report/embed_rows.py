"""The findings as columns within the HTML report: every row of them, or as many of the worst as fit.

A row is five numbers: its control, its subject, its status with its severity, and its reason. Whatever is
said of a subject (its ARN, name, type, account, Region and owner) and each reason stand once. In filing
order the numbers climb evenly, which is what makes them small.
"""

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from scanner.findings.filed import Filed
from scanner.model.finding import Finding, Severity, Status
from scanner.report.blocks import Dictionary, block, deltas
from scanner.report.counts import Counts, count
from scanner.report.view import View
from scanner.report.words import STATUS_ORDER, given_name

SEVERITIES: Final = len(Severity)

_Key = tuple[str, str, str, str]  # subject, type, account, Region

_STATUSES: Final = {rank: status for status, rank in STATUS_ORDER.items()}
_RANKS: Final = {
    (status, severity): place * SEVERITIES + severity.rank
    for status, place in STATUS_ORDER.items()
    for severity in Severity
}
_SPARE: Final = 0.93
"""What is tried next, of the share that would just fit: rows are not all alike."""


@dataclass(slots=True)
class Subjects:
    """The subjects of the rows, each with a number."""

    numbers: dict[_Key, int] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    owners: list[int] = field(
        default_factory=list
    )  # number of its owner; -1: nothing says how they are named
    owner_numbers: dict[str | None, int] = field(default_factory=dict)  # None: not known; empty: nobody

    def number(self, finding: Finding) -> int:
        """Return the number of a finding's subject; the first of its findings that has its name tells it."""
        key = (finding.subject, finding.subject_type, finding.account, finding.region)
        number = self.numbers.setdefault(key, len(self.numbers))
        if number == len(self.names):
            self.names.append("")
            self.owners.append(-1 if finding.owner is None else self._owner(finding.owner.name))
        if not self.names[number]:
            self.names[number] = given_name(finding.details)
        return number

    def _owner(self, name: str | None) -> int:
        return self.owner_numbers.setdefault(name, len(self.owner_numbers))


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows as text for the page, the numbers of their subjects by ARN, and what was left out."""

    text: str
    reasons: str
    number: int
    subjects: dict[str, int]
    cut: Counts


def _numbers() -> "array[int]":
    return array("I")


@dataclass(slots=True)
class _Columns:
    controls: Dictionary = field(default_factory=Dictionary)
    subjects: Subjects = field(default_factory=Subjects)
    reasons: Dictionary = field(default_factory=Dictionary)
    control: "array[int]" = field(default_factory=_numbers)
    subject: "array[int]" = field(default_factory=_numbers)
    rank: "array[int]" = field(default_factory=_numbers)
    reason: "array[int]" = field(default_factory=_numbers)

    def add(self, finding: Finding) -> None:
        self.control.append(self.controls.number(finding.control))
        self.subject.append(self.subjects.number(finding))
        self.rank.append(_RANKS[finding.status, finding.severity])
        self.reason.append(self.reasons.number(finding.reason))

    def worst(self, number: int) -> "_Columns":
        """Return the worst rows alone, with the texts that they need."""
        places = sorted(range(len(self.rank)), key=self.rank.__getitem__)[:number]
        fewer = _Columns(controls=self.controls, subjects=Subjects(owner_numbers=self.subjects.owner_numbers))
        subjects, reasons = list(self.subjects.numbers), self.reasons.texts
        for place in sorted(places):
            subject = self.subject[place]
            kept = fewer.subjects.numbers.setdefault(subjects[subject], len(fewer.subjects.numbers))
            if kept == len(fewer.subjects.names):
                fewer.subjects.names.append(self.subjects.names[subject])
                fewer.subjects.owners.append(self.subjects.owners[subject])
            fewer.control.append(self.control[place])
            fewer.subject.append(kept)
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
    """Put the rows of a view into no more than `room` characters, the worst where not all fit."""
    columns = _Columns()
    for finding in view.findings if view.counts.total <= limit else _worst(view, limit):
        columns.add(finding)
    text, reasons = columns.texts()
    while len(text) + len(reasons) > room:
        columns = columns.worst(int(len(columns.rank) * room / (len(text) + len(reasons)) * _SPARE))
        text, reasons = columns.texts()
    shown = count(_STATUSES[rank // SEVERITIES] for rank in columns.rank)
    numbers = {key[0]: number for key, number in columns.subjects.numbers.items()}
    return Rows(text, reasons, len(columns.rank), numbers, view.counts.less(shown))


def _worst(view: View, limit: int) -> Iterator[Finding]:
    """Return the worst findings in filing order; of the last status and severity that fits, the first."""
    if isinstance(view.findings, Filed):
        yield from view.findings.first(_worst_numbers(view, view.findings, limit))
        return
    places = {
        (status, Severity(group.key)): number
        for group in view.severities
        for status, number in group.counts.parts()
    }
    left: dict[tuple[Status, Severity], int] = {}
    room = limit
    for place in sorted(places, key=lambda each: (STATUS_ORDER[each[0]], each[1].rank)):
        left[place] = min(places[place], room)
        room -= left[place]
    for finding in view.findings:
        place = (finding.status, finding.severity)
        if left.get(place, 0) > 0:
            left[place] -= 1
            yield finding


def _worst_numbers(view: View, filed: Filed, room: int) -> Mapping[str, Mapping[Status, int]]:
    """Return how many of the worst findings are of each control and status, `room` in all."""
    numbers: dict[str, dict[Status, int]] = {}
    pairs = [(control, pair) for control, counts in view.by_control.items() for pair in counts.parts()]

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
