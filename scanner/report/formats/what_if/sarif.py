"""A what-if as SARIF 2.1.0: new failures and findings that become unknown, at the change that causes them."""

from typing import Any, Final
from urllib.parse import quote

from scanner.model.finding import Severity
from scanner.model.planning.planned_change import Origin
from scanner.model.planning.what_if import EFFECT_WORDS, Effect, FindingEffect, WhatIf
from scanner.report.formats.sarif import LEVELS, MAX_RESULTS, SCHEMA, SECURITY_SEVERITY, message
from scanner.report.wording import visible

_REPORTED: Final = frozenset({Effect.NEW, Effect.NEWLY_UNKNOWN})


def what_if_sarif(result: WhatIf) -> dict[str, Any]:
    """Return the log: one run, the worst results first. What is not judged is a notification."""
    effects = sorted(
        (effect for effect in result.effects if effect.effect in _REPORTED),
        key=lambda effect: (effect.effect is not Effect.NEW, effect.finding.severity.rank),
    )
    rules = {effect.finding.control: effect.finding.severity for effect in effects}
    notifications = [
        {
            "level": "warning",
            "message": {"text": message(problem.why)},
            "locations": [_location(problem.origin)],
        }
        for problem in result.not_judged
    ]
    run = {
        "tool": {"driver": {"name": "vaultproof", "rules": [_rule(*entry) for entry in rules.items()]}},
        "automationDetails": {"id": "vaultproof/what-if/"},
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": notifications}],
        "columnKind": "unicodeCodePoints",
        # GitHub closes alerts that are missing from the next upload of the same category.
        "results": [_result(effect, result, list(rules)) for effect in effects[:MAX_RESULTS]],
    }
    return {"version": "2.1.0", "$schema": SCHEMA, "runs": [run]}


def _rule(control: str, severity: Severity) -> dict[str, Any]:
    title = {"text": f"Requirement: {control}"}
    return {
        "id": control,
        "shortDescription": title,
        "properties": {"security-severity": SECURITY_SEVERITY[severity]},
    }


def _result(effect: FindingEffect, result: WhatIf, rules: list[str]) -> dict[str, Any]:
    finding = effect.finding
    # Without a change of its own, the finding is shown at the first change: a result needs a file.
    origin = (effect.change or result.changes[0]).origin
    text = f"{EFFECT_WORDS[effect.effect]}: {finding.subject}: {effect.reason}"
    # A failure until the first backup is made is none that the change brings.
    is_failure = effect.is_new_failure
    return {
        "ruleId": finding.control,
        "ruleIndex": rules.index(finding.control),
        "kind": "fail" if is_failure else "open",
        "level": LEVELS[finding.severity] if is_failure else "none",
        "message": {"text": message(text)},
        "locations": [_location(origin)],
        "partialFingerprints": {"primaryLocationLineHash": finding.fingerprint},
        "properties": {"effect": effect.effect.value, "horizon": effect.horizon.value},
    }


def _location(origin: Origin) -> dict[str, Any]:
    physical: dict[str, Any] = {"artifactLocation": {"uri": quote(origin.file)}}
    # GitHub shows a result only at a line; a plan of Terraform has none, so it is the first.
    physical["region"] = {"startLine": origin.line or 1}
    logical = (
        {"logicalLocations": [{"fullyQualifiedName": visible(origin.address)}]} if origin.address else {}
    )
    return {"physicalLocation": physical, **logical}
