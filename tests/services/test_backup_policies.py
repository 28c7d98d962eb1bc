"""Backup policies of the organisation, and what they give an account."""

from typing import Any

import pytest

from scanner.model.backup_policies import (
    AccountInventory,
    BackupGovernance,
    EffectivePolicy,
    PolicyTarget,
)
from scanner.model.known import GapKind, Known, Reading, Unread
from scanner.services.organizations import parse_account, parse_governance
from tests.fakes.bundles import ACCOUNT, MANAGEMENT, OTHER, ShardScript, answers_of

EFFECTIVE = "organizations:DescribeEffectivePolicy"
POLICIES = "organizations:ListPolicies"
ABOUT: dict[str, Any] = {"PolicyType": "BACKUP_POLICY"}


def org() -> ShardScript:
    return ShardScript("", "org")


def governance(script: ShardScript) -> BackupGovernance:
    return parse_governance(answers_of(script.lines(), MANAGEMENT, "org"))


def account(own: ShardScript, organization: ShardScript | None = None) -> AccountInventory:
    return parse_account(
        answers_of(own.lines(), ACCOUNT, "aws-global"),
        answers_of((organization or org()).lines(), MANAGEMENT, "org"),
    )


def own() -> ShardScript:
    return ShardScript(ACCOUNT, "aws-global")


def content(text: str = '{"plans": {"b": {}, "a": {}}}') -> dict[str, Any]:
    return {"EffectivePolicy": {"PolicyContent": text, "LastUpdatedTimestamp": None}}


def known(reading: Reading[Any]) -> Any:
    assert isinstance(reading, Known)
    return reading.value


def test_an_account_tells_its_own_policy() -> None:
    found = account(own().call(EFFECTIVE, content(), **ABOUT))
    policy = known(found.effective_policy)
    assert isinstance(policy, EffectivePolicy)
    assert policy.plans == ("a", "b")
    assert (found.account, found.gaps) == (ACCOUNT, ())


@pytest.mark.parametrize("code", ["EffectivePolicyNotFoundException", "AWSOrganizationsNotInUseException"])
def test_that_no_policy_reaches_it_is_an_answer(code: str) -> None:
    found = account(own().call(EFFECTIVE, error=code, **ABOUT))
    assert known(found.effective_policy) is None
    assert found.gaps == ()


@pytest.mark.parametrize(
    ("text", "plans"),
    [
        ('{"plans": {}}', ()),
        ("{}", ()),
        ("[]", None),
        ('{"plans": []}', None),
        ("{", None),
        ("[" * 9999, None),
    ],
)
def test_plans_of_odd_policies(text: str, plans: tuple[str, ...] | None) -> None:
    reading = account(own().call(EFFECTIVE, content(text), **ABOUT)).effective_policy
    if plans is None:
        assert isinstance(reading, Unread)
        assert (reading.gap.kind, reading.gap.code) == (GapKind.FAILED, "MalformedAnswer")
    else:
        assert known(reading).plans == plans


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({"error": "AccessDeniedException"}, GapKind.REFUSED),
        ({"error": "TooManyRequestsException"}, GapKind.FAILED),
        ({"response": {}}, GapKind.HALF_READ),
        ({"response": {"EffectivePolicy": {}}}, GapKind.HALF_READ),
    ],
)
def test_a_refusal_is_a_gap(answer: dict[str, Any], kind: GapKind) -> None:
    found = account(own().call(EFFECTIVE, **answer, **ABOUT))
    assert isinstance(found.effective_policy, Unread)
    assert found.effective_policy.gap.kind is kind
    assert found.gaps == (found.effective_policy.gap,)


def test_the_management_account_may_have_been_asked_instead() -> None:
    refused = own().call(EFFECTIVE, error="AccessDeniedException", **ABOUT)
    result = org().call(EFFECTIVE, content(), **ABOUT, TargetId=ACCOUNT)
    assert known(account(refused, result).effective_policy).plans == ("a", "b")
    assert account(refused, result).gaps == ()
    assert known(account(own(), result).effective_policy) is not None
    none = org().call(EFFECTIVE, error="EffectivePolicyNotFoundException", **ABOUT, TargetId=ACCOUNT)
    assert known(account(own(), none).effective_policy) is None
    other = org().call(EFFECTIVE, content(), **ABOUT, TargetId=OTHER)
    assert isinstance(account(refused, other).effective_policy, Unread)


def test_who_need_not_ask() -> None:
    asked_nothing = account(own())
    assert isinstance(asked_nothing.effective_policy, Unread)
    assert asked_nothing.gaps == ()  # the bundle speaks of no organisation
    in_one = org().listed("organizations:ListAccounts")
    assert [gap.kind for gap in account(own(), in_one).gaps] == [GapKind.NEVER_ASKED]
    closed = own().call("sts:AssumeRole", error="AccessDenied", RoleArn="r")
    assert account(closed, in_one).gaps == ()  # each of its Regions says so


def test_another_type_of_policy_says_nothing_of_backups() -> None:
    found = account(own().call(EFFECTIVE, content(), PolicyType="TAG_POLICY"))
    assert isinstance(found.effective_policy, Unread)


# The organisation


def whole() -> ShardScript:
    script = org()
    backup = "backup.amazonaws.com"
    script.call(
        "organizations:ListDelegatedAdministrators",
        {"DelegatedAdministrators": [{"Id": OTHER}, {"Id": ACCOUNT}]},
        ServicePrincipal=backup,
    )
    access = {"EnabledServicePrincipals": [{"ServicePrincipal": backup}, {"ServicePrincipal": "sso"}]}
    script.call("organizations:ListAWSServiceAccessForOrganization", access)
    types = [{"Type": "BACKUP_POLICY", "Status": "ENABLED"}]
    script.call("organizations:ListRoots", {"Roots": [{"Id": "r-1", "PolicyTypes": types}]})
    script.call(
        POLICIES, {"Policies": [{"Id": "p-2", "Name": "two"}], "NextToken": "t"}, Filter="BACKUP_POLICY"
    )
    script.call(POLICIES, {"Policies": [{"Id": "p-1"}]}, Filter="BACKUP_POLICY", NextToken="t")
    script.call("organizations:DescribePolicy", {"Policy": {"Content": "{}"}}, PolicyId="p-2")
    target = {"TargetId": "ou-1", "Type": "ORGANIZATIONAL_UNIT"}
    script.call("organizations:ListTargetsForPolicy", {"Targets": [target]}, PolicyId="p-2")
    return script.call(
        "organizations:ListAccountsWithInvalidEffectivePolicy", {"Accounts": [{"Id": ACCOUNT}]}, **ABOUT
    )


def test_how_the_organisation_governs_backups() -> None:
    found = governance(whole())
    assert known(found.delegated_administrators) == (ACCOUNT, OTHER)
    assert known(found.trusted_access) is True
    assert known(found.policies_enabled) is True
    assert known(found.invalid_accounts) == (ACCOUNT,)
    first, second = known(found.policies)
    assert (first.id, first.name, second.name) == ("p-1", "p-1", "two")
    assert known(second.content) == "{}"
    assert known(second.targets) == (PolicyTarget("ou-1", "ORGANIZATIONAL_UNIT"),)
    assert {(gap.operation, gap.about) for gap in found.gaps} == {
        ("organizations:DescribePolicy", "p-1"),
        ("organizations:ListTargetsForPolicy", "p-1"),
    }


@pytest.mark.parametrize(
    ("roots", "enabled"),
    [
        ([], False),
        ([{"Id": "r"}], False),
        ([{"Id": "r", "PolicyTypes": [{"Type": "BACKUP_POLICY", "Status": "PENDING_ENABLE"}]}], False),
        ([{"Id": "r", "PolicyTypes": [{"Type": "TAG_POLICY", "Status": "ENABLED"}]}], False),
    ],
)
def test_backup_policies_that_are_off(roots: list[dict[str, Any]], enabled: bool) -> None:  # noqa: FBT001 -- a row
    found = governance(org().call("organizations:ListRoots", {"Roots": roots}))
    assert known(found.policies_enabled) is enabled


def test_what_was_refused_is_not_known() -> None:
    script = org()
    for name, about in (
        ("ListDelegatedAdministrators", {"ServicePrincipal": "backup.amazonaws.com"}),
        ("ListAWSServiceAccessForOrganization", {}),
        ("ListRoots", {}),
        ("ListPolicies", {"Filter": "BACKUP_POLICY"}),
        ("ListAccountsWithInvalidEffectivePolicy", ABOUT),
    ):
        script.call(f"organizations:{name}", error="AccessDeniedException", **about)
    found = governance(script)
    readings = (
        found.delegated_administrators,
        found.trusted_access,
        found.policies_enabled,
        found.policies,
        found.invalid_accounts,
    )
    assert all(isinstance(reading, Unread) for reading in readings)
    assert len(found.gaps) == 5


def test_that_the_policy_type_is_off_leaves_no_account_invalid() -> None:
    invalid = "organizations:ListAccountsWithInvalidEffectivePolicy"
    found = governance(org().call(invalid, error="EffectivePolicyNotFoundException", **ABOUT))
    assert known(found.invalid_accounts) == ()


def test_a_bundle_of_no_organisation_misses_nothing_of_one() -> None:
    found = governance(org())
    assert isinstance(found.policies, Unread)
    assert found.gaps == ()
    assert governance(org().listed("organizations:ListAccounts")).gaps
