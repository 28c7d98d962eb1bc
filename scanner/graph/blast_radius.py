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
from itertools import chain
from typing import Final

import networkx as nx

from scanner.graph.protection_graph import LOSABLE, NEEDS, Graph, Kind, Relation, State, edges
from scanner.model.blast_radius import Loss, LostGroup, NodeLoss, SinglePoint
from scanner.model.known import Ternary

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
    """One backup of a resource group: whether it is there, and the nodes that it needs, or may need.

    The sets are shared by all backups that need the same: those of an unread place have thousands of members.
    """

    works: Ternary
    needs: tuple[frozenset[str], ...]
    may_need: tuple[frozenset[str], ...]

    def is_gone_with(self, name: str) -> Ternary:
        """Check whether it is gone with a node."""
        if any(name in nodes for nodes in self.needs):
            return True
        return None if any(name in nodes for nodes in self.may_need) else False

    def affected_by(self) -> frozenset[str]:
        """Return the nodes that it needs or may need."""
        return frozenset[str]().union(*self.needs, *self.may_need)


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


@dataclass(frozen=True, slots=True)
class _Alike:
    """Groups with the same backups of one kind. `own`: what the resources themselves need for these."""

    targets: tuple[tuple[str, State], ...]
    own: frozenset[str]


_Closure = tuple[frozenset[str], frozenset[str]]
"""All nodes that a node needs, itself included, and those that it may need."""


@dataclass
class BlastRadius:
    """Answers for the graph of one scan."""

    graph: Graph
    _needs: "nx.DiGraph[str]" = field(init=False)
    _may_need: "nx.DiGraph[str]" = field(init=False)
    _losable: frozenset[str] = field(init=False)
    _alike: dict[Backups, dict[_Alike, list[str]]] = field(init=False)
    _closures: dict[str, _Closure] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Take from the graph what needs what, and which groups have the same backups."""
        self._needs = _subgraph(self.graph, NEEDS)
        self._may_need = _subgraph(self.graph, {*NEEDS, Relation.MAY_BE})
        self._losable = frozenset(
            name for name, facts in self.graph.nodes(data=True) if facts["kind"] in LOSABLE
        )
        self._alike = {kind: {} for kind in Backups}
        for kind, alike in self._alike.items():
            for group in self.groups:
                own = self._needs.successors(group) if kind is Backups.FUTURE else ()
                key = _Alike(tuple(sorted(self._edges(group, kind))), frozenset(own))
                alike.setdefault(key, []).append(group)

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
        """Return what is lost with one node: the groups that reach no backup without it."""
        gone = {node, *nx.ancestors(self._needs, node)}
        may_be_gone = {node, *nx.ancestors(self._may_need, node)} - gone
        losses = {}
        for kind, alike in self._alike.items():
            verdicts: dict[str, Ternary] = {}
            for each, groups in alike.items():
                verdict = outcome(_left_backups(each, gone, may_be_gone))
                if verdict is not False:
                    verdicts.update(dict.fromkeys(groups, verdict))
            losses[kind] = self._loss({group: verdicts[group] for group in self.groups if group in verdicts})
        return self._node_loss(node, losses[Backups.EXISTING], losses[Backups.FUTURE])

    def _edges(self, group: str, kind: Backups) -> Iterator[tuple[str, State]]:
        for _, target, facts in self.graph.out_edges(group, data=True):
            if facts["relation"] == kind.value:
                yield target, facts["state"]

    def _backups(self, alike: _Alike) -> tuple[Backup, ...]:
        """Return the backups of alike groups with all that they need."""
        own = tuple(map(self._closure, alike.own))
        found = []
        for target, state in alike.targets:
            closures = (self._closure(target), *own)
            needs, may_need = (needs for needs, _ in closures), (may_need for _, may_need in closures)
            found.append(Backup(_WORKS[state], tuple(needs), tuple(filter(None, may_need))))
        return tuple(found)

    def _closure(self, name: str) -> _Closure:
        if name not in self._closures:
            needs = {name, *nx.descendants(self._needs, name)}
            may_need = {name, *nx.descendants(self._may_need, name)} - needs
            self._closures[name] = frozenset(needs), frozenset(may_need)
        return self._closures[name]

    def worst(self, limit: int = WORST) -> tuple[NodeLoss, ...]:
        """Return the nodes with which most resources lose their last backup.

        Keys that AWS manages are left out: they cannot be deleted.
        """
        lost, unknown, future = Counter[str](), Counter[str](), Counter[str]()
        for kind, alike in self._alike.items():
            for each, groups in alike.items():
                count = sum(self.graph.nodes[group]["count"] for group in groups)
                for node, verdict in self._verdicts(self._backups(each)):
                    if verdict is None and kind is Backups.EXISTING:
                        unknown[node] += count
                    elif verdict:
                        (lost if kind is Backups.EXISTING else future)[node] += count
        nodes = [name for name in {*lost, *future, *unknown} if self._can_be_lost(name)]
        nodes.sort(key=lambda name: (-lost[name], -future[name], -unknown[name], name))
        return tuple(self.loss_of(name) for name in nodes[:limit])

    def _verdicts(self, backups: tuple[Backup, ...]) -> Iterator[tuple[str, Ternary]]:
        """Yield the nodes that matter to some backups, and whether the last of these is lost with each."""
        if any(backup.works for backup in backups):
            named = self._candidates(backups)
            needed = named.intersection(chain.from_iterable(n for b in backups for n in b.needs))
        else:
            possible = (backup.affected_by() for backup in backups if backup.works is None)
            named, needed = self._losable.intersection(frozenset[str]().union(*possible)), frozenset[str]()
        for node in needed:
            yield node, outcome((backup.works, backup.is_gone_with(node)) for backup in backups)
        # Of these nodes it is not known whether they are needed, or whether there was a backup at all.
        yield from ((node, None) for node in named - needed)

    def _candidates(self, backups: Iterable[Backup]) -> frozenset[str]:
        """Return the nodes that all backups which work for sure need, or may need."""
        return self._losable.intersection(*(backup.affected_by() for backup in backups if backup.works))

    def _can_be_lost(self, name: str) -> bool:
        return self.graph.nodes[name].get("managed_by") not in ("aws_managed", "aws_owned")

    def single_points(self, counts: Mapping[str, int] | None = None) -> tuple[SinglePoint, ...]:
        """Return the nodes on which all existing backups of some resources rest: dominators.

        `counts`: how many resources of which groups are asked about; None: all of all.
        """
        counts = self.counts() if counts is None else counts
        sure, possible = Counter[str](), Counter[str]()
        for each, groups in self._alike[Backups.EXISTING].items():
            count = sum(counts.get(group, 0) for group in groups)
            if not count or State.EFFECTIVE not in (state for _, state in each.targets):
                continue
            backups = [backup for backup in self._backups(each) if backup.works is not False]
            certain = self._dominators(backups)
            sure.update(dict.fromkeys(certain, count))
            possible.update(dict.fromkeys(self._candidates(backups) - certain, count))
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
            needed = self._losable.intersection(frozenset[str]().union(*backup.needs))
            path = ["root", *sorted(needed), f"backup:{number}", "sink"]
            nx.add_path(flow, path)
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


def _left_backups(alike: _Alike, gone: set[str], may_be_gone: set[str]) -> Iterator[tuple[Ternary, Ternary]]:
    """Yield of each backup whether it works, and whether it is gone with these nodes."""
    own_gone, own_may_be_gone = not alike.own.isdisjoint(gone), not alike.own.isdisjoint(may_be_gone)
    for target, state in alike.targets:
        is_gone = own_gone or target in gone
        may_be = own_may_be_gone or target in may_be_gone
        yield _WORKS[state], True if is_gone else None if may_be else False


def _subgraph(graph: Graph, relations: Iterable[Relation]) -> "nx.DiGraph[str]":
    found: nx.DiGraph[str] = nx.DiGraph()
    found.add_nodes_from(graph)
    found.add_edges_from((source, target) for source, target, _ in edges(graph, relations))
    return found
