"""The worst losses and the single points of failure, as reports show them and `summary.json` has them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from scanner.model.protection import BlastRadiusSummary, NodeCounts, SinglePoint, TierOf, TierPoints
from scanner.report.wording import count_word

Document = dict[str, Any]

SHOWN: Final = 6
"""Nodes of the table in a report."""

_POINTS: Final = 3  # single points of failure that a sentence names
_TIERS: Final = 4

_KINDS: Final = {"key": "key", "vault": "vault", "role": "role", "account": "account", "region": "Region"}


def kind_word(kind: str) -> str:
    """Return what people call a kind of node."""
    return _KINDS.get(kind, kind)


def tier_words(tier: TierOf | None) -> str:
    """Return the words for the resources whose single points of failure a tier shows."""
    if tier is None:
        return "All resources"
    if not tier.is_known:
        return "Resources whose tier is unknown"
    return f"Tier {tier.name}" if tier.name else "Resources without a tier"


def worst_nodes(summary: BlastRadiusSummary | None) -> tuple[NodeCounts, ...]:
    """Return the nodes with which some resource loses its last backup; none: there is nothing to report."""
    if summary is None:
        return ()
    # Sorted by losses already; those that are only unknown prove no loss.
    return tuple(node for node in summary.nodes if node.lost)[:SHOWN]


def shown_tiers(summary: BlastRadiusSummary | None) -> tuple[TierPoints, ...]:
    """Return the tiers that have single points of failure, each with the first of these."""
    tiers = () if summary is None else summary.single_points
    shortened = (replace(tier, points=_of_resources(tier)[:_POINTS]) for tier in tiers)
    return tuple(tier for tier in shortened if tier.points)[:_TIERS]


def _of_resources(tier: TierPoints) -> tuple[SinglePoint, ...]:
    return tuple(point for point in tier.points if point.resources)


def blast_radius_sentence(summary: BlastRadiusSummary | None) -> str:
    """Return how many resources have a usable recovery point; empty: there is nothing to report."""
    if summary is None or not worst_nodes(summary):
        return ""
    verb = "has" if summary.protected == 1 else "have"
    resources = count_word(summary.resources, "resource")
    return f"{summary.protected:,} of {resources} {verb} a usable recovery point."


def blast_radius_document(summary: BlastRadiusSummary | None) -> Document:
    """Return the key `blast_radius` of a summary; none where it is not known."""
    if summary is None:
        return {}
    return {
        "blast_radius": {
            "resources": summary.resources,
            "protected": summary.protected,
            "nodes": [
                {
                    **_described(node),
                    "existing": {"lost": node.lost, "unknown": node.unknown},
                    "future": {"lost": node.future_lost, "unknown": node.future_unknown},
                }
                for node in summary.nodes
            ],
            "single_points_of_failure": [tier_document(tier) for tier in summary.single_points],
        }
    }


def tier_document(tier_points: TierPoints) -> Document:
    """Return the single points of one tier: `of` says whether it is a tier, none, or an unknown one."""
    tier = tier_points.tier
    of = (
        "all" if tier is None else "unknown_tier" if not tier.is_known else "tier" if tier.name else "no_tier"
    )
    return {
        "of": of,
        "tier": tier.name if tier else "",
        "resources": tier_points.resources,
        "protected": tier_points.protected,
        "points": [
            {**_described(point), "resources": point.resources, "unknown": point.unknown}
            for point in tier_points.points
        ],
    }


def _described(node: NodeCounts | SinglePoint) -> dict[str, str]:
    return {
        "node": node.node,
        "kind": node.kind,
        "name": node.name,
        "account": node.account,
        "region": node.region,
    }


def blast_radius_of(summary: Mapping[str, Any]) -> BlastRadiusSummary | None:
    """Read the key back. KeyError, TypeError or ValueError: it has another shape."""
    document = summary.get("blast_radius")
    if document is None:
        return None
    return BlastRadiusSummary(
        resources=document["resources"],
        protected=document["protected"],
        nodes=tuple(map(_node_of, document["nodes"])),
        single_points=tuple(map(_tier_of, document["single_points_of_failure"])),
    )


def _node_of(document: Mapping[str, Any]) -> NodeCounts:
    # These two are nested in the document, and flat in the class.
    plain = {key: value for key, value in document.items() if key not in ("existing", "future")}
    return NodeCounts(
        **plain,
        lost=document["existing"]["lost"],
        unknown=document["existing"]["unknown"],
        future_lost=document["future"]["lost"],
        future_unknown=document["future"]["unknown"],
    )


def _tier_of(document: Mapping[str, Any]) -> TierPoints:
    tier = TierOf(document["tier"], is_known=document["of"] != "unknown_tier")
    return TierPoints(
        tier=None if document["of"] == "all" else tier,
        resources=document["resources"],
        protected=document["protected"],
        points=tuple(SinglePoint(**point) for point in document["points"]),
    )
