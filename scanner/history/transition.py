"""What becomes of a finding from one status to the next: a table, and nothing is guessed.

A finding that is missing from a scan is three things: its control was not run, its place was not read
(then nothing is known, and nothing is fixed), or its subject is not there.
"""

from enum import Enum
from typing import Final

from scanner.model.changes import Kind
from scanner.model.finding import Status


class Absent(Enum):
    """Why the newer scan has no finding."""

    NOT_ASKED = "its control was not run"
    NOT_READ = "its account and Region were not read wholly"
    GONE = "its subject is not there"


OPEN: Final = frozenset({Status.FAIL, Status.WAIVED})
"""A requirement that is not met, whoever lives with it."""

BLIND: Final = frozenset({Status.UNKNOWN, Status.ERROR})
_CALM: Final = frozenset({Status.PASS, Status.NOT_APPLICABLE})


def kind_of(old: Status | None, new: Status | Absent, *, failed_earlier: bool = False) -> Kind:
    """Say what became of a finding. `old` None: OLD has none. STILL_OPEN where both fail, changed or not.

    `failed_earlier`: it failed or was waived in a scan before OLD.
    """
    if isinstance(new, Absent):
        return _absent(old, new)
    if new is Status.FAIL:
        return _failing(old, failed_earlier=failed_earlier)
    if new is Status.WAIVED:
        return Kind.STILL_WAIVED if old is Status.WAIVED else Kind.NEWLY_WAIVED
    return _blind(old) if new in BLIND else _calm(old, new)


def _absent(old: Status | None, why: Absent) -> Kind:
    if why is Absent.NOT_READ:
        return _blind(old)
    return Kind.NOT_ASKED if why is Absent.NOT_ASKED else Kind.GONE


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
