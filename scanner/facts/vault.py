"""The fact table `vault`: one row a backup vault, with its lock, its key, and who may delete from it."""

from datetime import datetime
from typing import Final

from scanner.facts.notes import Notes, instant_text
from scanner.facts.vault_key import key_columns
from scanner.facts.vault_policy import policy_columns
from scanner.graph.control_plane import ControlPlane
from scanner.model.facts import FOREVER_DAYS, VaultFacts
from scanner.model.inventory import Vault
from scanner.model.reading import Known, Unread
from scanner.model.ternary import Ternary
from scanner.protection.lifecycle import lock_mode

DEPRECATED_EVENTS: Final = frozenset(
    {
        "BACKUP_JOB_SUCCESSFUL",
        "BACKUP_JOB_FAILED",
        "BACKUP_JOB_EXPIRED",
        "RESTORE_JOB_SUCCESSFUL",
        "RESTORE_JOB_FAILED",
        "BACKUP_PLAN_CREATED",
        "BACKUP_PLAN_MODIFIED",
    }
)
"""Events that AWS Backup takes and tells nobody of (API reference, PutBackupVaultNotifications)."""

_NO_LIMIT: Final = {"min_retention_days": 0, "max_retention_days": FOREVER_DAYS}
_EVENTS: Final = ("notification_topic", "notification_events", "notification_events_deprecated")


def vault_row(vault: Vault, plane: ControlPlane, *, holds_points: bool, as_of: datetime) -> VaultFacts:
    """Make the row of one vault; `holds_points`: at least one recovery point of it was seen."""
    notes = Notes()
    notes.evidence("", vault.refs)
    mode = lock_mode(vault, as_of)
    if mode is None:
        for column in ("lock_mode", "min_retention_days", "max_retention_days"):
            notes.unknown(column, "the list of vaults does not report whether it is locked")
    targeted, unread_plans = plane.targeted(vault)
    if targeted is None:
        notes.unknown(
            "targeted", "a rule that was not read may use it as a target or copy destination", unread_plans
        )
    key = key_columns(vault, plane, notes)
    policy = policy_columns(vault, plane, as_of, notes)
    topic, events = _told(vault, notes)
    shortest = _limit(vault, mode, "min_retention_days", vault.lock.min_retention_days, notes)
    longest = _limit(vault, mode, "max_retention_days", vault.lock.max_retention_days, notes)
    return VaultFacts(
        subject=vault.arn,
        subject_type="vault",
        account=vault.account,
        region=vault.region,
        name=vault.name,
        not_applicable_because="",
        vault_type=vault.type,
        air_gapped=vault.air_gapped,
        lock_mode=mode,
        lock_grace_until=_grace(vault, as_of),
        min_retention_days=shortest,
        max_retention_days=longest,
        has_recovery_points=_has_points(vault, holds_points, notes),
        targeted=targeted,
        key_kind=key.key_kind,
        key_enabled=key.key_enabled,
        key_deletion_at=key.key_deletion_at,
        has_policy=policy.has_policy,
        protected_by=_protected_by(vault, mode, as_of, notes),
        deletion_guards=policy.deletion_guards,
        policy_stays_in_organization=policy.policy_stays_in_organization,
        outsiders=policy.outsiders,
        copying_principals=policy.copying_principals,
        notification_topic=topic,
        notification_events=tuple(event for event in events if event not in DEPRECATED_EVENTS),
        notification_events_deprecated=tuple(
            event for event in events if event is None or event in DEPRECATED_EVENTS
        ),
        approval_team=_approval_team(vault, notes),
        not_known=notes.not_known,
        evidence=notes.references,
    )


def _limit(vault: Vault, mode: str | None, column: str, days: int | None, notes: Notes) -> int | None:
    """Give a limit of the lock in days; without one, what stands for no limit.

    Where nobody tells of a lock, nobody tells that it has no limit either; and a logically air-gapped vault
    always has both (facts 5), so that one that is left out is not known.
    """
    if mode is not None and days is None and vault.air_gapped:
        notes.unknown(
            column, "a logically air-gapped vault has such a limit, but the list of vaults does not report it"
        )
    if mode is None or (days is None and vault.air_gapped):
        return None
    return days if days is not None else _NO_LIMIT[column]


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


def _protected_by(vault: Vault, mode: str | None, as_of: datetime, notes: Notes) -> str | None:
    """Tell what alone makes deletion impossible: a compliance lock in force, or the air gap (facts 5)."""
    if vault.air_gapped:
        return "air_gapped"
    if mode is None and vault.lock.lock_date is not None and vault.lock.lock_date <= as_of:
        notes.unknown("protected_by", "the list of vaults does not report whether it is locked")
        return None
    return "compliance_lock" if mode == "compliance" else ""


def _told(vault: Vault, notes: Notes) -> tuple[str | None, tuple[str | None, ...]]:
    """Give the topic and the events; without a configuration nobody is told of anything."""
    told = vault.notifications
    if isinstance(told, Unread):
        for column in _EVENTS:
            notes.unknown(column, "its notifications were not read", told.gap)
        return None, (None,)
    for column in _EVENTS:
        notes.evidence(column, told.refs)
    if told.value is None:
        return "", ()
    if told.value.topic is None:
        notes.unknown("notification_topic", "the answer names events, but no topic")
    if told.value.events is None:
        for column in _EVENTS[1:]:
            notes.unknown(column, "the answer does not name the events")
        return told.value.topic, (None,)
    return told.value.topic, tuple(dict.fromkeys(told.value.events))


def _approval_team(vault: Vault, notes: Notes) -> str | None:
    """Give the team's ARN, or "": a plain vault has none, and an air-gapped one need not have one."""
    details = vault.details
    if details is None and not vault.air_gapped:
        return ""
    if isinstance(details, Known):
        notes.evidence("approval_team", details.refs)
        return details.value.approval_team or ""
    because = "the description of the vault was not read"
    notes.unknown("approval_team", because, details.gap if isinstance(details, Unread) else None)
    return None
