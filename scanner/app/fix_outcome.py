"""What the proof says of chosen failures and of all other findings."""

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from scanner.model.finding import Finding, Status
from scanner.model.planning.fix import DroppedChange, FixChange, FixedFinding, Outcome
from scanner.model.planning.planned_change import ChangeKind, NotJudged
from scanner.model.planning.what_if import Effect, FindingEffect, WhatIf
from scanner.model.root_causes import CauseKind, RootCause, Step
from scanner.report.wording import count_word

Failure = tuple[str, str]
FailuresOf = Mapping[tuple[str, ...], AbstractSet[Failure]]
"""Of the key of a root cause, the chosen failures that were traced to it in some round."""

OF_COPIES = frozenset({"copy-supported", "copy-source-key-shared", "copy-customer-managed-key"})
"""Controls of copy actions that fail for one resource that cannot be copied."""
_K = CauseKind
SCHEDULES = frozenset(
    {
        _K.SCHEDULE_INVALID,
        _K.SCHEDULE_NEVER_RUNS,
        _K.SCHEDULE_TOO_RARE,
        _K.PLAN_BELOW_TARGET,
        _K.NO_CONTINUOUS_RULE,
    }
)
_RETENTIONS = frozenset(
    {_K.RETENTION_TOO_SHORT, _K.RETENTION_OUTSIDE_LOCK, _K.LIFECYCLE_INVALID, _K.PLAN_BELOW_TARGET}
)
_COPIES = frozenset({_K.NO_COPY, _K.NO_CROSS_ACCOUNT_COPY, _K.NO_CROSS_REGION_COPY, _K.NO_AIR_GAPPED_COPY})
_BEHIND = {
    "rule-overlap-consistent": SCHEDULES,
    "rule-retention-within-vault-lock": _RETENTIONS,
    "rule-lifecycle-valid": _RETENTIONS,
    "rule-lifecycle-supported": _RETENTIONS,
    **dict.fromkeys(OF_COPIES, _COPIES),
}
"""Of a control, the causes whose mending in a plan may make it fail."""

_FAILS = frozenset({Status.FAIL, Status.UNKNOWN, Status.ERROR})


@dataclass(frozen=True, slots=True)
class Chosen:
    """A chosen failure and its root cause. None: it is not traced."""

    finding: Finding
    cause: RootCause | None


@dataclass(frozen=True, slots=True)
class Proof:
    """Changes, what they do to findings, and the root causes that chosen failures have afterwards.

    `today`: the controls whose verdicts rest on recovery points, jobs and restores that exist.
    """

    changes: tuple[FixChange, ...] = ()
    result: WhatIf | None = None
    today: frozenset[str] = frozenset()
    causes: Mapping[Failure, RootCause] = field(default_factory=dict)

    @property
    def effects(self) -> tuple[FindingEffect, ...]:
        """All findings that do not stay as they are."""
        return () if self.result is None else self.result.effects

    @property
    def not_judged(self) -> tuple[NotJudged, ...]:
        """The changes that could not be judged."""
        return () if self.result is None else self.result.not_judged

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader has to know about judged changes."""
        return () if self.result is None else tuple(dict.fromkeys(self.result.notes))

    @property
    def worse(self) -> tuple[FindingEffect, ...]:
        """Findings that passed before, and fail or are unknown with the changes."""
        return tuple(effect for effect in self._no_longer_passing() if not self._waits(effect))

    @property
    def until_next_run(self) -> tuple[FindingEffect, ...]:
        """Findings that passed before, and fail until the next backup or copy has run."""
        return tuple(filter(self._waits, self._no_longer_passing()))

    def _no_longer_passing(self) -> Iterator[FindingEffect]:
        for effect in self.effects:
            before, after = effect.before, effect.after
            is_passing = before is not None and before.status is Status.PASS
            # Unknown counts as worse: a change must not hide what was known to pass.
            is_failing = effect.effect is Effect.NEWLY_UNKNOWN or (
                after is not None and after.status in _FAILS
            )
            if is_passing and is_failing:
                yield effect

    def _waits(self, effect: FindingEffect) -> bool:
        """Check whether a failure is of jobs and recovery points alone, and its links all hold."""
        finding = effect.finding
        # Only verdicts on existing recovery points and jobs can turn to pass by waiting.
        is_of_today = finding.control in self.today and effect.effect is not Effect.NEWLY_UNKNOWN
        return is_of_today and _only_waits(self.causes.get((finding.control, finding.subject)))

    @property
    def newly_checked(self) -> tuple[FindingEffect, ...]:
        """Failures of what was not checked before: of new things, and of controls that did not apply."""
        return tuple(
            effect
            for effect in self.effects
            if effect.effect is Effect.NEW
            and (effect.before is None or effect.before.status is not Status.PASS)
        )

    def also_fixed(self, chosen: Mapping[Failure, object]) -> int:
        """Return how many failures that were not chosen turn to pass as well."""
        return sum(
            (effect.finding.control, effect.finding.subject) not in chosen
            for effect in self.effects
            if effect.effect is Effect.FIXED
        )


def outcomes(
    chosen: Mapping[Failure, Chosen],
    proof: Proof,
    failures_of: FailuresOf,
    texts: Mapping[Failure, Finding],
) -> tuple[FixedFinding, ...]:
    """Return what the changes do to each chosen failure, sorted by outcome, severity and name."""
    effects = {(effect.finding.control, effect.finding.subject): effect for effect in proof.effects}
    mended = {
        failure
        for change in proof.changes
        for cause in change.causes
        for failure in failures_of.get(cause.key, ())
    }
    results = []
    for failure, choice in chosen.items():
        finding = texts.get(failure, choice.finding)
        outcome, reason = _outcome(failure, effects.get(failure), proof, is_mended=failure in mended)
        cause = proof.causes.get(failure, choice.cause) if outcome is Outcome.STAYS else choice.cause
        results.append(FixedFinding(outcome, finding, cause, reason or finding.reason))
    order = list(Outcome)
    return tuple(
        sorted(
            results,
            key=lambda result: (
                order.index(result.outcome),
                result.finding.severity.rank,
                result.finding.order,
            ),
        )
    )


def _outcome(
    failure: Failure, effect: FindingEffect | None, proof: Proof, *, is_mended: bool
) -> tuple[Outcome, str]:
    """Return the outcome of a failure, and why it does not pass."""
    if effect is not None and effect.effect is Effect.FIXED:
        return Outcome.FIXED, ""
    if effect is not None and effect.effect is Effect.NEWLY_UNKNOWN:
        return Outcome.UNKNOWN, effect.reason
    if effect is not None and effect.effect is Effect.REMOVED:
        return Outcome.REMOVED, ""
    after = effect.after if effect is not None else None
    # No longer a failure, and no pass either: the control does not apply any more.
    if after is not None and after.status is not Status.FAIL:
        return Outcome.REMOVED, after.reason
    reason = after.reason if after is not None else ""
    waits = is_mended and failure[0] in proof.today and _only_waits(proof.causes.get(failure))
    return (Outcome.NEEDS_TIME if waits else Outcome.STAYS), reason


def _only_waits(cause: RootCause | None) -> bool:
    """Check whether no link of the chain is broken: what is missing is a backup, a copy or a restore."""
    return cause is None or cause.step is Step.JOBS_AND_RESTORES


def harmful(proof: Proof) -> Iterator[DroppedChange]:
    """Yield the changes that make something worse than it was, each once, and what that is."""
    seen: set[tuple[str, ...]] = set()
    for effect in proof.worse:
        for change in _behind(effect, proof.changes):
            # Several findings may blame one change, which is dropped once.
            if change.key not in seen:
                seen.add(change.key)
                finding = effect.finding
                why = f"{finding.control} of {finding.subject} passed before, and would not: {effect.reason}"
                yield DroppedChange(change, why, _causes_behind(finding.control, change))


def _causes_behind(control: str, change: FixChange) -> tuple[RootCause, ...]:
    """Return the causes of a plan's change whose mending is behind the failure of a control; empty: all."""
    kinds = _BEHIND.get(control, frozenset())
    behind = tuple(cause for cause in change.causes if cause.kind in kinds)
    # For other kinds than plans there is no part of a change to keep.
    return behind if change.kind is ChangeKind.PLAN and len(behind) < len(change.causes) else ()


def useless(proof: Proof, failures_of: FailuresOf) -> Iterator[DroppedChange]:
    """Yield the changes for whose causes no chosen failure turns to pass, or only needs time."""
    for change in proof.changes:
        if not _mended(change.causes, proof, failures_of):
            yield DroppedChange(change, "The proof shows no chosen failure that it would turn to pass.")
            continue
        copies = tuple(cause for cause in change.causes if cause.kind in _COPIES)
        mended, broken = len(_mended(copies, proof, failures_of)), len(_new_failures(change, proof))
        # Copies that break more than they fix are not proposed, even if each fixes something.
        if copies and mended < broken:
            why = (
                f"New copy actions would mend {count_word(mended, 'failure')} and bring "
                f"{count_word(broken, 'failure')}: not all that the rule covers can be copied there."
            )
            yield DroppedChange(change, why, copies if len(copies) < len(change.causes) else ())


def _new_failures(change: FixChange, proof: Proof) -> list[FindingEffect]:
    """Return the failures of copy actions that a change creates, without those that wait for a run."""
    plan = f":{change.id}#"
    return [
        effect
        for effect in proof.newly_checked
        if effect.before is None
        and not effect.is_first_run
        and change.id
        and plan in effect.finding.subject
        and "->" in effect.finding.subject
    ]


def _behind(effect: FindingEffect, changes: tuple[FixChange, ...]) -> tuple[FixChange, ...]:
    """Return the changes behind an effect: of the same subject, else of the same account and Region.

    Several changes of an account-Region are all dropped: which of them it is was not proven.
    """
    finding = effect.finding
    subject = finding.subject
    named = tuple(change for change in changes if _touches(change, subject))
    if named:
        return named
    place = (finding.account, finding.region)
    near = tuple(change for change in changes if (change.account, change.region) == place)
    # Without any change nearby the harm cannot be attributed, so all of them are dropped.
    return near or changes


def _touches(change: FixChange, subject: str) -> bool:
    resources = change.document.get("Resources") or ()
    names = (change.id, change.plan_id, change.name)
    ends = subject.partition("#")[0]
    return subject in resources or any(
        name and (subject == name or ends.endswith((f":{name}", f"/{name}"))) for name in names
    )


def _mended(causes: Iterable[RootCause], proof: Proof, failures_of: FailuresOf) -> frozenset[Failure]:
    """Return the chosen failures of some causes that turn to pass, or only need time."""
    failures = {failure for cause in causes for failure in failures_of.get(cause.key, ())}
    effects = {(effect.finding.control, effect.finding.subject): effect for effect in proof.effects}
    results_ = {
        failure: _outcome(failure, effects.get(failure), proof, is_mended=True)[0] for failure in failures
    }
    return frozenset(
        failure for failure, outcome in results_.items() if outcome in {Outcome.FIXED, Outcome.NEEDS_TIME}
    )
