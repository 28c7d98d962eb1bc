"""The protection of an organisation as one directed multigraph: what each backup rests on.

    resource group -held_in-> recovery points -stored_in-> vault -located_in-> account, Region
                                              -encrypted_with-> key -located_in-> account, Region
    resource group -backed_up_by-> scheduled backups -selected_by-> selection -performed_by-> role
                                                     -made_by-> rule -part_of-> plan
                                                     -stored_in-> vault, -encrypted_with-> key
    resource group -copied_by-> copy action -part_of-> rule, -copied_to-> vault, -encrypted_with-> key

An edge says that its source needs its target (`NEEDS`), or that a resource group has one more backup
(`HAS_BACKUP`), and in which state it is: effective, broken (with the reason), or unknown (with the missing
read). Nodes stand for groups of resources that are protected alike and for groups of recovery points, so the
graph is as large as the control plane, however many resources there are.

A key, a vault or a place that was not read is a node of the kind UNREAD. Its edges MAY_BE lead to what it
may be, and are always unknown.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, TypeAlias, cast

import networkx as nx

from scanner.graph.light_graph import LightGraph
from scanner.model.known import Answer, Ternary, conjunction
from scanner.model.names import parse_arn

Row = Mapping[str, Any]
Graph: TypeAlias = "nx.MultiDiGraph[str]"
"""Its nodes are texts: ARNs, and names as findings have them."""


class Kind(StrEnum):
    """What a node represents."""

    RESOURCE_GROUP = "resource_group"
    RECOVERY_POINTS = "recovery_points"
    SCHEDULED_BACKUPS = "scheduled_backups"
    SELECTION = "selection"
    RULE = "rule"
    PLAN = "plan"
    COPY = "copy_action"
    VAULT = "vault"
    KEY = "key"
    ROLE = "role"
    ACCOUNT = "account"
    REGION = "region"
    UNREAD = "unread"


class Relation(StrEnum):
    """What an edge says of its source."""

    HELD_IN = "held_in"  # a resource group's recovery points
    BACKED_UP_BY = "backed_up_by"  # what makes further backups of a resource group
    COPIED_BY = "copied_by"  # what copies the backups of a resource group
    SELECTED_BY = "selected_by"
    MADE_BY = "made_by"
    PART_OF = "part_of"
    PERFORMED_BY = "performed_by"
    STORED_IN = "stored_in"
    COPIED_TO = "copied_to"
    ENCRYPTED_WITH = "encrypted_with"
    LOCATED_IN = "located_in"
    MAY_BE = "may_be"


class State(StrEnum):
    """Whether an edge does what it says."""

    EFFECTIVE = "effective"
    BROKEN = "broken"
    UNKNOWN = "unknown"


HAS_BACKUP: Final = frozenset((Relation.HELD_IN, Relation.BACKED_UP_BY))
"""The relations of a resource group to its backups, each of which can stand in for the others."""

NEEDS: Final = frozenset(Relation) - {*HAS_BACKUP, Relation.COPIED_BY, Relation.MAY_BE}
"""The relations to what a node cannot do without."""

_STATES: Final[Mapping[Ternary, State]] = {
    True: State.EFFECTIVE,
    False: State.BROKEN,
    None: State.UNKNOWN,
}

_STATE_ORDER: Final = {State.EFFECTIVE: 0, State.UNKNOWN: 1, State.BROKEN: 2}


@dataclass(frozen=True, kw_only=True)
class ProtectionTables:
    """The rows of a judged scan that the graph is built from, as mappings of their columns."""

    groups: Iterable[Row]
    accounts: Iterable[Row] = ()
    plans: Iterable[Row] = ()
    rules: Iterable[Row] = ()
    selections: Iterable[Row] = ()
    vaults: Iterable[Row] = ()
    keys: Iterable[Row] = ()
    aliases: Iterable[Row] = ()


def protection_graph(tables: ProtectionTables) -> Graph:
    """Build the graph of a judged scan."""
    return _Builder(tables).build()


def light_graph(tables: ProtectionTables) -> Graph:
    """Build the graph of a judged scan for `BlastRadius` alone: nothing else can be done with it."""
    # The builder uses no more of networkx than LightGraph has.
    return _Builder(tables, cast("Graph", LightGraph())).build()


def state_of(answer: Ternary) -> State:
    """Return the state of an edge that is effective, is not, or of which that is not known."""
    return _STATES[answer]


def account_node(account: str) -> str:
    """Name the node of an account."""
    return f"account:{account}"


def region_node(region: str) -> str:
    """Name the node of a Region."""
    return f"region:{region}"


@dataclass
class _Builder:
    """Adds the nodes and edges of one scan, the small tables first: edges of groups rest on their states."""

    tables: ProtectionTables
    graph: Graph = field(default_factory=nx.MultiDiGraph)
    rule_answers: dict[str, Answer] = field(default_factory=dict)  # whether a rule makes backups
    selection_answers: dict[str, Answer] = field(default_factory=dict)

    def build(self) -> Graph:
        for row in self.tables.accounts:
            self.node(account_node(row["id"]), Kind.ACCOUNT, row["name"] or row["id"], account=row["id"])
        for row in self.tables.keys:
            self._add_key(row)
        for row in self.tables.vaults:
            self._add_vault(row)
        self._add_plans()
        # Groups come after the small tables: the states of their edges depend on rules, selections and keys.
        for number, row in enumerate(self.tables.groups):
            _GroupBuilder(self, row, number).add()
        self._add_aliases()
        # Last, because an unread key or vault may be any of the nodes that are in the graph by now.
        self._add_candidates()
        return self.graph

    def _add_plans(self) -> None:
        """Add plans with their rules and selections; copy actions are added with the resources."""
        for row in self.tables.plans:
            self.node(row["arn"], Kind.PLAN, row["name"])
            self.locate(row["arn"], row["account"], row["region"])
        for row in self.tables.rules:
            if row["kind"] == "rule":
                self._add_rule(row)
        for row in self.tables.selections:
            self._add_selection(row)

    def _add_aliases(self) -> None:
        """Add the aliases of keys; the first is what people call the key."""
        for row in sorted(self.tables.aliases, key=lambda row: str(row["alias"])):
            if row["key"] in self.graph:
                facts = self.graph.nodes[row["key"]]
                if "aliases" not in facts:
                    facts["label"] = row["alias"].rpartition(":")[2]
                facts.setdefault("aliases", []).append(row["alias"])

    def node(self, name: str, kind: Kind, label: str = "", **facts: object) -> str:
        """Add a node, or facts to it. A node that another one named before gets its own label."""
        node = self.graph.nodes.get(name)
        if node is None:
            self.graph.add_node(
                name, **{"kind": kind, "label": label or name, "account": "", "region": ""} | facts
            )
        else:
            node.update(facts, **({"label": label} if label else {}))
        return name

    def edge(self, source: str, target: str, relation: Relation, answer: Answer | None = None) -> None:
        """Add an edge; `answer`: whether it is effective, and why not.

        Of the same edge twice the better state counts: a vault holds a backup if one of two is there.
        """
        answer = answer or Answer(value=True)
        state = state_of(answer.value)
        earlier = self.graph.get_edge_data(source, target, relation)
        if earlier is None or _STATE_ORDER[state] < _STATE_ORDER[earlier["state"]]:
            because = "" if answer.value else answer.because
            self.graph.add_edge(source, target, relation, relation=relation, state=state, because=because)

    def locate(self, name: str, account: str, region: str) -> None:
        """Return the account and the Region of a node; global nodes have no Region."""
        self.graph.nodes[name].update(account=account, region=region)
        if account:
            self.edge(
                name, self.node(account_node(account), Kind.ACCOUNT, account=account), Relation.LOCATED_IN
            )
        if region:
            self.edge(
                name, self.node(region_node(region), Kind.REGION, region, region=region), Relation.LOCATED_IN
            )

    def _named(self, arn: str, kind: Kind) -> str:
        """Return the node of an ARN that something names; it may not have been listed itself."""
        if arn not in self.graph:
            # A vault of an account outside the scope is only known by its ARN, which contains account and
            # Region.
            parts = parse_arn(arn)
            label = (
                parts.resource.rpartition("/" if kind in (Kind.KEY, Kind.ROLE) else ":")[2] if parts else arn
            )
            self.node(arn, kind, label)
            self.locate(arn, *((parts.account, parts.region) if parts else ("", "")))
        return arn

    def vault(self, arn: str) -> str:
        return self._named(arn, Kind.VAULT)

    def key(self, arn: str) -> str:
        return self._named(arn, Kind.KEY)

    def _add_key(self, row: Row) -> None:
        if parse_arn(row["key"]) is None:
            return  # a bare id: whatever needs it names it by its ARN
        self.graph.nodes[self.key(row["key"])].update(
            managed_by=row["kind"] or "", key_state=row["state"] or ""
        )
        self.graph.nodes[row["key"]]["enabled"] = row["enabled"]

    def _add_vault(self, row: Row) -> None:
        self.node(row["arn"], Kind.VAULT, row["name"], vault_type=row["type"], locked=row["locked"])
        self.locate(row["arn"], row["account"], row["region"])

    def _add_rule(self, row: Row) -> None:
        self.node(row["subject"], Kind.RULE, row["name"])
        self.edge(row["subject"], self._plan(row["plan"]), Relation.PART_OF)
        self.locate(row["subject"], row["account"], row["region"])
        target = conjunction(
            (
                _answer(
                    row["target_exists"], "the vault does not exist", "whether the vault exists is unknown"
                ),
                _answer(row["within_lock"], row["lock_reason"], row["lock_reason"]),
            )
        )
        self.edge(row["subject"], self.vault(row["target"]), Relation.STORED_IN, target)
        starts = _answer(
            row["starts_within_a_year"],
            "the rule does not start within a year",
            "whether the rule starts within a year is unknown",
        )
        self.rule_answers[row["subject"]] = conjunction((target, starts))

    def _plan(self, arn: str) -> str:
        return self._named(arn, Kind.PLAN)

    def _add_selection(self, row: Row) -> None:
        subject, role = row["subject"], row["role"]
        self.node(subject, Kind.SELECTION, row["name"])
        self.edge(subject, self._plan(row["plan"]), Relation.PART_OF)
        self.locate(subject, row["account"], row["region"])
        usable = conjunction(
            _answer(row[column], row["role_reason"], row["role_reason"])
            for column in ("role_exists", "role_admits_backup")
        )
        if role:
            self.edge(subject, self._named(role, Kind.ROLE), Relation.PERFORMED_BY, usable)
        elif role is None:
            self.edge(subject, self.unread_role(row["account"]), Relation.PERFORMED_BY, usable)
        self.selection_answers[subject] = usable

    def unread_role(self, account: str) -> str:
        """Return the node of a role that is not known."""
        name = f"unread:role:{account}"
        return self.unread(name, f"an unknown role of {account}", (Kind.ROLE,), account=account)

    def unread_key(self, region: str) -> str:
        """Return the node of a key that is not known: a key is used in its own Region only."""
        name = f"unread:key:{region}"
        return self.unread(name, f"an unknown key in {region}", (Kind.KEY,), region=region)

    def unread_backups(self, account: str, region: str, vault: str) -> str:
        """Return the node of backups that were not read: in a vault, an account and Region, or anywhere."""
        if vault:
            name = self.unread(f"unread:{vault}", "recovery points that were not read", ())
            self.edge(name, self.vault(vault), Relation.STORED_IN)
            self.edge(name, self.unread_key(region), Relation.ENCRYPTED_WITH)
        elif region:
            label = f"backups that were not read, in {account}/{region}"
            name = self._unread_in(f"unread:{account}/{region}", label, (Kind.VAULT,), account, region)
        else:
            name = self.unread("unread:anywhere", "backups that were not read, in any vault", tuple(LOSABLE))
        return name

    def unread_rules(self, account: str, region: str) -> str:
        """Return the node of backup rules that were not read: of an account and Region, to a vault there."""
        name, label = f"unread:rules:{account}/{region}", f"rules that were not read, in {account}/{region}"
        return self._unread_in(name, label, (Kind.VAULT, Kind.ROLE), account, region)

    def _unread_in(self, name: str, label: str, kinds: tuple[Kind, ...], account: str, region: str) -> str:
        if name not in self.graph:
            self.unread(name, label, kinds)
            self.locate(name, account, region)
            self.edge(name, self.unread_key(region), Relation.ENCRYPTED_WITH)
        return name

    def unread(
        self, name: str, label: str, kinds: tuple[Kind, ...], *, account: str = "", region: str = ""
    ) -> str:
        """Add a node for something that was not read; `kinds`: of what it may be, or need."""
        return self.node(name, Kind.UNREAD, label, may_be=kinds, account=account, region=region)

    def _add_candidates(self) -> None:
        """Lead from each unread node to what it may be or need, now that all nodes are there."""
        candidates: dict[Kind, list[str]] = {kind: [] for kind in LOSABLE}
        unread: list[str] = []
        for name, facts in self.graph.nodes(data=True):
            if facts["kind"] in candidates:
                candidates[facts["kind"]].append(name)
            elif facts["kind"] is Kind.UNREAD:
                unread.append(name)
        for name in unread:
            for kind in self.graph.nodes[name]["may_be"]:
                for candidate in candidates[kind]:
                    if _may_be(self.graph.nodes[name], self.graph.nodes[candidate]):
                        self.edge(name, candidate, Relation.MAY_BE, Answer(None, "it was not read"))


LOSABLE: Final = (Kind.KEY, Kind.VAULT, Kind.ROLE, Kind.ACCOUNT, Kind.REGION)
"""Kinds of nodes whose loss is weighed."""


def _may_be(unread: Row, candidate: Row) -> bool:
    """Check whether an unread node may be a candidate by its place. A role has no Region."""
    return (not unread["account"] or candidate["account"] == unread["account"]) and (
        not unread["region"] or candidate["region"] in ("", unread["region"])
    )


def _answer(value: Ternary, broken: str, unknown: str) -> Answer:
    return Answer(value, "" if value else (broken if value is False else unknown))


class _GroupBuilder:
    """Adds one group of resources, with its backups, what makes more of them, and its copies."""

    def __init__(self, builder: _Builder, row: Row, number: int) -> None:
        self._to = builder
        self._row = row
        self._name = f"group:{number}"

    def add(self) -> None:
        row = self._row
        count = row["count"]
        label = row["examples"][0] if count == 1 else f"{count} x {row['type']}"
        self._to.node(
            self._name,
            Kind.RESOURCE_GROUP,
            label,
            resource_type=row["type"],
            count=count,
            examples=tuple(row["examples"]),
        )
        self._to.locate(self._name, row["account"], row["region"])
        self._need_keys(self._name, row["keys"], row["region"])
        for existing in row["existing"]:
            self._add_existing(existing)
        for scheduled in row["scheduled"]:
            self._add_scheduled(scheduled)
        for copies in row["copies"]:
            self._add_copies(copies)
        self._add_unread()

    def _need_keys(self, name: str, keys: Iterable[str] | None, region: str) -> None:
        if keys is None:
            self._to.edge(name, self._to.unread_key(region), Relation.ENCRYPTED_WITH)
        # No keys: nothing is encrypted, or AWS owns the key, which can neither be lost nor disabled.
        for key in keys or ():
            self._to.edge(name, self._to.key(key), Relation.ENCRYPTED_WITH, self._usable(key))

    def _usable(self, key: str) -> Answer:
        enabled = self._to.graph.nodes[self._to.key(key)].get("enabled")
        return (
            Answer(value=True)
            if enabled is not False
            else Answer(value=False, because="the key is not enabled")
        )

    def _add_existing(self, row: Row) -> None:
        vault = self._to.vault(row["vault"])
        region = self._to.graph.nodes[vault]["region"]
        under = "?" if row["keys"] is None else ",".join(row["keys"])
        name = f"points:{row['vault']}|{under}"
        if name not in self._to.graph:
            label = f"recovery points in {self._to.graph.nodes[vault]['label']}"
            self._to.node(name, Kind.RECOVERY_POINTS, label)
            self._to.edge(name, vault, Relation.STORED_IN)
            self._need_keys(name, row["keys"], region)
        answer = Answer(row["effective"], row["because"])
        self._to.edge(self._name, name, Relation.HELD_IN, answer)

    def _add_scheduled(self, row: Row) -> None:
        under = "?" if row["keys"] is None else ",".join(row["keys"])
        name = f"backups:{row['selection']}|{row['rule']}|{under}"
        if name not in self._to.graph:
            self._to.node(name, Kind.SCHEDULED_BACKUPS, f"backups by {row['rule'].rpartition('#')[2]}")
            self._to.edge(name, self._to.node(row["rule"], Kind.RULE), Relation.MADE_BY)
            self._to.edge(name, self._to.node(row["selection"], Kind.SELECTION), Relation.SELECTED_BY)
            self._to.edge(name, self._to.vault(row["vault"]), Relation.STORED_IN)
            self._need_keys(name, row["keys"], self._row["region"])
        unread = Answer(None, "it was not read")
        usable = [self._usable(key) for key in (*(self._row["keys"] or ()), *(row["keys"] or ()))]
        # Backups are made only if the rule starts, the role can be assumed, and all keys are enabled.
        is_made = self._to.rule_answers.get(row["rule"], unread)
        selected = self._to.selection_answers.get(row["selection"], unread)
        self._to.edge(self._name, name, Relation.BACKED_UP_BY, conjunction((is_made, selected, *usable)))
        # A selection may select a resource itself and its instance: that is one backup, in two ways.
        edge = self._to.graph.edges[self._name, name, Relation.BACKED_UP_BY]
        edge["via"] = (*edge.get("via", ()), row["via"])

    def _add_copies(self, row: Row) -> None:
        name = row["copy_action"]
        if name not in self._to.graph:
            vault = self._to.vault(row["vault"])
            self._to.node(name, Kind.COPY, f"copies into {self._to.graph.nodes[vault]['label']}")
            self._to.edge(name, self._to.node(row["rule"], Kind.RULE), Relation.PART_OF)
            self._to.edge(name, vault, Relation.COPIED_TO)
            self._need_keys(name, row["keys"], self._to.graph.nodes[vault]["region"])
        self._to.edge(self._name, name, Relation.COPIED_BY, Answer(row["effective"], row["because"]))

    def _add_unread(self) -> None:
        for row in self._row["existing_unread"]:
            place = self._to.unread_backups(row["account"], row["region"], row["vault"])
            self._to.edge(self._name, place, Relation.HELD_IN, Answer(None, row["because"]))
        for row in self._row["scheduled_unread"]:
            name = self._to.unread_rules(row["account"], row["region"])
            self._to.edge(self._name, name, Relation.BACKED_UP_BY, Answer(None, row["because"]))


def edges(graph: Graph, relations: Iterable[Relation]) -> Iterator[tuple[str, str, Row]]:
    """Yield the edges of some relations."""
    wanted = frozenset(relations)
    for source, target, facts in graph.edges(data=True):
        if facts["relation"] in wanted:
            yield source, target, facts
