"""The fact table `vault`: one row a backup vault, with its lock, its key, and who may delete from it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from scanner.facts.notes import Notes, instant_text
from scanner.graph.control_plane import ControlPlane
from scanner.model.facts import FOREVER_DAYS, DeletionGuard, VaultFacts
from scanner.model.inventory import Vault
from scanner.model.reading import Known, Unread
from scanner.model.ternary import Ternary
from scanner.protection.copies import context_of
from scanner.protection.lifecycle import lock_mode
from scanner.protection.policy import Context, denied_to_all, parse

DELETION_ACTIONS: Final = (
    "backup:DeleteRecoveryPoint",
    "backup:UpdateRecoveryPointLifecycle",
    "backup:PutBackupVaultAccessPolicy",
    "backup:DeleteBackupVaultAccessPolicy",
)
"""Whoever may do one of these can delete recovery points, shorten their life, or take the Deny away."""


def vault_row(vault: Vault, plane: ControlPlane, *, holds_points: bool, as_of: datetime) -> VaultFacts:
    """Make the row of one vault; `holds_points`: at least one recovery point of it was seen."""
    notes = Notes()
    notes.evidence("", vault.refs)
    mode = lock_mode(vault, as_of)
    if mode is None:
        for column in ("lock_mode", "min_retention_days", "max_retention_days"):
            notes.unknown(column, "the list of vaults does not tell whether it is locked")
    targeted, unread_plans = plane.targeted(vault)
    if targeted is None:
        notes.unknown("targeted", "a rule that was not read may target or copy into it", unread_plans)
    return VaultFacts(
        subject=vault.arn,
        subject_type="vault",
        account=vault.account,
        region=vault.region,
        name=vault.name,
        not_applicable_because="",
        vault_type=vault.type,
        lock_mode=mode,
        lock_grace_until=_grace(vault, as_of),
        min_retention_days=_unless_untold(mode, vault.lock.min_retention_days or 0),
        max_retention_days=_unless_untold(mode, vault.lock.max_retention_days or FOREVER_DAYS),
        has_recovery_points=_has_points(vault, holds_points, notes),
        targeted=targeted,
        key_kind=_key_kind(vault, plane, notes),
        has_policy=_has_policy(vault, notes),
        protected_by=_protected_by(vault, mode, as_of, notes),
        deletion_guards=tuple(_guards(vault, context_of(plane.organization, None))),
        not_known=notes.not_known,
        evidence=notes.references,
    )


def _unless_untold(mode: str | None, days: int) -> int | None:
    """Give the days of a lock. Where nobody tells of a lock, nobody tells that it has no limit either."""
    return None if mode is None else days


def _grace(vault: Vault, as_of: datetime) -> str:
    date = vault.lock.lock_date
    if not vault.lock.locked or date is None or date <= as_of:
        return ""
    return instant_text(date) or ""


def _has_points(vault: Vault, holds_points: bool, notes: Notes) -> Ternary:  # noqa: FBT001 -- seen or not
    if holds_points or isinstance(vault.recovery_points_read, Known):
        return holds_points
    notes.unknown("has_recovery_points", "its recovery points were not read", vault.recovery_points_read.gap)
    return None


def _key_kind(vault: Vault, plane: ControlPlane, notes: Notes) -> str | None:
    key = plane.vault_key(vault)
    if key is not None and key.kind is not None:
        return key.kind.value
    notes.unknown("key_kind", "who manages its key is not known", None if key is None else key.kind_gap)
    return None


def _has_policy(vault: Vault, notes: Notes) -> Ternary:
    if isinstance(vault.policy, Unread):
        for column in ("has_policy", "deletion_guards"):
            notes.unknown(column, "its access policy was not read", vault.policy.gap)
        return None
    for column in ("has_policy", "deletion_guards"):
        notes.evidence(column, vault.policy.refs)
    document = parse(vault.policy.value)
    if not document.readable:
        notes.unknown("deletion_guards", f"its access policy cannot be understood: {document.problem}")
    return vault.policy.value is not None


def _protected_by(vault: Vault, mode: str | None, as_of: datetime, notes: Notes) -> str | None:
    """Tell what alone makes deletion impossible: a compliance lock in force, or the air gap (facts 5)."""
    if vault.air_gapped:
        return "air_gapped"
    if mode is None and vault.lock.lock_date is not None and vault.lock.lock_date <= as_of:
        notes.unknown("protected_by", "the list of vaults does not tell whether it is locked")
        return None
    return "compliance_lock" if mode == "compliance" else ""


def _guards(vault: Vault, context: Context) -> Iterator[DeletionGuard]:
    for action in DELETION_ACTIONS:
        name = action.removeprefix("backup:")
        if isinstance(vault.policy, Unread):
            because = "the access policy was not read"
            yield DeletionGuard(action=name, denied=None, exceptions=(), because=because)
            continue
        denial = denied_to_all(
            parse(vault.policy.value),
            action=action,
            resource=vault.arn,
            vault_account=vault.account,
            context=context,
        )
        yield DeletionGuard(
            action=name, denied=denial.denied, exceptions=denial.exceptions, because=denial.because
        )
