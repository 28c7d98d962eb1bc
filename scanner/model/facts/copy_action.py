"""The table `copy_action`."""

from dataclasses import dataclass
from typing import Final

from scanner.model.facts.base import Row, column
from scanner.model.facts.past import COPY_JOB_READS, CopyJobsOf
from scanner.model.facts.reads import KEY_READS, PLAN_READS, RESOURCE_READS, RULE_READS, VAULT_READS
from scanner.model.known import Ternary

ADMITS_READS: Final = (
    *PLAN_READS,
    *VAULT_READS,
    "backup:GetBackupVaultAccessPolicy",
    "organizations:DescribeOrganization",
)
TREE_READS: Final = (
    "organizations:ListRoots",
    "organizations:ListOrganizationalUnitsForParent",
    "organizations:ListAccountsForParent",
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
class SharedKey:
    """A resource that a copy action's rule covers, and whether its keys let the destination account use them.

    True where nothing has to be shared: it is not encrypted, has no customer managed key, or AWS Backup fully
    manages its type.
    """

    resource: str
    key: str
    shared: Ternary
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CoveredSupport:
    """A resource that a copy action's rule covers, and whether its type can be copied this way at all."""

    resource: str
    capability: str
    supported: Ternary
    reason: str
    notes: tuple[str, ...] = ()  # what AWS documents about such copies: changes with their dates, full copies


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyActionFacts(Row):
    """One copy action of one rule, or the rule's logically air-gapped target."""

    plan: str = column("The plan's ARN.", PLAN_READS)
    rule: str = column("The rule, as findings name it.", PLAN_READS)
    kind: str = column("copy_action or air_gapped_target.", PLAN_READS)
    destination: str = column("The ARN of the destination vault.", PLAN_READS)
    destination_account: str = column("Its account.", PLAN_READS)
    destination_region: str = column("Its Region.", PLAN_READS)
    cross_account: bool = column("Whether it is in another account.", PLAN_READS)
    cross_region: bool = column("Whether it is in another Region.", PLAN_READS)
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
    admits_source: Ternary = column(
        "Whether the destination vault's access policy admits the source account as a whole; true within "
        "one account.",
        ADMITS_READS,
    )
    admits_reason: str = column("The statement that admits it, or why none does.", ADMITS_READS)
    in_organization: Ternary = column(
        "Whether the destination account is an active member of the source's organisation; true within one "
        "account.",
        (*PLAN_READS, "organizations:ListAccounts"),
    )
    member_reason: str = column("Its status, or why it is none.", (*PLAN_READS, "organizations:ListAccounts"))
    destination_units: tuple[str | None, ...] = column(
        "The ids of the root and the organisational units above the destination account, and its path; empty "
        "where it is no member.",
        (*PLAN_READS, *TREE_READS),
    )
    cross_account_enabled: Ternary = column(
        "Whether the organisation's global setting lets backups cross accounts; true within one account.",
        (*PLAN_READS, "backup:DescribeGlobalSettings"),
    )
    retention_days: int = column("How long the copy is kept, in days; 999999: for ever.", PLAN_READS)
    keeps_forever: bool = column("Whether the copy never expires.", PLAN_READS)
    copied_as: str = column("snapshot where continuous backups are copied, else empty.", PLAN_READS)
    covers_resources: Ternary = column(
        "Whether its rule covers at least one resource.", (*RESOURCE_READS, *RULE_READS)
    )
    covered_keys: tuple[CoveredKey | None, ...] = column(
        "The resources that its rule covers, and their keys.", (*RESOURCE_READS, *RULE_READS, *KEY_READS)
    )
    source_keys_shared: tuple[SharedKey | None, ...] = column(
        "The resources that its rule covers, and whether their keys are shared with the destination account; "
        "empty within one account.",
        (*RESOURCE_READS, *RULE_READS, *KEY_READS, "kms:GetKeyPolicy", "organizations:DescribeOrganization"),
    )
    supported: tuple[CoveredSupport | None, ...] = column(
        "The resources that its rule covers, and whether their types, with the Region settings, can be "
        "copied this way.",
        (*RESOURCE_READS, *RULE_READS, *KEY_READS, *VAULT_READS),
    )
    blocked: tuple[KeyInTheWay, ...] = column(
        "The resources that a key keeps from being copied across accounts, and which key.",
        (*RESOURCE_READS, *RULE_READS, *KEY_READS),
    )
    copy_jobs: tuple[CopyJobsOf | None, ...] = column(
        "The resources that its rule covers and that have finished copy jobs of it, and their result.",
        (*RESOURCE_READS, *COPY_JOB_READS),
    )
    copy_window_hours: float | None = column(
        "Within how many hours its rule makes at least one copy: the longest gap between two starts plus the "
        "start window; 0: the rule never starts.",
        PLAN_READS,
    )
    completed_earlier: Ternary = column(
        "Whether a copy completed within that time, and before the 30 days of which AWS lists the jobs: "
        "false where it is shorter, else NULL.",
        PLAN_READS,
    )
