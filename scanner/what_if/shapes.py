"""Checks of a change's document, before anything of it is laid over the evidence.

Only what the overlay itself reads is checked. All else ends up in a recorded answer, and an answer that is
not of the form that AWS documents is a failed read there, as in any scan.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from scanner.model.planning.planned_change import UNKNOWN, Action, ChangeKind, PlannedChange

MALFORMED: Final = "It is not of the form that AWS Backup documents: {}."
_LOCK: Final = ("MinRetentionDays", "MaxRetentionDays", "ChangeableForDays")
_LONGEST: Final = 36_500
"""Days: AWS Backup takes no longer retention."""


def problem_of(change: PlannedChange) -> str:
    """Return why the document of a change cannot be used, in one sentence; empty: it can."""
    check = _CHECKS.get(change.kind)
    is_checked = check is not None and change.action is not Action.REMOVE
    member = check(change.document) if check is not None and is_checked else ""
    return MALFORMED.format(member) if member else ""


def _plan(document: Mapping[str, Any]) -> str:
    rules = document.get("Rules")
    if rules is UNKNOWN:
        return ""
    if not isinstance(rules, list) or not all(rule is UNKNOWN or isinstance(rule, Mapping) for rule in rules):
        return "Rules"
    # Only text can name a plan: findings and other changes refer to it.
    return "" if _is_text(document.get("BackupPlanName")) else "BackupPlanName"


def _selection(document: Mapping[str, Any]) -> str:
    # AWS Backup reads a selection without members as "everything": it must be written out.
    if not document:
        return "BackupSelection"
    return next(
        (name for name in ("SelectionName", "IamRoleArn") if not _is_text(document.get(name, ""))), ""
    )


def _lock(document: Mapping[str, Any]) -> str:
    return next((name for name in _LOCK if not _is_days(document.get(name))), "")


def _sections(document: Mapping[str, Any]) -> str:
    return next((name for name, values in document.items() if not _is_section(values)), "")


def _policy(document: Mapping[str, Any]) -> str:
    return "" if _is_text(document.get("Content")) else "Content"


def _is_text(value: object) -> bool:
    return value is UNKNOWN or isinstance(value, str)


def _is_days(value: object) -> bool:
    # In Python True is an int, and would pass as one day.
    is_number = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LONGEST
    return value is None or value is UNKNOWN or is_number


def _is_section(values: object) -> bool:
    return values is UNKNOWN or isinstance(values, Mapping)


_CHECKS: Final[Mapping[ChangeKind, Callable[[Mapping[str, Any]], str]]] = {
    ChangeKind.PLAN: _plan,
    ChangeKind.SELECTION: _selection,
    ChangeKind.VAULT_LOCK: _lock,
    ChangeKind.REGION_SETTINGS: _sections,
    ChangeKind.GLOBAL_SETTINGS: _sections,
    ChangeKind.TAGS: _sections,
    ChangeKind.BACKUP_POLICY: _policy,
}
