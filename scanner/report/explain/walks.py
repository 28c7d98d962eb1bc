"""The graph that a tree is a walk of, built from the rows that the tree refers to.

A scan records in the table `protection_groups` what protects a resource. Scans of earlier versions, and the
details of findings, do not have it: there the row of the resource names its rules and copies itself, but not
the selections.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from scanner.graph.protection_graph import ProtectionTables, State, protection_graph
from scanner.graph.protection_walk import Edge, ProtectionWalk
from scanner.model.explanation import Verdict
from scanner.report.explain.rows import Related, Row, members, ternary, text

# States are of the graph, verdicts of the page: the graph knows no "stated".
_VERDICTS: Final[Mapping[State, Verdict]] = {
    State.EFFECTIVE: Verdict.HOLDS,
    State.BROKEN: Verdict.BROKEN,
    State.UNKNOWN: Verdict.UNKNOWN,
}

_RULE: Final[Row] = {
    **dict.fromkeys(("subject", "account", "region", "name", "target", "lock_reason"), ""),
    **dict.fromkeys(("target_exists", "within_lock", "starts_within_a_year")),
    "kind": "rule",
}
_SELECTION: Final[Row] = {
    **dict.fromkeys(("subject", "account", "region", "name", "role", "role_reason"), ""),
    **dict.fromkeys(("role_exists", "role_admits_backup")),
}
"""The columns that the graph needs, for rows that lack them: what they would say is unknown."""


def verdict_of_edge(edge: Edge | None, otherwise: Verdict = Verdict.STATED) -> Verdict:
    """Return the verdict of a node that an edge leads to."""
    return otherwise if edge is None else _VERDICTS[edge.state]


def walks_of(groups: Iterable[Row], rules: Iterable[Row], selections: Iterable[Row]) -> list[ProtectionWalk]:
    """Build one graph, and return a walk from each group."""
    groups = list(groups)
    graph = protection_graph(
        ProtectionTables(
            groups=groups,
            # Defaults first: columns of the row replace them.
            rules=[{**_RULE, "plan": _plan(rule), **rule} for rule in rules],
            selections=[{**_SELECTION, "plan": _plan(selection), **selection} for selection in selections],
        )
    )
    return [ProtectionWalk(graph, f"group:{number}") for number in range(len(groups))]


def walked(row: Row, related: Related) -> Related:
    """Return the related rows with a walk from the subject; if they have none, it is made of the rows."""
    if related.walk is not None:
        return related
    selections = [selection.row for selection in related.selections.values()]
    (walk,) = walks_of([group_of(row, related)], related.rules.values(), selections)
    return replace(related, walk=walk)


def walk_of(related: Related) -> ProtectionWalk:
    """Return the walk of rows that `walked` returned."""
    if related.walk is None:
        raise ValueError("the related rows have no walk")
    return related.walk


def group_of(row: Row, related: Related) -> Row:
    """Return a protection group with one resource, as far as its row names what protects it."""
    covers = members(row.get("covered_by"))[0]
    # `covered_by` also says through what; `rules` fills in what it lacks.
    direct = {text(cover, "rule") for cover in covers}
    covers += [rule for rule in members(row.get("rules"))[0] if text(rule, "rule") not in direct]
    copies = members(row.get("copies"))[0]
    return {
        **{column: text(row, column) for column in ("account", "region")},
        "type": text(row, "subject_type"),
        "count": 1,
        "examples": (text(row, "subject"),),
        # Keys decide blast radii only, and no tree shows those.
        "keys": (),
        "existing": (),
        "existing_unread": (),
        "scheduled": [scheduled for cover in covers for scheduled in _scheduled(cover, row, related)],
        "scheduled_unread": (),
        "copies": [
            {
                "copy_action": copy_name(copy),
                "rule": text(copy, "rule"),
                "vault": text(copy, "destination"),
                "keys": (),
                "effective": ternary(copy, "effective"),
                "because": text(copy, "reason"),
            }
            for copy in copies
        ],
    }


def copy_name(copy: Row) -> str:
    """Return the subject of a copy's action, which details of findings may lack."""
    return text(copy, "copy_action") or f"{text(copy, 'rule')}->{text(copy, 'destination')}"


def _scheduled(cover: Row, row: Row, related: Related) -> Iterator[Row]:
    """Yield the backups by a rule, one for each selection that selects the resource or its parent."""
    rule = text(cover, "rule")
    arn = text(cover, "parent") or text(row, "subject")
    selections = [
        subject
        for subject, selection in related.selections.items()
        if text(selection.row, "plan") == rule.partition("#")[0] and arn in selection.selects
    ]
    # Without a row no selection is known, but the rule still covers the resource.
    for selection in selections or ("",):
        yield {
            "selection": selection,
            "rule": rule,
            "vault": "",
            "via": text(cover, "via") or "selection",
            "keys": (),
        }


def _plan(row: Row) -> str:
    return text(row, "subject").partition("#")[0]
