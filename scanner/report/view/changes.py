"""Changes since a former scan: their document, and the trend of the totals."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from scanner.evidence.manifest import rfc3339
from scanner.model.changes import ALARMING, LISTED, Change, Changes, Former, Kind
from scanner.model.finding import Finding, Severity, Status
from scanner.model.scan import Scan
from scanner.report.view.counts import Counts, counts_of
from scanner.report.wording import KIND_WORDS, given_name, percent

Document = dict[str, Any]

KIND_MEANINGS: Final = {
    Kind.NEW: "fails and did not fail before",
    Kind.REOPENED: "fails again: did not fail in the former scan, but in an earlier one",
    Kind.WAIVER_ENDED: "fails and was waived",
    Kind.CHANGED_RULE: (
        "another result, but the control or its parameters changed, so the resource may be unchanged"
    ),
    Kind.FIXED: "failed or was waived, and now passes",
    Kind.DELETED: "no longer listed; the lists were read completely",
    Kind.NO_LONGER_ASKED: (
        "its plan, rule, selection or copy action was removed, or the control no longer applies"
    ),
    Kind.GONE: "counted as deleted or no longer checked by an earlier version",
    Kind.NEWLY_UNKNOWN: "did not fail and is now unknown",
    Kind.NOT_KNOWN: "failed or was waived and is now unknown; not counted as fixed",
    Kind.CHANGED: "fails as before, with another severity, reason, tier or parameters",
}

# Icons of statuses: a change is good, bad or neither, and these are known already.
_MARKS: Final = {
    Kind.FIXED: Status.PASS,
    **dict.fromkeys((Kind.DELETED, Kind.NO_LONGER_ASKED, Kind.GONE), Status.NOT_APPLICABLE),
    Kind.CHANGED_RULE: Status.UNKNOWN,
    Kind.NEWLY_UNKNOWN: Status.UNKNOWN,
    Kind.NOT_KNOWN: Status.UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class KindView:
    """One kind of change for a page. `mark`: the status whose icon is shown with it."""

    kind: Kind
    number: int
    changes: tuple[Change, ...]
    left_out: int

    @property
    def word(self) -> str:
        """The kind in words."""
        return KIND_WORDS[self.kind]

    @property
    def meaning(self) -> str:
        """What the word means."""
        return KIND_MEANINGS[self.kind]

    @property
    def mark(self) -> Status:
        """The status whose icon is shown with it."""
        return _MARKS.get(self.kind, Status.FAIL)

    @property
    def alarms(self) -> bool:
        """Whether it needs attention at once."""
        return self.kind in ALARMING


def kinds(changes: Changes) -> tuple[KindView, ...]:
    """Return the kinds whose findings are listed, if there are any, in the order of a report."""
    return tuple(
        KindView(kind, number, changes.worst.get(kind, ()), changes.left_out(kind))
        for kind in LISTED
        if (number := changes.counts.get(kind, 0))
    )


def other_kinds(changes: Changes) -> tuple[tuple[str, int], ...]:
    """Return the other kinds in words with their numbers, if there are any."""
    return tuple(
        (word, number)
        for kind, word in KIND_WORDS.items()
        if kind not in LISTED and (number := changes.counts.get(kind, 0))
    )


@dataclass(frozen=True, slots=True)
class Trend:
    """The former and current totals, with their denominators. Scores are out of 100; None: there is none."""

    since: datetime
    was: Counts
    now: Counts
    score_was: float | None
    score_now: float | None
    has_same_controls: bool = True

    @property
    def score_change(self) -> str:
        """The change of the displayed score; empty: one is missing, or they are of different controls."""
        if self.score_was is None or self.score_now is None or not self.has_same_controls:
            return ""
        # Of the figures as shown: the difference must be what a reader would compute.
        moved = float(percent(self.score_now)) - float(percent(self.score_was))
        return f"{moved:+.1f}" if round(moved, 1) else "0"


def trend(scan: Scan, counts: Counts) -> Trend | None:
    """Return the trend of a scan; None: there is no former scan."""
    changes = scan.changes
    if changes is None or changes.former is None:
        return None
    # A withheld score is None as well, and then there is no trend of it.
    score = None if scan.assessment is None else scan.assessment.score.total.score
    former = changes.former
    was = counts_of(changes.totals)
    return Trend(former.evaluated_as_of, was, counts, former.score, score, former.has_same_controls)


def changes_document(changes: Changes | None) -> Document:
    """Return the key `changes` of a summary; empty without changes."""
    if changes is None or changes.former is None:
        return {}
    return {
        "changes": {
            "since": _since(changes.former, changes.totals),
            "notes": list(changes.notes),
            "counts": {kind.value: changes.counts.get(kind, 0) for kind in Kind},
            "by_control": {
                control: {kind.value: number for kind, number in numbers.items()}
                for control, numbers in changes.by_control.items()
            },
            "alarm": changes.alarm and changes.alarm.value,
            "worst": [_change(change) for kind in LISTED for change in changes.worst.get(kind, ())],
            "left_out": {kind.value: more for kind in LISTED if (more := changes.left_out(kind))},
        }
    }


def _since(former: Former, totals: Mapping[Status, int]) -> Document:
    counts = counts_of(totals)
    numbers = {status.value: counts.of(status) for status in Status}
    return {
        "scan_id": former.scan_id,
        "evaluated_as_of": rfc3339(former.evaluated_as_of),
        "score": former.score,
        "same_controls": former.has_same_controls,
        "totals": {**numbers, "judged": counts.judged, "asked": counts.asked},
    }


def _change(change: Change) -> Document:
    name = given_name(change.finding.details)
    return {**change.document(), **({"name": name} if name else {})}


def changes_of(summary: Mapping[str, Any]) -> Changes | None:
    """Parse changes. KeyError, TypeError, ValueError or AttributeError: they have another shape."""
    document = summary.get("changes")
    if document is None:
        return None
    since, alarm = document["since"], document["alarm"]
    worst: dict[Kind, list[Change]] = defaultdict(list)
    for change in document["worst"]:
        worst[Kind(change["kind"])].append(_read_change(change))
    return Changes(
        notes=tuple(document["notes"]),
        counts=_read_counts(document["counts"]),
        by_control={control: _read_counts(numbers) for control, numbers in document["by_control"].items()},
        worst={kind: tuple(members) for kind, members in worst.items()},
        alarm=None if alarm is None else Severity(alarm),
        totals={status: number for status in Status if (number := since["totals"][status.value])},
        former=Former(
            since["scan_id"],
            datetime.fromisoformat(since["evaluated_as_of"]),
            _score(since["score"]),
            # Earlier versions did not write it, and notes say which controls differ.
            since.get("same_controls", True) is True,
        ),
    )


def _score(document: Any) -> float | None:  # noqa: ANN401 -- JSON
    return None if document is None else float(document)


def _read_counts(document: Mapping[str, Any]) -> dict[Kind, int]:
    return {Kind(kind): int(number) for kind, number in document.items() if number}


def _read_change(document: Mapping[str, Any]) -> Change:
    return Change(
        kind=Kind(document["kind"]),
        old=_read_side(document, document["old"]),
        new=_read_side(document, document["new"]),
        what=tuple(document["what"]),
        why=document.get("why", ""),
    )


def _read_side(document: Mapping[str, Any], side: Mapping[str, Any] | None) -> Finding | None:
    """Parse the finding of one side of a change; its only detail is the name."""
    if side is None:
        return None
    return Finding(
        control=document["control"],
        status=Status(side["status"]),
        severity=Severity(side["severity"]),
        subject=document["subject"],
        subject_type=document["subject_type"],
        account=document["account"],
        region=document["region"],
        reason=side["reason"],
        # Other details are not stored, so the reason cannot be redacted word by word.
        details={"name": document["name"]} if "name" in document else {},
    )
