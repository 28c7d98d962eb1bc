"""The table `plan`."""

from dataclasses import dataclass

from scanner.model.facts.base import Row, column
from scanner.model.facts.parts import RuleTerms
from scanner.model.facts.reads import PLAN_READS, RESOURCE_READS, RULE_READS, SELECTION_READS
from scanner.model.known import Ternary


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleOverlap:
    """Two rules with overlapping start windows and different retention; `certain` NULL: they may overlap."""

    longer: str
    longer_days: int
    shorter: str
    shorter_days: int
    certain: Ternary


@dataclass(frozen=True, slots=True)
class BackupOption:
    """An advanced backup setting of a type: WindowsVSS of EC2, BackupACLs and BackupObjectTags of S3."""

    resource_type: str
    option: str
    value: str


@dataclass(frozen=True, slots=True)
class ScanScope:
    """The types that are scanned for malware, the scanner, and its role."""

    scanner: str
    resource_types: tuple[str, ...]
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFacts(Row):
    """One backup plan."""

    rules: tuple[RuleTerms | None, ...] = column("Its rules.", PLAN_READS)
    covers_resources: Ternary = column(
        "Whether its rules cover at least one resource.", (*RESOURCE_READS, *RULE_READS)
    )
    overlapping_rules: tuple[RuleOverlap | None, ...] = column(
        "The pairs of its rules with overlapping start windows and different retention.", PLAN_READS
    )
    advanced_settings: tuple[BackupOption | None, ...] = column(
        "Its advanced backup settings, an entry for each option.", PLAN_READS
    )
    scan_settings: tuple[ScanScope | None, ...] = column(
        "What it scans for malware, where a rule has a scan action.", PLAN_READS
    )
    selections: int | None = column(
        "How many backup selections it has.", ("backup:ListBackupPlans", "backup:ListBackupSelections")
    )
    selects_resources: Ternary = column(
        "Whether one of its backup selections selects at least one resource that AWS Backup does not skip in "
        "its state. NULL where its rules were not read.",
        (*RESOURCE_READS, *RULE_READS),
    )
    selected_count: int | None = column(
        "How many resources its backup selections select together.", (*RESOURCE_READS, *SELECTION_READS)
    )
    selected_unsupported: tuple[str, ...] = column(
        "The ARNs of the known resources that its backup selections match and that AWS Backup cannot back "
        "up: they are not selected.",
        (*RESOURCE_READS, *SELECTION_READS),
    )
    from_organization: bool = column(
        "Whether an Organizations backup policy made it.", ("backup:ListBackupPlans",)
    )
