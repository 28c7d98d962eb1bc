"""The blast radius of a node: which resources lose their last backup when it is gone, by reachability.

When a node is gone, everything that needs it is gone, too. A resource group keeps a backup when it still
reaches one. Edges whose state is unknown, and needs that are unknown, may be there or not: a group is `lost`
when it had a backup for sure and keeps none whatever they are, safe when it keeps one whatever they are or
the node has no part in its backups, and unknown otherwise.

Existing backups are recovery points. Future backups are what rules make once the node is gone: a resource
that is in the lost account or Region, or whose own key is lost, is backed up no more.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import networkx as nx

from scanner.graph.protection_graph import LOSABLE, NEEDS, Graph, Kind, Relation, State, edges
from scanner.model.blast_radius import Loss, LostGroup, NodeLoss, SinglePoint
from scanner.model.ternary import Ternary

WORST: Final = 20
"""Nodes that are listed where none is named."""

_WORKS: Final[Mapping[State, Ternary]] = {
    State.EFFECTIVE: True,
    State.BROKEN: False,
    State.UNKNOWN: None,
}


class Backups(StrEnum):
    """Which backups may be lost."""

    EXISTING = Relation.HELD_IN.value
    FUTURE = Relation.BACKED_UP_BY.value


@dataclass(frozen=True, slots=True)
class Backup:
    """One backup of a resource group: whether it is there, and the nodes that it needs, or may need."""

    node: str
    works: Ternary
    needs: frozenset[str]
    may_need: frozenset[str]

    def is_gone_with(self, name: str) -> Ternary:
        """Check whether it is gone with a node."""
        if name in self.needs:
            return True
        return None if name in self.may_need else False


def outcome(backups: Iterable[tuple[Ternary, Ternary]]) -> Ternary:
    """Check whether the last of some backups is lost: of each, whether it works and whether it is gone.

    False: one is left for sure, or none of those that work is gone. None: that is not known.
    """
    had_one = one_may_be_left = one_may_be_gone = False
    for works, gone in backups:
        if works is False:
            continue
        if works and gone is False:
            return False
        one_may_be_gone |= gone is not False
        one_may_be_left |= gone is not True
        had_one |= bool(works and gone)
    if not one_may_be_gone:
        return False
    return True if had_one and not one_may_be_left else None


@dataclass
class BlastRadius:
    """Answers for the graph of one scan."""

    graph: Graph
    _needs: "nx.DiGraph[str]" = field(init=False)
    _may_need: "nx.DiGraph[str]" = field(init=False)
    _closures: dict[str, tuple[frozenset[str], frozenset[str]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Take from the graph what needs what."""
        self._needs = _subgraph(self.graph, NEEDS)
        self._may_need = _subgraph(self.graph, {*NEEDS, Relation.MAY_BE})

    @property
    def groups(self) -> Iterator[str]:
        """The resource groups."""
        return (name for name, facts in self.graph.nodes(data=True) if facts["kind"] is Kind.RESOURCE_GROUP)

    def counts(self) -> dict[str, int]:
        """Return how many resources each group has."""
        return {group: self.graph.nodes[group]["count"] for group in self.groups}

    def protected(self, counts: Mapping[str, int]) -> int:
        """Return how many of the counted resources have a usable recovery point for sure."""
        return sum(
            count
            for group, count in counts.items()
            if any(state is State.EFFECTIVE for _, state in self._edges(group, Backups.EXISTING))
        )

    def loss_of(self, node: str) -> NodeLoss:
        """Return what is lost with one node."""
        gone = {node, *nx.ancestors(self._needs, node)}
        may_be_gone = {node, *nx.ancestors(self._may_need, node)} - gone
        groups = tuple(self.groups)
        losses = {}
        for kind in Backups:
            verdicts = {group: self._verdict(group, kind, gone, may_be_gone) for group in groups}
            losses[kind] = self._loss(verdicts)
        return self._node_loss(node, losses[Backups.EXISTING], losses[Backups.FUTURE])

    def _verdict(self, group: str, kind: Backups, gone: set[str], may_be_gone: set[str]) -> Ternary:
        """Weigh one group by what it still reaches."""
        own = {group} if kind is Backups.FUTURE else set()
        backups = []
        for target, state in self._edges(group, kind):
            nodes = {target, *own}
            is_gone: Ternary = True if nodes & gone else None if nodes & may_be_gone else False
            backups.append((_WORKS[state], is_gone))
        return outcome(backups)

    def _edges(self, group: str, kind: Backups) -> Iterator[tuple[str, State]]:
        for _, target, facts in self.graph.out_edges(group, data=True):
            if facts["relation"] == kind.value:
                yield target, facts["state"]

    def backups(self, group: str, kind: Backups) -> tuple[Backup, ...]:
        """Return the backups of a group with all that they need."""
        own, may_own = self._closure(group) if kind is Backups.FUTURE else (frozenset(), frozenset())
        found = []
        for target, state in self._edges(group, kind):
            needs, may_need = self._closure(target)
            found.append(Backup(target, _WORKS[state], needs | own, (may_need | may_own) - needs - own))
        return tuple(found)

    def _closure(self, name: str) -> tuple[frozenset[str], frozenset[str]]:
        if name not in self._closures:
            needs = {name, *nx.descendants(self._needs, name)}
            may_need = {name, *nx.descendants(self._may_need, name)} - needs
            self._closures[name] = frozenset(needs), frozenset(may_need)
        return self._closures[name]

    def worst(self, limit: int = WORST) -> tuple[NodeLoss, ...]:
        """Return the nodes with which most resources lose their last backup.

        Keys that AWS manages are left out: they cannot be deleted.
        """
        lost, unknown = Counter[str](), Counter[str]()
        future = Counter[str]()
        for group in self.groups:
            count = self.graph.nodes[group]["count"]
            for kind in Backups:
                backups = self.backups(group, kind)
                for node in self._candidates(backups):
                    verdict = outcome((backup.works, backup.is_gone_with(node)) for backup in backups)
                    if verdict is None and kind is Backups.EXISTING:
                        unknown[node] += count
                    elif verdict:
                        (lost if kind is Backups.EXISTING else future)[node] += count
        nodes = [name for name in {*lost, *future, *unknown} if self._can_be_lost(name)]
        nodes.sort(key=lambda name: (-lost[name], -future[name], -unknown[name], name))
        return tuple(self.loss_of(name) for name in nodes[:limit])

    def _candidates(self, backups: tuple[Backup, ...]) -> Iterable[str]:
        """Return the nodes that may make a difference: none where a backup is left whatever is lost."""
        named: set[str] = set()
        for backup in backups:
            if backup.works is not False:
                named |= backup.needs | backup.may_need
        return (name for name in named if self.graph.nodes[name]["kind"] in LOSABLE)

    def _can_be_lost(self, name: str) -> bool:
        return self.graph.nodes[name].get("managed_by") not in ("aws_managed", "aws_owned")

    def single_points(self, counts: Mapping[str, int] | None = None) -> tuple[SinglePoint, ...]:
        """Return the nodes on which all existing backups of some resources rest: dominators.

        `counts`: how many resources of which groups are asked about; None: all of all.
        """
        sure, possible = Counter[str](), Counter[str]()
        for group, count in (self.counts() if counts is None else counts).items():
            backups = [b for b in self.backups(group, Backups.EXISTING) if b.works is not False]
            if not any(backup.works for backup in backups):
                continue
            certain = self._dominators(backups)
            for name in certain:
                sure[name] += count
            for name in self._dominators([b for b in backups if b.works]) - certain:
                possible[name] += count
        names = [name for name in {*sure, *possible} if self._can_be_lost(name)]
        names.sort(key=lambda name: (-sure[name], -possible[name], name))
        return tuple(
            SinglePoint(node=name, **self._described(name), resources=sure[name], unknown=possible[name])
            for name in names
        )

    def _dominators(self, backups: list[Backup]) -> set[str]:
        """Return the losable nodes that every backup needs: the dominators of the group.

        Each backup is a path from the root over what it needs, in one order for all, to the group. Where
        paths share a node, they can be left for each other there; but what all of them pass comes before
        that node in all, or after it in all, and so no way leads around it.
        """
        flow: nx.DiGraph[str] = nx.DiGraph()
        for number, backup in enumerate(backups):
            needed = (name for name in backup.needs if self.graph.nodes[name]["kind"] in LOSABLE)
            chain = ["root", *sorted(needed), f"backup:{number}", "sink"]
            nx.add_path(flow, chain)
        immediate = nx.immediate_dominators(flow, "root")
        found: set[str] = set()
        name = immediate.get("sink", "root")
        while name != "root":
            found.add(name)
            name = immediate[name]
        return {name for name in found if name in self.graph}

    def _loss(self, verdicts: Mapping[str, Ternary]) -> Loss:
        lost = tuple(self._lost_group(name) for name, verdict in verdicts.items() if verdict)
        unknown = tuple(self._lost_group(name) for name, verdict in verdicts.items() if verdict is None)
        return Loss(
            lost=sum(group.count for group in lost),
            unknown=sum(group.count for group in unknown),
            lost_groups=lost,
            unknown_groups=unknown,
        )

    def _lost_group(self, name: str) -> LostGroup:
        facts = self.graph.nodes[name]
        return LostGroup(
            group=name,
            resource_type=facts["resource_type"],
            account=facts["account"],
            region=facts["region"],
            count=facts["count"],
            examples=facts["examples"],
        )

    def _node_loss(self, node: str, existing: Loss, future: Loss) -> NodeLoss:
        return NodeLoss(node=node, **self._described(node), existing=existing, future=future)

    def _described(self, node: str) -> dict[str, str]:
        facts = self.graph.nodes[node]
        return {
            "kind": facts["kind"].value,
            "name": facts["label"],
            "account": facts["account"],
            "region": facts["region"],
        }


def _subgraph(graph: Graph, relations: Iterable[Relation]) -> "nx.DiGraph[str]":
    found: nx.DiGraph[str] = nx.DiGraph()
    found.add_nodes_from(graph)
    found.add_edges_from((source, target) for source, target, _ in edges(graph, relations))
    return found
