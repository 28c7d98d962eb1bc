"""The result of verifying a bundle or a judged scan: one `Check` for each question, in printing order.

A check that could not be performed is MISSING or NOT_CHECKED, never OK.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class CheckResult(StrEnum):
    """The result of one check."""

    OK = "ok"
    FAILED = "failed"
    MISSING = "missing"
    """What the check compares with is not in the bundle: no checksum, no signature, no previous scan."""
    NOT_CHECKED = "not_checked"
    """It was not requested, or it could not be performed; `detail` says why."""


@dataclass(frozen=True, slots=True)
class Check:
    """One question of `audit verify` and its answer."""

    name: str
    """A stable name in snake_case, e.g. `evidence_files` or `signature`."""
    result: CheckResult
    detail: str
    """One sentence for people: what was compared, or what differs and where."""


def any_failed(checks: Iterable[Check]) -> bool:
    """Check whether the bundle or scan is refused: at least one check failed."""
    return any(check.result is CheckResult.FAILED for check in checks)
