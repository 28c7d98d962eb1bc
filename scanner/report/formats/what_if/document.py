"""The JSON document of a what-if."""

from typing import Any, Final

from scanner.model.finding import Finding
from scanner.model.planning.planned_change import NotJudged, Origin, PlannedChange
from scanner.model.planning.what_if import Effect, FindingEffect, WhatIf

SCHEMA: Final = "backup-audit/what-if/1"


def what_if_document(result: WhatIf) -> dict[str, Any]:
    """Return the result as JSON: unchanged findings are counted only."""
    return {
        "schema": SCHEMA,
        "scan_id": result.scan_id,
        "evaluated_as_of": None if result.as_of is None else result.as_of.isoformat(),
        "changes": [_change(change) for change in result.changes],
        "not_judged": [_not_judged(problem) for problem in result.not_judged],
        "ignored": result.ignored,
        "notes": list(result.notes),
        # All effects, also those that are zero: a gate reads them by name.
        "counts": {effect.value: result.counts.get(effect, 0) for effect in Effect},
        "findings": [_effect(effect) for effect in result.effects],
    }


def _origin(origin: Origin) -> dict[str, Any]:
    return {"file": origin.file, "address": origin.address, "line": origin.line}


def _change(change: PlannedChange) -> dict[str, Any]:
    return {
        "action": change.action.value,
        "kind": change.kind.value,
        # A change found by its id may not know the name.
        "name": change.name or change.id,
        "account": change.account,
        "region": change.region,
        **_origin(change.origin),
    }


def _not_judged(problem: NotJudged) -> dict[str, Any]:
    return {"why": problem.why, **_origin(problem.origin)}


def _effect(effect: FindingEffect) -> dict[str, Any]:
    finding = effect.finding
    return {
        "effect": effect.effect.value,
        "horizon": effect.horizon.value,
        "first_run": effect.is_first_run,
        "first_plan": effect.is_first_plan,
        "control": finding.control,
        "severity": finding.severity.value,
        "subject": finding.subject,
        "subject_type": finding.subject_type,
        "account": finding.account,
        "region": finding.region,
        "fingerprint": finding.fingerprint,
        "status_before": _status(effect.before),
        "status_after": _status(effect.after),
        "reason_before": "" if effect.before is None else effect.before.reason,
        "reason": effect.reason,
        "change": None if effect.change is None else _origin(effect.change.origin),
    }


def _status(finding: Finding | None) -> str | None:
    return None if finding is None else finding.status.value
