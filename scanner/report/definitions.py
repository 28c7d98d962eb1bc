"""Definitions of controls, read back from summary.json and findings.json."""

from collections.abc import Mapping
from typing import Any

from scanner.model.control import Control, ParameterRule, ReasonCase, Remediation
from scanner.model.finding import Severity


def control_of(document: Mapping[str, Any]) -> Control:
    """Parse the definition of a control in summary.json. KeyError, TypeError or ValueError: it is none."""
    return Control(
        id=document["id"],
        title=document["title"],
        failure_title=document.get("failure_title", ""),
        severity=Severity(document["severity"]),
        subject=document["subject"],
        population=document["population"],
        require=document["require"],
        reason=document["reason"],
        reasons=document["reasons"],
        reason_cases={
            status: tuple(ReasonCase(each["when"], each["text"]) for each in cases)
            for status, cases in document.get("reason_cases", {}).items()
        },
        parameters=document["defaults"],
        parameter_rules={
            name: ParameterRule(doc=doc) for name, doc in document.get("parameter_docs", {}).items()
        },
        evidence=tuple(document["evidence"]),
        motivation=document["motivation"],
        remediation=Remediation(**document["remediation"]),
        frameworks={name: tuple(ids) for name, ids in document["frameworks"].items()},
        audit_manager=document["audit_manager"],
    )
