"""The inventory: everything in the evidence, as typed rows.

A field of type `Reading` needed a call of its own and may be a gap; every other field came with the
list that names the row. Optional scalars are None where AWS may leave the field out and its absence has
no meaning; where it has one, the field's comment says which.
All instants are aware datetimes in UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from scanner.model.assurance import Assurance
from scanner.model.known import EvidenceRef, Gap, Known, Reading, Ternary
from scanner.model.names import AccountId, Arn, RegionName, Shard

Tags = Mapping[str, str]


class KeyKind(StrEnum):
    """Who manages an encryption key (catalogue, ruling 6)."""

    NONE = "none"  # not encrypted
    AWS_OWNED = "aws_owned"
    AWS_MANAGED = "aws_managed"
    CUSTOMER_MANAGED = "customer_managed"


@dataclass(frozen=True, slots=True)
class Encryption:
    """How a resource is encrypted at rest. `keys`: ARNs or ids; empty with `encrypted` = AWS owned key."""

    encrypted: bool | None
    keys: tuple[str, ...] = ()


class SizeKind(StrEnum):
    """What the size of a resource measures."""

    PROVISIONED = "provisioned"  # what was allocated, whatever part of it is used
    USED = "used"  # what is stored, as the service last measured it


@dataclass(frozen=True, slots=True)
class Size:
    """The size of a resource."""

    bytes: int
    kind: SizeKind

    @property
    def gib(self) -> float:
        """The size in gibibytes."""
        return gib(self.bytes)


def gib(number: int) -> float:
    """Return a number of bytes in gibibytes, to the KiB."""
    return round(number / 2**30, 6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A resource that AWS Backup can back up."""

    arn: Arn
    type: str  # AWS Backup's own spelling: EBS, DynamoDB, Aurora …
    capability: str  # the row of the capability table that applies: DynamoDB_ADVANCED, RDS_MULTI_AZ_CLUSTER …
    account: AccountId
    region: RegionName
    name: str
    state: str | None
    tags: Reading[Tags]
    encryption: Reading[Encryption]
    created_at: datetime | None = None
    attached_to: tuple[Arn, ...] = ()  # whose backups contain it: a volume's instances, a stack's parent
    members: tuple[
        Arn, ...
    ] = ()  # of a database cluster: its instances, which are not resources of their own
    versioned: Reading[bool] | None = None  # of a bucket only
    windows: bool = False  # of an instance: whether it runs Windows
    product_codes: tuple[str, ...] = ()  # of an instance: AWS Marketplace product codes
    unsupported_kind: str | None = ""  # a key of `protection.unsupported`; empty: none; None: not known
    stack: str | None = None  # the CloudFormation stack that made it, by its aws: tag
    size: Reading[Size] | None = None  # None: its service reports none
    refs: tuple[EvidenceRef, ...] = ()


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """How long a recovery point is kept. None: not set (kept for ever, never moved to cold storage).

    `archive_opt_in`: OptInToArchiveForSupportedResources, without which AWS Backup does not archive EBS.
    """

    delete_after_days: int | None = None
    move_to_cold_after_days: int | None = None
    archive_opt_in: bool = False


@dataclass(frozen=True, slots=True)
class CopyAction:
    """One copy action of a rule. `air_gapped` marks the rule's own logically air-gapped target."""

    destination: Arn
    lifecycle: Lifecycle
    air_gapped: bool = False


@dataclass(frozen=True, slots=True)
class ScanAction:
    """A malware scan of a rule's recovery points: GUARDDUTY, and FULL_SCAN or INCREMENTAL_SCAN."""

    scanner: str
    mode: str


@dataclass(frozen=True, slots=True)
class BackupRule:
    """One rule of a backup plan.

    A window that is None is not set: AWS Backup's default applies. `recovery_point_tags` are set on its
    recovery points; `index_types` are the types whose backups it indexes for search.
    """

    id: str
    name: str
    target_vault: str  # a name: a plan acts in its own account and Region only
    schedule: str | None  # None: the default schedule
    timezone: str
    start_window_minutes: int | None
    continuous: bool
    lifecycle: Lifecycle
    copies: tuple[CopyAction, ...]
    completion_window_minutes: int | None = None
    recovery_point_tags: tuple[tuple[str, str], ...] = ()
    index_types: tuple[str, ...] = ()
    scan_actions: tuple[ScanAction, ...] = ()


@dataclass(frozen=True, slots=True)
class TagCondition:
    """One entry of ListOfTags or Conditions. `operator` is spelt as in Conditions: StringEquals."""

    operator: str
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class SelectionTerms:
    """The terms of a backup selection (GetBackupSelection)."""

    resources: tuple[str, ...]
    not_resources: tuple[str, ...]
    list_of_tags: tuple[TagCondition, ...]
    conditions: tuple[TagCondition, ...]
    role: str | None


@dataclass(frozen=True, slots=True)
class BackupSelection:
    """One backup selection of a plan; its terms needed a call of their own."""

    id: str
    name: str
    terms: Reading[SelectionTerms]


@dataclass(frozen=True, slots=True)
class AdvancedSetting:
    """A backup option of a type (AdvancedBackupSettings): WindowsVSS of EC2, BackupACLs of S3 ..."""

    resource_type: str
    option: str
    value: str  # enabled, disabled


@dataclass(frozen=True, slots=True)
class ScanSetting:
    """Which types a plan scans for malware, with which scanner and as which role (ScanSettings)."""

    scanner: str
    resource_types: tuple[str, ...]
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupPlan:
    """One backup plan with its rules and selections.

    `advanced` and `scans` come with the rules: where those were not read, these are empty and mean nothing.
    """

    arn: Arn
    id: str
    name: str
    account: AccountId
    region: RegionName
    rules: Reading[tuple[BackupRule, ...]]
    selections: Reading[tuple[BackupSelection, ...]]  # of a half-read list, those that were seen
    unlisted_selections: Gap | None = None  # the page that is missing of a half-read list of selections
    advanced: tuple[AdvancedSetting, ...] = ()
    scans: tuple[ScanSetting, ...] = ()
    refs: tuple[EvidenceRef, ...] = ()

    @property
    def from_organization(self) -> bool:
        """Whether an Organizations backup policy made it (its id begins with `orgs/`, facts 7)."""
        return self.id.startswith("orgs/")


@dataclass(frozen=True, slots=True)
class VaultLock:
    """A vault's lock (ListBackupVaults). Locked without a `lock_date`: governance mode."""

    locked: Ternary  # None: unknown
    lock_date: datetime | None
    min_retention_days: int | None  # None: no minimum
    max_retention_days: int | None  # None: no maximum


@dataclass(frozen=True, slots=True)
class VaultNotifications:
    """The events that a vault sends to an SNS topic; None: unknown."""

    topic: str | None
    events: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class VaultDetails:
    """The details of DescribeBackupVault that the list of vaults lacks.

    `approval_team`: ARN of its multi-party approval team; None: there is none. `approval_status`: that of
    the last change of the team. `source_vault`: the vault that a restore access vault gives access to.
    """

    approval_team: str | None
    approval_status: str | None
    source_vault: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Vault:
    """One backup vault."""

    arn: Arn
    name: str
    account: AccountId
    region: RegionName
    type: str  # BACKUP_VAULT where the Region leaves it out (facts 5)
    lock: VaultLock
    key: str | None  # ARN or id of its key; None: unknown
    key_type: str | None  # EncryptionKeyType, where AWS reports it
    policy: Reading[str | None]  # JSON text; Known(None): there is none
    recovery_points_read: Reading[None]  # whether its list of recovery points was read to the end
    notifications: Reading[VaultNotifications | None]  # Known(None): there are none
    details: Reading[VaultDetails] | None = None  # None: a plain vault, of which the list has all
    state: str | None = None  # CREATING, AVAILABLE, FAILED
    refs: tuple[EvidenceRef, ...] = ()

    @property
    def air_gapped(self) -> bool:
        """Whether it is a logically air-gapped vault."""
        return self.type == "LOGICALLY_AIR_GAPPED_BACKUP_VAULT"

    @property
    def restore_access(self) -> bool:
        """Whether it only gives access to another account's vault, for restores."""
        return self.type == "RESTORE_ACCESS_BACKUP_VAULT"


@dataclass(frozen=True, slots=True)
class ScanResult:
    """The aggregated result of all malware scans of a recovery point (AggregatedScanResult).

    `findings`: empty where nothing was found, None where they are unknown. `failed`: whether a scan did not
    finish. `point_in_time`, of a continuous one: the status of the newest scan that covered the time of this
    result (GetPITRMalwareScanResults); Known(None): AWS has none; None: not requested.
    """

    failed: bool | None
    findings: tuple[str, ...] | None
    computed_at: datetime | None
    point_in_time: Reading[str | None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryPoint:
    """One recovery point in one vault."""

    arn: Arn
    vault: Arn
    account: AccountId
    region: RegionName
    resource: str
    resource_type: str
    status: str | None
    created_at: datetime | None
    encrypted: bool | None
    key: str | None
    delete_after_days: int | None  # Lifecycle.DeleteAfterDays, where given
    delete_at: datetime | None  # CalculatedLifecycle.DeleteAt, where given
    temporary: bool  # Lifecycle.DeleteAfterEvent = DELETE_AFTER_COPY
    source_vault: str | None  # set on some copies
    created_by_rule: str | None  # PLAN_ARN#RULE_ID, either half empty where it is missing; None: on demand
    scan: ScanResult | None = None  # None: it was not scanned
    last_restored_at: datetime | None = None
    is_parent: bool = False  # a composite one (CloudFormation, EKS): its children hold the data
    parent: str | None = None  # of a child: the ARN of the composite
    size_bytes: int | None = None  # BackupSizeInBytes; None: the list does not report it
    refs: tuple[EvidenceRef, ...] = ()

    @property
    def continuous(self) -> bool:
        """Whether it is a continuous one: the API has no flag, only the ARN shows it (facts 9)."""
        return ":continuous:" in self.arn


class JobKind(StrEnum):
    """The kinds of jobs that are read."""

    BACKUP = "backup"
    COPY = "copy"
    RESTORE = "restore"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One backup, copy or restore job of the last 30 days."""

    kind: JobKind
    id: str
    account: AccountId
    region: RegionName
    state: str | None
    resource: str | None
    resource_type: str | None
    created_at: datetime | None
    completed_at: datetime | None
    message: str | None
    recovery_point: str | None
    destination_vault: str | None = None
    created_by_rule: str | None = None
    message_category: str | None = None  # COMPLETED, and not SUCCESS: completed with issues
    validation_status: str | None = None  # of a restore job that was validated
    validation_message: str | None = None
    restore_testing_plan: str | None = None  # of a restore job: the ARN of the plan that started it
    source_recovery_point: str | None = None  # of a copy job: what is copied
    backup_type: str = ""  # of a backup job: BackupType; empty: AWS gives none
    backup_job: str | None = None  # of a scheduled copy job: the id of the backup job that started it
    parent_job: str | None = None  # of a part of a composite: the id of the whole's job
    refs: tuple[EvidenceRef, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One KMS key that something scanned names."""

    id: str  # as it was named: an ARN, a key id or an alias
    account: AccountId
    region: RegionName
    kind: Reading[KeyKind]
    arn: str | None
    state: str | None
    multi_region: bool | None
    policy: Reading[str]
    enabled: bool | None = None
    deletion_at: datetime | None = None  # when it will be deleted, where that is scheduled
    primary: str | None = None  # of a multi-Region key: the ARN of the primary key
    replicas: tuple[str, ...] = ()  # of a multi-Region key: the ARNs of the replicas
    refs: tuple[EvidenceRef, ...] = ()


@dataclass(frozen=True, slots=True)
class RegionSettings:
    """The settings of a Region (DescribeRegionSettings), by resource type: opt-in and full management.

    `incremental`: the opt-in to incremental backups; None: the answer lacks it, as when an older client
    recorded it.
    """

    opt_in: Mapping[str, bool]
    management: Mapping[str, bool]
    incremental: Mapping[str, bool] | None = None


@dataclass(frozen=True, slots=True)
class LatestRestore:
    """The newest restore of a resource, however long ago (DescribeProtectedResource)."""

    created_at: datetime | None
    minutes: int | None
    recovery_point_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectedResource:
    """One row of ListProtectedResources: backed up at least once, which does not mean "in a plan"."""

    arn: Arn
    type: str
    account: AccountId
    region: RegionName
    last_backup_at: datetime | None
    latest_restore: Reading[LatestRestore | None]  # Known(None): it was never restored
    last_vault: str | None = None
    last_recovery_point: str | None = None
    refs: tuple[EvidenceRef, ...] = ()


@dataclass(frozen=True, slots=True)
class Role:
    """An IAM role. `trust_policy`: JSON text; None: unknown."""

    arn: Arn
    name: str
    path: str
    trust_policy: str | None


INACTIVE_STATUSES: Final = frozenset({"PENDING_ACTIVATION", "SUSPENDED", "PENDING_CLOSURE", "CLOSED"})
"""The statuses of a member account that is not active (AWS Organizations API reference, "Account")."""


@dataclass(frozen=True, slots=True)
class Account:
    """A member of the organisation. `status`: ACTIVE, SUSPENDED …; None: unknown."""

    id: AccountId
    name: str
    status: str | None
    ou_path: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """The organisation as its management account describes it.

    `members` is a gap when ListAccounts was not read to the end: then an account that is not in
    `accounts` may still be a member. `id` and `management_account` are Known(None) without an organisation.
    """

    id: Reading[str | None]
    management_account: Reading[AccountId | None]
    members: Reading[None]
    accounts: Mapping[AccountId, Account]
    cross_account_backup: Reading[bool]

    @property
    def in_use(self) -> bool:
        """Whether there is an organisation: False if the scanned account belongs to none (ruling 18)."""
        return not (isinstance(self.id, Known) and self.id.value is None)


class ShardStatus(StrEnum):
    """How completely a shard was read."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    FAILED = "failed"
    SKIPPED = "skipped"  # the account has not enabled the Region: no gap
    MISSING = "missing"  # in scope, but no evidence file


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardInventory:
    """Everything in the evidence of one account in one Region.

    `lists` has a reading for each list operation (`ec2:DescribeVolumes`): known when it was read to the end.
    `gaps`: all missing reads of this shard, details included. `roles`: those that selections name, by ARN;
    Known(None): there is no such role. `latest_restores`: those of resources that `protected_resources` does
    not list, by ARN.
    """

    shard: Shard
    status: ShardStatus
    lists: Mapping[str, Reading[None]]
    settings: Reading[RegionSettings]
    resources: tuple[Resource, ...] = ()
    plans: tuple[BackupPlan, ...] = ()
    vaults: tuple[Vault, ...] = ()
    recovery_points: tuple[RecoveryPoint, ...] = ()
    jobs: tuple[Job, ...] = ()
    keys: Mapping[str, Key] = field(default_factory=dict)
    key_aliases: Mapping[str, str] = field(default_factory=dict)  # the ARN of a key by its alias's
    protected_resources: tuple[ProtectedResource, ...] = ()
    latest_restores: Mapping[str, Reading[LatestRestore | None]] = field(default_factory=dict)
    assurance: Assurance = field(default_factory=Assurance)
    roles: Mapping[str, Reading[Role | None]] = field(default_factory=dict)
    tagged: tuple[Arn, ...] = ()  # from the tagging API: can only add to the inventory
    gaps: tuple[Gap, ...] = ()
