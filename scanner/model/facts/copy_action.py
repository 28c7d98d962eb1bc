"""The table `copy_action`."""

from dataclasses import dataclass

from scanner.model.facts.base import Row, column
from scanner.model.facts.reads import KEY_READS, PLAN_READS, RESOURCE_READS, RULE_READS, VAULT_READS
from scanner.model.ternary import Ternary


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
