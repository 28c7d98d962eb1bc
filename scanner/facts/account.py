"""The fact tables `account` and `account_region`: one row an account, one row an account-Region in scope."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from scanner.facts.notes import Notes, instant_text
from scanner.model.backup_policies import AccountInventory, BackupGovernance, EffectivePolicy
from scanner.model.facts import AccountFacts, AccountRegionFacts, MissingRead
from scanner.model.inventory import Organization, ShardInventory, ShardStatus
from scanner.model.names import AWS_GLOBAL, AccountId, account_region_subject, account_subject
from scanner.model.reading import ENTRY, LEFT_OUT, Gap, Known, Unread
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


@dataclass(frozen=True, slots=True)
class Governed:
    """The rows of the table `account`; `gaps` by account: they are missed in each of its Regions."""

    rows: tuple[AccountFacts, ...] = ()
    gaps: Mapping[AccountId, tuple[Gap, ...]] = field(default_factory=dict)


def governed(
    accounts: tuple[AccountInventory, ...], governance: BackupGovernance, organization: Organization
) -> Governed:
    """Make the rows of all accounts of the scope."""
    members = organization.accounts
    rows = (
        account_row(each, governance, members[each.account].name if each.account in members else "")
        for each in accounts
    )
    return Governed(tuple(rows), {each.account: each.gaps for each in accounts})


def account_region_row(
    inventory: ShardInventory, account_name: str, needed: Iterable[Gap], blinds: Mapping[str, tuple[str, ...]]
) -> AccountRegionFacts:
    """Make the row of one shard.

    `needed` are gaps elsewhere that kept something of this shard open (a destination's vaults, the
    organisation's settings); `affected_controls` names for each operation the selected controls that rest
    on it: a read that none of them needs is not missed. Where nothing but reads that the scan left out is
    missing, which reads AWS would have refused is not known.
    """
    gaps = dict.fromkeys((*inventory.gaps, *needed))
    missing = sorted((gap for gap in gaps if gap.operation in blinds), key=_order)
    notes = Notes()
    notes.evidence("missing_reads", sorted({gap.ref for gap in missing if gap.ref is not None}))
    is_left_out = bool(missing) and all(gap.code == LEFT_OUT for gap in missing)
    for gap in missing if is_left_out else ():
        notes.unknown("missing_reads", "", gap)
    shard = inventory.shard
    skipped = inventory.status is ShardStatus.SKIPPED
    return AccountRegionFacts(
        subject=account_region_subject(shard),
        subject_type="account_region",
        account=shard.account,
        region=shard.region,
        name=f"{account_name or shard.account} / {shard.region}",
        not_applicable_because="The Region is not enabled for this account." if skipped else "",
        status=inventory.status.value,
        skipped=skipped,
        not_entered=next((gap.not_entered() for gap in missing if gap.operation in ENTRY), ""),
        missing_reads=None if is_left_out else tuple(_missing(gap, blinds[gap.operation]) for gap in missing),
        not_known=notes.not_known,
        evidence=notes.references,
    )


def _missing(gap: Gap, blinds: tuple[str, ...]) -> MissingRead:
    return MissingRead(
        operation=gap.operation,
        about=gap.about,
        kind=gap.kind.value,
        code=gap.code,
        message=gap.message,
        blinds=blinds,
    )


def _order(gap: Gap) -> tuple[str, str, str, str]:
    return (gap.operation, gap.account, gap.region, gap.about)
