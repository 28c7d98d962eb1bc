"""Controls as the rules of a SARIF run, with the help that a viewer shows beside a result."""

from typing import Any, Final

from scanner.model.finding import Severity
from scanner.report.counts import Counts
from scanner.report.view import ControlView
from scanner.report.words import visible

LEVELS: Final = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.INFO: "note",
}

SECURITY_SEVERITY: Final = {
    Severity.CRITICAL: "9.5",
    Severity.HIGH: "8.0",
    Severity.MEDIUM: "5.5",
    Severity.LOW: "2.0",
    Severity.INFO: "0.0",
}
"""GitHub: over 9.0 is critical, from 7.0 high, from 4.0 medium, from 0.1 low."""

_TAGS: Final = 10
"""Tags of a rule that GitHub shows; it takes 20."""

Document = dict[str, Any]


def rule(view: ControlView) -> Document:
    """Give the reportingDescriptor of a control."""
    control = view.control
    text = control.motivation or control.title
    return {
        "id": control.id,
        # GitHub shows it as the title of every alert, of unknown results too: it must not name a failure.
        "shortDescription": {"text": f"Requirement: {visible(control.title)}"},
        "fullDescription": {"text": visible(text)},
        "help": {"text": _help_text(view), "markdown": _help_markdown(view)},
        "defaultConfiguration": {"level": LEVELS[control.severity]},
        "properties": {
            "tags": ["security", "backup", *control.frameworks][:_TAGS],
            "security-severity": SECURITY_SEVERITY[control.severity],
            "precision": "very-high",
            "severity": control.severity.value,
            "subject": control.subject,
            "parameters": dict(view.parameters),
            "frameworks": {name: list(ids) for name, ids in control.frameworks.items()},
            "counts": counts_document(view.counts),
        },
    }


def counts_document(counts: Counts) -> Document:
    """Give numbers by status, with their denominators."""
    return {
        "pass": counts.passed,
        "fail": counts.failed,
        "waived": counts.waived,
        "unknown": counts.unknown,
        "error": counts.error,
        "not_applicable": counts.not_applicable,
        "judged": counts.judged,
        "asked": counts.asked,
    }


def _help_text(view: ControlView) -> str:
    control = view.control
    parts = (control.motivation, control.remediation.text, control.remediation.cli)
    return visible("\n\n".join(part.strip() for part in parts if part.strip())) or control.title


def _help_markdown(view: ControlView) -> str:
    control, remediation = view.control, view.control.remediation
    parts = [
        control.motivation,
        f"**What to do** (effort: {remediation.effort})\n\n{remediation.text}" if remediation.text else "",
        _typed("AWS CLI", "shell", remediation.cli),
        _typed("Terraform", "hcl", remediation.terraform),
        _typed("CloudFormation", "yaml", remediation.cloudformation),
        _parameters(view),
        _requirements(view),
    ]
    return visible("\n\n".join(part.strip() for part in parts if part.strip())) or control.title


def _typed(title: str, language: str, text: str) -> str:
    if not text.strip():
        return ""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"**{title}**\n\n{fence}{language}\n{text.rstrip()}\n{fence}"


def _parameters(view: ControlView) -> str:
    lines = (f"- `{name}`: {_code(value)}" for name, value in view.parameters)
    return "\n".join(("**Parameters in effect**\n", *lines)) if view.parameters else ""


def _requirements(view: ControlView) -> str:
    lines = (f"- {name}: {', '.join(ids)}" for name, ids in view.frameworks)
    return "\n".join(("**Serves**\n", *lines)) if view.frameworks else ""


def _code(text: str) -> str:
    return f"`{' '.join(text.replace('`', ' ').split())}`"
