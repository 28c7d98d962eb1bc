"""The fact tables `account` and `account_region`: rows for each account and account-Region of the scan."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from scanner.facts.notes import Notes, instant_text
from scanner.model.backup_policies import AccountInventory, BackupGovernance, EffectivePolicy
from scanner.model.facts import AccountFacts, AccountRegionFacts, MissingRead
from scanner.model.inventory import Organization, ShardInventory, ShardStatus
from scanner.model.known import ENTRY, LEFT_OUT, Gap, Known, Ternary, Unread
from scanner.model.names import AWS_GLOBAL, AccountId, account_region_subject, account_subject


def account_row(account: AccountInventory, governance: BackupGovernance, name: str) -> AccountFacts:
    """Build the row of one account. A policy without a plan has no effect and counts as none (facts 7)."""
    notes = Notes()
    reading = account.effective_policy
    if isinstance(reading, Unread):
        for column in ("backup_policy", "policy_plans", "policy_updated_at"):
            notes.unknown(column, "the effective backup policy was not read", reading.gap)
    else:
        notes.evidence("backup_policy", reading.refs)
    # DescribeEffectivePolicy answers EffectivePolicyNotFoundException if there is none: known, and empty.
    policy = reading.value if isinstance(reading, Known) else None
    plans = policy.plans if policy is not None else ()
    reaches: Ternary = None if isinstance(reading, Unread) else plans != ()
    return AccountFacts(
        subject=account_subject(account.account),
        subject_type="account",
        account=account.account,
        region=AWS_GLOBAL,
        # An account that the list of members lacks is named by its id.
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
    """Return whether the account's policy is valid; true if the account has no policy."""
    invalid = governance.invalid_accounts
    # Without a policy there is none that could be invalid, whatever the list of invalid accounts says.
    if reaches is False:
        return True
    if isinstance(invalid, Unread):
        notes.unknown("policy_valid", "the accounts with an invalid policy were not read", invalid.gap)
        return None
    notes.evidence("policy_valid", invalid.refs)
    # Only a policy that was read, and has a plan, can be called invalid.
    if account.account in invalid.value:
        return False if reaches else None
    return True


@dataclass(frozen=True, slots=True)
class AccountRows:
    """The rows of the table `account`. `gaps`, by account, are reported in each of its Regions."""

    rows: tuple[AccountFacts, ...] = ()
    gaps: Mapping[AccountId, tuple[Gap, ...]] = field(default_factory=dict)


def build_account_rows(
    accounts: tuple[AccountInventory, ...], governance: BackupGovernance, organization: Organization
) -> AccountRows:
    """Build the rows of all accounts in scope."""
    members = organization.accounts
    rows = (
        account_row(account, governance, members[account.account].name if account.account in members else "")
        for account in accounts
    )
    return AccountRows(tuple(rows), {account.account: account.gaps for account in accounts})


def account_region_row(
    inventory: ShardInventory,
    account_name: str,
    needed: Iterable[Gap],
    affected_controls: Mapping[str, tuple[str, ...]],
) -> AccountRegionFacts:
    """Build the row of one shard.

    `needed`: gaps outside the shard that leave something in it unknown (a destination's vaults, the
    organisation's settings). `affected_controls`: for each operation the selected controls that need it; a
    gap that affects no control is not reported. If the scan left out all missing reads itself, it is unknown
    which reads AWS would have refused.
    """
    # A missing read may be a gap of the shard and of a destination; it is reported once.
    gaps = dict.fromkeys((*inventory.gaps, *needed))
    missing = sorted((gap for gap in gaps if gap.operation in affected_controls), key=_order)
    notes = Notes()
    notes.evidence("missing_reads", sorted({gap.ref for gap in missing if gap.ref is not None}))
    # What a scan did not call on purpose (--collect needed) was not refused.
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
        # NULL, not an empty list: "no read is missing" would be a pass.
        missing_reads=None
        if is_left_out
        else tuple(_missing(gap, affected_controls[gap.operation]) for gap in missing),
        not_known=notes.not_known,
        evidence=notes.references,
    )


def _missing(gap: Gap, controls: tuple[str, ...]) -> MissingRead:
    return MissingRead(
        operation=gap.operation,
        about=gap.about,
        kind=gap.kind.value,
        code=gap.code,
        message=gap.message,
        blinds=controls,
    )


def _order(gap: Gap) -> tuple[str, str, str, str]:
    return (gap.operation, gap.account, gap.region, gap.about)
