"""How findings changed between two scans: the content of `audit diff`, and of a part of the reports."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from scanner.model.finding import Finding, Severity, Status


class Kind(StrEnum):
    """How a finding changed, in the order of the reports. Each finding has exactly one kind."""

    NEW = "new"  # fails, and was not known to fail
    REOPENED = "reopened"  # fails, did not fail in OLD, and failed in a scan before OLD
    WAIVER_ENDED = "waiver_ended"  # fails, and was waived
    CHANGED_RULE = "changed_rule"  # another verdict by a control that changed: not comparable
    NOT_KNOWN = "not_known"  # failed or was waived; unknown whether it still does
    NEWLY_UNKNOWN = "newly_unknown"  # did not fail, and is unknown now
    CHANGED = "changed"  # fails as before, with another severity, reason, tier or parameters
    STILL_OPEN = "still_open"
    NEWLY_WAIVED = "newly_waived"
    NOT_ASKED = "not_asked"  # the control was not run, or the account or Region is no longer in the scope
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
"""Kinds whose findings a report lists, in its order. Of the others it has only the counts."""


@dataclass(frozen=True, slots=True)
class Change:
    """How one finding changed. `old` or `new` is None where that scan lacks it, never both.

    `what`: what differs. For CHANGED: severity, reason, tier, parameters. For CHANGED_RULE: control (OLD did
    not run it), expression, parameters. `why`: how the rule changed, or why NEW has no finding; else empty.
    """

    kind: Kind
    old: Finding | None
    new: Finding | None
    what: tuple[str, ...] = ()
    why: str = ""

    @property
    def finding(self) -> Finding:
        """The finding in NEW, or in OLD where NEW lacks it."""
        finding = self.new or self.old
        if finding is None:
            raise ValueError("a change without a finding")
        return finding

    @property
    def severity(self) -> Severity:
        """The severity of the finding."""
        return self.finding.severity

    @property
    def reason(self) -> str:
        """The reason of the finding in NEW, or why NEW has none. Never the reason of OLD alone."""
        if self.new is None and self.why:
            return self.why
        return " ".join(filter(None, (self.why, self.finding.reason)))

    def document(self) -> dict[str, Any]:
        """Return the JSON document of the change."""
        finding = self.finding
        return {
            "kind": self.kind.value,
            "control": finding.control,
            "severity": finding.severity.value,
            "subject": finding.subject,
            "subject_type": finding.subject_type,
            "account": finding.account,
            "region": finding.region,
            "fingerprint": finding.fingerprint,
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
    """The earlier scan that a report compares with. `score`: 0 to 100; None: nothing was judged.

    `has_same_controls`: whether both scans evaluated the same controls: else their scores are not comparable.
    """

    scan_id: str
    evaluated_as_of: datetime
    score: float | None
    has_same_controls: bool = True


@dataclass(frozen=True, slots=True)
class Changes:
    """The comparison of two scans: counts of all changes, and the worst of each kind.

    `notes`: differences between the scans themselves. `by_control`: counts by control, then kind.
    `alarm`: the highest severity among ALARMING kinds; None: there is no such change.
    `totals`: the findings of the older scan by their status. `former` is set only in a report.
    """

    notes: tuple[str, ...]
    counts: Mapping[Kind, int]
    by_control: Mapping[str, Mapping[Kind, int]]
    worst: Mapping[Kind, tuple[Change, ...]]
    alarm: Severity | None
    totals: Mapping[Status, int] = field(default_factory=dict)
    former: Former | None = None

    def left_out(self, kind: Kind) -> int:
        """Return the number of changes of a kind that are not in `worst`."""
        return self.counts.get(kind, 0) - len(self.worst.get(kind, ()))
