"""The chain that protects a resource, as far as the details of its findings tell it: the tree of `explain`.

Details are JSON as controls left them (`covered_by`, `rules`, `copies`, `newest_recovery_points` ..., columns
of the fact table), written by this program or by another: every field may be missing, and a list that may
be incomplete ends with null (catalogue, ruling 2). What is missing is said, never guessed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from scanner.model.explanation import Node
from scanner.model.ternary import Ternary
from scanner.report.explain.resource import coverage, resource_node
from scanner.report.explain.rows import Related
from scanner.report.wording import hours

Details = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """What protects one resource.

    `covered` is None when it is not known; `told` is False when no control asked about its rules, so that
    nothing can be said.
    """

    told: bool
    covered: Ternary
    root: Node
    newest_age: str  # of the newest usable recovery point
    newest_exists: Ternary


def chain(details: Iterable[Details]) -> Chain:
    """Tell the chain from the details of all findings about one resource."""
    merged: dict[str, Any] = {}
    for each in details:
        for key, content in each.items():
            merged.setdefault(key, content)
    point = merged.get("newest_recovery_point")
    newest = point if isinstance(point, Mapping) else {}
    exists = newest.get("exists")
    return Chain(
        told="covered_by" in merged or "rules" in merged,
        covered=coverage(merged),
        root=resource_node(merged, Related()),
        newest_age=hours(newest.get("age_hours")),
        newest_exists=exists if isinstance(exists, bool) else None,
    )
