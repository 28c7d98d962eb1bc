"""The blast radius of a node: which resources lose their last backup when it is gone, by reachability.

When a node is gone, everything that needs it is gone, too. A resource group keeps a backup when it still
reaches one. Edges whose state is unknown, and needs that are unknown, may be there or not: a group is `lost`
when it had a backup for sure and keeps none whatever they are, safe when it keeps one whatever they are or
the node has no part in its backups, and unknown otherwise.

Existing backups are recovery points. Future backups are what rules make once the node is gone: a resource
that is in the lost account or Region, or whose own key is lost, is backed up no more.

The cost is that of reading the graph once, however many nodes are compared: groups with the same backups are
weighed once. An unread node may be thousands of keys or vaults, so what needs it has its name instead of
theirs, and these are counted once for all that need it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from scanner.graph.protection_graph import LOSABLE, NEEDS, Graph, Kind, Relation, State
from scanner.model.known import Ternary
from scanner.model.protection import Loss, LostGroup, NodeCounts, NodeLoss, SinglePoint

WORST: Final = 20
"""Nodes that are listed where none is named."""

_WORKS: Final[Mapping[State, Ternary]] = {
    State.EFFECTIVE: True,
    State.BROKEN: False,
    State.UNKNOWN: None,
}

_NONE: Final = frozenset[str]()


class Backups(StrEnum):
    """Which backups may be lost."""

    EXISTING = Relation.HELD_IN.value
    FUTURE = Relation.BACKED_UP_BY.value


@dataclass(frozen=True, slots=True)
class Needs:
    """The nodes that something needs for sure, and the unread nodes among its needs."""

    nodes: frozenset[str]
    unread: frozenset[str]

    def together_with(self, others: Iterable["Needs"]) -> "Needs":
        """Return the needs of something that needs all of this and all of the others."""
        every = (self, *others)
        return Needs(
            _NONE.union(*(needs.nodes for needs in every)), _NONE.union(*(needs.unread for needs in every))
        )


@dataclass(frozen=True, slots=True)
class Backup:
    """One backup of a resource group: whether it works, and what it needs."""

    works: Ternary
    needs: Needs


@dataclass(frozen=True, slots=True)
class Stakes:
    """What some backups depend on: the nodes with which the last of them is `lost`, or lost perhaps (`open`).

    `unread`: sets of unread nodes. A node that may be one of each of these sets is open as well, unless it is
    lost for sure. `is_protected`: whether one of the backups works for sure.
    """

    lost: frozenset[str]
    open: frozenset[str]
    unread: frozenset[frozenset[str]]
    is_protected: bool


@dataclass(slots=True)
class _Alike:
    """Groups with the same backups of one kind, how many resources they are, and what their backups need."""

    groups: list[str]
    stakes: Stakes
    count: int = 0


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
    groups: tuple[str, ...] = field(init=False)
    """The resource groups."""
    _candidates: dict[str, frozenset[str]] = field(init=False)
    _alike: dict[Backups, list[_Alike]] = field(init=False)

    def __post_init__(self) -> None:
        """Take from the graph what needs what, and which groups have the same backups."""
        self.groups = tuple(
            name for name, facts in self.graph.nodes(data=True) if facts["kind"] is Kind.RESOURCE_GROUP
        )
        reader = _NeedsReader(self.graph)
        # Before the groups: whether a backup may be gone with a node depends on what the unread nodes may be.
        self._candidates = reader.candidates()
        self._alike = {kind: self._alike_groups(kind, reader) for kind in Backups}

    def _alike_groups(self, kind: Backups, reader: "_NeedsReader") -> list[_Alike]:
        """Return the groups that have backups, with those together that have the same ones."""
        alike: dict[tuple[object, ...], _Alike] = {}
        for group in self.groups:
            targets = reader.backups[kind].get(group)
            if not targets:
                continue
            # What the resources themselves need, they need for further backups only.
            own = reader.direct.get(group, []) if kind is Backups.FUTURE else []
            # Groups with the same backups are weighed once, however many there are.
            key = (frozenset(targets), frozenset(own))
            if key not in alike:
                resources = tuple(map(reader.needs_of, own))
                backups = [
                    Backup(_WORKS[state], reader.needs_of(target).together_with(resources))
                    for target, state in targets
                ]
                alike[key] = _Alike([], self._stakes(backups))
            alike[key].groups.append(group)
            alike[key].count += self.graph.nodes[group]["count"]
        return list(alike.values())

    def _stakes(self, backups: Iterable[Backup]) -> Stakes:
        """Return the nodes that matter to some backups of a group."""
        able = [backup for backup in backups if backup.works is not False]
        sure = [backup for backup in able if backup.works]
        named = _NONE.union(*(backup.needs.nodes for backup in able))
        if not sure:  # with whatever they need, these are lost perhaps
            unread = _NONE.union(*(backup.needs.unread for backup in able))
            return Stakes(_NONE, named, frozenset((unread,) if unread else ()), is_protected=False)
        verdicts = {
            node: outcome((backup.works, self._is_gone(backup, node)) for backup in able) for node in named
        }
        unread_sets = frozenset(backup.needs.unread for backup in sure)
        return Stakes(
            lost=frozenset(node for node, verdict in verdicts.items() if verdict),
            open=frozenset(node for node, verdict in verdicts.items() if verdict is None),
            # A certain backup without unread needs is left unless a node that it names is gone.
            unread=frozenset() if _NONE in unread_sets else unread_sets,
            is_protected=True,
        )

    def _is_gone(self, backup: Backup, node: str) -> Ternary:
        """Check whether a backup is gone with a node."""
        if node in backup.needs.nodes:
            return True
        return None if self._may_be(node, backup.needs.unread) else False

    def _may_be(self, node: str, unread: Iterable[str]) -> bool:
        """Check whether one of some unread nodes may be this node, or need it."""
        return any(node in self._candidates[name] for name in unread)

    def counts(self) -> dict[str, int]:
        """Return how many resources each group has."""
        return {group: self.graph.nodes[group]["count"] for group in self.groups}

    def protected(self, counts: Mapping[str, int]) -> int:
        """Return how many of the counted resources have a usable recovery point for sure."""
        return sum(
            counts.get(group, 0)
            for alike in self._alike[Backups.EXISTING]
            if alike.stakes.is_protected
            for group in alike.groups
        )

    def loss_of(self, node: str) -> NodeLoss:
        """Return what is lost with one node: the groups that reach no backup without it."""
        return NodeLoss(
            node=node,
            **self._described(node),
            existing=self._loss(node, Backups.EXISTING),
            future=self._loss(node, Backups.FUTURE),
        )

    def _loss(self, node: str, kind: Backups) -> Loss:
        verdicts: dict[str, Ternary] = {}
        for alike in self._alike[kind]:
            verdict = self._verdict(node, alike.stakes)
            if verdict is not False:
                verdicts.update(dict.fromkeys(alike.groups, verdict))
        names = [group for group in self.groups if group in verdicts]
        lost = tuple(self._lost_group(name) for name in names if verdicts[name])
        unknown = tuple(self._lost_group(name) for name in names if verdicts[name] is None)
        return Loss(
            lost=sum(group.count for group in lost),
            unknown=sum(group.count for group in unknown),
            lost_groups=lost,
            unknown_groups=unknown,
        )

    def _verdict(self, node: str, stakes: Stakes) -> Ternary:
        """Return whether the last backup is lost with a node."""
        if node in stakes.lost:
            return True
        if node in stakes.open or (
            stakes.unread and all(self._may_be(node, unread) for unread in stakes.unread)
        ):
            return None
        return False

    def worst(self, limit: int = WORST) -> tuple[NodeLoss, ...]:
        """Return the nodes of `worst_counts` with the groups that lose their last backup."""
        return tuple(self.loss_of(counts.node) for counts in self.worst_counts(limit))

    def worst_counts(self, limit: int = WORST) -> tuple[NodeCounts, ...]:
        """Return the nodes with which most resources lose their last backup, the worst first.

        Keys that AWS manages are left out: they cannot be deleted.
        """
        lost, unknown = self._totals((alike.stakes, alike.count) for alike in self._alike[Backups.EXISTING])
        future, future_unknown = self._totals(
            (alike.stakes, alike.count) for alike in self._alike[Backups.FUTURE]
        )
        nodes = [name for name in {*lost, *future, *unknown} if self._can_be_lost(name)]
        nodes.sort(key=lambda name: (-lost[name], -future[name], -unknown[name], name))
        return tuple(
            NodeCounts(
                node=name,
                **self._described(name),
                lost=lost[name],
                unknown=unknown[name],
                future_lost=future[name],
                future_unknown=future_unknown[name],
            )
            for name in nodes[:limit]
        )

    def _totals(self, counted: Iterable[tuple[Stakes, int]]) -> tuple[Counter[str], Counter[str]]:
        """Count the resources that are lost with each node, and those that are lost perhaps."""
        lost, unknown = Counter[str](), Counter[str]()
        by_unread = Counter[frozenset[frozenset[str]]]()
        for stakes, count in counted:
            for node in stakes.lost:
                lost[node] += count
            for node in stakes.open:
                unknown[node] += count
            if stakes.unread:
                by_unread[stakes.unread] += count
                # Below, all these are counted for every node that is in all of the sets; these are not twice.
                for node in stakes.lost | stakes.open:
                    if all(self._may_be(node, unread) for unread in stakes.unread):
                        unknown[node] -= count
        for unread_sets, count in by_unread.items():
            for node in self._in_all(unread_sets):
                unknown[node] += count
        # The plus drops nodes whose count is zero, which nothing may report as a loss.
        return +lost, +unknown

    def _in_all(self, unread_sets: Iterable[frozenset[str]]) -> frozenset[str]:
        """Return the nodes that may be one of each of some sets of unread nodes."""
        first, *others = (_NONE.union(*map(self._candidates.__getitem__, unread)) for unread in unread_sets)
        return first.intersection(*others)

    def _can_be_lost(self, name: str) -> bool:
        # AWS KMS Developer Guide, "AWS managed keys": customers cannot delete or disable these keys.
        return self.graph.nodes[name].get("managed_by") not in ("aws_managed", "aws_owned")

    def single_points(self, counts: Mapping[str, int] | None = None) -> tuple[SinglePoint, ...]:
        """Return the nodes that all existing backups of some resources need: their dominators in the graph.

        `counts`: how many resources of which groups are asked about; None: all of all.
        """
        counts = self.counts() if counts is None else counts
        sure, possible = self._totals(
            (alike.stakes, sum(counts.get(group, 0) for group in alike.groups))
            for alike in self._alike[Backups.EXISTING]
            if alike.stakes.is_protected
        )
        names = [name for name in {*sure, *possible} if self._can_be_lost(name)]
        names.sort(key=lambda name: (-sure[name], -possible[name], name))
        return tuple(
            SinglePoint(node=name, **self._described(name), resources=sure[name], unknown=possible[name])
            for name in names
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

    def _described(self, node: str) -> dict[str, str]:
        facts = self.graph.nodes[node]
        return {
            "kind": facts["kind"].value,
            "name": facts["label"],
            "account": facts["account"],
            "region": facts["region"],
        }


class _NeedsReader:
    """Reads from the graph what backups each group has, and what each node needs."""

    def __init__(self, graph: Graph) -> None:
        self.backups: dict[Backups, dict[str, list[tuple[str, State]]]] = {
            kind: defaultdict(list) for kind in Backups
        }
        self.direct: dict[str, list[str]] = defaultdict(list)
        self._may_be: dict[str, list[str]] = defaultdict(list)
        self._needs: dict[str, Needs] = {}
        self._losable = {name for name, facts in graph.nodes(data=True) if facts["kind"] in LOSABLE}
        self._unread = {name for name, facts in graph.nodes(data=True) if facts["kind"] is Kind.UNREAD}
        for source, target, facts in graph.edges(data=True):
            relation = facts["relation"]
            if relation in NEEDS:
                self.direct[source].append(target)
            elif relation is Relation.MAY_BE:
                self._may_be[source].append(target)
            elif relation is not Relation.COPIED_BY:
                self.backups[Backups(relation.value)][source].append((target, facts["state"]))

    def needs_of(self, name: str) -> Needs:
        """Return all that a node needs, itself included."""
        if name not in self._needs:
            reached = self._reached([name], self.direct)
            self._needs[name] = Needs(frozenset(reached & self._losable), frozenset(reached & self._unread))
        return self._needs[name]

    def candidates(self) -> dict[str, frozenset[str]]:
        """Return what each unread node may be, with all that this needs."""
        return {
            name: frozenset(self._reached(self._may_be[name], self.direct, self._may_be) & self._losable)
            for name in self._unread
        }

    @staticmethod
    def _reached(starts: Iterable[str], *successors: Mapping[str, list[str]]) -> set[str]:
        """Return all nodes that are reached from some, these included. Evidence may name circles."""
        reached = set(starts)
        waiting = list(reached)
        while waiting:
            name = waiting.pop()
            for following in successors:
                new = [target for target in following.get(name, ()) if target not in reached]
                reached.update(new)
                waiting += new
        return reached
