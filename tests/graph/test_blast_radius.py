"""What is lost with a node: tables of small graphs, and all completions of random ones with unknowns."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.graph.blast_radius import BlastRadius, outcome
from scanner.graph.protection_graph import (
    LOSABLE,
    ProtectionTables,
    account_node,
    protection_graph,
    region_node,
)
from scanner.model.known import Ternary
from scanner.model.names import parse_arn
from scanner.model.protection import NodeCounts, NodeLoss
from tests.fakes.protection import (
    BACKUP,
    DUBLIN,
    FRANKFURT,
    HOME,
    existing,
    group,
    key,
    role,
    rule_row,
    scheduled,
    selection_row,
    unread,
    vault,
)

MAIN, FAR = vault("main"), vault("far", BACKUP, FRANKFURT)


def radius(*groups: Mapping[str, Any], **tables: Any) -> BlastRadius:
    tables.setdefault("rules", [rule_row(MAIN)])
    tables.setdefault("selections", [selection_row()])
    return BlastRadius(protection_graph(ProtectionTables(groups=groups, **tables)))


def counts(loss: NodeLoss) -> tuple[int, int, int, int]:
    return (loss.existing.lost, loss.existing.unknown, loss.future.lost, loss.future.unknown)


@pytest.mark.parametrize(
    ("backups", "verdict"),
    [
        ([], False),
        ([(True, True)], True),
        ([(True, False)], False),
        ([(False, True)], False),
        ([(None, True)], None),
        ([(True, None)], None),
        ([(True, True), (True, False)], False),
        ([(True, True), (None, False)], None),
        ([(True, True), (None, True)], True),
        ([(True, True), (True, None)], None),
        ([(None, False), (None, False)], False),
        ([(True, True), (False, False)], True),
    ],
)
def test_the_last_backup_is_lost(backups: list[tuple[Ternary, Ternary]], verdict: Ternary) -> None:
    assert outcome(backups) is verdict
    assert outcome(reversed(backups)) is verdict


@pytest.mark.parametrize(
    ("node", "lost"),
    [
        (MAIN, 1),
        (key("k"), 1),
        (account_node(HOME), 1),
        (region_node(DUBLIN), 1),
        (key("other"), 0),
        (account_node(BACKUP), 0),
    ],
)
def test_a_single_recovery_point_is_lost_with_all_that_it_needs(node: str, lost: int) -> None:
    only = group(existing=[existing(MAIN, [key("k")])])
    other = group("vol-2", existing=[existing(MAIN, [key("other")]), existing(FAR)])
    assert radius(only, other).loss_of(node).existing.lost == lost


def test_a_copy_elsewhere_keeps_a_resource_safe() -> None:
    copied = group(existing=[existing(MAIN, [key("k")]), existing(FAR)])
    for node in (MAIN, FAR, key("k"), account_node(HOME), region_node(FRANKFURT)):
        assert counts(radius(copied).loss_of(node))[:2] == (0, 0)


def test_what_may_be_behind_an_unread_edge_is_unknown() -> None:
    perhaps = group(existing=[existing(MAIN), existing(FAR, effective=None)])
    assert counts(radius(perhaps).loss_of(MAIN))[:2] == (0, 1)
    assert counts(radius(perhaps).loss_of(FAR))[:2] == (0, 0)  # the certain one is left


def test_an_unknown_key_may_be_any_of_its_region_and_no_other() -> None:
    untold = group(existing=[existing(MAIN, None)])
    others = group("vol-2", existing=[existing(FAR, [key("far", BACKUP, FRANKFURT)])])
    found = radius(untold, others, keys=[key_row(key("here"))])
    assert counts(found.loss_of(key("here")))[:2] == (0, 1)
    assert counts(found.loss_of(key("far", BACKUP, FRANKFURT)))[:2] == (1, 0)
    assert counts(found.loss_of(MAIN))[:2] == (1, 0)  # whatever its key is


def key_row(arn: str, kind: str = "customer_managed", *, enabled: bool | None = True) -> dict[str, Any]:
    return {"key": arn, "kind": kind, "state": "Enabled", "enabled": enabled}


def test_unread_vaults_of_one_account_say_nothing_of_another() -> None:
    blind = group(existing_unread=[unread(HOME, DUBLIN)])
    found = radius(blind, group("vol-2", existing=[existing(MAIN), existing(FAR)]))
    assert counts(found.loss_of(account_node(HOME)))[:2] == (0, 1)
    assert counts(found.loss_of(MAIN))[:2] == (0, 1)
    assert counts(found.loss_of(FAR))[:2] == (0, 0)


def test_backups_that_may_be_anywhere_keep_every_loss_open() -> None:
    found = radius(group(existing=[existing(MAIN)], existing_unread=[unread()]))
    assert counts(found.loss_of(MAIN))[:2] == (0, 1)
    found = radius(group(existing_unread=[unread()]), group("vol-2", existing=[existing(FAR)]))
    assert counts(found.loss_of(FAR))[:2] == (1, 1)


def test_a_role_costs_future_backups_only() -> None:
    covered = group(existing=[existing(MAIN)], scheduled=[scheduled(MAIN)], count=7)
    found = radius(covered)
    assert counts(found.loss_of(role("backup"))) == (0, 0, 7, 0)
    assert counts(found.loss_of(MAIN)) == (7, 0, 7, 0)


def test_a_second_selection_with_another_role_stands_in() -> None:
    twice = group(scheduled=[scheduled(MAIN), scheduled(MAIN, selection="again")])
    found = radius(twice, selections=[selection_row(), selection_row("again", role("other"))])
    assert counts(found.loss_of(role("backup"))) == (0, 0, 0, 0)
    assert counts(found.loss_of(MAIN)) == (0, 0, 1, 0)


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("target_exists", False, (0, 0)),
        ("target_exists", None, (0, 1)),
        ("within_lock", False, (0, 0)),
        ("starts_within_a_year", None, (0, 1)),
        ("starts_within_a_year", False, (0, 0)),
    ],
)
def test_a_rule_that_makes_no_backup_has_none_to_lose(
    column: str, value: Ternary, expected: tuple[int, int]
) -> None:
    row = {**rule_row(MAIN), column: value}
    found = radius(group(scheduled=[scheduled(MAIN)]), rules=[row])
    assert counts(found.loss_of(MAIN))[2:] == expected


def test_a_rule_or_selection_that_was_not_read_is_unknown() -> None:
    found = radius(group(scheduled=[scheduled(MAIN)]), rules=[])
    assert counts(found.loss_of(MAIN))[2:] == (0, 1)


def test_the_own_key_of_a_resource_is_needed_for_further_backups() -> None:
    encrypted = group(keys=[key("own")], existing=[existing(MAIN)], scheduled=[scheduled(MAIN)])
    assert counts(radius(encrypted).loss_of(key("own"))) == (0, 0, 1, 0)
    disabled = radius(encrypted, keys=[key_row(key("own"), enabled=False)])
    assert counts(disabled.loss_of(MAIN)) == (1, 0, 0, 0)


def test_the_worst_come_first_and_keys_that_nobody_can_delete_are_left_out() -> None:
    managed = key("aws")
    found = radius(
        group(count=5, existing=[existing(MAIN, [managed])]),
        group("vol-2", count=2, existing=[existing(FAR, [key("k", BACKUP, FRANKFURT)])]),
        keys=[key_row(managed, "aws_managed")],
    )
    worst = found.worst()
    assert worst[0].existing.lost == 5
    assert managed not in {loss.node for loss in worst}
    assert {loss.node: loss.existing.lost for loss in worst}[FAR] == 2
    assert len(found.worst(2)) == 2


def test_single_points_are_what_all_backups_need() -> None:
    found = radius(
        group(count=3, existing=[existing(MAIN, [key("k")]), existing(vault("second"), [key("k")])]),
        group("vol-2", count=2, existing=[existing(MAIN), existing(FAR, effective=None)]),
    )
    points = {point.node: (point.resources, point.unknown) for point in found.single_points()}
    assert points == {
        key("k"): (3, 0),
        account_node(HOME): (3, 2),
        region_node(DUBLIN): (3, 2),
        MAIN: (0, 2),
    }


@dataclass(frozen=True)
class _World:
    """Groups over few vaults and keys, with everything that may be unknown."""

    groups: tuple[dict[str, Any], ...]


PLACES = ((HOME, DUBLIN), (BACKUP, DUBLIN), (BACKUP, FRANKFURT))
VAULTS = tuple(vault(name, *place) for place in PLACES for name in ("a", "b"))
KEYS = tuple(key("k", *place) for place in PLACES)
NODES = (*VAULTS, *KEYS, *map(account_node, (HOME, BACKUP)), *map(region_node, (DUBLIN, FRANKFURT)))
TRIPLE = st.sampled_from([True, True, None, False])


def region_of(arn: str) -> str:
    parts = parse_arn(arn)
    assert parts is not None
    return parts.region


@st.composite
def points(draw: st.DrawFn, *, known: bool) -> dict[str, Any]:
    where = draw(st.sampled_from(VAULTS))
    keys = [name for name in KEYS if region_of(name) == region_of(where)]
    some = draw(st.lists(st.sampled_from(keys), max_size=2, unique=True))
    if known:
        return existing(where, some, effective=draw(st.booleans()))
    return existing(where, draw(st.sampled_from([some, None])), effective=draw(TRIPLE))


UNREAD = st.sampled_from(
    [unread(), unread(BACKUP, FRANKFURT), unread(HOME, DUBLIN), unread(BACKUP, DUBLIN, VAULTS[2])]
)


@st.composite
def worlds(draw: st.DrawFn, *, known: bool = False) -> _World:
    found = []
    for number in range(draw(st.integers(1, 3))):
        backups = draw(st.lists(points(known=known), max_size=3))
        blind = [] if known else draw(st.lists(UNREAD, max_size=1))
        found.append(group(f"vol-{number}", existing=backups, existing_unread=blind))
    found.append(group("all", existing=[existing(name) for name in VAULTS], count=100))
    return _World(tuple(found))


def graph_of(world: _World) -> BlastRadius:
    return radius(*world.groups, keys=[key_row(name) for name in KEYS])


def needs(vault_arn: str, keys: Iterator[str] | tuple[str, ...] | list[str]) -> frozenset[str]:
    """Return all nodes that a backup needs; a name that is no ARN is something that was not seen."""
    found: set[str] = set()
    for arn in (vault_arn, *keys):
        parts = parse_arn(arn)
        assert parts is not None
        found |= {arn, account_node(parts.account), region_node(parts.region)}
    return frozenset(found)


def possible_keys(region: str) -> list[list[str]]:
    unseen = key("unseen", "333333333333", region)
    return [[], [unseen], *([name] for name in KEYS if region_of(name) == region)]


def completions(row: Mapping[str, Any]) -> Iterator[list[frozenset[str]]]:
    """Yield what the backups of a group may be, each as the nodes that it needs."""
    options: list[list[frozenset[str] | None]] = []
    for backup in row["existing"]:
        every = [backup["keys"]]
        if backup["keys"] is None:
            every = possible_keys(region_of(backup["vault"]))[1:]
        there: list[frozenset[str] | None] = [needs(backup["vault"], keys) for keys in every]
        options.append(there if backup["effective"] else [None])
        if backup["effective"] is None:
            options[-1] = [*there, None]
    for blind in row["existing_unread"]:
        if blind["vault"]:
            candidates = [blind["vault"]]
        else:
            places = [(blind["account"], blind["region"])] if blind["account"] else PLACES
            candidates = [vault(name, *place) for place in places for name in ("a", "b", "unseen")]
        options.append(
            [None, *(needs(name, keys) for name in candidates for keys in possible_keys(region_of(name)))]
        )
    for chosen in product(*options):
        yield [backup for backup in chosen if backup is not None]


def is_lost(backups: list[frozenset[str]], node: str) -> bool:
    return bool(backups) and all(node in backup for backup in backups)


@given(worlds())
def test_no_completion_of_what_is_unknown_contradicts_an_answer(world: _World) -> None:
    found = graph_of(world)
    for node in NODES:
        loss = found.loss_of(node).existing
        lost = {group.examples for group in loss.lost_groups}
        unknown = {group.examples for group in loss.unknown_groups}
        for row in world.groups[:-1]:
            ends = {is_lost(backups, node) for backups in completions(row)}
            if row["examples"] in lost:
                assert ends == {True}, (node, row)
            elif row["examples"] not in unknown:
                assert ends == {False}, (node, row)


@given(worlds(known=True))
def test_what_is_known_is_answered(world: _World) -> None:
    found = graph_of(world)
    points = {point.node: point for point in found.single_points()}
    for node in NODES:
        loss = found.loss_of(node).existing
        (backups,) = zip(*(completions(row) for row in world.groups), strict=True)
        lost = sum(row["count"] for row, one in zip(world.groups, backups, strict=True) if is_lost(one, node))
        assert (loss.lost, loss.unknown) == (lost, 0)
        assert (points[node].resources if node in points else 0) == lost


@given(worlds())
def test_the_worst_are_the_same_as_asked_one_by_one(world: _World) -> None:
    found = graph_of(world)
    losable = [node for node, facts in found.graph.nodes(data=True) if facts["kind"] in LOSABLE]
    each = [found.loss_of(node) for node in losable]
    hit = [loss for loss in each if any(counts(loss))]
    hit.sort(key=lambda loss: (-loss.existing.lost, -loss.future.lost, -loss.existing.unknown, loss.node))
    assert [loss for loss in found.worst(100) if any(counts(loss))] == hit
    assert [row[:4] for row in map(numbers, found.worst_counts(100)) if any(row)] == [*map(counts, hit)]


def numbers(row: NodeCounts) -> tuple[int, int, int, int]:
    return (row.lost, row.unknown, row.future_lost, row.future_unknown)


@given(worlds(known=True))
def test_single_points_are_the_dominators_of_the_groups_that_need_them(world: _World) -> None:
    expected = Counter[str]()
    for row in world.groups:
        backups = [backup for backup in row["existing"] if backup["effective"]]
        expected.update(dict.fromkeys(dominators(backups) if backups else (), row["count"]))
    assert {point.node: point.resources for point in graph_of(world).single_points()} == expected


def dominators(backups: list[Mapping[str, Any]]) -> set[str]:
    """Return the nodes that every way to a group passes, as networkx finds them."""
    flow: nx.DiGraph[str] = nx.DiGraph()
    for number, backup in enumerate(backups):
        nx.add_path(
            flow, ["root", *sorted(needs(backup["vault"], backup["keys"] or ())), f"backup:{number}", "group"]
        )
    immediate = nx.immediate_dominators(flow, "root")
    names, name = set[str](), immediate["group"]
    while name != "root":
        names.add(name)
        name = immediate[name]
    return {name for name in names if not name.startswith("backup:")}
