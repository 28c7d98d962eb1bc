"""Backup policies of AWS Organizations, and what they give each account."""

from dataclasses import dataclass
from datetime import datetime

from scanner.model.names import AccountId
from scanner.model.reading import EvidenceRef, Gap, Reading


@dataclass(frozen=True, slots=True)
class PolicyTarget:
    """What a policy hangs on. `kind`: ROOT, ORGANIZATIONAL_UNIT or ACCOUNT."""

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
    """What all backup policies together give an account.

    `content` is JSON; `plans` the names of its plans.
    """

    content: str
    plans: tuple[str, ...]
    updated_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountInventory:
    """What is read of an account as a whole.

    `effective_policy`: Known(None) where no backup policy reaches it, or it belongs to no organisation.
    """

    account: AccountId
    effective_policy: Reading[EffectivePolicy | None]
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupGovernance:
    """How the organisation governs AWS Backup. `gaps`: the reads of it that are missing."""

    delegated_administrators: Reading[tuple[AccountId, ...]]
    trusted_access: Reading[bool]  # whether AWS Backup may see the organisation
    policies_enabled: Reading[bool]  # whether backup policies are turned on
    policies: Reading[tuple[BackupPolicy, ...]]
    invalid_accounts: Reading[tuple[AccountId, ...]]  # those whose effective policy is not valid
    gaps: tuple[Gap, ...] = ()
