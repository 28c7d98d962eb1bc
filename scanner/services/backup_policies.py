"""Backup policies of AWS Organizations, and what they give an account."""

import json
from dataclasses import replace
from typing import Final

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
from scanner.model.names import AccountId
from scanner.model.reading import EvidenceRef, Gap, GapKind, Known, Reading, Unread
from scanner.services.base import Gaps, rows
from scanner.services.iam import entry_refusal
from scanner.services.organizations import no_organization

LIST_POLICIES: Final = "organizations:ListPolicies"
EFFECTIVE: Final = "organizations:DescribeEffectivePolicy"
INVALID: Final = "organizations:ListAccountsWithInvalidEffectivePolicy"
_BACKUP_POLICY: Final = "BACKUP_POLICY"
_BACKUP: Final = "backup.amazonaws.com"
_ROOTS: Final = "organizations:ListRoots"


def parse_governance(answers: Answers) -> BackupGovernance:
    """Parse what org.jsonl.gz says of backup policies, delegation and trusted access."""
    gaps = Gaps()
    return BackupGovernance(
        delegated_administrators=_delegated_administrators(answers, gaps),
        trusted_access=_trusted_access(answers, gaps),
        policies_enabled=_policies_enabled(answers, gaps),
        policies=_policies(answers, gaps),
        invalid_accounts=_invalid_accounts(answers, gaps),
        gaps=gaps.all() if answers.operations else (),  # else the bundle speaks of no organisation
    )


def _delegated_administrators(answers: Answers, gaps: Gaps) -> Reading[tuple[AccountId, ...]]:
    answer = answers.one("organizations:ListDelegatedAdministrators", ServicePrincipal=_BACKUP)
    found = {row.need("Id") for page in answer.pages for row in page.children("DelegatedAdministrators")}
    return gaps.reading(tuple(AccountId(account) for account in sorted(found)), answer)


def _trusted_access(answers: Answers, gaps: Gaps) -> Reading[bool]:
    answer = answers.one("organizations:ListAWSServiceAccessForOrganization")
    services = (row for page in answer.pages for row in page.children("EnabledServicePrincipals"))
    return gaps.reading(any(row.text("ServicePrincipal") == _BACKUP for row in services), answer)


def _policies_enabled(answers: Answers, gaps: Gaps) -> Reading[bool]:
    """Return whether backup policies are enabled at the organization's root."""
    enabled = any(
        kind.text("Type") == _BACKUP_POLICY and kind.text("Status") == "ENABLED"
        for root, _ in rows(answers, _ROOTS, "Roots")
        for kind in root.children("PolicyTypes")
    )
    return gaps.reading(enabled, answers.one(_ROOTS))


def _policies(answers: Answers, gaps: Gaps) -> Reading[tuple[BackupPolicy, ...]]:
    """Parse the organisation's backup policies. A half-read list is not known: a policy may be missing."""
    answer = answers.one(LIST_POLICIES, Filter=_BACKUP_POLICY)
    found = {row.need("Id"): (row, row.ref) for page in answer.pages for row in page.children("Policies")}
    policies = tuple(_policy(answers, gaps, row, ref) for _, (row, ref) in sorted(found.items()))
    return gaps.reading(policies, answer)


def _policy(answers: Answers, gaps: Gaps, row: Shape, ref: EvidenceRef) -> BackupPolicy:
    policy_id = row.need("Id")
    described = answers.one("organizations:DescribePolicy", PolicyId=policy_id)
    content = next((page.need_child("Policy").text("Content") for page in described.pages), None)
    hangs_on = answers.one("organizations:ListTargetsForPolicy", PolicyId=policy_id)
    targets = tuple(
        PolicyTarget(target.need("TargetId"), target.text("Type"))
        for page in hangs_on.pages
        for target in page.children("Targets")
    )
    return BackupPolicy(
        id=policy_id,
        arn=row.text("Arn"),
        name=row.text("Name") or policy_id,
        content=gaps.reading(content or "", described),
        targets=gaps.reading(targets, hangs_on),
        refs=(ref,),
    )


def _invalid_accounts(answers: Answers, gaps: Gaps) -> Reading[tuple[AccountId, ...]]:
    """Parse the accounts whose effective backup policy is not valid: there it is not fully in force."""
    answer = answers.one(INVALID, PolicyType=_BACKUP_POLICY)
    accounts = {row.need("Id") for page in answer.pages for row in page.children("Accounts")}
    return gaps.reading(tuple(AccountId(account) for account in sorted(accounts)), answer)


def parse_account(account: Answers, organization: Answers) -> AccountInventory:
    """Parse what is read of an account as a whole, by the account itself or by the management account."""
    gaps = Gaps()
    own = account.shard.account
    reading = _effective(account, account.one(EFFECTIVE, PolicyType=_BACKUP_POLICY))
    central = organization.one(EFFECTIVE, PolicyType=_BACKUP_POLICY, TargetId=own)
    if isinstance(reading, Unread) and central.gap is None:
        reading = _effective(account, central)
    if isinstance(reading, Unread) and (refs := no_organization(organization)):
        reading = Known(None, refs)
    if isinstance(reading, Unread) and (refusal := entry_refusal(account)) is not None:
        reading = Unread(refusal)
    elif isinstance(reading, Unread) and _is_missed(reading.gap, organization):
        gaps.note(reading.gap)
    return AccountInventory(account=own, effective_policy=reading, gaps=gaps.all())


def _is_missed(gap: Gap, organization: Answers) -> bool:
    """Check whether a gap matters: a bundle without answers of an organization need not have its policies."""
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
    """Return the names of a policy's plans; None: it is no backup policy (ruling 22).

    An empty object is one without plans (Organizations User Guide, "Backup policy syntax and examples").
    """
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    plans = document.get("plans") if document else {}
    if not isinstance(plans, dict) or not all(isinstance(plan, dict) for plan in plans.values()):
        return None
    return tuple(sorted(plans))
