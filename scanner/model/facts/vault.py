"""The tables `vault` and `recovery_point`."""

from dataclasses import dataclass

from scanner.model.facts.base import Row, column
from scanner.model.facts.past import ORPHAN_READS
from scanner.model.facts.reads import (
    NOTIFICATION_READS,
    ORGANIZATION_READS,
    PLAN_READS,
    POINT_READS,
    POLICY_READS,
    VAULT_KEY_READS,
    VAULT_READS,
)
from scanner.model.known import Ternary


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletionGuard:
    """For one deletion action: whether the policy denies it to every principal but `exceptions`.

    `exceptions` are ARN patterns. `spares_unnamed`: whether there is an exception that is not by ARN
    (aws:userId); the list then ends with a None.
    """

    action: str
    denied: Ternary
    exceptions: tuple[str | None, ...]
    spares_unnamed: Ternary
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultFacts(Row):
    """One backup vault."""

    vault_type: str = column("BACKUP_VAULT, LOGICALLY_AIR_GAPPED_BACKUP_VAULT ...", VAULT_READS)
    air_gapped: bool = column("Whether it is a logically air-gapped vault.", VAULT_READS)
    lock_mode: str | None = column(
        "none, governance or compliance; a compliance lock still in its grace time counts as governance, "
        "a logically air-gapped vault as compliance.",
        VAULT_READS,
    )
    lock_grace_until: str = column(
        "When the grace time of a compliance lock ends; empty: there is none.", VAULT_READS
    )
    min_retention_days: int | None = column("The lock's minimum retention in days; 0: none.", VAULT_READS)
    max_retention_days: int | None = column(
        "The lock's maximum retention in days; 999999: none.", VAULT_READS
    )
    has_recovery_points: Ternary = column("Whether it holds at least one recovery point.", POINT_READS)
    targeted: Ternary = column(
        "Whether a rule of any scanned account targets it or copies into it.",
        PLAN_READS,
    )
    key_kind: str | None = column(
        "Who manages its key: customer_managed, aws_managed or aws_owned.", VAULT_KEY_READS
    )
    key_enabled: Ternary = column(
        "Whether its key works: enabled, not scheduled for deletion. A key that AWS manages or owns always "
        "does.",
        VAULT_KEY_READS,
    )
    key_deletion_at: str | None = column(
        "When its key will be deleted; empty: its deletion is not scheduled.", VAULT_KEY_READS
    )
    has_policy: Ternary = column("Whether it has an access policy.", POLICY_READS)
    protected_by: str | None = column(
        "What makes its recovery points undeletable without a policy: compliance_lock, air_gapped, or empty.",
        VAULT_READS,
    )
    deletion_guards: tuple[DeletionGuard, ...] = column(
        "For each deletion action, whether the access policy denies it to all principals.",
        POLICY_READS,
    )
    policy_stays_in_organization: Ternary = column(
        "Whether its access policy admits no principal outside the organisation; true without a policy.",
        (*POLICY_READS, *ORGANIZATION_READS),
    )
    outsiders: tuple[str | None, ...] = column(
        "Principals outside the organisation that its access policy admits: ARNs, account ids, "
        "`organization o-...`, `anybody`.",
        (*POLICY_READS, *ORGANIZATION_READS),
    )
    copying_principals: tuple[str | None, ...] = column(
        "Principals that its access policy allows to copy into it, as patterns: the root ARN of an account, "
        "a role or user, `o-.../*` for an organisation or a part of it, `*` for all.",
        (*POLICY_READS, "organizations:DescribeOrganization"),
    )
    notification_topic: str | None = column(
        "The SNS topic that its events are sent to; empty: none.", NOTIFICATION_READS
    )
    notification_events: tuple[str | None, ...] = column(
        "The events that are sent to the topic. Deprecated ones, which AWS Backup never sends, are left out.",
        NOTIFICATION_READS,
    )
    notification_events_deprecated: tuple[str | None, ...] = column(
        "The deprecated events in its configuration, which AWS Backup never sends.", NOTIFICATION_READS
    )
    approval_team: str | None = column(
        "The multi-party approval team that is associated with it; empty: none.",
        ("backup:ListBackupVaults", "backup:DescribeBackupVault"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryPointFacts(Row):
    """One recovery point in one vault."""

    resource: str = column("The ARN of the resource that was backed up.", POINT_READS)
    resource_type: str = column("Its type, as AWS Backup spells it.", POINT_READS)
    vault: str = column("The ARN of the vault that holds it.", POINT_READS)
    present: Ternary = column(
        "True; NULL where it is listed in a restore access vault, which only gives access to another vault: "
        "it is unknown whether the backup is there.",
        POINT_READS,
    )
    status: str | None = column("Its status.", POINT_READS)
    usable: Ternary = column("COMPLETED or AVAILABLE.", POINT_READS)
    created_at: str | None = column("When it was made.", POINT_READS)
    age_hours: float | None = column(
        "Its age at the clock of the evaluation; 0 for a continuous one.", POINT_READS
    )
    size_gib: float | None = column("Its size in GiB; NULL: not reported.", POINT_READS)
    encrypted: Ternary = column("IsEncrypted.", POINT_READS)
    retention_days: int | None = column(
        "From creation to expiry in days; 999999: it never expires.", POINT_READS
    )
    keeps_forever: Ternary = column("Whether it never expires.", POINT_READS)
    continuous: bool = column("Whether it is a continuous backup.", POINT_READS)
    temporary: bool = column(
        "Whether it is deleted as soon as it is copied (DELETE_AFTER_COPY).", POINT_READS
    )
    orphaned: Ternary = column(
        "Whether its resource no longer exists in the account and Region where it was.",
        ORPHAN_READS,
    )
    composite: bool = column(
        "Whether it is a composite of a stack or a cluster, whose parts are recovery points of their own.",
        POINT_READS,
    )
    scanned: bool = column("Whether it was scanned for malware.", POINT_READS)
    clean: Ternary = column(
        "Whether its scans found nothing; NULL where a scan failed or its result is unknown, true "
        "where it was not scanned.",
        (*POINT_READS, "backup:GetPITRMalwareScanResults"),
    )
    scan_findings: tuple[str | None, ...] = column(
        "What its scans found; THREATS_FOUND: the newest scan of a continuous backup did.",
        (*POINT_READS, "backup:GetPITRMalwareScanResults"),
    )
