"""The walk from a group of resources over the edges of the protection graph."""

from typing import Any

from scanner.graph.protection_graph import ProtectionTables, Relation, State, protection_graph
from scanner.graph.protection_walk import Covering, ProtectionWalk
from tests.fakes.protection import (
    BACKUP,
    FRANKFURT,
    copies,
    group,
    plan,
    role,
    rule_row,
    scheduled,
    selection_row,
    vault,
)

MAIN, FAR = vault("main"), vault("far", BACKUP, FRANKFURT)
DAILY, ALL, TAGGED = (f"{plan('p')}#{name}" for name in ("daily", "all", "tagged"))


def walk(*groups: dict[str, Any], **tables: Any) -> ProtectionWalk:
    tables.setdefault("rules", [rule_row(MAIN)])
    tables.setdefault("selections", [selection_row(), selection_row("tagged")])
    return ProtectionWalk(protection_graph(ProtectionTables(groups=groups, **tables)), "group:0")


def test_a_rule_covers_through_each_selection_and_in_each_way() -> None:
    by_instance = {**scheduled(MAIN), "via": "instance"}
    covered = group(scheduled=[scheduled(MAIN, selection="tagged"), scheduled(MAIN), by_instance])
    assert walk(covered).covering() == (
        Covering(DAILY, "instance", ALL),
        Covering(DAILY, "selection", ALL),
        Covering(DAILY, "selection", TAGGED),
    )


def test_what_was_not_read_covers_nothing_for_sure() -> None:
    unread = {"operation": "", "account": "111111111111", "region": "eu-west-1", "because": "denied"}
    assert walk(group(scheduled_unread=[unread])).covering() == ()
    assert ProtectionWalk(walk(group()).graph).covering() == ()


def test_edges_have_the_state_and_the_reason() -> None:
    lock = rule_row(MAIN, within_lock=False, lock_reason="the lock requires 30 days")
    refused = selection_row(role_admits_backup=None, role_reason="the role was not read")
    found = walk(group(scheduled=[scheduled(MAIN)]), rules=[lock], selections=[refused])
    target, performer = found.edge(DAILY, Relation.STORED_IN), found.edge(ALL, Relation.PERFORMED_BY)
    assert target is not None
    assert target[:3] == (MAIN, State.BROKEN, "the lock requires 30 days")
    assert performer is not None
    assert performer[:3] == (role("backup"), State.UNKNOWN, "the role was not read")
    assert found.edge(MAIN, Relation.PERFORMED_BY) is None
    assert list(found.edges("not in the graph", Relation.STORED_IN)) == []


def test_copies_are_those_of_the_rule_and_of_the_group() -> None:
    copied = group(
        scheduled=[scheduled(MAIN)], copies=[copies(FAR, effective=False, because="no statement allows it")]
    )
    found = walk(copied, group("vol-2", copies=[copies(MAIN)]))
    (copy,) = found.copies(DAILY)
    assert (copy.state, copy.because) == (State.BROKEN, "no statement allows it")
    assert [edge.target for edge in found.edges(copy.target, Relation.COPIED_TO)] == [FAR]
    assert list(found.copies(f"{plan('p')}#weekly")) == []
