"""The chain that protects a resource (the tree of `audit explain`), built from the details of its findings.

Details are JSON values of columns of the fact table (`covered_by`, `rules`, `copies`, ...), written by this
program or by another. Each field may be missing, and a list that may be incomplete ends with null (catalogue,
ruling 2). What is missing is shown as unknown, never guessed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from scanner.model.explanation import Node
from scanner.model.known import Ternary
from scanner.report.explain.resource import coverage, resource_node
from scanner.report.explain.rows import Related
from scanner.report.wording import hours

Details = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """What protects one resource.

    `covered`: None if it is unknown. `has_rules`: whether any finding has details about rules; without them
    nothing is known about the chain.
    """

    has_rules: bool
    covered: Ternary
    root: Node
    newest_age: str  # of the newest usable recovery point
    newest_exists: Ternary


def chain(details: Iterable[Details]) -> Chain:
    """Return the chain from the details of all findings about one resource."""
    merged: dict[str, Any] = {}
    for mapping in details:
        for key, content in mapping.items():
            merged.setdefault(key, content)
    point = merged.get("newest_recovery_point")
    newest = point if isinstance(point, Mapping) else {}
    exists = newest.get("exists")
    return Chain(
        has_rules="covered_by" in merged or "rules" in merged,
        covered=coverage(merged),
        root=resource_node(merged, Related()),
        newest_age=hours(newest.get("age_hours")),
        newest_exists=exists if isinstance(exists, bool) else None,
    )
