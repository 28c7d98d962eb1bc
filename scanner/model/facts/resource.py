"""The table `resource`."""

from dataclasses import dataclass
from typing import Final

from scanner.model.facts.base import Row, column
from scanner.model.facts.parts import (
    BackupPlace,
    CopyLinks,
    CoveredBy,
    NearMiss,
    NewestRecoveryPoint,
    PassedOver,
    PlaceRecoveryPoint,
    Remedy,
    ResourceCopy,
    RuleTerms,
    SkippedStart,
    Tag,
)
from scanner.model.facts.past import (
    COPY_JOB_READS,
    JOB_READS,
    RESTORE_READS,
    BackupJobResult,
    CopyChain,
    RestoreResult,
)
from scanner.model.facts.reads import (
    COPY_READS,
    ENCRYPTION_READS,
    KEY_READS,
    NEWEST_READS,
    OPT_IN_READS,
    PLACE_READS,
    RESOURCE_READS,
    RULE_READS,
    TAG_READS,
)
from scanner.model.known import Ternary


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreeTwoOneOneZero:
    """The pieces of 3-2-1-1-0, each true, false or not known.

    `copies` and `accounts` count those that are known, the resource itself included. A copy of the data is a
    vault with a usable recovery point; an effective copy action is not a copy yet. `failures`: what failed
    in the newest backup, copy and restore test; no restore test in 90 days is a failure, too.
    """

    copies: int
    three_copies: Ternary
    accounts: int
    two_accounts: Ternary
    other_region: Ternary
    immutable: Ternary
    failures: tuple[str, ...]
    no_failure: Ternary


SURVIVAL_READS: Final = (*PLACE_READS, *COPY_READS)
THREE_TWO_ONE_READS: Final = (*PLACE_READS, *JOB_READS, *COPY_JOB_READS, *RESTORE_READS)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceFacts(Row):
    """One resource of a type that AWS Backup supports."""

    capability: str = column("The row of the capability table that applies to it.", RESOURCE_READS)
    state: str | None = column(
        "Its state as its service spells it; of a virtual machine, that of its hypervisor.",
        (*RESOURCE_READS, "backup-gateway:ListHypervisors"),
    )
    assessable: Ternary = column(
        "False where AWS Backup skips it (deleted, being made, a leftover of a restore test), and where it "
        "cannot back up its kind.",
        (*RESOURCE_READS, *TAG_READS),
    )
    unsupported_kind: str | None = column(
        "The kind that AWS Backup cannot back up, where it is one: instance_store, rds_custom, rds_outposts, "
        "ontap_data_protection, ontap_load_sharing, ontap_flexcache, lustre_scratch, lustre_data_repository, "
        "s3_directory, s3_outposts; else empty.",
        RESOURCE_READS,
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
    size_gib: float | None = column(
        "Its size in GiB, where its service reports one; of an instance, that of its volumes. NULL: no size "
        "is reported (S3, Aurora, Neptune, DocumentDB, EKS, stacks ...), or it was not read.",
        RESOURCE_READS,
    )
    size_kind: str | None = column(
        "What the size measures: provisioned (allocated) or used (stored, as last measured).", RESOURCE_READS
    )
    encrypted: Ternary = column("Whether it is encrypted at rest.", (*RESOURCE_READS, *ENCRYPTION_READS))
    key_kind: str | None = column(
        "Who manages its key: none, aws_owned, aws_managed, customer_managed.", KEY_READS
    )
    covered: Ternary = column("Whether at least one rule covers it.", (*RESOURCE_READS, *RULE_READS))
    covered_by: tuple[CoveredBy | None, ...] = column(
        "Its covering rules, and what each covers it through.", RULE_READS
    )
    rules: tuple[RuleTerms | None, ...] = column("Its covering rules.", RULE_READS)
    left_out: tuple[str | None, ...] = column(
        "What the advanced settings of its covering plans leave out of its backups: ACLs and tags of S3 "
        "objects, Windows VSS; a clause each.",
        RULE_READS,
    )
    longest_wait_hours: tuple[float | None, ...] = column(
        "The longest wait between two starts of its covering rules taken together, in hours; 999999: they "
        "start less than twice. A NULL after it: more rules may cover it, or when one of them starts is not "
        "known; these can only shorten the wait.",
        RULE_READS,
    )
    skipped_starts: tuple[SkippedStart | None, ...] = column(
        "Of each covering rule the first start that daylight saving skips, where the longest wait is due to "
        "such starts; else empty.",
        RULE_READS,
    )
    several_continuous_rules: Ternary = column(
        "Whether more than one of its covering rules is continuous.", RULE_READS
    )
    incremental: str | None = column(
        "How its backups after the first are made: always (incremental), never (each is full), or "
        "continuous_only (snapshots are full, a continuous backup is incremental). NULL: AWS does not say, "
        "or the Region settings, which decide, were not read.",
        (*RESOURCE_READS, "backup:DescribeRegionSettings"),
    )
    continuous_supported: Ternary = column(
        "Whether AWS Backup makes continuous backups of its type.", RESOURCE_READS
    )
    copies: tuple[ResourceCopy | None, ...] = column("The copy actions of its covering rules.", COPY_READS)
    copy_links: tuple[CopyLinks | None, ...] = column(
        "The chain of each of `copies`, in the same order: the conditions for it to succeed.", COPY_READS
    )
    newest_recovery_points: tuple[PlaceRecoveryPoint | None, ...] = column(
        "Its newest usable recovery point in each vault of its own account and Region.", NEWEST_READS
    )
    newest_recovery_point: NewestRecoveryPoint = column("The newest of them.", NEWEST_READS)
    places: tuple[BackupPlace | None, ...] = column(
        "Its newest usable recovery point in each vault of its own account and Region, and in each that a "
        "copy action or a copy job of it names, in any account and Region.",
        PLACE_READS,
    )
    air_gap_supported: Ternary = column(
        "Whether backups of its type can be stored in a logically air-gapped vault.",
        (*RESOURCE_READS, "backup:DescribeRegionSettings"),
    )
    backup_jobs: tuple[BackupJobResult | None, ...] = column(
        "Its backup jobs of the last 30 days, the newest first.", JOB_READS
    )
    copy_jobs: tuple[CopyChain | None, ...] = column(
        "For each rule and vault that copy jobs of it name, the result of the newest finished one.",
        COPY_JOB_READS,
    )
    restores: tuple[RestoreResult | None, ...] = column(
        "Its restores, newest first: the jobs of the last 30 days, and the newest one before that.",
        RESTORE_READS,
    )
    type_restores: tuple[RestoreResult | None, ...] = column(
        "The newest completed and validated restore of a resource of its type in its account and Region.",
        RESTORE_READS,
    )
    survives_region_loss: Ternary = column(
        "Whether there is a usable recovery point, or an effective copy, outside its Region.", SURVIVAL_READS
    )
    survives_region_loss_because: str = column("What makes it so, or why not.", SURVIVAL_READS)
    survives_account_compromise: Ternary = column(
        "Whether one is where no principal of its own account can delete it: in a vault of another account "
        "that does not allow its account to delete, or in one with a compliance lock in force or an air gap.",
        SURVIVAL_READS,
    )
    survives_account_compromise_because: str = column("What makes it so, or why not.", SURVIVAL_READS)
    survives_key_loss: Ternary = column(
        "Whether one needs no key that is lost with its own: a key is lost with every key of its account "
        "and Region, and with its replicas in other Regions.",
        SURVIVAL_READS,
    )
    survives_key_loss_because: str = column("What makes it so, or why not.", SURVIVAL_READS)
    survives_vault_loss: Ternary = column(
        "Whether backups remain if any one vault is lost: there are backups in two vaults, or in one that no "
        "principal can delete from.",
        SURVIVAL_READS,
    )
    survives_vault_loss_because: str = column("What makes it so, or why not.", SURVIVAL_READS)
    survives_backup_account_loss: Ternary = column(
        "Whether backups remain if an account that holds them is lost: there are backups in two accounts.",
        SURVIVAL_READS,
    )
    survives_backup_account_loss_because: str = column("What makes it so, or why not.", SURVIVAL_READS)
    three_two_one_one_zero: ThreeTwoOneOneZero = column(
        "The pieces of 3-2-1-1-0: three copies, two accounts, another Region, one immutable, no failure.",
        THREE_TWO_ONE_READS,
    )
    opt_in_decides: Ternary = column(
        "Whether a selection matches it and the Region's service opt-in decides: it names neither the type "
        "nor the ARN, or the opt-in always applies to the type.",
        (*RESOURCE_READS, *OPT_IN_READS),
    )
    opted_in: Ternary = column(
        "Whether the opt-in to its type is on wherever it decides, for an Organizations plan the management "
        "account's; where it decides nowhere, whether its own account is opted in.",
        OPT_IN_READS,
    )
    opt_in_reason: str = column(
        "What is wrong with the opt-in, or unknown about it; else empty.", OPT_IN_READS
    )
    passed_over: tuple[PassedOver | None, ...] = column(
        "Where no rule is certain to cover it: selections that match it, but exclude it by a condition, an "
        "exclusion or the opt-in; at most 20.",
        RULE_READS,
    )
    near_misses: tuple[NearMiss, ...] = column(
        "Where no rule covers it: the selections that come closest, at most 3, closest first: a tag "
        "in another spelling, an ARN that almost matches, an exclusion, the opt-in, another value, no tag.",
        RULE_READS,
    )
    nearest: str = column("The same in sentences; empty where no selection comes close.", RULE_READS)
    remedy: Remedy = column(
        "What makes the closest selection select it, verified on the selection; empty where nothing does.",
        RULE_READS,
    )
    selections_asked: int | None = column(
        "How many backup selections of its account and Region were evaluated.",
        ("backup:ListBackupPlans", "backup:ListBackupSelections"),
    )
    uncertain: tuple[str, ...] = column(
        "Backup selections of which it is not known whether they select it.", RULE_READS
    )
