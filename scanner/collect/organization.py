"""The organisation as it is asked at the start of a scan: its accounts, and where they hang."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from scanner.collect.calls import Caller
from scanner.errors import CredentialsError, EndpointError, UsageError, VaultproofError
from scanner.evidence.writer import Failure
from scanner.model.inventory import Account
from scanner.model.names import AccountId, parse_arn
from scanner.services import organizations
from scanner.services.base import objects, text

_TREE: Final = (
    "organizations:ListRoots",
    "organizations:ListOrganizationalUnitsForParent",
    "organizations:ListAccountsForParent",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """What Organizations told. `tree_failure`: why some account's OU may be unknown; None: all are known."""

    id: str | None
    management_account: AccountId | None
    accounts: Mapping[AccountId, Account]
    tree_failure: Failure | None


def read_organization(caller: Caller, backup: Caller) -> Organization:
    """Record the organisation. `backup` asks in the home Region. UsageError: there is no list of accounts."""
    described = (caller.call("organizations", "DescribeOrganization") or {}).get("Organization") or {}
    found = [
        row for page in caller.pages("organizations", "ListAccounts") for row in objects(page, "Accounts")
    ]
    if not found:
        raise _no_accounts(caller)
    places = organizations.collect_tree(caller)
    organizations.collect_administration(caller)
    organizations.collect_policies(caller)
    backup.call("backup", "DescribeGlobalSettings")
    identity = text(described, "Id") or _id_in_arn(text(found[0], "Arn"))
    accounts = (_account(row, identity, places) for row in found)
    failures = [failure for name, failure in caller.failures.items() if name in _TREE]
    return Organization(
        id=identity or None,
        management_account=AccountId(text(described, "MasterAccountId")) or None,
        accounts={account.id: account for account in accounts if account.id},
        tree_failure=failures[0] if failures else None,
    )


def _account(row: Mapping[str, Any], organization: str, places: Mapping[str, str]) -> Account:
    place = places.get(text(row, "Id"))
    return Account(
        id=AccountId(text(row, "Id")),
        name=text(row, "Name"),
        status=text(row, "State") or text(row, "Status") or None,
        ou_path=f"{organization}/{place}" if organization and place else None,
    )


def _id_in_arn(arn: str) -> str:
    """Give `o-…` of `arn:aws:organizations::MANAGEMENT:account/o-…/ACCOUNT`."""
    parts = parse_arn(arn)
    steps = parts.resource.split("/") if parts else []
    return steps[1] if len(steps) > 1 else ""


def _no_accounts(caller: Caller) -> VaultproofError:
    failure = caller.failures.get("organizations:ListAccounts")
    if failure is None:
        return UsageError("organizations:ListAccounts names no account at all. Run without --org.")
    if failure.code == "AWSOrganizationsNotInUseException":
        return UsageError(f"Account {caller.shard.account} belongs to no organisation. Run without --org.")
    if "AccessDenied" in failure.code:
        return CredentialsError(
            f"organizations:ListAccounts was refused ({failure.code}). With --org, use credentials of the "
            "management account or of a delegated administrator, with leave to list accounts; "
            "or name the accounts with --account."
        )
    return EndpointError(f"organizations:ListAccounts failed: {failure.code}: {failure.message}")
