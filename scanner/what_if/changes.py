"""The place of a change (account and Region), and the changes of several files taken together."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from scanner.errors import UsageError
from scanner.model.names import ORG
from scanner.model.planning.planned_change import (
    VAULT_KINDS,
    Action,
    ChangeKind,
    ChangeSet,
    NotJudged,
    Origin,
    PlannedChange,
)


@dataclass(frozen=True, slots=True)
class Defaults:
    """What the options say: account and Region of changes whose file does not, template parameters."""

    account: str = ""
    region: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)


def unplaced(origin: Origin, what: str, account: str, region: str) -> NotJudged | None:
    """Return why a change has no place; None: its account and Region are known."""
    missing = [name for name, value in (("account", account), ("Region", region)) if not value]
    if not missing:
        return None
    options = " and ".join(f"--{name.lower()}" for name in missing)
    return NotJudged(
        origin, f"The {' and the '.join(missing)} of {what} cannot be determined: add {options}."
    )


NO_CONTROL: Final = frozenset(
    {
        *("aws_backup_framework", "aws_backup_report_plan"),
        *("aws_backup_restore_testing_plan", "aws_backup_restore_testing_selection"),
        *("AWS::Backup::Framework", "AWS::Backup::ReportPlan"),
        *("AWS::Backup::RestoreTestingPlan", "AWS::Backup::RestoreTestingSelection"),
    }
)
"""Types of AWS Backup that no control is about: their changes change no finding."""


def notes_about(types: Iterable[str]) -> tuple[str, ...]:
    """Return a note for each type among these that no control is about."""
    named = sorted(NO_CONTROL & {*types})
    return tuple(f"No control is about {name}: its changes change no finding." for name in named)


def combined(sets: Iterable[ChangeSet]) -> ChangeSet:
    """Return the changes of several files as one set, each once.

    Raises:
        UsageError: two changes contradict each other.
    """
    changes: dict[tuple[str, ...], PlannedChange] = {}
    not_judged: dict[NotJudged, None] = {}
    ignored = 0
    notes: dict[str, None] = {}
    for change_set in sets:
        ignored += change_set.ignored
        notes.update(dict.fromkeys(change_set.notes))
        not_judged.update(dict.fromkeys(change_set.not_judged))
        for change in change_set.changes:
            # A plan and its template may both be given: the same change twice is one, and no contradiction.
            earlier = changes.setdefault(_identity(change), change)
            if (earlier.action, earlier.document) != (change.action, change.document):
                raise UsageError(_contradiction(earlier, change))
    _check_removed_parents(changes.values())
    return ChangeSet(tuple(changes.values()), tuple(not_judged), ignored, tuple(notes))


def _identity(change: PlannedChange) -> tuple[str, ...]:
    """Return what two changes of the same thing have in common."""
    # Global settings exist once, so an option --region does not make two of them.
    place = "" if change.region == ORG else change.region
    plan = change.plan
    of_plan = () if plan is None else (plan.id, plan.name, plan.address)
    name = change.id or change.name or change.origin.address
    if change.action is Action.CREATE and change.kind in {ChangeKind.PLAN, ChangeKind.SELECTION}:
        name = f"{name}\n{change.origin.address}"  # AWS takes several of one name
    return (change.kind.value, change.account, place, *of_plan, name)


def _check_removed_parents(changes: Iterable[PlannedChange]) -> None:
    """Check that nothing is created in a plan or a vault that another change removes."""
    every = tuple(changes)
    removed = [change for change in every if change.action is Action.REMOVE]
    for change in every:
        parent = None if change.action is Action.REMOVE else _removed_parent(change, removed)
        if parent is not None:
            raise UsageError(_contradiction(parent, change))


def _removed_parent(change: PlannedChange, removed: Iterable[PlannedChange]) -> PlannedChange | None:
    for candidate in removed:
        if (candidate.account, candidate.region) != (change.account, change.region):
            continue
        if change.kind is ChangeKind.SELECTION and candidate.kind is ChangeKind.PLAN:
            plan = change.plan
            # Either may be empty, and two empty names are not the same plan.
            if plan is not None and {plan.id, plan.name} & {candidate.id, candidate.name} - {""}:
                return candidate
        in_vault = change.kind in VAULT_KINDS and candidate.kind is ChangeKind.VAULT
        if in_vault and change.name == candidate.name:
            return candidate
    return None


def _contradiction(first: PlannedChange, second: PlannedChange) -> str:
    return (
        f"Two changes contradict each other: {first.title} ({first.origin}), and {second.title} "
        f"({second.origin}). Remove one of them."
    )
