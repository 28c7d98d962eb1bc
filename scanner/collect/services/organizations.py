"""AWS Organizations: the organisation, its accounts, the tree they hang in, and its backup policies."""

from typing import Final

from scanner.collect.calls import Caller
from scanner.collect.fields import texts
from scanner.collect.operations import Operation

_PAGE: Final = 20  # the largest that the service takes (facts 10.2)

OPERATIONS: Final = (
    Operation("organizations", "DescribeOrganization", "organizations:DescribeOrganization"),
    Operation("organizations", "ListAccounts", "organizations:ListAccounts", _PAGE),
    Operation("organizations", "ListRoots", "organizations:ListRoots", _PAGE),
    Operation(
        "organizations",
        "ListOrganizationalUnitsForParent",
        "organizations:ListOrganizationalUnitsForParent",
        _PAGE,
        after=("organizations:ListRoots",),
    ),
    Operation(
        "organizations",
        "ListAccountsForParent",
        "organizations:ListAccountsForParent",
        _PAGE,
        after=(
            "organizations:ListRoots",
            "organizations:ListOrganizationalUnitsForParent",
        ),
    ),
    Operation(
        "organizations", "ListDelegatedAdministrators", "organizations:ListDelegatedAdministrators", _PAGE
    ),
    Operation(
        "organizations",
        "ListAWSServiceAccessForOrganization",
        "organizations:ListAWSServiceAccessForOrganization",
        _PAGE,
    ),
    Operation("organizations", "ListPolicies", "organizations:ListPolicies", _PAGE),
    Operation(
        "organizations",
        "DescribePolicy",
        "organizations:DescribePolicy",
        after=("organizations:ListPolicies",),
        same=(("PolicyId", "Policy.PolicySummary.Id"),),
    ),
    Operation(
        "organizations",
        "ListTargetsForPolicy",
        "organizations:ListTargetsForPolicy",
        _PAGE,
        after=("organizations:ListPolicies",),
    ),
    Operation(
        "organizations",
        "ListAccountsWithInvalidEffectivePolicy",
        "organizations:ListAccountsWithInvalidEffectivePolicy",
        _PAGE,
    ),
    # Every account may ask for its own (API reference, "DescribeEffectivePolicy").
    Operation("organizations", "DescribeEffectivePolicy", "organizations:DescribeEffectivePolicy"),
)

_BACKUP_POLICY: Final = "BACKUP_POLICY"


def parents(caller: Caller) -> dict[str, str]:
    """Walk the tree; give each account's place by its id: `r-…/ou-…/ou-…`, without the organisation."""
    places: dict[str, str] = {}
    todo = [(root, root) for root in texts(caller.pages("organizations", "ListRoots"), "Roots", "Id")]
    seen = {root for root, _ in todo}
    while todo:
        parent, path = todo.pop(0)
        units = texts(
            caller.pages("organizations", "ListOrganizationalUnitsForParent", ParentId=parent),
            "OrganizationalUnits",
            "Id",
        )
        accounts = texts(
            caller.pages("organizations", "ListAccountsForParent", ParentId=parent), "Accounts", "Id"
        )
        places |= dict.fromkeys(accounts, path)
        todo += [(unit, f"{path}/{unit}") for unit in units if unit not in seen]
        seen.update(units)
    return places


def backup_administration(caller: Caller) -> None:
    """Record who administers AWS Backup beside the management account, and whether it has trusted access."""
    whose = {"ServicePrincipal": "backup.amazonaws.com"}
    for _ in caller.pages("organizations", "ListDelegatedAdministrators", **whose):
        pass
    for _ in caller.pages("organizations", "ListAWSServiceAccessForOrganization"):
        pass


def backup_policies(caller: Caller) -> None:
    """Record the organisation's backup policies, what they hang on, and where what they give is invalid."""
    pages = caller.pages("organizations", "ListPolicies", Filter=_BACKUP_POLICY)
    caller.each(texts(pages, "Policies", "Id"), _backup_policy)
    invalid = "ListAccountsWithInvalidEffectivePolicy"
    for _ in caller.pages("organizations", invalid, PolicyType=_BACKUP_POLICY):
        pass


def _backup_policy(caller: Caller, policy: str) -> tuple[str, ...]:
    caller.call("organizations", "DescribePolicy", PolicyId=policy)
    for _ in caller.pages("organizations", "ListTargetsForPolicy", PolicyId=policy):
        pass
    return ()


def effective_backup_policy(caller: Caller) -> None:
    """Record what the backup policies give the caller's own account.

    Each account is asked about itself: Organizations admits few calls a second of one account (facts 10.2).
    """
    caller.call("organizations", "DescribeEffectivePolicy", PolicyType=_BACKUP_POLICY)
