"""What planned changes would do to the findings of a scan."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from scanner.model.finding import Finding, Severity, Status
from scanner.model.planning.planned_change import NotJudged, PlannedChange


class Effect(StrEnum):
    """What a change does to a finding."""

    NEW = "new"
    FIXED = "fixed"
    NEWLY_UNKNOWN = "newly_unknown"
    REMOVED = "removed_by_this_change"
    CHANGED = "changed"
    ADDED = "added"
    UNCHANGED = "unchanged"


class Horizon(StrEnum):
    """What a verdict rests on: what AWS Backup will do from now on, or also what is there today.

    What is there are recovery points, jobs and restores: a changed plan neither moves nor shortens them, and
    the first backup under it has not been made.
    """

    FROM_NOW_ON = "from_now_on"
    TODAY = "today"


EFFECT_WORDS: Final = {
    Effect.NEW: "New failures",
    Effect.FIXED: "Fixed",
    Effect.NEWLY_UNKNOWN: "Newly unknown",
    Effect.REMOVED: "Removed by this change",
    Effect.CHANGED: "Changed otherwise",
    Effect.ADDED: "New checks without a failure",
    Effect.UNCHANGED: "Unchanged",
}
HORIZON_WORDS: Final = {
    Horizon.FROM_NOW_ON: "From now on (plans, rules, copies, vaults)",
    Horizon.TODAY: "Today's recovery points, jobs and restores count, too",
}


@dataclass(frozen=True, slots=True)
class FindingEffect:
    """A finding before and after the change; None: there is no such subject. `why`: of NEWLY_UNKNOWN.

    `change`: the planned change of its subject, or of the plan that its subject belongs to; None: none is.
    `is_first_plan`: the control did not apply, because no plan covered the resource that the change covers.
    """

    effect: Effect
    before: Finding | None
    after: Finding | None
    why: str = ""
    horizon: Horizon = Horizon.FROM_NOW_ON
    change: PlannedChange | None = None
    is_first_plan: bool = False

    @property
    def finding(self) -> Finding:
        """The finding after the change, or the one before if there is none after it."""
        finding = self.after or self.before
        assert finding is not None  # nosec B101 # noqa: S101 -- one side is there
        return finding

    @property
    def is_first_run(self) -> bool:
        """Whether it had no verdict before, and this one rests on backups that are still to be made."""
        is_judged = self.before is not None and self.before.status is not Status.NOT_APPLICABLE
        return self.horizon is Horizon.TODAY and not is_judged

    @property
    def is_new_failure(self) -> bool:
        """Whether the change brings this failure: a resource in no plan was no better before."""
        return self.effect is Effect.NEW and not self.is_first_run and not self.is_first_plan

    @property
    def reason(self) -> str:
        """Why: of the finding after the change, where there is one."""
        return self.why or self.finding.reason


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """The result: each finding that does not stay as it is, and what could not be judged.

    `counts`: by effect, unchanged ones included. `ignored`: changes of resources that no control is about.
    `as_of`: the time that both sides are judged as of, that of the scan.
    """

    scan_id: str
    changes: tuple[PlannedChange, ...]
    not_judged: tuple[NotJudged, ...]
    ignored: int
    notes: tuple[str, ...]
    effects: tuple[FindingEffect, ...]
    counts: dict[Effect, int]
    as_of: datetime | None = None

    @property
    def new(self) -> tuple[FindingEffect, ...]:
        """The failures that the changes bring."""
        return tuple(effect for effect in self.effects if effect.is_new_failure)

    @property
    def first_run(self) -> int:
        """The number of failures that only say that nothing has run yet."""
        return sum(effect.effect is Effect.NEW and effect.is_first_run for effect in self.effects)

    @property
    def first_plan(self) -> int:
        """The number of failures of controls that apply because a resource gets its first plan."""
        return sum(
            effect.effect is Effect.NEW and effect.is_first_plan and not effect.is_first_run
            for effect in self.effects
        )

    def has_new_at(self, severity: Severity) -> bool:
        """Check whether the changes bring a failure of this severity or a higher one.

        One that only says that nothing has run yet (`is_first_run`), or that a control applies for the first
        time to a resource that was in no plan (`is_first_plan`), does not count.
        """
        return any(effect.finding.severity.rank <= severity.rank for effect in self.new)
