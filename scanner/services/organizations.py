"""AWS Organizations: the organization, its tree of accounts, delegation, and its backup policies."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from scanner.evidence.answers import Answer, Answers
from scanner.evidence.lines import MALFORMED
from scanner.evidence.shape import Shape
from scanner.model.backup_policies import (
    AccountInventory,
    BackupGovernance,
    BackupPolicy,
    EffectivePolicy,
    PolicyTarget,
)
from scanner.model.decisions import Contacts
from scanner.model.inventory import Account, Organization
from scanner.model.known import CONTRADICTION, EvidenceRef, Gap, GapKind, Known, Reading, Unread
from scanner.model.manifest import Manifest
from scanner.model.names import AccountId
from scanner.model.text import mended_json
from scanner.services.base import CallScope, Gaps, Operation, rows, texts
from scanner.services.caller import Caller
from scanner.services.iam import entry_refusal

_PAGE: Final = 20  # the largest page (Organizations API Reference)

_UNIT: Final = "organisational unit"
LIST_POLICIES: Final = "organizations:ListPolicies"
EFFECTIVE: Final = "organizations:DescribeEffectivePolicy"
INVALID: Final = "organizations:ListAccountsWithInvalidEffectivePolicy"
_BACKUP: Final = "backup.amazonaws.com"


def _once(name: str, page: int = _PAGE, **details: Any) -> Operation:  # noqa: ANN401 -- those of Operation
    """Declare an operation that is called once per organization."""
    return Operation("organizations", name, f"organizations:{name}", page, scope=CallScope.SCAN, **details)


_NO_ORGANIZATION: Final = "AWSOrganizationsNotInUseException"
_ADMINISTRATORS: Final = "organizations:ListDelegatedAdministrators"
_CROSS_ACCOUNT: Final = "isCrossAccountBackupEnabled"
_GLOBAL_SETTINGS: Final = "backup:DescribeGlobalSettings"
_LIST_ACCOUNTS: Final = "organizations:ListAccounts"
_DESCRIBE: Final = "organizations:DescribeOrganization"
_ROOTS: Final = "organizations:ListRoots"
_UNITS: Final = "organizations:ListOrganizationalUnitsForParent"

TREE: Final = (_ROOTS, _UNITS, "organizations:ListAccountsForParent")
"""The operations that return the tree of organizational units."""

OPERATIONS: Final = (
    _once("DescribeOrganization", page=0),
    _once("ListAccounts", identity=("Accounts[].Id",)),
    _once("ListRoots", identity=("Roots[].Id",)),
    _once(
        "ListOrganizationalUnitsForParent",
        per=_UNIT,
        after=("organizations:ListRoots",),
        identity=("OrganizationalUnits[].Id",),
    ),
    _once(
        "ListAccountsForParent",
        per=_UNIT,
        after=("organizations:ListRoots", "organizations:ListOrganizationalUnitsForParent"),
        identity=("Accounts[].Id",),
    ),
    _once("ListDelegatedAdministrators", identity=("DelegatedAdministrators[].Id",)),
    _once("ListAWSServiceAccessForOrganization", identity=("EnabledServicePrincipals[].ServicePrincipal",)),
    _once("ListPolicies", identity=("Policies[].Id",)),
    _once(
        "DescribePolicy",
        page=0,
        per="policy",
        after=("organizations:ListPolicies",),
        same=(("PolicyId", "Policy.PolicySummary.Id"),),
    ),
    _once(
        "ListTargetsForPolicy",
        per="policy",
        after=("organizations:ListPolicies",),
        identity=("Targets[].TargetId",),
    ),
    _once("ListAccountsWithInvalidEffectivePolicy", identity=("Accounts[].Id",)),
    # Every account may read its own (API reference, "DescribeEffectivePolicy").
    Operation(
        "organizations",
        "DescribeEffectivePolicy",
        "organizations:DescribeEffectivePolicy",
        scope=CallScope.ACCOUNT,
        optional="it is a gap of the account, not of its Regions",
        own=("EffectivePolicy.TargetId",),
    ),
)
_BACKUP_POLICY: Final = "BACKUP_POLICY"


def collect_tree(caller: Caller) -> dict[str, str]:
    """Record the tree; return each account's path by its id: `r-…/ou-…/ou-…`, without the organization."""
    paths: dict[str, str] = {}
    # Level by level, because no call of Organizations returns the whole tree.
    waiting = [(root, root) for root in texts(caller.pages("organizations", "ListRoots"), "Roots", "Id")]
    seen = {root for root, _ in waiting}
    while waiting:
        parent, path = waiting.pop(0)
        units = texts(
            caller.pages("organizations", "ListOrganizationalUnitsForParent", ParentId=parent),
            "OrganizationalUnits",
            "Id",
        )
        accounts = texts(
            caller.pages("organizations", "ListAccountsForParent", ParentId=parent), "Accounts", "Id"
        )
        paths |= dict.fromkeys(accounts, path)
        # A unit that is moved meanwhile may be listed below both parents.
        waiting += [(unit, f"{path}/{unit}") for unit in units if unit not in seen]
        seen.update(units)
    return paths


def collect_administration(caller: Caller) -> None:
    """Record the delegated administrators of AWS Backup, and whether it has trusted access."""
    parameters = {"ServicePrincipal": "backup.amazonaws.com"}
    for _ in caller.pages("organizations", "ListDelegatedAdministrators", **parameters):
        pass
    for _ in caller.pages("organizations", "ListAWSServiceAccessForOrganization"):
        pass


def collect_policies(caller: Caller) -> None:
    """Record backup policies, their targets, and accounts with an invalid effective policy."""
    pages = caller.pages("organizations", "ListPolicies", Filter=_BACKUP_POLICY)
    caller.each(texts(pages, "Policies", "Id"), _collect_policy)
    # For the management account and delegated administrators only (Organizations API Reference).
    invalid = "ListAccountsWithInvalidEffectivePolicy"
    for _ in caller.pages("organizations", invalid, PolicyType=_BACKUP_POLICY):
        pass


def _collect_policy(caller: Caller, policy: str) -> tuple[str, ...]:
    # ListPolicies returns summaries, without the content of a policy.
    caller.call("organizations", "DescribePolicy", PolicyId=policy)
    for _ in caller.pages("organizations", "ListTargetsForPolicy", PolicyId=policy):
        pass
    return ()


def collect_account(caller: Caller) -> None:
    """Record the effective backup policy of the caller's own account.

    Each account reads its own policy, since Organizations allows an account only a few calls per second
    (User Guide, "Quotas").
    """
    caller.call("organizations", "DescribeEffectivePolicy", PolicyType=_BACKUP_POLICY)


def parse_organization(answers: Answers, manifest: Manifest) -> Organization:
    """Parse org.jsonl.gz; values that it lacks are taken from the manifest, or are unread."""
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
    # The manifest has both ids, also where DescribeOrganization was denied.
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
    """Return the evidence that the account belongs to no organisation; empty: there is none.

    It is AWSOrganizationsNotInUseException, or the error of DescribeGlobalSettings outside an organisation
    (ERROR_9601, which AWS does not document). A successful answer about the organisation takes precedence.
    """
    # Any of the three is enough: the caller may have been denied the others.
    calls = [answers.one(name) for name in (_DESCRIBE, _LIST_ACCOUNTS, _GLOBAL_SETTINGS)]
    if any(call.pages for call in calls) or _is_described(answers):
        return ()
    return tuple(ref for call in calls if call.absent for ref in call.refs)


def _is_described(answers: Answers) -> bool:
    """Return whether AWS Organizations answered any call about the organization: then there is one."""
    names = (name for name in answers.operations if name.startswith("organizations:"))
    return any(answer.pages for name in names for answer in answers.every(name))


def _of_organization(answers: Answers, name: str, /, **parameters: str) -> Answer:
    """Return an answer about the organization; a gap where it denies one that other answers describe."""
    answer = answers.one(name, **parameters)
    if answer.code != _NO_ORGANIZATION or not _is_described(answers):
        return answer
    return replace(answer, absent=False, gap=_denied(answers.gap(name, "", GapKind.FAILED), answer))


def _denied(gap: Gap, answer: Answer) -> Gap:
    message = "it denies that there is an organization, which other answers describe."
    return replace(gap, code=CONTRADICTION, message=message, ref=answer.refs[-1])


def _members(answers: Answers) -> Reading[None]:
    """Return whether the members were listed to the end; an error about no organisation lists none."""
    listed = answers.one(_LIST_ACCOUNTS)
    if listed.absent:
        return Unread(answers.gap(_LIST_ACCOUNTS, "", GapKind.FAILED))
    if listed.gap is None and not any(True for page in listed.pages for _ in page.children("Accounts")):
        gap = answers.gap(_LIST_ACCOUNTS, "", GapKind.FAILED)
        message = "it is empty, and an organization has at least its management account."
        return Unread(replace(gap, code=CONTRADICTION, message=message, ref=listed.refs[-1]))
    return Known(None, listed.refs) if listed.gap is None else Unread(listed.gap)


def _accounts(
    answers: Answers, manifest: Manifest, organization_id: str | None
) -> Mapping[AccountId, Account]:
    paths = _ou_paths(answers, organization_id)
    listed = {account.id: account for account in manifest.accounts}
    # A complete list of members takes precedence over the manifest.
    is_complete = isinstance(_members(answers), Known)
    accounts = {} if is_complete else dict(listed)
    for row, _ in rows(answers, _LIST_ACCOUNTS, "Accounts"):
        account_id = AccountId(row.need("Id"))
        recorded = listed.get(account_id)
        accounts[account_id] = Account(
            id=account_id,
            name=row.text("Name") or (recorded.name if recorded else ""),
            # Organizations replaces `Status` by `State` (API Reference, "Account"): either may be missing.
            status=row.text("State") or row.text("Status"),
            ou_path=paths.get(account_id) or (recorded.ou_path if recorded else None),
        )
    return accounts


def _ou_paths(answers: Answers, organization_id: str | None) -> Mapping[str, str]:
    """Return each account's path `o-.../r-.../ou-.../`, for the part of the tree that was read."""
    paths = {
        # With a slash at the end, as in aws:PrincipalOrgPaths (IAM User
        # Guide, "Global condition context keys").
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
            ids = [row.need("Id") for page in answer.pages for row in page.children(key)]
            children.setdefault(str(answer.parameters.get("ParentId")), []).extend(ids)
    accounts: dict[str, str] = {}
    waiting = list(paths)
    while waiting:
        parent = waiting.pop()
        # Removed when they are visited, so that contradictory answers cannot lead in a circle.
        for child in children.pop(parent, ()):
            # Ids of accounts are digits.
            if child.startswith("ou-"):
                paths[child] = f"{paths[parent]}{child}/"
                waiting.append(child)
            else:
                accounts[child] = paths[parent]
    return accounts


def _cross_account_backup(answers: Answers) -> Reading[bool]:
    """Parse the global setting, a text that is on only if it is "true" (AWS Backup API Reference)."""
    answer = answers.one(_GLOBAL_SETTINGS)
    settings = {k: v for page in answer.pages for k, v in page.mapping("GlobalSettings", str).items()}
    if (setting := settings.get(_CROSS_ACCOUNT)) is not None:
        return Known(setting.lower() == "true", answer.refs)
    return Unread(answer.gap or answers.gap(_GLOBAL_SETTINGS, _CROSS_ACCOUNT, GapKind.HALF_READ))


def unit_names(answers: Answers) -> Mapping[str, str]:
    """Return the names of roots and organizational units in org.jsonl.gz, by id."""
    names = {row.need("Id"): row.text("Name") or "" for row, _ in rows(answers, _ROOTS, "Roots")}
    for answer in answers.every(_UNITS):
        for page in answer.pages:
            names |= {row.need("Id"): row.text("Name") or "" for row in page.children("OrganizationalUnits")}
    return {unit: name for unit, name in names.items() if name}


def unread_tree(answers: Answers) -> str:
    """Return a sentence about the missing reads of the organization's tree; empty: none are missing."""
    missing = {
        f"{operation} ({gap.code or gap.kind.value})"
        for operation in TREE
        for answer in answers.every(operation)
        if (gap := answer.gap) is not None
    }
    if not missing and not any(True for _ in answers.every(_ROOTS)):
        missing = {f"{_ROOTS} ({GapKind.NEVER_ASKED.value})"}
    return f"Not read: {', '.join(sorted(missing))}." if missing else ""


def account_paths(from_manifest: Iterable[Account], from_evidence: Iterable[Account]) -> Mapping[str, str]:
    """Return the known paths of accounts; those of the manifest take precedence."""
    paths = {
        str(account.id): account.ou_path for account in (*from_evidence, *from_manifest) if account.ou_path
    }
    return {account: path for account, path in paths.items() if path}


def parse_contacts(answers: Answers, manifest: Manifest) -> dict[str, Contacts]:
    """Return the contacts of each account in org.jsonl.gz or the manifest.

    Every account has an e-mail address and a name (Organizations API reference, "Account"). A missing one is
    unknown.
    """
    contacts: dict[str, Contacts] = {
        account.id: {"email": None, "name": account.name or None} for account in manifest.accounts
    }
    for row, _ in rows(answers, _LIST_ACCOUNTS, "Accounts"):
        account = row.need("Id")
        named = row.text("Name") or contacts.get(account, {}).get("name")
        contacts[account] = {"email": row.text("Email") or None, "name": named}
    return contacts


def parse_governance(answers: Answers) -> BackupGovernance:
    """Parse backup policies, delegated administrators and trusted access from org.jsonl.gz."""
    gaps = Gaps()
    return BackupGovernance(
        delegated_administrators=_delegated_administrators(answers, gaps),
        trusted_access=_trusted_access(answers, gaps),
        policies_enabled=_policies_enabled(answers, gaps),
        policies=_policies(answers, gaps),
        invalid_accounts=_invalid_accounts(answers, gaps),
        gaps=gaps.all()
        if answers.operations
        else (),  # otherwise the bundle has no answers about an organisation
    )


def _delegated_administrators(answers: Answers, gaps: Gaps) -> Reading[tuple[AccountId, ...]]:
    answer = _of_organization(answers, _ADMINISTRATORS, ServicePrincipal=_BACKUP)
    accounts = {row.need("Id") for page in answer.pages for row in page.children("DelegatedAdministrators")}
    return gaps.reading(tuple(AccountId(account_id) for account_id in sorted(accounts)), answer)


def _trusted_access(answers: Answers, gaps: Gaps) -> Reading[bool]:
    answer = _of_organization(answers, "organizations:ListAWSServiceAccessForOrganization")
    services = (row for page in answer.pages for row in page.children("EnabledServicePrincipals"))
    return gaps.reading(any(row.text("ServicePrincipal") == _BACKUP for row in services), answer)


def _policies_enabled(answers: Answers, gaps: Gaps) -> Reading[bool]:
    """Return whether the root of the organisation has the policy type for backup policies enabled."""
    enabled = any(
        # Policies of a type that is not enabled in the root have no effect (AWS Organizations User Guide).
        kind.text("Type") == _BACKUP_POLICY and kind.text("Status") == "ENABLED"
        for root, _ in rows(answers, _ROOTS, "Roots")
        for kind in root.children("PolicyTypes")
    )
    return gaps.reading(enabled, _of_organization(answers, _ROOTS))


def _policies(answers: Answers, gaps: Gaps) -> Reading[tuple[BackupPolicy, ...]]:
    """Parse the organisation's backup policies. A partial list counts as unread: a policy may be missing."""
    answer = _of_organization(answers, LIST_POLICIES, Filter=_BACKUP_POLICY)
    listed = {row.need("Id"): (row, row.ref) for page in answer.pages for row in page.children("Policies")}
    policies = tuple(_policy(answers, gaps, row, ref) for _, (row, ref) in sorted(listed.items()))
    return gaps.reading(policies, answer)


def _policy(answers: Answers, gaps: Gaps, row: Shape, ref: EvidenceRef) -> BackupPolicy:
    policy_id = row.need("Id")
    described = answers.one("organizations:DescribePolicy", PolicyId=policy_id)
    content = next((page.need_child("Policy").text("Content") for page in described.pages), None)
    attachments = answers.one("organizations:ListTargetsForPolicy", PolicyId=policy_id)
    targets = tuple(
        PolicyTarget(target.need("TargetId"), target.text("Type"))
        for page in attachments.pages
        for target in page.children("Targets")
    )
    return BackupPolicy(
        id=policy_id,
        arn=row.text("Arn"),
        name=row.text("Name") or policy_id,
        content=gaps.reading(content or "", described),
        targets=gaps.reading(targets, attachments),
        refs=(ref,),
    )


def _invalid_accounts(answers: Answers, gaps: Gaps) -> Reading[tuple[AccountId, ...]]:
    """Parse the accounts with an invalid effective backup policy, which is not fully applied there."""
    answer = _of_organization(answers, INVALID, PolicyType=_BACKUP_POLICY)
    accounts = {row.need("Id") for page in answer.pages for row in page.children("Accounts")}
    return gaps.reading(tuple(AccountId(account) for account in sorted(accounts)), answer)


def parse_account(account: Answers, organization: Answers) -> AccountInventory:
    """Parse the effective policy of an account, as read by itself or by the management account."""
    gaps = Gaps()
    own = account.shard.account
    own_answer = account.one(EFFECTIVE, PolicyType=_BACKUP_POLICY)
    if own_answer.code == _NO_ORGANIZATION and _is_described(organization):
        gap = account.gap(EFFECTIVE, "", GapKind.FAILED)
        own_answer = replace(own_answer, absent=False, gap=_denied(gap, own_answer))
    reading = _effective(account, own_answer)
    # The management account may request the policy of a member (API reference, "DescribeEffectivePolicy").
    central = _of_organization(organization, EFFECTIVE, PolicyType=_BACKUP_POLICY, TargetId=own)
    if isinstance(reading, Unread) and central.gap is None:
        reading = _effective(account, central)
    if isinstance(reading, Unread) and (refs := no_organization(organization)):
        reading = Known(None, refs)
    # Where the account's role was refused, that is the cause to report.
    if isinstance(reading, Unread) and (refusal := entry_refusal(account)) is not None:
        reading = Unread(refusal)
    elif isinstance(reading, Unread) and _is_missed(reading.gap, organization):
        gaps.note(reading.gap)
    return AccountInventory(account=own, effective_policy=reading, gaps=gaps.all())


def _is_missed(gap: Gap, organization: Answers) -> bool:
    """Return whether a gap counts: a bundle without an organization need not contain effective policies."""
    return gap.kind is not GapKind.NEVER_ASKED or bool(organization.operations)


def _effective(account: Answers, answer: Answer) -> Reading[EffectivePolicy | None]:
    if answer.gap is not None:
        return Unread(answer.gap)
    if answer.absent:
        return Known(None, answer.refs)
    for page in answer.pages:
        policy = page.child("EffectivePolicy")
        if policy is not None and (content := policy.text("PolicyContent")) is not None:
            updated = policy.instant("LastUpdatedTimestamp")
            if (plans := _plans(content)) is not None:
                return Known(EffectivePolicy(content, plans, updated), answer.refs)
            gap = account.gap(EFFECTIVE, "", GapKind.FAILED)
            return Unread(replace(gap, code=MALFORMED, message=_NO_POLICY, ref=page.ref))
    return Unread(account.gap(EFFECTIVE, "", GapKind.HALF_READ))


_NO_POLICY: Final = "PolicyContent is not a JSON object of backup plans."


def _plans(content: str) -> tuple[str, ...] | None:
    """Return the names of a policy's plans; None: it is not a valid backup policy (ruling 22).

    An empty object is a policy without plans (Organizations User Guide, "Backup policy syntax and examples").
    """
    try:
        document = json.loads(mended_json(content))
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    plans = document.get("plans") if document else {}
    if not isinstance(plans, dict) or not all(isinstance(plan, dict) for plan in plans.values()):
        return None
    return tuple(sorted(plans))
