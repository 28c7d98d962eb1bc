"""Merging backup policies: the cases of AWS's guide, what it leaves open, and properties."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.protection.backup_policy.document import Operand, parse_policy
from scanner.protection.backup_policy.inheritance import (
    AttachedPolicy,
    Level,
    MergedPolicy,
    PolicySetting,
    merged_policy,
)

Document = dict[str, Any]
NONE = {"@@operators_allowed_for_child_policies": ["@@none"]}


def assign(value: Any) -> Document:
    return {"@@assign": value}


def append(*values: str) -> Document:
    return {"@@append": list(values)}


def remove(*values: str) -> Document:
    return {"@@remove": list(values)}


def allows(*operators: str) -> Document:
    return {"@@operators_allowed_for_child_policies": list(operators)}


def plan(name: str = "daily", **settings: Any) -> Document:
    return {"plans": {name: settings}}


def attached(id_: str, document: Document) -> AttachedPolicy:
    nodes = parse_policy(json.dumps(document))
    assert nodes is not None
    return AttachedPolicy(id_, id_.upper(), nodes)


def merged(*levels: Document | list[Document]) -> MergedPolicy:
    """Merge policies, the root's first; a list is attached to one node. They are p-0, p-1 ..."""
    number = 0
    path = []
    for depth, level in enumerate(levels):
        policies = []
        for document in level if isinstance(level, list) else [level]:
            policies.append(attached(f"p-{number}", document))
            number += 1
        path.append(Level(f"node-{depth}", tuple(policies)))
    return merged_policy(path)


def settings(policy: MergedPolicy) -> dict[str, PolicySetting]:
    return {"/".join(setting.path[2:]): setting for setting in policy.settings}


def values(policy: MergedPolicy) -> dict[str, Operand | None]:
    return {name: setting.value for name, setting in settings(policy).items()}


def sources(setting: PolicySetting) -> list[tuple[str, str, str]]:
    return [(source.policy.id, source.policy.target, source.operator) for source in setting.sources]


def test_a_policy_alone_is_the_effective_policy() -> None:
    rule = {
        "schedule_expression": assign("cron(0 5 ? * * *)"),
        "lifecycle": {"delete_after_days": assign("35")},
    }
    policy = merged(plan(regions=append("eu-west-1"), rules={"Nightly": rule}))
    assert values(policy) == {
        "regions": ("eu-west-1",),
        "rules/nightly/lifecycle/delete_after_days": "35",
        "rules/nightly/schedule_expression": "cron(0 5 ? * * *)",
    }


def test_a_child_overrides_what_it_names_and_keeps_the_rest() -> None:
    above = plan(regions=append("us-east-1"), rules={"Hourly": {"start": assign("60"), "vault": assign("a")}})
    below = plan(regions=assign(["us-west-2"]), rules={"Hourly": {"start": assign("80")}})
    policy = merged(above, below)
    assert values(policy) == {
        "regions": ("us-west-2",),
        "rules/hourly/start": "80",
        "rules/hourly/vault": "a",
    }
    assert sources(settings(policy)["rules/hourly/start"]) == [("p-1", "node-1", "@@assign")]
    assert sources(settings(policy)["rules/hourly/vault"]) == [("p-0", "node-0", "@@assign")]


def test_plans_of_several_levels_are_all_there() -> None:
    policy = merged(plan("daily", regions=append("a")), plan("monthly", regions=append("b")))
    assert [setting.path for setting in policy.settings] == [
        ("plans", "daily", "regions"),
        ("plans", "monthly", "regions"),
    ]


def test_append_adds_and_remove_takes_away() -> None:
    policy = merged(
        plan(regions=assign(["a", "b"])), plan(regions=append("c", "a")), plan(regions=remove("a", "z"))
    )
    assert values(policy) == {"regions": ("b", "c")}
    assert sources(settings(policy)["regions"]) == [
        ("p-0", "node-0", "@@assign"),
        ("p-1", "node-1", "@@append"),
        ("p-2", "node-2", "@@remove"),
    ]


def test_removing_what_was_not_inherited_sets_nothing() -> None:
    assert values(merged(plan(regions=remove("a")))) == {}


def test_names_of_rules_are_not_case_sensitive() -> None:
    above = plan(rules={"Hourly": {"vault": assign("a")}})
    assert values(merged(above, plan(rules={"HOURLY": {"vault": assign("b")}}))) == {
        "rules/hourly/vault": "b"
    }


def test_advanced_settings_keep_their_spelling() -> None:
    policy = merged(plan(advanced_backup_settings={"ec2": {"WindowsVSS": assign("enabled")}}))
    assert values(policy) == {"advanced_backup_settings/ec2/WindowsVSS": "enabled"}


# Child control operators


def test_a_locked_value_stays_while_another_may_be_appended_to() -> None:
    above = plan(vault={**NONE, **assign("a")}, tags={**allows("@@append"), **assign(["x", "y"])})
    below = plan(vault=assign("b"), tags=append("z"))
    policy = merged(above, below)
    assert values(policy) == {"vault": "a", "tags": ("x", "y", "z")}
    (ignored,) = policy.ignored
    assert (ignored.path[-1], ignored.source.policy.id) == ("vault", "p-1")
    assert [limit.id for limit in ignored.limits] == ["p-0"]


def test_an_operator_that_is_not_in_the_list_has_no_effect() -> None:
    above = plan(tags={**allows("@@append"), **assign(["x"])})
    assert values(merged(above, plan(tags=remove("x")))) == {"tags": ("x",)}
    assert values(merged(above, plan(tags=assign(["y"])))) == {"tags": ("x",)}


def test_a_limit_cannot_be_lifted_below() -> None:
    above = plan(vault={**NONE, **assign("a")})
    between = plan(vault=allows("@@all"))
    assert values(merged(above, between, plan(vault=assign("b")))) == {"vault": "a"}


def test_limits_of_one_node_are_their_intersection() -> None:
    root = [plan(tags={**allows("@@append"), **assign(["x"])}), plan(tags=allows("@@append", "@@remove"))]
    assert values(merged(root, plan(tags=append("y")))) == {"tags": ("x", "y")}
    assert values(merged(root, plan(tags=remove("x")))) == {"tags": ("x",)}


def test_policies_of_one_node_do_not_limit_each_other() -> None:
    root = [plan(vault=NONE), plan(vault=assign("a"))]
    assert values(merged(root)) == {"vault": "a"}


def test_a_locked_collection_admits_no_further_member() -> None:
    above = {"plans": {**NONE, "daily": {**NONE, "vault": {**NONE, **assign("a")}}}}
    policy = merged(above, {"plans": {"daily": {"other": assign("c")}, "monthly": {"vault": assign("b")}}})
    assert [setting.path for setting in policy.settings] == [("plans", "daily", "vault")]
    assert {ignored.path for ignored in policy.ignored} == {
        ("plans", "daily", "other"),
        ("plans", "monthly", "vault"),
    }


def test_a_collection_may_be_open_while_its_member_is_locked() -> None:
    above = {"plans": {**allows("@@append"), "daily": {**NONE, "vault": {**NONE, **assign("a")}}}}
    policy = merged(above, {"plans": {"daily": {"vault": assign("b")}, "monthly": {"vault": assign("b")}}})
    assert {setting.path[1]: setting.value for setting in policy.settings} == {"daily": "a", "monthly": "b"}


def test_a_limit_of_a_collection_does_not_lock_its_members() -> None:
    above = {"plans": {**NONE, "daily": {"vault": assign("a")}}}
    assert values(merged(above, plan(vault=assign("b")))) == {"vault": "b"}


# What AWS's guide leaves open


def test_whether_a_key_may_be_added_without_append_is_not_documented() -> None:
    above = {"plans": {**allows("@@assign"), "daily": {"vault": assign("a")}}}
    policy = merged(above, plan("monthly", vault=assign("b")), plan("monthly", vault=assign("c")))
    daily, monthly = policy.settings
    assert daily.value == "a"
    assert monthly.value is None
    assert "does not document" in monthly.because
    assert len(monthly.sources) == 2


def test_two_policies_of_one_node_that_differ_leave_the_value_unknown() -> None:
    policy = merged([plan(vault=assign("a")), plan(vault=assign("b"))])
    setting = settings(policy)["vault"]
    assert setting.value is None
    assert "attached first" in setting.because
    assert [source.operand for source in setting.sources] == ["a", "b"]
    # A policy below decides.
    assert values(merged([plan(vault=assign("a")), plan(vault=assign("b"))], plan(vault=assign("c")))) == {
        "vault": "c"
    }


def test_two_policies_of_one_node_may_agree() -> None:
    policy = merged([plan(regions=assign(["a", "b"])), plan(regions=assign(["b", "a"]))])
    assert values(policy) == {"regions": ("a", "b")}
    assert len(settings(policy)["regions"].sources) == 2


def test_two_policies_of_one_node_may_append_both() -> None:
    policy = merged(plan(regions=assign(["a"])), [plan(regions=append("b")), plan(regions=append("c"))])
    assert set(values(policy)["regions"] or ()) == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        (assign(["a"]), append("b"), None),
        (assign(["a"]), append("a"), None),  # the inherited value may stay
        (assign(["i", "a"]), append("a"), ("i", "a")),
        (append("a"), remove("a"), None),
        (append("a"), remove("i"), ("a",)),
    ],
)
def test_operators_of_one_node_count_where_every_order_gives_the_same(
    one: Document, two: Document, expected: Operand | None
) -> None:
    for pair in ([plan(regions=one), plan(regions=two)], [plan(regions=two), plan(regions=one)]):
        assert values(merged(plan(regions=assign(["i"])), pair)) == {"regions": expected}


def test_appending_to_a_text_is_unknown() -> None:
    setting = settings(merged(plan(vault=assign("a")), plan(vault=append("b"))))["vault"]
    assert setting.value is None
    assert "lists only" in setting.because


@pytest.mark.parametrize(
    "node",
    [
        "cron(0 5 ? * * *)",
        {"@@assign": {}},
        {"@@prepend": ["a"]},
        {"@@append": "a"},
        allows("@@some"),
        allows(),
    ],
)
def test_what_aws_would_not_accept_is_unknown_and_a_child_may_decide(node: Any) -> None:
    setting = settings(merged(plan(vault=node)))["vault"]
    assert setting.value is None
    assert setting.because
    assert values(merged(plan(vault=node), plan(vault=assign("b")))) == {"vault": "b"}


# Properties

TEXTS = st.sampled_from(["a", "b", "c"])
LISTS = st.lists(TEXTS, unique=True, max_size=3)
KEYS = st.sampled_from(["one", "two", "three"])
ASSIGNED = st.dictionaries(KEYS, TEXTS.map(assign))
ANY = st.dictionaries(
    KEYS,
    st.one_of(
        LISTS.map(assign),
        LISTS.map(lambda members: append(*members)),
        LISTS.map(lambda members: remove(*members)),
        st.sampled_from([NONE, allows("@@all"), allows("@@append")]),
    ),
)


@given(st.lists(ASSIGNED, min_size=1, max_size=4))
def test_with_assign_alone_the_lowest_policy_wins(levels: list[Document]) -> None:
    expected: dict[str, str] = {}
    for level in levels:
        expected |= {key: node["@@assign"] for key, node in level.items()}
    assert values(merged(*(plan(**level) for level in levels))) == expected


@given(st.lists(ANY, min_size=2, max_size=4))
def test_policies_of_one_node_have_no_order(documents: list[Document]) -> None:
    above = plan(one=assign(["a"]), two=assign(["b"]))
    forth = merged(above, [plan(**document) for document in documents])
    back = merged(above, [plan(**document) for document in reversed(documents)])
    assert _sets(forth) == _sets(back)


@given(st.lists(ANY, max_size=3), st.integers(0, 3))
def test_an_empty_policy_changes_nothing(levels: list[Document], place: int) -> None:
    documents = [plan(**level) for level in levels]
    with_empty = [*documents[:place], {"plans": {}}, *documents[place:]]
    assert values(merged(*documents)) == values(merged(*with_empty))


@given(st.lists(ANY, max_size=3), ANY)
def test_removing_a_policy_leaves_what_it_does_not_name(levels: list[Document], last: Document) -> None:
    without = values(merged(*(plan(**level) for level in levels)))
    with_last = values(merged(*(plan(**level) for level in [*levels, last])))
    for key in {"one", "two", "three"} - set(last):
        assert with_last.get(key) == without.get(key)


@given(st.lists(ANY, max_size=3))
def test_nothing_below_a_lock_changes_it(levels: list[Document]) -> None:
    locked = plan(one={**NONE, **assign(["x"])}, two={**NONE, **assign(["y"])}, three=NONE)
    policy = merged(locked, *(plan(**level) for level in levels))
    assert values(policy) == {"one": ("x",), "two": ("y",)}


def _sets(policy: MergedPolicy) -> dict[str, object]:
    return {name: set(value) if isinstance(value, tuple) else value for name, value in values(policy).items()}
