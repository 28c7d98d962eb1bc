"""Walks the protection graph edge by edge: from a group of resources over rules, vaults, copies and roles."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from scanner.graph.protection_graph import Graph, Relation, State


class Edge(NamedTuple):
    """An edge that a walk follows: where it leads, and in which state it is. `via`: as of `Covering`."""

    target: str
    state: State
    because: str
    via: tuple[str, ...] = ()


class Covering(NamedTuple):
    """A rule that backs up a group. `via`: what the selection selects: the resource itself, or a parent."""

    rule: str
    via: str
    selection: str


@dataclass(frozen=True, slots=True)
class ProtectionWalk:
    """Follows edges from `group`, a group of resources (empty: none), and from the nodes they lead to."""

    graph: Graph
    group: str = ""

    def edges(self, node: str, relation: Relation) -> Iterator[Edge]:
        """Yield the edges of a node with a relation; none where the node is not in the graph."""
        if node in self.graph:
            for _, target, facts in self.graph.out_edges(node, data=True):
                if facts["relation"] is relation:
                    yield Edge(target, facts["state"], facts["because"], facts.get("via", ()))

    def edge(self, node: str, relation: Relation) -> Edge | None:
        """Return the edge of a node with a relation that it has once; None: it has none."""
        return next(self.edges(node, relation), None)

    def covering(self) -> tuple[Covering, ...]:
        """Return the rules that back up the group, sorted."""
        # A set, because a selection may select the resource by several clauses, and a rule is one node for
        # all of them.
        covering = {
            Covering(rule.target, via, selection.target)
            for backups in self.edges(self.group, Relation.BACKED_UP_BY)
            for rule in self.edges(backups.target, Relation.MADE_BY)
            for selection in self.edges(backups.target, Relation.SELECTED_BY)
            for via in backups.via
        }
        return tuple(sorted(covering))

    def copies(self, rule: str) -> Iterator[Edge]:
        """Yield the edges to the copy actions of a rule that copy the backups of the group."""
        for copies in self.edges(self.group, Relation.COPIED_BY):
            if any(part.target == rule for part in self.edges(copies.target, Relation.PART_OF)):
                yield copies
