"""The fact table `account`: one row an account of the scope, with the backup policy that reaches it."""

from scanner.facts.notes import Notes, instant_text
from scanner.model.backup_policies import AccountInventory, BackupGovernance, EffectivePolicy
from scanner.model.facts import AccountFacts
from scanner.model.names import AWS_GLOBAL, account_subject
from scanner.model.reading import Known, Unread
from scanner.model.ternary import Ternary


def account_row(account: AccountInventory, governance: BackupGovernance, name: str) -> AccountFacts:
    """Make the row of one account. A policy without a plan gives it nothing, and is none (facts 7)."""
    notes = Notes()
    reading = account.effective_policy
    if isinstance(reading, Unread):
        for column in ("backup_policy", "policy_plans", "policy_updated_at"):
            notes.unknown(column, "the effective backup policy was not read", reading.gap)
    else:
        notes.evidence("backup_policy", reading.refs)
    policy = reading.value if isinstance(reading, Known) else None
    plans = policy.plans if policy is not None else ()
    reaches: Ternary = None if isinstance(reading, Unread) else plans != ()
    return AccountFacts(
        subject=account_subject(account.account),
        subject_type="account",
        account=account.account,
        region=AWS_GLOBAL,
        name=name or account.account,
        not_applicable_because="",
        backup_policy=reaches,
        policy_plans=(None,) if isinstance(reading, Unread) else plans,
        policy_updated_at=_updated(policy, notes) if isinstance(reading, Known) else None,
        policy_valid=_valid(account, reaches, governance, notes),
        not_known=notes.not_known,
        evidence=notes.references,
    )


def _updated(policy: EffectivePolicy | None, notes: Notes) -> str | None:
    if policy is None:
        return ""
    if policy.updated_at is None:
        notes.unknown("policy_updated_at", "AWS does not report when the effective backup policy changed")
    return instant_text(policy.updated_at)


def _valid(
    account: AccountInventory, reaches: Ternary, governance: BackupGovernance, notes: Notes
) -> Ternary:
    """Say whether the account's policy is valid; where none reaches it, nothing is wrong with it."""
    invalid = governance.invalid_accounts
    if reaches is False:
        return True
    if isinstance(invalid, Unread):
        notes.unknown("policy_valid", "the accounts with an invalid policy were not read", invalid.gap)
        return None
    notes.evidence("policy_valid", invalid.refs)
    if account.account in invalid.value:
        return False if reaches else None
    return True
