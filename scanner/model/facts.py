"""The fact tables: one documented row a subject, which controls are asked of.

Each dataclass below is one table; its fields are the columns, and each field's metadata says what the
column means and which reads it rests on. `docs/facts.md`, the Parquet schemas, the check of control
expressions and the list of what a refused read blinds are all made from them.

Two rules keep the third value alive (catalogue, ruling 2). None means "not known" and nothing else:
what is known to be absent has a value of its own. A list that may be incomplete ends with one None.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, get_type_hints

from scanner.model.ternary import Ternary

FOREVER_DAYS: Final = 999_999
"""A retention without an end, in days: longer than the 36,500 that AWS Backup admits (facts 4)."""

NEVER_HOURS: Final = 999_999.0
"""The longest wait between two starts of a schedule that starts less than twice, in hours."""

TAG_READS: Final = (
    "resourcegroupstaggingapi:GetResources",
    "backup-gateway:ListTagsForResource",
    "dsql:GetCluster",
    "dsql:ListTagsForResource",
    "dynamodb:ListTagsOfResource",
    "eks:DescribeCluster",
    "eks:ListTagsForResource",
    "redshift-serverless:ListTagsForResource",
    "s3:GetBucketTagging",
    "storagegateway:ListTagsForResource",
    "timestream-write:ListTagsForResource",
)
SELECTION_READS: Final = (
    "backup:ListBackupPlans",
    "backup:ListBackupSelections",
    "backup:GetBackupSelection",
    "backup:DescribeRegionSettings",
    *TAG_READS,
)
RULE_READS: Final = (*SELECTION_READS, "backup:GetBackupPlan")
PLAN_READS: Final = ("backup:ListBackupPlans", "backup:GetBackupPlan")
RESOURCE_READS: Final = (
    "ec2:DescribeInstances",
    "ec2:DescribeVolumes",
    "rds:DescribeDBInstances",
    "rds:DescribeDBClusters",
    "dynamodb:ListTables",
    "dynamodb:DescribeTable",
    "efs:DescribeFileSystems",
    "fsx:DescribeFileSystems",
    "fsx:DescribeVolumes",
    "s3:ListBuckets",
    "storagegateway:ListVolumes",
    "storagegateway:DescribeCachediSCSIVolumes",
    "storagegateway:DescribeStorediSCSIVolumes",
    "dsql:ListClusters",
    "dsql:GetCluster",
    "redshift:DescribeClusters",
    "redshift-serverless:ListNamespaces",
    "timestream-write:ListTables",
    "backup-gateway:ListVirtualMachines",
    "cloudformation:DescribeStacks",
    "ssm-sap:ListDatabases",
    "ssm-sap:GetDatabase",
    "eks:ListClusters",
    "eks:DescribeCluster",
)
ENCRYPTION_READS: Final = ("s3:GetBucketEncryption", "timestream-write:ListDatabases")
KEY_READS: Final = (
    "kms:DescribeKey",
    "kms:ListAliases",
    "dsql:GetCluster",
    "eks:DescribeCluster",
    "fsx:DescribeFileSystems",
    "storagegateway:DescribeCachediSCSIVolumes",
    "storagegateway:DescribeStorediSCSIVolumes",
    *ENCRYPTION_READS,
)
VAULT_READS: Final = ("backup:ListBackupVaults",)
POINT_READS: Final = ("backup:ListBackupVaults", "backup:ListRecoveryPointsByBackupVault")
COPY_READS: Final = (
    *RULE_READS,
    *KEY_READS,
    "kms:GetKeyPolicy",
    "backup:ListBackupVaults",
    "backup:GetBackupVaultAccessPolicy",
    "backup:DescribeGlobalSettings",
    "organizations:ListAccounts",
    "organizations:DescribeOrganization",
)


def column(doc: str, reads: tuple[str, ...] = ()) -> Any:  # noqa: ANN401 -- as dataclasses.field
    """Declare a column: what it means, and the operations that it rests on (`service:Operation`)."""
    return field(metadata={"doc": doc, "reads": tuple(dict.fromkeys(reads))})


@dataclass(frozen=True, slots=True)
class NotKnown:
    """Why a column of a row is NULL, or a list of it incomplete."""

    about: str  # the column
    reason: str


@dataclass(frozen=True, slots=True)
class Reference:
    """An evidence line that a column of a row rests on."""

    about: str  # the column; empty: the row as a whole
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag of a resource."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class CoveredBy:
    """A covering rule, and through what it covers: `selection`, `instance`, `cluster` or `stack`."""

    rule: str
    via: str
    parent: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTerms:
    """A rule of a plan, as far as its schedule and its retention go."""

    rule: str
    plan: str
    name: str
    vault: str
    schedule: str
    timezone: str
    max_gap_hours: float
    retention_days: int
    keeps_forever: bool
    continuous: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceCopy:
    """A copy action of a covering rule, as it fares for one resource."""

    copy_action: str
    rule: str
    kind: str  # copy_action or air_gapped_target
    destination: str
    destination_account: str
    destination_region: str
    cross_region: bool
    cross_account: bool
    effective: Ternary
    reason: str
    copied_as: str  # snapshot where a continuous backup is copied, else empty


@dataclass(frozen=True, slots=True)
class PlaceRecoveryPoint:
    """The newest usable recovery point of a resource in one vault of its own account and Region."""

    arn: str
    vault: str
    created_at: str
    age_hours: float


@dataclass(frozen=True, slots=True)
class NewestRecoveryPoint:
    """The newest usable recovery point that was seen; `exists` is None when one may be unseen."""

    exists: Ternary
    arn: str | None
    vault: str | None
    created_at: str | None
    age_hours: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The columns that every fact table has."""

    subject: str = column("The subject as findings name it: an ARN, or a name made of ARNs.")
    subject_type: str = column("AWS Backup's own resource type, or plan, vault, recovery_point ...")
    account: str = column("The account of the shard.")
    region: str = column("The Region of the shard.")
    name: str = column("A short name for people.")
    not_applicable_because: str = column("Why no control applies to this subject; empty when they do.")
    not_known: tuple[NotKnown, ...] = column("Why columns are NULL or lists incomplete.")
    evidence: tuple[Reference, ...] = column("The evidence lines that columns rest on.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceFacts(Row):
    """One resource of a type that AWS Backup supports."""

    capability: str = column("The row of the capability table that applies to it.", RESOURCE_READS)
    state: str | None = column(
        "Its state as its service spells it; of a virtual machine, that of its hypervisor.",
        (*RESOURCE_READS, "backup-gateway:ListHypervisors"),
    )
    assessable: Ternary = column(
        "False where AWS Backup skips it: deleted, being made, a leftover of a restore test.",
        (*RESOURCE_READS, *TAG_READS),
    )
    tags: tuple[Tag, ...] | None = column(
        "Its tags.",
        TAG_READS,
    )
    versioned: Ternary = column(
        "Of a bucket: whether versioning is enabled, without which AWS Backup cannot back it up. "
        "True for every other type.",
        ("s3:GetBucketVersioning",),
    )
    created_at: str | None = column("When it was made.", RESOURCE_READS)
    encrypted: Ternary = column("Whether it is encrypted at rest.", (*RESOURCE_READS, *ENCRYPTION_READS))
    key_kind: str | None = column(
        "Who manages its key: none, aws_owned, aws_managed, customer_managed.", KEY_READS
    )
    covered: Ternary = column("Whether at least one rule covers it.", (*RESOURCE_READS, *RULE_READS))
    covered_by: tuple[CoveredBy | None, ...] = column("Its covering rules, and through what.", RULE_READS)
    rules: tuple[RuleTerms | None, ...] = column("Its covering rules.", RULE_READS)
    copies: tuple[ResourceCopy | None, ...] = column("The copy actions of its covering rules.", COPY_READS)
    newest_recovery_points: tuple[PlaceRecoveryPoint | None, ...] = column(
        "Its newest usable recovery point in each vault of its own account and Region.", POINT_READS
    )
    newest_recovery_point: NewestRecoveryPoint = column("The newest of them.", POINT_READS)
    uncertain: tuple[str, ...] = column(
        "Backup selections of which it is not known whether they select it.", RULE_READS
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFacts(Row):
    """One backup plan."""

    rules: tuple[RuleTerms | None, ...] = column("Its rules.", PLAN_READS)
    from_organization: bool = column(
        "Whether an Organizations backup policy made it.", ("backup:ListBackupPlans",)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletionGuard:
    """For one deletion action: whether every principal but `exceptions` is denied it by the policy.

    `exceptions` are ARN patterns; an exception whose ARN cannot be told (by aws:userId) is a None.
    """

    action: str
    denied: Ternary
    exceptions: tuple[str | None, ...]
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultFacts(Row):
    """One backup vault."""

    vault_type: str = column("BACKUP_VAULT, LOGICALLY_AIR_GAPPED_BACKUP_VAULT ...", VAULT_READS)
    lock_mode: str | None = column(
        "none, governance or compliance; a compliance lock still in its grace time counts as governance, "
        "a logically air-gapped vault as compliance.",
        VAULT_READS,
    )
    lock_grace_until: str = column(
        "When the grace time of a compliance lock ends; empty: none runs.", VAULT_READS
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
    key_kind: str | None = column("Who manages its key.", ("kms:DescribeKey", "kms:ListAliases"))
    has_policy: Ternary = column("Whether it has an access policy.", ("backup:GetBackupVaultAccessPolicy",))
    protected_by: str | None = column(
        "What makes its recovery points undeletable without a policy: compliance_lock, air_gapped, or empty.",
        VAULT_READS,
    )
    deletion_guards: tuple[DeletionGuard, ...] = column(
        "For each deletion action, whether the access policy denies it to everybody.",
        ("backup:GetBackupVaultAccessPolicy",),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryPointFacts(Row):
    """One recovery point in one vault."""

    resource: str = column("The ARN of what it is a backup of.", POINT_READS)
    resource_type: str = column("Its type, as AWS Backup spells it.", POINT_READS)
    vault: str = column("The ARN of the vault that holds it.", POINT_READS)
    status: str | None = column("Its status.", POINT_READS)
    usable: Ternary = column("COMPLETED or AVAILABLE.", POINT_READS)
    created_at: str | None = column("When it was made.", POINT_READS)
    age_hours: float | None = column(
        "Its age at the clock of the evaluation; 0 for a continuous one.", POINT_READS
    )
    encrypted: Ternary = column("IsEncrypted.", POINT_READS)
    retention_days: int | None = column(
        "From creation to expiry in days; 999999: it never expires.", POINT_READS
    )
    keeps_forever: Ternary = column("Whether it never expires.", POINT_READS)
    continuous: bool = column("Whether it is a continuous backup.", POINT_READS)
    temporary: bool = column(
        "Whether it is deleted as soon as it is copied (DELETE_AFTER_COPY).", POINT_READS
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyInTheWay:
    """A resource that cannot be copied across accounts, and the key that stops it."""

    resource: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CoveredKey:
    """A resource that a copy action's rule covers, and how it is encrypted."""

    resource: str
    capability: str
    fully_managed: Ternary
    encrypted: Ternary
    key: str
    key_kind: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyActionFacts(Row):
    """One copy action of one rule, or the rule's logically air-gapped target."""

    plan: str = column("The plan's ARN.", PLAN_READS)
    rule: str = column("The rule, as findings name it.", PLAN_READS)
    kind: str = column("copy_action or air_gapped_target.", PLAN_READS)
    destination: str = column("The ARN of the destination vault.", PLAN_READS)
    destination_account: str = column("Its account.", PLAN_READS)
    destination_region: str = column("Its Region.", PLAN_READS)
    cross_account: bool = column("Whether it lies in another account.", PLAN_READS)
    cross_region: bool = column("Whether it lies in another Region.", PLAN_READS)
    destination_exists: Ternary = column("Whether the destination vault exists.", (*PLAN_READS, *VAULT_READS))
    destination_reserved: bool = column(
        "Whether it is the vault named Default, or EFS's own aws/efs/automatic-backup-vault.", RULE_READS
    )
    destination_air_gapped: Ternary = column(
        "Whether it is logically air-gapped.", (*PLAN_READS, *VAULT_READS)
    )
    destination_key_kind: str | None = column(
        "Who manages the destination vault's key.",
        (*PLAN_READS, *VAULT_READS, "kms:DescribeKey", "kms:ListAliases"),
    )
    retention_days: int = column("How long the copy is kept, in days; 999999: for ever.", PLAN_READS)
    keeps_forever: bool = column("Whether the copy never expires.", PLAN_READS)
    covers_resources: Ternary = column(
        "Whether its rule covers at least one resource.", (*RESOURCE_READS, *RULE_READS)
    )
    covered_keys: tuple[CoveredKey | None, ...] = column(
        "The resources that its rule covers, and their keys.", (*RESOURCE_READS, *RULE_READS, *KEY_READS)
    )
    blocked: tuple[KeyInTheWay, ...] = column(
        "The resources that a key keeps from being copied across accounts, and which key.",
        (*RESOURCE_READS, *RULE_READS, *KEY_READS),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingRead:
    """A read that a selected control needed and that was not made or not answered."""

    operation: str
    about: str
    kind: str
    code: str
    message: str
    blinds: tuple[str, ...]  # the selected controls that it blinds


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRegionFacts(Row):
    """One account in one Region of the scope."""

    status: str = column("complete, partial, failed, skipped or missing.")
    skipped: bool = column("Whether the account has not enabled the Region.")
    missing_reads: tuple[MissingRead, ...] = column(
        "Reads that the selected controls need and that are missing."
    )


TABLES: Final[Mapping[str, type[Row]]] = {
    "resource": ResourceFacts,
    "plan": PlanFacts,
    "vault": VaultFacts,
    "recovery_point": RecoveryPointFacts,
    "copy_action": CopyActionFacts,
    "account_region": AccountRegionFacts,
}
"""The fact tables by the name that controls and queries use."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a fact table. `type` is the Python annotation of the field."""

    name: str
    type: Any
    doc: str
    reads: tuple[str, ...]


def columns(table: str) -> tuple[Column, ...]:
    """Give the columns of a fact table, in order. KeyError: there is no such table."""
    row = TABLES[table]
    hints = get_type_hints(row)
    return tuple(Column(f.name, hints[f.name], f.metadata["doc"], f.metadata["reads"]) for f in fields(row))
