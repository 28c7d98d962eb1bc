"""What became of findings between two scans: what `audit diff` tells, and what a report may carry."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from scanner.model.finding import Finding, Severity, Status


class Kind(StrEnum):
    """What became of a finding, in the order in which it is told. Each finding has exactly one."""

    NEW = "new"  # fails, and was not known to fail
    REOPENED = "reopened"  # fails, did not in OLD, and did in a scan before that
    WAIVER_ENDED = "waiver_ended"  # fails, and was waived
    CHANGED_RULE = "changed_rule"  # another verdict, and the control was not the same: it is not comparable
    NOT_KNOWN = "not_known"  # failed or was waived; what was read now does not say whether it still does
    NEWLY_UNKNOWN = "newly_unknown"  # did not fail, and is not known now
    CHANGED = "changed"  # fails as before, with another severity, reason, tier or parameters
    STILL_OPEN = "still_open"
    NEWLY_WAIVED = "newly_waived"
    NOT_ASKED = "not_asked"  # its control was not run now, or its account or Region left the scope
    NO_LONGER_ASKED = (
        "no_longer_asked"  # the plan, rule or selection was removed, or the control does not apply
    )
    DELETED = "deleted"  # the complete lists of the new scan no longer have the subject
    GONE = "gone"  # only in summaries of earlier versions: deleted, or no longer asked
    FIXED = "fixed"  # failed or was waived, and passes
    STILL_WAIVED = "still_waived"
    STILL_UNKNOWN = "still_unknown"
    NOW_KNOWN = "now_known"  # was unknown, and does not fail
    SAME = "same"  # did not fail and does not


ALARMING: Final = (Kind.NEW, Kind.REOPENED, Kind.WAIVER_ENDED)
"""What counts as new for `--fail-on`."""

LISTED: Final = (
    *(*ALARMING, Kind.CHANGED_RULE, Kind.FIXED, Kind.DELETED, Kind.NO_LONGER_ASKED, Kind.GONE),
    *(Kind.NEWLY_UNKNOWN, Kind.NOT_KNOWN, Kind.CHANGED),
)
"""Kinds of which a report names findings, in its order. Of the others it has the counts."""


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one finding. `old` or `new` is None where that scan has none of it, never both.

    `what`: what differs. Of a changed finding: severity, reason, tier, parameters. Of a changed rule: control
    (OLD did not run it), expression, parameters. `why`: a sentence that says how the rule changed, or why NEW
    has no finding; empty for all others.
    """

    kind: Kind
    old: Finding | None
    new: Finding | None
    what: tuple[str, ...] = ()
    why: str = ""

    @property
    def finding(self) -> Finding:
        """The finding as it is now, or as it was."""
        told = self.new or self.old
        if told is None:
            raise ValueError("a change without a finding")
        return told

    @property
    def severity(self) -> Severity:
        """How much it matters."""
        return self.finding.severity

    @property
    def reason(self) -> str:
        """What NEW says: the reason of its finding, or why it has none. Never the reason of OLD alone."""
        if self.new is None and self.why:
            return self.why
        return " ".join(filter(None, (self.why, self.finding.reason)))

    def document(self) -> dict[str, Any]:
        """Return its JSON document."""
        told = self.finding
        return {
            "kind": self.kind.value,
            "control": told.control,
            "severity": told.severity.value,
            "subject": told.subject,
            "subject_type": told.subject_type,
            "account": told.account,
            "region": told.region,
            "fingerprint": told.fingerprint,
            "what": list(self.what),
            "why": self.why,
            "old": _side(self.old),
            "new": _side(self.new),
        }


def _side(finding: Finding | None) -> dict[str, str] | None:
    if finding is None:
        return None
    return {
        "status": finding.status.value,
        "severity": finding.severity.value,
        "reason": finding.reason,
    }


@dataclass(frozen=True, slots=True)
class Former:
    """The scan that a report holds its own against. `score` is of 100; None: nothing was judged."""

    scan_id: str
    evaluated_as_of: datetime
    score: float | None


@dataclass(frozen=True, slots=True)
class Changes:
    """Two scans held against each other, bounded: counts of all, and the worst of each kind.

    `notes`: what was otherwise about the scans themselves. `by_control`: counts by control, then kind.
    `alarm`: the worst severity of what is new, reopened, or no longer waived; None: there is none.
    `totals`: the findings of the older scan by their status. `former` is told only within a report.
    """

    notes: tuple[str, ...]
    counts: Mapping[Kind, int]
    by_control: Mapping[str, Mapping[Kind, int]]
    worst: Mapping[Kind, tuple[Change, ...]]
    alarm: Severity | None
    totals: Mapping[Status, int] = field(default_factory=dict)
    former: Former | None = None

    def left_out(self, kind: Kind) -> int:
        """Count what is not among the worst of a kind."""
        return self.counts.get(kind, 0) - len(self.worst.get(kind, ()))
