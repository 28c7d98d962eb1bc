"""What becomes of a finding from one status to the next: one table, without guesses.

A finding that NEW does not have is one of four things: NEW did not ask for it, did not read enough to know
(then nothing is known, and nothing is fixed), knows that the plan or selection was removed, or knows that the
subject was deleted.

Two definite answers are only comparable when they answer the same question. Where the control changed between
the scans (its expression or its parameters), another answer is a changed rule, and neither new nor fixed.
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
"""A requirement that is not met, whether or not a waiver accepts that."""

BLIND: Final = frozenset({Status.UNKNOWN, Status.ERROR})
_CALM: Final = frozenset({Status.PASS, Status.NOT_APPLICABLE})

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
    """Return what became of a finding. `old` None: OLD has none. STILL_OPEN where both fail, changed or not.

    `failed_earlier`: it failed or was waived in a scan before OLD. `rule_changed`: the control was not the
    same in OLD, or was not run there.
    """
    if isinstance(new, Absent):
        return _ABSENT_KINDS.get(new) or _blind(old)
    if rule_changed and _is_another_verdict(old, new):
        return Kind.CHANGED_RULE
    if new is Status.FAIL:
        return _failing(old, failed_earlier=failed_earlier)
    if new is Status.WAIVED:
        return Kind.STILL_WAIVED if old is Status.WAIVED else Kind.NEWLY_WAIVED
    return _blind(old) if new in BLIND else _calm(old, new)


def _is_another_verdict(old: Status | None, new: Status) -> bool:
    """Check for two definite answers of which one fails; without OLD, for a failure.

    What was unknown is compared as ever: a failure that nobody knew of is new, whatever the rule was.
    """
    if new is Status.FAIL:
        return old is None or old in _CALM
    return old in OPEN and new in _CALM


def _failing(old: Status | None, *, failed_earlier: bool) -> Kind:
    if old is Status.FAIL:
        return Kind.STILL_OPEN
    if old is Status.WAIVED:
        return Kind.WAIVER_ENDED
    return Kind.REOPENED if failed_earlier and old in _CALM else Kind.NEW


def _blind(old: Status | None) -> Kind:
    if old in OPEN:
        return Kind.NOT_KNOWN
    return Kind.STILL_UNKNOWN if old in BLIND else Kind.NEWLY_UNKNOWN


def _calm(old: Status | None, new: Status) -> Kind:
    if old in OPEN:
        return Kind.FIXED if new is Status.PASS else Kind.NO_LONGER_ASKED
    return Kind.NOW_KNOWN if old in BLIND else Kind.SAME
