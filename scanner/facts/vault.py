"""The fact table `vault`: a row for each backup vault, with its lock, its key, and who may delete from it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from scanner.facts.notes import Notes, instant_text
from scanner.graph.control_plane import ControlPlane
from scanner.model.facts import FOREVER_DAYS, DeletionGuard, VaultFacts
from scanner.model.inventory import Key, KeyKind, Organization, Vault
from scanner.model.known import Gap, Known, Ternary, Unread
from scanner.model.names import partition_of
from scanner.protection.copies import COPY_INTO, context_of
from scanner.protection.lifecycle import lock_mode
from scanner.protection.policy import Context, Document, denied_to_all, external_principals, parse, who_can

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
"""Events that AWS Backup accepts but never sends (API reference, PutBackupVaultNotifications)."""
_ALL_EVENTS: Final = DEPRECATED_EVENTS | frozenset(
    {
        "ACCESS_POINT_AVAILABLE",
        "ACCESS_POINT_CREATION_FAILED",
        "ACCESS_POINT_DELETED",
        "ACCESS_POINT_DELETION_FAILED",
        "ACCESS_POINT_DISASSOCIATED",
        "ACCESS_POINT_EXPIRED",
        "BACKUP_JOB_COMPLETED",
        "BACKUP_JOB_STARTED",
        "CONTINUOUS_BACKUP_INTERRUPTED",
        "COPY_JOB_FAILED",
        "COPY_JOB_STARTED",
        "COPY_JOB_SUCCESSFUL",
        "EKS_BACKUP_OBJECT_FAILED",
        "EKS_RESTORE_MODIFICATION_FAILED",
        "EKS_RESTORE_MODIFICATION_SUCCESS",
        "EKS_RESTORE_OBJECT_FAILED",
        "EKS_RESTORE_OBJECT_SKIPPED",
        "RECOVERY_POINT_INDEX_COMPLETED",
        "RECOVERY_POINT_INDEX_DELETED",
        "RECOVERY_POINT_INDEXING_FAILED",
        "RECOVERY_POINT_MODIFIED",
        "RESTORE_JOB_COMPLETED",
        "RESTORE_JOB_STARTED",
        "S3_BACKUP_OBJECT_FAILED",
        "S3_RESTORE_OBJECT_FAILED",
    }
)
"""Every documented event. Any other event may be a new name for one that a control requires."""
_NO_LIMIT: Final = {"min_retention_days": 0, "max_retention_days": FOREVER_DAYS}
_EVENTS: Final = ("notification_topic", "notification_events", "notification_events_deprecated")

# A multi-Region key is "Updating" only for a moment, and can be used meanwhile (AWS KMS, "Key states").
_USABLE_STATES: Final = frozenset({"Enabled", "Updating"})

_UNUSABLE_STATES: Final = frozenset(
    {"Creating", "Disabled", "PendingDeletion", "PendingImport", "PendingReplicaDeletion", "Unavailable"}
)

DELETION_ACTIONS: Final = (
    "backup:DeleteRecoveryPoint",
    "backup:UpdateRecoveryPointLifecycle",
    "backup:PutBackupVaultAccessPolicy",
    "backup:DeleteBackupVaultAccessPolicy",
)
"""Actions that delete recovery points, shorten their retention, or remove the Deny that protects them."""

_COLUMNS: Final = (
    "has_policy",
    "deletion_guards",
    "policy_stays_in_organization",
    "outsiders",
    "copying_principals",
)


def vault_row(vault: Vault, plane: ControlPlane, *, holds_points: bool, as_of: datetime) -> VaultFacts:
    """Build the row of one vault; `holds_points`: at least one recovery point of it is listed."""
    notes = Notes()
    notes.evidence("", vault.refs)
    mode = _mode(vault, as_of, notes)
    targeted = _targeted(vault, plane, notes)
    key = key_columns(vault, plane, notes)
    policy = policy_columns(vault, plane, as_of, notes)
    topic, events = _notifications(vault, notes)
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
        protected_by=_deletion_barrier(vault, mode, as_of, notes),
        deletion_guards=policy.deletion_guards,
        policy_stays_in_organization=policy.policy_stays_in_organization,
        # `outsiders` ends with None if the policy may admit more principals than could be named.
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


def _mode(vault: Vault, as_of: datetime, notes: Notes) -> str | None:
    mode = lock_mode(vault, as_of)
    if mode is None:
        for column in ("lock_mode", "min_retention_days", "max_retention_days"):
            notes.unknown(column, "the list of vaults does not report whether it is locked")
    return mode


def _targeted(vault: Vault, plane: ControlPlane, notes: Notes) -> Ternary:
    targeted, unread_plans = plane.targeted(vault)
    if targeted is None:
        because = "a rule that was not read may use it as a target or copy destination"
        notes.unknown("targeted", because, unread_plans)
    return targeted


def _limit(vault: Vault, mode: str | None, column: str, days: int | None, notes: Notes) -> int | None:
    """Return a limit of the lock in days, or the value for "no limit".

    If the list does not report a lock, its limits are unknown, too. A logically air-gapped vault always has
    both limits (facts 5), so a limit that the list leaves out is unknown.
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
    # Until its lock date a compliance lock can be removed (PutBackupVaultLockConfiguration).
    if not vault.lock.locked or date is None or date <= as_of:
        return ""
    return instant_text(date) or ""


def _has_points(vault: Vault, holds_points: bool, notes: Notes) -> Ternary:  # noqa: FBT001 -- seen or not
    # A list that breaks off still proves that there is a recovery point.
    if holds_points or isinstance(vault.recovery_points_read, Known):
        return holds_points
    notes.unknown("has_recovery_points", "its recovery points were not read", vault.recovery_points_read.gap)
    return None


def _deletion_barrier(vault: Vault, mode: str | None, as_of: datetime, notes: Notes) -> str | None:
    """Return what alone makes deletion impossible: a compliance lock in force, or an air gap (facts 5)."""
    # Air gap first: AWS Backup keeps these vaults compliance-locked, even where the list omits the lock.
    if vault.air_gapped:
        return "air_gapped"
    # A past lock date without `Locked` contradicts itself: neither protected nor unprotected can be claimed.
    if mode is None and vault.lock.lock_date is not None and vault.lock.lock_date <= as_of:
        notes.unknown("protected_by", "the list of vaults does not report whether it is locked")
        return None
    return "compliance_lock" if mode == "compliance" else ""


def _notifications(vault: Vault, notes: Notes) -> tuple[str | None, tuple[str | None, ...]]:
    """Return the topic and the events; both empty if the vault has no notifications."""
    configuration = vault.notifications
    if isinstance(configuration, Unread):
        for column in _EVENTS:
            notes.unknown(column, "its notifications were not read", configuration.gap)
        return None, (None,)
    for column in _EVENTS:
        notes.evidence(column, configuration.refs)
    # ResourceNotFoundException is how AWS Backup says that nothing is configured: an answer, no gap.
    if configuration.value is None:
        return "", ()
    if configuration.value.topic is None:
        notes.unknown("notification_topic", "the answer names events, but no topic")
    if configuration.value.events is None:
        for column in _EVENTS[1:]:
            notes.unknown(column, "the answer does not name the events")
        return configuration.value.topic, (None,)
    # An undocumented event becomes None, so it cannot count as "not configured" for one that a control
    # requires.
    events = dict.fromkeys(event if event in _ALL_EVENTS else None for event in configuration.value.events)
    if None in events:
        new = next(event for event in configuration.value.events if event not in _ALL_EVENTS)
        for column in _EVENTS[1:]:
            notes.unknown(column, f"the event {new} is not one that AWS documents")
    return configuration.value.topic, (
        *(event for event in events if event),
        *((None,) if None in events else ()),
    )


def _approval_team(vault: Vault, notes: Notes) -> str | None:
    """Return the team's ARN, or "": a plain vault has none, and for an air-gapped one it is optional."""
    details = vault.details
    # ListBackupVaults does not return the team; only DescribeBackupVault does (MpaApprovalTeamArn).
    if details is None and not vault.air_gapped:
        return ""
    if isinstance(details, Known):
        notes.evidence("approval_team", details.refs)
        return details.value.approval_team or ""
    because = "the description of the vault was not read"
    notes.unknown("approval_team", because, details.gap if isinstance(details, Unread) else None)
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyColumns:
    """The columns of a vault's row that are about its key."""

    key_kind: str | None
    key_enabled: Ternary
    key_deletion_at: str | None


def key_columns(vault: Vault, plane: ControlPlane, notes: Notes) -> KeyColumns:
    """Build the columns. A key that AWS manages or owns can be neither disabled nor deleted."""
    named = plane.vault_key(vault)
    kind = None if named is None else named.kind
    if kind is None:
        notes.unknown("key_kind", "who manages its key is unknown", named.kind_gap if named else None)
    if kind in (KeyKind.AWS_MANAGED, KeyKind.AWS_OWNED):
        return KeyColumns(key_kind=kind.value if kind else None, key_enabled=True, key_deletion_at="")
    # A customer managed key may belong to another account, whose scan described it, or did not.
    key = plane.described_key(vault)
    if key is not None:
        notes.evidence("key_enabled", key.refs)
    enabled = key_usable(key)
    deletion = _deletion(key)
    for column, value in (("key_enabled", enabled), ("key_deletion_at", deletion)):
        if value is None:
            notes.unknown(column, "the state of its key is unknown", _gap(vault, key))
    return KeyColumns(
        key_kind=kind.value if kind else None,
        key_enabled=enabled,
        key_deletion_at=deletion,
    )


def key_usable(key: Key | None) -> Ternary:
    """Check whether a key is enabled and not scheduled for deletion, as DescribeKey reports it.

    None: this version does not know the state.
    """
    if key is None:
        return None
    # A scheduled deletion makes a key unusable at once, not only at its date (AWS KMS, "Key states").
    if key.deletion_at is not None or key.state in _UNUSABLE_STATES:
        return False
    if key.state is None:
        # An answer may have `Enabled` without `KeyState`: both are optional in the API model.
        return key.enabled
    return True if key.state in _USABLE_STATES else None


def _deletion(key: Key | None) -> str | None:
    if key is None or (key.state is None and key.deletion_at is None):
        return None
    # Pending deletion without a date must not read as "no deletion scheduled".
    return instant_text(key.deletion_at) or ("" if not _deletion_pending(key) else None)


def _deletion_pending(key: Key) -> bool:
    """Check whether its deletion is scheduled; AWS may not report the date."""
    return key.state in ("PendingDeletion", "PendingReplicaDeletion")


def _gap(vault: Vault, key: Key | None) -> Gap | None:
    """Return the missing read that leaves the state of the key unknown, if there is one."""
    if key is None or isinstance(key.kind, Known):
        return None
    # The missing read explains nothing if the vault names no key.
    return key.kind.gap if isinstance(key.kind, Unread) and vault.key else None


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyColumns:
    """The columns of a vault's row that depend on its access policy."""

    has_policy: Ternary
    deletion_guards: tuple[DeletionGuard, ...]
    policy_stays_in_organization: Ternary
    outsiders: tuple[str | None, ...]
    copying_principals: tuple[str | None, ...]


def policy_columns(vault: Vault, plane: ControlPlane, as_of: datetime, notes: Notes) -> PolicyColumns:
    """Build the columns. Conditions on time are evaluated as of the evaluation's clock."""
    if isinstance(vault.policy, Unread):
        for column in _COLUMNS:
            notes.unknown(column, "its access policy was not read", vault.policy.gap)
        return PolicyColumns(
            has_policy=None,
            deletion_guards=tuple(_unread_guards()),
            policy_stays_in_organization=None,
            outsiders=(None,),
            copying_principals=(None,),
        )
    for column in _COLUMNS:
        notes.evidence(column, vault.policy.refs)
    document = parse(vault.policy.value)
    organization = plane.organization
    # A vault's account may be missing from the organisation: then its path is unknown, not empty.
    member = organization.accounts.get(vault.account)
    context = context_of(organization, member.ou_path if member else None)
    context = replace(context, as_of=as_of, partition=partition_of(vault.region))
    # The columns below are unknown as well, and say why themselves.
    if not document.readable:
        notes.unknown("deletion_guards", f"its access policy could not be parsed: {document.problem}")
    stays_inside, outside = _external_principals(document, vault, plane, context, notes)
    return PolicyColumns(
        has_policy=document.exists,
        deletion_guards=tuple(_guards(document, vault, context, notes)),
        policy_stays_in_organization=stays_inside,
        outsiders=outside,
        copying_principals=_copying_principals(document, vault, plane, context, notes),
    )


def _unread_guards() -> Iterator[DeletionGuard]:
    # A guard for each action even so: the controls judge three answers, never the absence of a row.
    for action in DELETION_ACTIONS:
        because = "the access policy was not read"
        yield DeletionGuard(
            action=_short(action), denied=None, exceptions=(None,), spares_unnamed=None, because=because
        )


def _guards(document: Document, vault: Vault, context: Context, notes: Notes) -> Iterator[DeletionGuard]:
    for action in DELETION_ACTIONS:
        denial = denied_to_all(
            document, action=action, resource=vault.arn, vault_account=vault.account, context=context
        )
        if denial.denied is None and document.readable:
            notes.unknown(
                "deletion_guards", f"whether {_short(action)} is denied is unknown: {denial.because}"
            )
        yield DeletionGuard(
            action=_short(action),
            denied=denial.denied,
            # Exceptions of a Deny that cannot be decided may be any principals.
            exceptions=denial.exceptions if denial.denied is not None else (None,),
            # An exception without a name (a condition on tags, say) may exempt any principal.
            spares_unnamed=None if denial.denied is None else None in denial.exceptions,
            because=denial.because,
        )


def _short(action: str) -> str:
    return action.removeprefix("backup:")


def _external_principals(
    document: Document, vault: Vault, plane: ControlPlane, context: Context, notes: Notes
) -> tuple[Ternary, tuple[str | None, ...]]:
    """Return whether the policy admits only the organisation, and which principals it admits outside."""
    organization = plane.organization
    outside_access = external_principals(
        document,
        organization_id=organization.id.value if isinstance(organization.id, Known) else None,
        member_accounts=plane.known_members,
        vault_account=vault.account,
        # Without the management account's id, an account that is not listed may be that one (ruling 15).
        complete=isinstance(organization.members, Known)
        and isinstance(organization.management_account, Known),
        resource=vault.arn,
        context=context,
    )
    if None in outside_access.who:
        because = (
            outside_access.because
            if outside_access.admitted is None
            else "it may allow other principals outside the organisation"
        )
        gap = _organization_gap(organization) if document.readable else None
        notes.unknown("outsiders", because, gap)
        if outside_access.admitted is None:
            notes.unknown("policy_stays_in_organization", because, gap)
    stays_inside = None if outside_access.admitted is None else not outside_access.admitted
    return stays_inside, outside_access.who


def _organization_gap(organization: Organization) -> Gap | None:
    for reading in (organization.id, organization.members, organization.management_account):
        if isinstance(reading, Unread):
            return reading.gap
    return None


def _copying_principals(
    document: Document, vault: Vault, plane: ControlPlane, context: Context, notes: Notes
) -> tuple[str | None, ...]:
    """Return who the policy allows to copy into the vault; ends with None if others may be allowed."""
    admission = who_can(
        document, action=COPY_INTO, resource=vault.arn, context=context, member_accounts=plane.known_members
    )
    if admission.complete and not admission.undecided:
        return admission.allowed
    because = (
        # Three are enough to act on; a generated policy may have hundreds of statements.
        "; ".join(f"{undecided.principals}: {undecided.because}" for undecided in admission.undecided[:3])
        or admission.because
    )
    notes.unknown("copying_principals", f"which other principals may copy into it is unknown ({because})")
    return (*admission.allowed, None)
