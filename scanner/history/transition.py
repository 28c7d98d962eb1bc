"""How a finding changes between two scans: one kind of change for each pair of statuses.

NEW lacks a finding for one of four reasons: it did not run the control there, it did not read enough to know
(then nothing counts as fixed), the plan or selection was removed, or the subject was deleted.

Two definite answers are only comparable when the question is the same. Where the control changed between the
scans (its expression or its parameters), a different answer is a changed rule, neither new nor fixed.
"""

from enum import Enum
from typing import Final

from scanner.model.changes import Kind
from scanner.model.finding import Status


class Absent(Enum):
    """Why the newer scan has no finding."""

    NOT_ASKED = "its control was not run, or its account or Region is out of scope"
    NOT_READ = "the reads that would show it are missing"
    REMOVED = "the plan, rule, selection or copy action was removed"
    DELETED = "the complete lists no longer have it"


OPEN: Final = frozenset({Status.FAIL, Status.WAIVED})
"""The requirement is not met, whether or not a waiver accepts that."""

UNDECIDED: Final = frozenset({Status.UNKNOWN, Status.ERROR})
_MET: Final = frozenset({Status.PASS, Status.NOT_APPLICABLE})

_ABSENT_KINDS: Final = {
    Absent.NOT_ASKED: Kind.NOT_ASKED,
    Absent.REMOVED: Kind.NO_LONGER_ASKED,
    Absent.DELETED: Kind.DELETED,
}


def kind_of(
    old: Status | None,
    new: Status | Absent,
    *,
    failed_earlier: bool = False,
    rule_changed: bool = False,
) -> Kind:
    """Return how a finding changed. `old` None: OLD has none. STILL_OPEN where both fail, for any reason.

    `failed_earlier`: it failed or was waived in a scan before OLD. `rule_changed`: the control was not the
    same in OLD, or was not run there.
    """
    if isinstance(new, Absent):
        return _ABSENT_KINDS.get(new) or _undecided(old)
    # Before the status itself: a pass under a weaker rule is no fix.
    if rule_changed and _is_another_verdict(old, new):
        return Kind.CHANGED_RULE
    if new is Status.FAIL:
        return _failing(old, failed_earlier=failed_earlier)
    if new is Status.WAIVED:
        # A waiver ends the failure's alarm, not the failure.
        return Kind.STILL_WAIVED if old is Status.WAIVED else Kind.NEWLY_WAIVED
    return _undecided(old) if new in UNDECIDED else _met(old, new)


def _is_another_verdict(old: Status | None, new: Status) -> bool:
    """Check whether two definite answers differ and one of them fails; without OLD, whether NEW fails.

    After unknown, a failure is new, whether or not the rule changed: it was not known before.
    """
    if new is Status.FAIL:
        return old is None or old in _MET
    return old in OPEN and new in _MET


def _failing(old: Status | None, *, failed_earlier: bool) -> Kind:
    if old is Status.FAIL:
        return Kind.STILL_OPEN
    if old is Status.WAIVED:
        return Kind.WAIVER_ENDED
    # Only after a pass: what was unknown in between is not known to have been fixed.
    return Kind.REOPENED if failed_earlier and old in _MET else Kind.NEW


def _undecided(old: Status | None) -> Kind:
    if old in OPEN:
        return Kind.NOT_KNOWN
    return Kind.STILL_UNKNOWN if old in UNDECIDED else Kind.NEWLY_UNKNOWN


def _met(old: Status | None, new: Status) -> Kind:
    if old in OPEN:
        # No longer applicable is not fixed: the requirement was never met.
        return Kind.FIXED if new is Status.PASS else Kind.NO_LONGER_ASKED
    return Kind.NOW_KNOWN if old in UNDECIDED else Kind.SAME
