"""The blast radius as JSON (docs/schema/blast-radius.schema.json), in ASCII like an explanation."""

import json
from typing import Any, Final

from scanner.model.protection import BlastRadiusReport, Loss, LostGroup, NodeLoss
from scanner.model.text import mended
from scanner.report.view.blast_radius import tier_document

SCHEMA: Final = "backup-audit/blast-radius/1"


def blast_radius_json(report: BlastRadiusReport) -> bytes:
    """Return the text of the document: equal reports give equal bytes."""
    # Names may have lone surrogates, which JSON parsers refuse.
    return (json.dumps(mended(_document(report)), ensure_ascii=True, indent=2) + "\n").encode()


def _document(report: BlastRadiusReport) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "scan_id": report.scan_id,
        "as_of": report.as_of.isoformat().replace("+00:00", "Z"),
        "resources": report.resources,
        "protected": report.protected,
        "node": report.node,
        "nodes": [_node(node) for node in report.nodes],
        "single_points_of_failure": [tier_document(tier) for tier in report.single_points],
    }


def _node(node: NodeLoss) -> dict[str, Any]:
    return {
        **_described(node),
        # Existing recovery points and future backups are lost to different nodes: a role only stops new ones.
        "existing": _loss(node.existing),
        "future": _loss(node.future),
    }


def _described(node: NodeLoss) -> dict[str, str]:
    return {
        "node": node.node,
        "kind": node.kind,
        "name": node.name,
        "account": node.account,
        "region": node.region,
    }


def _loss(loss: Loss) -> dict[str, Any]:
    return {
        "lost": loss.lost,
        "unknown": loss.unknown,
        "lost_groups": [_group(group) for group in loss.lost_groups],
        "unknown_groups": [_group(group) for group in loss.unknown_groups],
    }


def _group(group: LostGroup) -> dict[str, Any]:
    return {
        "resource_type": group.resource_type,
        "account": group.account,
        "region": group.region,
        "count": group.count,
        "examples": list(group.examples),
    }
