"""fix.json: the proposal and its proof for programs (docs/schema/fix.schema.json)."""

from typing import Any, Final

from scanner.fixes.entries import change_documents
from scanner.model.planning.fix import DroppedChange, Fix, FixChange, FixedFinding, ManualStep, Outcome
from scanner.model.planning.planned_change import NotJudged
from scanner.model.planning.what_if import FindingEffect
from scanner.model.root_causes import RootCause

SCHEMA: Final = "backup-audit/fix/1"


def fix_document(fix: Fix) -> dict[str, Any]:
    """Return a proposal as JSON."""
    return {
        "schema": SCHEMA,
        "scan_id": fix.scan_id,
        "counts": {
            **{outcome.value: len(fix.of(outcome)) for outcome in Outcome},
            "gets_worse": len(fix.worse),
            "until_next_run": len(fix.until_next_run),
            "newly_checked": len(fix.newly_checked),
            # A number only: these failures were not chosen, and are in the what-if itself.
            "also_turns_to_pass": fix.also_fixed,
        },
        "changes": [_change(change) for change in fix.changes],
        "findings": [_finding(finding) for finding in fix.findings],
        "gets_worse": [_effect(effect) for effect in fix.worse],
        "until_next_run": [_effect(effect) for effect in fix.until_next_run],
        "newly_checked": [_effect(effect) for effect in fix.newly_checked],
        "manual": [_manual(step) for step in fix.manual],
        "dropped": [_dropped(drop) for drop in fix.dropped],
        "not_judged": [_not_judged(problem) for problem in fix.not_judged],
        "notes": list(fix.notes),
    }


def _change(change: FixChange) -> dict[str, Any]:
    return {
        "kind": change.kind.value,
        "action": "create" if change.is_new else "update",
        "name": change.name or change.id,
        "account": change.account,
        "region": change.region,
        "step": change.step.value,
        # The same form as in changes.json, which `audit what-if` reads.
        "document": change_documents((change,))[0]["change"],
        "root_causes": [_cause(cause) for cause in change.causes],
        "notes": list(change.notes),
    }


def _cause(cause: RootCause | None) -> dict[str, Any] | None:
    if cause is None:
        return None
    return {
        "kind": cause.kind.value,
        "subject": cause.subject,
        "about": cause.about,
        "account": cause.account,
        "region": cause.region,
    }


def _finding(fixed: FixedFinding) -> dict[str, Any]:
    finding = fixed.finding
    return {
        "outcome": fixed.outcome.value,
        "control": finding.control,
        "severity": finding.severity.value,
        "subject": finding.subject,
        "account": finding.account,
        "region": finding.region,
        "fingerprint": finding.fingerprint,
        "root_cause": _cause(fixed.cause),
        "reason": fixed.reason,
    }


def _effect(effect: FindingEffect) -> dict[str, Any]:
    finding = effect.finding
    return {
        "control": finding.control,
        "severity": finding.severity.value,
        "subject": finding.subject,
        "account": finding.account,
        "region": finding.region,
        "fingerprint": finding.fingerprint,
        # None: the finding exists on one side only, as that of a new plan does.
        "status_before": None if effect.before is None else effect.before.status.value,
        "status_after": None if effect.after is None else effect.after.status.value,
        "first_run": effect.is_first_run,
        "reason": effect.reason,
    }


def _manual(step: ManualStep) -> dict[str, Any]:
    return {"root_cause": _cause(step.cause), "failures": step.failures, "why": step.why, "what": step.what}


def _dropped(drop: DroppedChange) -> dict[str, Any]:
    change = drop.change
    return {
        "kind": change.kind.value,
        "name": change.name or change.id,
        "account": change.account,
        "region": change.region,
        "why": drop.why,
    }


def _not_judged(problem: NotJudged) -> dict[str, Any]:
    return {"address": problem.origin.address, "why": problem.why}
