"""The organisation: its members, their places in the tree, and whether backups may cross accounts."""

from collections.abc import Mapping
from typing import Final

from scanner.evidence.answers import Answers
from scanner.inventory.gaps import rows
from scanner.model.inventory import Account, Organization
from scanner.model.manifest import Manifest
from scanner.model.names import AccountId
from scanner.model.reading import EvidenceRef, GapKind, Known, Reading, Unread

_CROSS_ACCOUNT: Final = "isCrossAccountBackupEnabled"
_GLOBAL_SETTINGS: Final = "backup:DescribeGlobalSettings"
_LIST_ACCOUNTS: Final = "organizations:ListAccounts"
_DESCRIBE: Final = "organizations:DescribeOrganization"


def parse_organization(answers: Answers, manifest: Manifest) -> Organization:
    """Parse org.jsonl.gz. What it does not say is taken from the manifest, else it is not known."""
    if refs := no_organization(answers):
        return Organization(
            id=Known(None, refs),
            management_account=Known(None, refs),
            members=Known(None, refs),
            accounts={},
            cross_account_backup=Known(value=False, refs=refs),
        )
    described = answers.one(_DESCRIBE)
    shape = next((child for page in described.pages if (child := page.child("Organization"))), None)
    scope = manifest.scope
    organization_id = (shape.text("Id") if shape else None) or scope.organization_id
    management = (shape.text("MasterAccountId") if shape else None) or scope.management_account
    gap = described.gap or answers.gap(_DESCRIBE, "", GapKind.NEVER_ASKED)
    return Organization(
        id=Known(organization_id, described.refs) if organization_id else Unread(gap),
        management_account=Known(AccountId(management), described.refs) if management else Unread(gap),
        members=_members(answers),
        accounts=_accounts(answers, manifest, organization_id),
        cross_account_backup=_cross_account_backup(answers),
    )


def no_organization(answers: Answers) -> tuple[EvidenceRef, ...]:
    """Return the evidence that the account belongs to no organisation; empty: nothing says so.

    AWSOrganizationsNotInUseException, and what DescribeGlobalSettings answers outside an organisation
    (ERROR_9601; facts 6, row 2). An answer of the organisation itself counts for more.
    """
    calls = [answers.one(name) for name in (_DESCRIBE, _LIST_ACCOUNTS, _GLOBAL_SETTINGS)]
    if any(call.pages for call in calls):
        return ()
    return tuple(ref for call in calls if call.absent for ref in call.refs)


def _members(answers: Answers) -> Reading[None]:
    """Say whether the members were listed to the end; an error that denies an organisation lists none."""
    listed = answers.one(_LIST_ACCOUNTS)
    if listed.absent:
        return Unread(answers.gap(_LIST_ACCOUNTS, "", GapKind.FAILED))
    return Known(None, listed.refs) if listed.gap is None else Unread(listed.gap)


def _accounts(
    answers: Answers, manifest: Manifest, organization_id: str | None
) -> Mapping[AccountId, Account]:
    paths = _ou_paths(answers, organization_id)
    told = {account.id: account for account in manifest.accounts}
    # A list that was read to the end is the last word on who is a member, whatever the manifest says.
    whole = isinstance(_members(answers), Known)
    accounts = {} if whole else dict(told)
    for row, _ in rows(answers, _LIST_ACCOUNTS, "Accounts"):
        account_id = AccountId(row.need("Id"))
        known = told.get(account_id)
        accounts[account_id] = Account(
            id=account_id,
            name=row.text("Name") or (known.name if known else ""),
            status=row.text("State") or row.text("Status"),
            ou_path=paths.get(account_id) or (known.ou_path if known else None),
        )
    return accounts


def _ou_paths(answers: Answers, organization_id: str | None) -> Mapping[str, str]:
    """Give each account's path `o-.../r-.../ou-.../`, as far as the tree was read."""
    paths = {
        root.need("Id"): f"{organization_id}/{root.need('Id')}/"
        for root, _ in rows(answers, "organizations:ListRoots", "Roots")
        if organization_id
    }
    children: dict[str, list[str]] = {}
    for operation, key in (
        ("ListOrganizationalUnitsForParent", "OrganizationalUnits"),
        ("ListAccountsForParent", "Accounts"),
    ):
        for answer in answers.every(f"organizations:{operation}"):
            found = [row.need("Id") for page in answer.pages for row in page.children(key)]
            children.setdefault(str(answer.parameters.get("ParentId")), []).extend(found)
    accounts: dict[str, str] = {}
    waiting = list(paths)
    while waiting:
        parent = waiting.pop()
        for child in children.pop(parent, ()):
            if child.startswith("ou-"):
                paths[child] = f"{paths[parent]}{child}/"
                waiting.append(child)
            else:
                accounts[child] = paths[parent]
    return accounts


def _cross_account_backup(answers: Answers) -> Reading[bool]:
    """Read the global setting: a map of strings, where only "true" is on (facts 6, row 2)."""
    answer = answers.one(_GLOBAL_SETTINGS)
    settings = {k: v for page in answer.pages for k, v in page.mapping("GlobalSettings", str).items()}
    if (setting := settings.get(_CROSS_ACCOUNT)) is not None:
        return Known(setting.lower() == "true", answer.refs)
    return Unread(answer.gap or answers.gap(_GLOBAL_SETTINGS, _CROSS_ACCOUNT, GapKind.HALF_READ))
