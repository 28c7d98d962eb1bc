"""The table `rule`."""

from dataclasses import dataclass

from scanner.model.facts.base import Row, column
from scanner.model.facts.parts import Tag
from scanner.model.facts.reads import PLAN_READS, RESOURCE_READS, RULE_READS, VAULT_READS
from scanner.model.known import Ternary


@dataclass(frozen=True, slots=True, kw_only=True)
class CoveredType:
    """A resource that a rule covers, its row of the capability table, and whether it can go to cold storage.

    `needs_archive_opt_in`: it could, but the lifecycle lacks OptInToArchiveForSupportedResources.
    """

    resource: str
    capability: str
    cold: Ternary
    needs_archive_opt_in: bool


@dataclass(frozen=True, slots=True)
class MalwareScan:
    """A malware scan: the scanner (GUARDDUTY), and FULL_SCAN or INCREMENTAL_SCAN."""

    scanner: str
    mode: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFacts(Row):
    """One rule of a plan (`subject_type` rule), or one of its copy actions (copy_action)."""

    plan: str = column("The plan's ARN.", PLAN_READS)
    plan_name: str = column("The plan's name.", PLAN_READS)
    kind: str = column("rule, copy_action or air_gapped_target.", PLAN_READS)
    schedule: str = column("When it starts: a cron expression, AWS's default where it has none.", PLAN_READS)
    timezone: str = column("The time zone of the schedule.", PLAN_READS)
    schedule_valid: Ternary = column(
        "Whether it is an AWS cron expression. NULL: AWS neither documents its form nor is known to refuse "
        "it.",
        PLAN_READS,
    )
    schedule_reason: str = column(
        "Why it is no AWS cron expression, why this is unknown, or why it starts less than twice in 400 "
        "days; else empty.",
        PLAN_READS,
    )
    next_start: str | None = column(
        "Its next start within 400 days, in its own time zone; empty: none.", PLAN_READS
    )
    starts_within_a_year: Ternary = column("Whether it starts within 365 days.", PLAN_READS)
    max_gap_hours: float | None = column(
        "The longest wait between two starts, in hours; 999999: it starts less than twice in 400 days.",
        PLAN_READS,
    )
    start_window_minutes: int = column(
        "Within how many minutes a job must start, else it expires; 0: the rule does not set it.", PLAN_READS
    )
    completion_window_minutes: int = column(
        "Within how many minutes of its start a job must complete, else it is canceled; 0: the rule does not "
        "set it. AWS Backup ignores it for FSx.",
        PLAN_READS,
    )
    recovery_point_tags: tuple[Tag, ...] = column("The tags that it sets on recovery points.", PLAN_READS)
    index_types: tuple[str, ...] = column(
        "The resource types whose backups it indexes for search: EBS, S3.", PLAN_READS
    )
    scan_actions: tuple[MalwareScan, ...] = column(
        "How its recovery points are scanned for malware, for the types of the plan's `scan_settings`.",
        PLAN_READS,
    )
    continuous: bool = column("Whether the rule makes continuous backups.", PLAN_READS)
    retention_days: int = column("The retention in days; 999999: backups never expire.", PLAN_READS)
    keeps_forever: bool = column("Whether backups never expire.", PLAN_READS)
    moves_to_cold: bool = column("Whether backups are moved to cold storage.", PLAN_READS)
    cold_after_days: int = column(
        "The number of days after which they are moved; 0: they are not.", PLAN_READS
    )
    archive_opt_in: bool = column(
        "Whether the lifecycle sets OptInToArchiveForSupportedResources, without which AWS Backup does not "
        "archive EBS.",
        PLAN_READS,
    )
    target: str = column("The ARN of the target vault.", PLAN_READS)
    target_exists: Ternary = column("Whether that vault exists.", (*PLAN_READS, *VAULT_READS))
    within_lock: Ternary = column(
        "Whether the retention is within the limits of the vault's lock; true where it has none.",
        (*PLAN_READS, *VAULT_READS),
    )
    lock_reason: str = column("Why not, or why it is unknown; else empty.", (*PLAN_READS, *VAULT_READS))
    covers_resources: Ternary = column(
        "Whether the rule covers at least one resource.", (*RESOURCE_READS, *RULE_READS)
    )
    covered_types: tuple[CoveredType | None, ...] = column(
        "Where backups are moved to cold storage: the resources that the rule covers; else empty.",
        (*RESOURCE_READS, *RULE_READS),
    )
