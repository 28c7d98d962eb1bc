"""An explanation as JSON (docs/schema/explanation.schema.json), in ASCII, which is safe for terminals."""

import json
from typing import Any, Final

from scanner.model.decisions import Owner
from scanner.model.explanation import Advice, Explanation, Node

SCHEMA: Final = "backup-audit/explanation/1"


def explanation_json(explanation: Explanation) -> bytes:
    """Return the document as text. Equal explanations give equal bytes."""
    return (
        json.dumps(_mended(explanation_document(explanation)), ensure_ascii=True, indent=2) + "\n"
    ).encode()


def explanation_document(explanation: Explanation) -> dict[str, Any]:
    """Return the document with its keys in the schema's order."""
    return {
        "schema": SCHEMA,
        "scan_id": explanation.scan_id,
        "as_of": explanation.as_of,
        "subject": explanation.subject,
        "subject_type": explanation.subject_type,
        "account": explanation.account,
        "account_name": explanation.account_name,
        "region": explanation.region,
        "name": explanation.name,
        **_owner(explanation.owner),
        "chain": _node(explanation.root),
        "advice": [_advice(advice) for advice in explanation.advice],
    }


def _node(node: Node) -> dict[str, Any]:
    return {
        "kind": node.kind.value,
        "label": node.label,
        "verdict": node.verdict.value,
        "subject": node.subject,
        "because": node.because,
        "facts": [{"name": name, "value": value} for name, value in node.facts],
        "evidence": [{"file": ref.file, "line": ref.line} for ref in node.evidence],
        "children": [_node(child) for child in node.children],
    }


def _advice(advice: Advice) -> dict[str, str | None]:
    return {
        "control": advice.control,
        "title": advice.title,
        "status": advice.status.value,
        "severity": advice.severity.value,
        "subject": advice.subject,
        "reason": advice.reason,
        "text": advice.text,
        "cli": advice.cli,
        **_owner(advice.owner),
    }


def _owner(owner: Owner | None) -> dict[str, str | None]:
    return {} if owner is None else {"owner": owner.name, "owner_source": owner.source}


def _mended(content: Any) -> Any:  # noqa: ANN401 -- a tree of JSON
    """Replace lone surrogates, which JSON parsers refuse, by question marks."""
    if isinstance(content, str):
        return content.encode(errors="replace").decode()
    if isinstance(content, dict):
        return {key: _mended(value) for key, value in content.items()}
    return [_mended(member) for member in content] if isinstance(content, list) else content
