from pathlib import Path
from typing import Any

import pytest

from scanner.evidence.manifest import parse_manifest
from scanner.model.inventory import Organization
from scanner.model.known import GapKind, Known, Unread
from scanner.model.names import AccountId
from scanner.services.organizations import parse_organization
from tests.fakes.bundles import ACCOUNT, MANAGEMENT, ORG_ID, OTHER, REGION, ShardScript, answers_of

LIST = "organizations:ListAccounts"
SETTINGS = "backup:DescribeGlobalSettings"


def organization(
    script: ShardScript, accounts: tuple[dict[str, Any], ...] = (), **scope: Any
) -> Organization:
    manifest = {
        "schema": "backup-audit/manifest/1",
        "evaluated_as_of": "2026-11-22T18:00:00Z",
        "scope": {"accounts": [ACCOUNT], "regions": [REGION], **scope},
        "accounts": list(accounts),
    }
    return parse_organization(
        answers_of(script.lines(), MANAGEMENT, "org"), parse_manifest(manifest, Path("nowhere"))
    )


def script() -> ShardScript:
    return ShardScript("", "org")


def statuses(found: Organization) -> dict[str, str | None]:
    return {account.id: account.status for account in found.accounts.values()}


TOLD = ({"id": ACCOUNT, "status": "ACTIVE", "name": "one"}, {"id": OTHER, "status": "ACTIVE"})


def test_a_whole_list_is_the_last_word_on_members() -> None:
    found = organization(script().listed(LIST, {"Id": ACCOUNT, "Status": "SUSPENDED"}), TOLD)
    assert isinstance(found.members, Known)
    assert statuses(found) == {ACCOUNT: "SUSPENDED"}
    assert found.accounts[AccountId(ACCOUNT)].name == "one"


def test_a_half_read_list_adds_to_the_manifest() -> None:
    rows = {"Accounts": [{"Id": ACCOUNT, "Status": "SUSPENDED"}], "NextToken": "t"}
    found = organization(script().call(LIST, rows), TOLD)
    assert isinstance(found.members, Unread)
    assert found.members.gap.kind is GapKind.HALF_READ
    assert statuses(found) == {ACCOUNT: "SUSPENDED", OTHER: "ACTIVE"}


def test_without_the_list_the_manifest_tells_the_status() -> None:
    found = organization(script().call(LIST, error="AccessDeniedException"), (*TOLD, {"id": "3"}))
    assert statuses(found) == {ACCOUNT: "ACTIVE", OTHER: "ACTIVE", "3": None}
    assert isinstance(found.members, Unread)
    assert statuses(organization(script())) == {}


@pytest.mark.parametrize(
    ("row", "status"),
    [
        ({"Status": "ACTIVE"}, "ACTIVE"),
        ({"State": "PENDING_CLOSURE", "Status": "ACTIVE"}, "PENDING_CLOSURE"),
        ({"State": None, "Status": None}, None),
    ],
)
def test_states_of_members(row: dict[str, Any], status: str | None) -> None:
    assert statuses(organization(script().listed(LIST, {"Id": ACCOUNT, **row}))) == {ACCOUNT: status}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ({"isCrossAccountBackupEnabled": "true"}, True),
        ({"isCrossAccountBackupEnabled": "false"}, False),
        ({"isCrossAccountBackupEnabled": "True"}, True),
        ({"isCrossAccountBackupEnabled": ""}, False),
        ({"isMpaEnabled": "true"}, None),
        ({}, None),
        (None, None),
    ],
)
def test_the_global_setting(text: dict[str, str] | None, expected: bool | None) -> None:  # noqa: FBT001 -- a row
    found = organization(script().call(SETTINGS, {"GlobalSettings": text})).cross_account_backup
    assert (found.value if isinstance(found, Known) else None) is expected


def test_a_refused_setting_is_a_gap() -> None:
    found = organization(script().call(SETTINGS, error="AccessDeniedException")).cross_account_backup
    assert isinstance(found, Unread)
    assert (found.gap.operation, found.gap.code) == (SETTINGS, "AccessDeniedException")


@pytest.mark.parametrize(
    "call",
    [
        {"name": "organizations:DescribeOrganization", "error": "AWSOrganizationsNotInUseException"},
        {"name": "organizations:ListAccounts", "error": "AWSOrganizationsNotInUseException"},
        {"name": SETTINGS, "error": "ERROR_9601"},
        {
            "name": SETTINGS,
            "error": "InvalidRequestException",
            "message": "Your account is not a member of an organization.",
        },
    ],
)
def test_no_organisation_is_an_answer(call: dict[str, str]) -> None:
    result = script()
    result.call(call["name"], error=call["error"], message=call.get("message", "no"))
    found = organization(result)
    assert not found.in_use
    assert found.accounts == {}
    assert isinstance(found.members, Known)
    assert isinstance(found.management_account, Known)
    assert isinstance(found.cross_account_backup, Known)
    assert found.cross_account_backup.value is False


def test_an_answer_of_an_organisation_beats_an_error_that_denies_one() -> None:
    result = script().call(SETTINGS, error="ERROR_9601")
    result.call("organizations:DescribeOrganization", {"Organization": {"Id": "o-1", "MasterAccountId": "1"}})
    found = organization(result)
    assert found.in_use
    assert isinstance(found.cross_account_backup, Unread)


def test_the_organisation_comes_from_its_call_else_from_the_manifest() -> None:
    described = {"Organization": {"Id": ORG_ID, "MasterAccountId": MANAGEMENT}}
    found = organization(
        script().call("organizations:DescribeOrganization", described), organization_id="o-other"
    )
    assert (found.id, found.management_account) == (
        Known(ORG_ID, found.id.refs if isinstance(found.id, Known) else ()),
        Known(MANAGEMENT, found.id.refs if isinstance(found.id, Known) else ()),
    )
    result = organization(script(), organization_id="o-told", management_account=OTHER)
    assert (result.id, result.management_account) == (Known("o-told"), Known(OTHER))
    assert isinstance(organization(script()).id, Unread)
    assert isinstance(organization(script()).management_account, Unread)


def test_paths_follow_the_tree_as_far_as_it_was_read() -> None:
    tree = script().call("organizations:DescribeOrganization", {"Organization": {"Id": ORG_ID}})
    tree.call("organizations:ListRoots", {"Roots": [{"Id": "r-1"}]})
    units, accounts = "organizations:ListOrganizationalUnitsForParent", "organizations:ListAccountsForParent"
    tree.call(units, {"OrganizationalUnits": [{"Id": "ou-a"}], "NextToken": "t"}, ParentId="r-1")
    tree.call(units, {"OrganizationalUnits": [{"Id": "ou-b"}]}, ParentId="r-1", NextToken="t")
    tree.call(units, {"OrganizationalUnits": [{"Id": "ou-a"}]}, ParentId="ou-b")  # a circle goes nowhere
    tree.call(accounts, {"Accounts": [{"Id": MANAGEMENT}]}, ParentId="r-1")
    tree.call(accounts, {"Accounts": [{"Id": ACCOUNT}]}, ParentId="ou-b")
    tree.listed(LIST, {"Id": ACCOUNT}, {"Id": MANAGEMENT}, {"Id": OTHER})
    paths = {account.id: account.ou_path for account in organization(tree).accounts.values()}
    assert paths == {MANAGEMENT: f"{ORG_ID}/r-1/", ACCOUNT: f"{ORG_ID}/r-1/ou-b/", OTHER: None}
