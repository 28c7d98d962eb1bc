"""An explanation as JSON (docs/schema/explanation.schema.json), in ASCII so that no terminal is disguised."""

import json
from typing import Any, Final

from scanner.model.explanation import Advice, Explanation, Node
from scanner.model.owner import Owner

SCHEMA: Final = "backup-audit/explanation/1"


def explanation_json(told: Explanation) -> bytes:
    """Give the text of the document: equal explanations give equal bytes."""
    return (json.dumps(_mended(explanation_document(told)), ensure_ascii=True, indent=2) + "\n").encode()


def explanation_document(told: Explanation) -> dict[str, Any]:
    """Give the document, its keys in the schema's order."""
    return {
        "schema": SCHEMA,
        "scan_id": told.scan_id,
        "as_of": told.as_of,
        "subject": told.subject,
        "subject_type": told.subject_type,
        "account": told.account,
        "account_name": told.account_name,
        "region": told.region,
        "name": told.name,
        **_owner(told.owner),
        "chain": _node(told.root),
        "advice": [_advice(each) for each in told.advice],
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


def _advice(each: Advice) -> dict[str, str | None]:
    return {
        "control": each.control,
        "title": each.title,
        "status": each.status.value,
        "severity": each.severity.value,
        "subject": each.subject,
        "reason": each.reason,
        "text": each.text,
        "cli": each.cli,
        **_owner(each.owner),
    }


def _owner(owner: Owner | None) -> dict[str, str | None]:
    return {} if owner is None else {"owner": owner.name, "owner_source": owner.source}


def _mended(content: Any) -> Any:  # noqa: ANN401 -- a tree of JSON
    """Put U+FFFD for what is no Unicode (a lone surrogate), which parsers refuse."""
    if isinstance(content, str):
        return content.encode(errors="replace").decode()
    if isinstance(content, dict):
        return {key: _mended(value) for key, value in content.items()}
    return [_mended(member) for member in content] if isinstance(content, list) else content
