"""The effective policy of an account from what was read: three answers, for each setting."""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from scanner.evidence.bundle import Bundle
from scanner.judging.tables import governance_of
from scanner.model.backup_policies import BackupPolicy
from scanner.model.known import Known, Unread
from scanner.protection.backup_policy.comparison import compared_settings, described_settings
from scanner.protection.backup_policy.effective import (
    ComputedPolicy,
    EffectivePolicies,
    account_nodes,
    governance_after,
)
from scanner.services.organizations import parse_organization
from tests.fakes.backup_policies import governance, policy, unread
from tests.fakes.bundles import ACCOUNT

SAMPLE: Final = Path(__file__).resolve().parents[3] / "sample_reports" / "bundle"
NODES: Final = ("r-root", "ou-root-one", ACCOUNT)
DAILY: Final[dict[str, Any]] = {
    "plans": {"daily": {"vault": {"@@assign": "a"}, "regions": {"@@append": ["x"]}}}
}
OVERRIDE: Final[dict[str, Any]] = {"plans": {"daily": {"vault": {"@@assign": "b"}}}}


def effective(*policies: BackupPolicy, nodes: tuple[str, ...] | None = NODES) -> ComputedPolicy:
    return EffectivePolicies(governance(Known(policies))).of(nodes)


def values(computed: ComputedPolicy) -> dict[str, object]:
    return {setting.path[-1]: setting.value for setting in computed.settings}


def test_policies_above_an_account_reach_it_and_others_do_not() -> None:
    computed = effective(
        policy("p-1", DAILY, "r-root"),
        policy("p-2", OVERRIDE, "ou-root-two", "444444444444"),
        policy("p-3", "no JSON"),
    )
    assert computed.reached is True
    assert computed.is_known
    assert computed.plans == ("daily",)
    assert computed.document() == {"plans": {"daily": {"regions": ["x"], "vault": "a"}}}


def test_the_policy_nearer_to_the_account_wins() -> None:
    computed = effective(policy("p-1", OVERRIDE, ACCOUNT), policy("p-2", DAILY, "r-root"))
    assert values(computed) == {"regions": ("x",), "vault": "b"}
    vault = next(setting for setting in computed.settings if setting.path[-1] == "vault")
    assert [str(source.policy) for source in vault.sources] == [f"P-1 (p-1) at {ACCOUNT}"]


def test_no_policy_is_none() -> None:
    for computed in (effective(), effective(policy("p-1", DAILY, "ou-root-two"))):
        assert (computed.reached, computed.settings, computed.document()) == (False, (), {})
        assert computed.is_known


def test_a_policy_without_plans_reaches_the_account() -> None:
    computed = effective(policy("p-1", {"plans": {}}, "r-root"))
    assert (computed.reached, computed.document()) == (True, {"plans": {}})


def test_policies_that_are_turned_off_reach_nobody() -> None:
    computed = EffectivePolicies(
        governance(Known((policy("p-1", DAILY, "r-root"),)), enabled=Known(value=False))
    ).of(NODES)
    assert (computed.reached, computed.settings) == (False, ())


def test_without_the_list_of_policies_nothing_is_known() -> None:
    for computed in (
        EffectivePolicies(governance(unread("ListPolicies"))).of(NODES),
        EffectivePolicies(governance(Known(()), enabled=unread("ListRoots"))).of(NODES),
    ):
        assert computed.reached is None
        assert not computed.is_known
        assert computed.gap is not None


def test_without_the_tree_only_unattached_policies_say_something() -> None:
    assert effective(policy("p-1", DAILY), nodes=None).reached is False
    computed = effective(policy("p-1", DAILY, "r-root"), nodes=None)
    assert computed.reached is None
    assert "place of the account" in computed.because


@pytest.mark.parametrize("content", ["{", "[]", '{"plans": {}, "plans": {}}', "[" * 9999])
def test_a_policy_that_is_none_leaves_all_unknown(content: str) -> None:
    computed = effective(policy("p-1", DAILY, "r-root"), policy("p-2", content, ACCOUNT))
    assert (computed.reached, computed.settings) == (True, ())
    assert "P-2 (p-2)" in computed.because


def test_an_unread_policy_leaves_all_unknown_where_it_is_attached() -> None:
    above = policy("p-1", DAILY, "r-root")
    computed = effective(above, policy("p-2", "", ACCOUNT, content=unread("DescribePolicy", "p-2")))
    assert not computed.is_known
    assert "DescribePolicy of p-2" in computed.because
    elsewhere = policy("p-2", "", "ou-root-two", content=unread("DescribePolicy", "p-2"))
    assert effective(above, elsewhere).is_known


def test_unread_targets_leave_only_what_the_policy_names_unknown() -> None:
    targets = unread("ListTargetsForPolicy", "p-2")
    computed = effective(policy("p-1", DAILY, "r-root"), policy("p-2", OVERRIDE, targets=targets))
    assert computed.reached is True
    assert values(computed) == {"regions": ("x",), "vault": None}
    vault = next(setting for setting in computed.settings if setting.value is None)
    assert "ListTargetsForPolicy of p-2" in vault.because
    assert {source.policy.id for source in vault.sources} == {"p-1", "p-2"}
    alone = effective(policy("p-2", OVERRIDE, targets=targets))
    assert (alone.reached, values(alone)) == (None, {"vault": None})


def test_unread_targets_do_not_matter_below_a_lock() -> None:
    lock = {"@@assign": "a", "@@operators_allowed_for_child_policies": ["@@none"]}
    above = policy("p-1", {"plans": {"daily": {"vault": lock}}}, "r-root")
    targets = unread("ListTargetsForPolicy", "p-2")
    # At the root itself it is not limited, so the value is unknown; the same value would not matter.
    assert values(effective(above, policy("p-2", OVERRIDE, targets=targets))) == {"vault": None}
    same = {"plans": {"daily": {"vault": {"@@assign": "a"}}}}
    assert values(effective(above, policy("p-2", same, targets=targets))) == {"vault": "a"}


def test_many_unread_targets_leave_all_unknown() -> None:
    many = (
        policy(f"p-{number}", OVERRIDE, targets=unread("ListTargetsForPolicy", f"p-{number}"))
        for number in range(9)
    )
    computed = effective(policy("p", DAILY, "r-root"), *many)
    assert (computed.reached, computed.settings, computed.is_known) == (True, (), False)


def test_plans_whose_names_differ_in_case_are_unknown() -> None:
    computed = effective(
        policy("p-1", DAILY, "r-root"),
        policy("p-2", {"plans": {"Daily": {"vault": {"@@assign": "b"}}}}, ACCOUNT),
    )
    assert {setting.value for setting in computed.settings} == {None}
    assert "case only" in computed.settings[0].because


@pytest.mark.parametrize(
    ("path", "nodes"),
    [
        ("o-1/r-1/ou-1-a/ou-1-b/", ("r-1", "ou-1-a", "ou-1-b", ACCOUNT)),
        ("o-1/r-1", ("r-1", ACCOUNT)),
        ("o-1", None),
        ("", None),
        (None, None),
    ],
)
def test_the_nodes_of_an_account(path: str | None, nodes: tuple[str, ...] | None) -> None:
    assert account_nodes(path, ACCOUNT) == nodes


# After a change


def test_a_change_at_a_unit_changes_the_accounts_below_it() -> None:
    before = governance(Known((policy("p-1", DAILY, "r-root"), policy("p-2", OVERRIDE, "ou-root-two"))))
    moved = governance_after(before, {"p-2": policy("p-2", OVERRIDE, "ou-root-one")})
    assert values(EffectivePolicies(before).of(NODES))["vault"] == "a"
    assert values(EffectivePolicies(moved).of(NODES))["vault"] == "b"
    assert values(EffectivePolicies(governance_after(moved, {"p-2": None})).of(NODES))["vault"] == "a"


def test_a_new_policy_is_one_more_and_an_unread_list_stays_unread() -> None:
    added = governance_after(governance(Known(())), {"p-9": policy("p-9", DAILY, ACCOUNT)})
    assert EffectivePolicies(added).of(NODES).plans == ("daily",)
    lost = governance_after(governance(unread("ListPolicies")), {"p-9": policy("p-9", DAILY, ACCOUNT)})
    assert EffectivePolicies(lost).of(NODES).reached is None


# Compared with what AWS describes


def compared(described: str | None, *policies: BackupPolicy) -> dict[str, object]:
    settings = compared_settings(effective(*policies), described, ACCOUNT)
    return {setting.path[-1]: setting.agrees for setting in settings}


def test_equal_policies_agree_whatever_the_case_of_keys_and_the_order_of_lists() -> None:
    content = {
        "plans": {"daily": {"regions": {"@@assign": ["x", "y"]}, "role": {"@@assign": "arn:$account:r"}}}
    }
    shown = {"plans": {"DAILY": {"Regions": ["y", "x"], "role": f"arn:{ACCOUNT}:r"}}}
    assert compared(json.dumps(shown), policy("p-1", content, "r-root")) == {"regions": True, "role": True}


def test_differences_of_every_kind_are_found() -> None:
    shown = json.dumps({"plans": {"daily": {"vault": "b", "more": "c"}}})
    expected = {"more": False, "regions": False, "vault": False}
    assert compared(shown, policy("p-1", DAILY, "r-root")) == expected


def test_what_is_unknown_on_one_side_neither_agrees_nor_differs() -> None:
    assert compared(None, policy("p-1", DAILY, "r-root")) == {"regions": None, "vault": None}
    unreadable = policy("p-1", "{", "r-root")
    assert compared('{"plans": {"daily": {"vault": "a"}}}', unreadable) == {"vault": None}


@pytest.mark.parametrize("content", ["", "[]", "[" * 9999])
def test_with_an_answer_that_is_no_policy_nothing_agrees_or_differs(content: str) -> None:
    assert described_settings(content) is None
    assert compared(content, policy("p-1", DAILY, "r-root")) == {"regions": None, "vault": None}


def test_the_sample_is_computed_as_aws_describes_it() -> None:
    bundle = Bundle(SAMPLE)
    governed = governance_of(bundle)
    organization = parse_organization(bundle.organization_answers(), bundle.manifest)
    policies = EffectivePolicies(governed.organization)
    described = 0
    for account in governed.accounts:
        computed = policies.of(account_nodes(organization.accounts[account.account].ou_path, account.account))
        assert computed.is_known
        if isinstance(account.effective_policy, Unread):
            continue
        policy_shown = account.effective_policy.value
        assert computed.reached is (policy_shown is not None)
        if policy_shown is not None:
            settings = compared_settings(computed, policy_shown.content, account.account)
            assert settings
            assert all(setting.agrees for setting in settings)
            assert computed.document() == json.loads(policy_shown.content)
            described += 1
    assert described
