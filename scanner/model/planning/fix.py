"""What `audit fix` proposes: changes in the form of AWS's API, and what they do to findings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from scanner.model.finding import Finding, Severity
from scanner.model.planning.planned_change import ChangeKind, NotJudged
from scanner.model.planning.what_if import FindingEffect
from scanner.model.root_causes import RootCause, Step


class Outcome(StrEnum):
    """What the proposed changes do to a chosen failure."""

    FIXED = "turns_to_pass"
    NEEDS_TIME = "needs_time"
    STAYS = "stays"
    UNKNOWN = "unknown_after_change"
    REMOVED = "no_longer_checked"


OUTCOME_WORDS: Mapping[Outcome, str] = {
    Outcome.FIXED: "Turns to pass",
    Outcome.NEEDS_TIME: "Needs time",
    Outcome.STAYS: "Stays",
    Outcome.UNKNOWN: "Unknown after the change",
    Outcome.REMOVED: "No longer checked",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which failures are to be fixed. Empty: all; `severity`: this one and above.

    `compliance_days`: the grace time of compliance locks; None: only governance locks are proposed.
    """

    controls: frozenset[str] = frozenset()
    severity: Severity | None = Severity.HIGH
    resources: tuple[str, ...] = ()
    accounts: frozenset[str] = frozenset()
    regions: frozenset[str] = frozenset()
    root_causes: frozenset[str] = frozenset()
    compliance_days: int | None = None

    def includes(self, finding: Finding) -> bool:
        """Check whether a failure is chosen, apart from its root cause and its resource."""
        return (
            (not self.controls or finding.control in self.controls)
            and (not self.accounts or finding.account in self.accounts)
            and (not self.regions or finding.region in self.regions)
            and (self.severity is None or finding.severity.rank <= self.severity.rank)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FixChange:
    """One change: what is sent to AWS, in the form that its API takes.

    `document`: as it is afterwards. `before`: as the scan has it; None: it is new. `name`: of a vault, a plan
    or a selection, else an ARN, or empty. `id`, `plan_id`: of what exists. `plan_name`: of a new plan.
    """

    kind: ChangeKind
    account: str
    region: str
    document: Mapping[str, Any]
    step: Step
    name: str = ""
    id: str = ""
    plan_id: str = ""
    plan_name: str = ""
    before: Mapping[str, Any] | None = None
    context: Mapping[str, Any] = field(default_factory=dict)  # what a writer needs and no call sends
    causes: tuple[RootCause, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, ...]:
        """What identifies the changed thing."""
        plan = self.plan_id or self.plan_name
        return (self.account, self.region, self.kind.value, plan, self.id or self.name)

    @property
    def is_new(self) -> bool:
        """Whether it creates something."""
        return self.before is None

    @property
    def title(self) -> str:
        """The change in a few words."""
        verb = "create" if self.is_new else "change"
        return f"{verb} {self.kind.value} {self.name or self.id}".rstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class ManualStep:
    """A root cause that no proposed change mends: why, and what to do by hand."""

    cause: RootCause
    why: str
    what: str
    failures: int = 0


@dataclass(frozen=True, slots=True)
class DroppedChange:
    """A change that is not proposed, and why. `causes`: only what mends these is left out; empty: all."""

    change: FixChange
    why: str
    causes: tuple[RootCause, ...] = ()


@dataclass(frozen=True, slots=True)
class FixedFinding:
    """A chosen failure: its root cause before, and what the changes do to it.

    `reason`: why it does not pass afterwards; of one that passes, why it failed.
    """

    outcome: Outcome
    finding: Finding
    cause: RootCause | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """The proposal, and its proof: chosen failures, and all other findings that get worse.

    `until_next_run`: findings that fail until a backup or a copy has run under the new schedule.
    `newly_checked`: failures of controls that did not apply before, as to a resource without a plan.
    """

    scan_id: str
    changes: tuple[FixChange, ...]
    findings: tuple[FixedFinding, ...]
    worse: tuple[FindingEffect, ...]
    until_next_run: tuple[FindingEffect, ...]
    newly_checked: tuple[FindingEffect, ...]
    also_fixed: int
    manual: tuple[ManualStep, ...]
    dropped: tuple[DroppedChange, ...]
    not_judged: tuple[NotJudged, ...] = ()
    notes: tuple[str, ...] = ()

    def of(self, outcome: Outcome) -> tuple[FixedFinding, ...]:
        """Return the chosen failures with an outcome."""
        return tuple(finding for finding in self.findings if finding.outcome is outcome)
