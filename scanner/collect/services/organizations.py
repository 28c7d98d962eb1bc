"""AWS Organizations: the organisation, its accounts and the tree they hang in."""

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
    ),
    Operation("organizations", "ListAccountsForParent", "organizations:ListAccountsForParent", _PAGE),
    Operation(
        "organizations", "ListDelegatedAdministrators", "organizations:ListDelegatedAdministrators", _PAGE
    ),
)


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


def delegated_administrators(caller: Caller) -> None:
    """Record which accounts administer AWS Backup beside the management account."""
    for _ in caller.pages(
        "organizations", "ListDelegatedAdministrators", ServicePrincipal="backup.amazonaws.com"
    ):
        pass
