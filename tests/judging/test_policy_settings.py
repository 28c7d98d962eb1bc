"""Which backup policy sets which value, as rows: computed, described, and what is known of both."""

import json
from typing import Any, Final

from scanner.judging.policy_settings import policy_setting_rows
from scanner.model.backup_policies import (
    AccountInventory,
    BackupGovernance,
    BackupPolicy,
    EffectivePolicy,
)
from scanner.model.inventory import Account
from scanner.model.inventory_tables import PolicySettingTable
from scanner.model.known import Known, Reading
from scanner.model.names import AccountId
from tests.fakes.backup_policies import governance, policy, unread
from tests.fakes.bundles import ACCOUNT

OWN: Final = AccountId(ACCOUNT)
MEMBERS: Final = {OWN: Account(id=OWN, name="own", status="ACTIVE", ou_path="o-1/r-1/ou-1-a/")}
VAULT: Final = ("plans", "daily", "vault")
NO_ANSWER: Final = unread("DescribeEffectivePolicy")


def sets(**settings: Any) -> dict[str, Any]:
    return {"plans": {"daily": settings}}


def described(document: Any) -> Reading[EffectivePolicy | None]:
    return Known(EffectivePolicy(json.dumps(document), ("daily",), None))


def rows(
    effective: Reading[EffectivePolicy | None],
    *policies: BackupPolicy,
    governed: BackupGovernance | None = None,
    members: dict[AccountId, Account] = MEMBERS,
) -> dict[tuple[str, ...], PolicySettingTable]:
    account = AccountInventory(account=OWN, effective_policy=effective)
    made = policy_setting_rows(governed or governance(Known(policies)), [account], members)
    return {row.setting: row for row in made}


def test_a_value_has_its_policy_and_the_evidence_of_it() -> None:
    above = policy("p-1", sets(vault={"@@assign": "a"}, regions={"@@append": ["x"]}), "r-1")
    own = policy("p-2", sets(regions={"@@append": ["y"]}), ACCOUNT)
    table = rows(described({"plans": {"daily": {"vault": "a", "regions": ["y", "x"]}}}), above, own)
    assert [(row.value, row.described, row.agrees) for row in table.values()] == [
        ("attached", "attached", True),
        ('["x", "y"]', '["y", "x"]', True),
        ("a", "a", True),
    ]
    (source,) = table[VAULT].sources
    assert (source.policy, source.name, source.attached_to, source.operator) == (
        "p-1",
        "P-1",
        "r-1",
        "@@assign",
    )
    assert (source.value, source.effective, source.file, source.line) == ("a", True, "evidence/org.jsonl", 7)
    assert [one.policy for one in table["plans", "daily", "regions"].sources] == ["p-1", "p-2"]


def test_what_aws_describes_otherwise_does_not_agree() -> None:
    answer = described({"plans": {"daily": {"vault": "b", "more": "c"}}})
    table = rows(answer, policy("p-1", sets(vault={"@@assign": "a"}), "r-1"))
    assert [
        (row.setting[-1], row.value, row.described, row.agrees) for row in table.values() if row.setting
    ] == [
        ("more", "", "c", False),
        ("vault", "a", "b", False),
    ]


def test_a_policy_that_aws_does_not_describe_is_named() -> None:
    whole = rows(Known(None), policy("p-1", sets(vault={"@@assign": "a"}), "r-1"))[()]
    assert (whole.value, whole.described, whole.agrees) == ("attached", "none", False)
    assert "AWS describes none" in whole.because
    other = rows(described({"plans": {}}))[()]
    assert (other.value, other.agrees) == ("none", False)
    assert "do not reach the account" in other.because


def test_without_aws_answer_the_policies_are_shown_alone() -> None:
    table = rows(NO_ANSWER, policy("p-1", sets(vault={"@@assign": "a"}), "r-1"))
    assert [(row.value, row.described, row.agrees) for row in table.values()] == [
        ("attached", None, None),
        ("a", None, None),
    ]


def test_unread_policies_are_unknown_with_the_reason() -> None:
    table = rows(described(sets(vault="a")), governed=governance(unread("ListPolicies")))
    assert table[()].value is None
    assert "ListPolicies" in table[()].because
    assert (table[VAULT].value, table[VAULT].described, table[VAULT].agrees) == (None, "a", None)


def test_aws_answer_shows_which_of_two_policies_of_one_node_counts() -> None:
    pair = (
        policy("p-1", sets(vault={"@@assign": "a"}), "r-1"),
        policy("p-2", sets(vault={"@@assign": "b"}), "r-1"),
    )
    row = rows(described(sets(vault="b")), *pair)[VAULT]
    assert (row.value, row.agrees) == (None, None)
    assert "attached first" in row.because
    assert {source.policy: source.effective for source in row.sources} == {"p-1": None, "p-2": True}


def test_a_policy_without_effect_names_what_limits_it() -> None:
    lock = {"@@assign": "a", "@@operators_allowed_for_child_policies": ["@@none"]}
    table = rows(
        described(sets(vault="a")),
        policy("p-1", sets(vault=lock), "r-1"),
        policy("p-2", {"plans": {"daily": {"vault": {"@@assign": "b"}}}}, "ou-1-a"),
    )
    first, second = table[VAULT].sources
    assert (first.effective, second.effective) == (True, False)
    assert second.limited_by == ("P-1 (p-1) at r-1",)


def test_a_plan_that_may_not_be_added_is_a_row_without_a_value() -> None:
    lock = {"plans": {"@@operators_allowed_for_child_policies": ["@@none"]}}
    table = rows(
        described({"plans": {}}),
        policy("p-1", lock, "r-1"),
        policy("p-2", sets(vault={"@@assign": "b"}), ACCOUNT),
    )
    assert (table[VAULT].value, table[VAULT].described, table[VAULT].agrees) == ("", "", True)
    assert [source.effective for source in table[VAULT].sources] == [False]


def test_an_account_whose_place_was_not_read_is_unknown() -> None:
    table = rows(NO_ANSWER, policy("p-1", sets(vault={"@@assign": "a"}), "r-1"), members={})
    assert list(table) == [()]
    assert "place of the account" in table[()].because
