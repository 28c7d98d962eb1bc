"""Backup policies of AWS Organizations, and the effective policy of each account."""

from dataclasses import dataclass
from datetime import datetime

from scanner.model.known import EvidenceRef, Gap, Reading
from scanner.model.names import AccountId


@dataclass(frozen=True, slots=True)
class PolicyTarget:
    """What a policy is attached to. `kind`: ROOT, ORGANIZATIONAL_UNIT or ACCOUNT."""

    id: str
    kind: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupPolicy:
    """One backup policy of the organisation. `content`: JSON with inheritance operators."""

    id: str
    arn: str | None
    name: str
    content: Reading[str]
    targets: Reading[tuple[PolicyTarget, ...]]
    refs: tuple[EvidenceRef, ...] = ()


@dataclass(frozen=True, slots=True)
class EffectivePolicy:
    """The effective backup policy of an account. `content`: JSON; `plans`: the names of its plans."""

    content: str
    plans: tuple[str, ...]
    updated_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountInventory:
    """What is read once for an account.

    `effective_policy`: Known(None) where no backup policy applies, or the account is in no organisation.
    """

    account: AccountId
    effective_policy: Reading[EffectivePolicy | None]
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupGovernance:
    """How the organisation governs AWS Backup. `gaps`: its missing reads."""

    delegated_administrators: Reading[tuple[AccountId, ...]]
    trusted_access: Reading[bool]  # whether AWS Backup may access the organisation
    policies_enabled: Reading[bool]  # whether backup policies are turned on
    policies: Reading[tuple[BackupPolicy, ...]]
    invalid_accounts: Reading[tuple[AccountId, ...]]  # those whose effective policy is not valid
    gaps: tuple[Gap, ...] = ()
