"""The inventory as flat tables: what `inventory/TABLE.parquet` holds, one row a thing that was read.

None means that it was not read, or that AWS does not report it; the table `gaps` says which reads are
missing. Times are RFC 3339 in UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from scanner.model.facts import Tag
from scanner.model.known import EvidenceRef
from scanner.model.protection import ProtectionGroup

LATER_COLUMNS: Final[Mapping[str, str]] = {"size_gib": "DOUBLE", "size_kind": "VARCHAR"}
"""Columns of tables and facts that scans of earlier versions lack, with their types in SQL.

They are read as NULL: what they would say is not known.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountTable:
    """An account that the organisation or the manifest names."""

    id: str
    name: str
    status: str | None
    ou_path: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardTable:
    """An account-Region of the scope, and how completely it was read."""

    account: str
    region: str
    status: str
    resources: int
    gaps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceTable:
    """A resource of a supported type."""

    arn: str
    type: str
    account: str
    region: str
    name: str
    state: str | None
    created_at: str | None
    tags: tuple[Tag, ...] | None
    encrypted: bool | None
    keys: tuple[str, ...] | None
    versioned: bool | None
    attached_to: tuple[str, ...]
    members: tuple[str, ...]
    size_gib: float | None
    size_kind: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanTable:
    """A backup plan. The counts are None where the plan's details were not read."""

    arn: str
    id: str
    name: str
    account: str
    region: str
    rules: int | None
    selections: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTable:
    """A rule of a backup plan. `copies_to`: the ARNs of its destination vaults."""

    rule: str
    plan: str
    name: str
    vault: str
    schedule: str | None
    timezone: str
    continuous: bool
    delete_after_days: int | None
    move_to_cold_after_days: int | None
    archive_opt_in: bool
    copies_to: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionTable:
    """A backup selection; its terms are None where they were not read."""

    selection: str
    plan: str
    name: str
    resources: tuple[str, ...] | None
    not_resources: tuple[str, ...] | None
    list_of_tags: tuple[str, ...] | None
    conditions: tuple[str, ...] | None
    role: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultTable:
    """A backup vault. `policy`: its access policy; empty when there is none, None when not read.

    `notified_topic` and `approval_team`, too, are empty when there is none.
    """

    arn: str
    name: str
    account: str
    region: str
    type: str
    locked: bool | None
    lock_date: str | None
    min_retention_days: int | None
    max_retention_days: int | None
    key: str | None
    policy: str | None
    state: str | None
    notified_topic: str | None
    notified_events: tuple[str, ...] | None
    approval_team: str | None
    source_vault: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyTable:
    """A KMS key that something scanned names."""

    key: str
    account: str
    region: str
    kind: str | None
    state: str | None
    multi_region: bool | None
    enabled: bool | None
    deletion_at: str | None
    primary: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyAliasTable:
    """An alias of a KMS key. Both are ARNs."""

    alias: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryPointTable:
    """A recovery point in a vault."""

    arn: str
    vault: str
    account: str
    region: str
    resource: str
    resource_type: str
    status: str | None
    created_at: str | None
    delete_at: str | None
    delete_after_days: int | None
    encrypted: bool | None
    created_by_rule: str | None
    scan_findings: tuple[str, ...] | None
    scan_failed: bool | None
    last_restored_at: str | None
    size_gib: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTable:
    """A backup, copy or restore job."""

    kind: str
    id: str
    account: str
    region: str
    state: str | None
    resource: str | None
    resource_type: str | None
    created_at: str | None
    completed_at: str | None
    message: str | None
    destination_vault: str | None
    created_by_rule: str | None
    message_category: str | None
    validation_status: str | None
    restore_testing_plan: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectedResourceTable:
    """A resource that was backed up at least once."""

    arn: str
    type: str
    account: str
    region: str
    last_backup_at: str | None
    last_vault: str | None
    latest_restore_at: str | None
    latest_restore_minutes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreTestingPlanTable:
    """A restore testing plan. The vaults are ARNs, `*` all of them."""

    arn: str
    name: str
    account: str
    region: str
    schedule: str | None
    timezone: str
    last_executed_at: str | None
    include_vaults: tuple[str, ...] | None
    exclude_vaults: tuple[str, ...] | None
    point_types: tuple[str, ...] | None
    window_days: int | None
    selections: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreTestingSelectionTable:
    """A selection of a restore testing plan; `conditions`: on tags; all of them apply."""

    plan: str
    name: str
    resource_type: str
    role: str | None
    resources: tuple[str, ...] | None
    conditions: tuple[str, ...] | None
    validation_window_hours: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LegalHoldTable:
    """A legal hold. What a canceled one held is None."""

    arn: str
    title: str
    account: str
    region: str
    status: str | None
    created_at: str | None
    canceled_at: str | None
    vaults: tuple[str, ...] | None
    resources: tuple[str, ...] | None
    from_date: str | None
    to_date: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameworkTable:
    """A framework of AWS Backup Audit Manager."""

    arn: str
    name: str
    account: str
    region: str
    deployment_status: str | None
    status: str | None
    controls: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameworkControlTable:
    """A control of a framework and what it is limited to; empty lists: not limited."""

    framework: str
    control: str
    parameters: tuple[str, ...]
    resource_ids: tuple[str, ...]
    resource_types: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPlanTable:
    """A report plan of AWS Backup Audit Manager."""

    arn: str
    name: str
    account: str
    region: str
    template: str | None
    frameworks: tuple[str, ...]
    bucket: str | None
    deployment_status: str | None
    last_success_at: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TieringTable:
    """A tiering configuration; `rules`: what moves to the lower-cost tier, and after how many days."""

    arn: str
    name: str
    account: str
    region: str
    vault: str
    rules: tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleTable:
    """A role that a selection of the account-Region names. `exists` None: unknown."""

    arn: str
    account: str
    region: str
    exists: bool | None
    trust_policy: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupPolicyTable:
    """A backup policy of the organisation. `targets`: ids of roots, units and accounts."""

    id: str
    name: str
    content: str | None
    targets: tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectivePolicyTable:
    """What the organisation's backup policies give an account: its plans. `reached`: whether any does."""

    account: str
    reached: bool | None
    plans: tuple[str, ...] | None
    content: str | None
    updated_at: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySourceTable:
    """A backup policy that names a setting. `attached_to`: a root, a unit or an account.

    `effective` None: whether it sets the value is not known. `limited_by`: the policies above whose child
    control operators leave it without effect. `file` and `line`: the evidence of the policy's content.
    """

    policy: str
    name: str
    attached_to: str
    operator: str
    value: str
    effective: bool | None
    limited_by: tuple[str, ...]
    file: str | None
    line: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySettingTable:
    """A setting of an account's effective backup policy, and the policies that set it.

    `setting`: the keys from `plans` to the setting; empty: the policy as a whole, whose value is `attached`
    or `none`. `value`: as computed from the policies of the account and of what is above it. `described`: as
    AWS describes it, which counts. Lists are JSON; None is unknown, the empty text that there is no value.
    `because`: why the computed value is unknown.
    """

    account: str
    setting: tuple[str, ...]
    value: str | None
    described: str | None
    agrees: bool | None
    because: str
    sources: tuple[PolicySourceTable, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GapTable:
    """A read that is missing."""

    account: str
    region: str
    operation: str
    about: str
    kind: str
    code: str
    message: str
    file: str | None
    line: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RootCauseTable:
    """A failed finding and its root cause, or an unknown one and its first missing read.

    `cause_account`, `cause_region`: where the cause is mended. Empty texts: there is none.
    """

    control: str
    account: str
    region: str
    subject: str
    kind: str
    step: str
    cause_subject: str
    cause_name: str
    cause_about: str
    cause_account: str
    cause_region: str
    cause_control: str
    evidence: tuple[EvidenceRef, ...]
    blocked_by_control: str
    blocked_by_subject: str


INVENTORY_TABLES: Final[Mapping[str, type]] = {
    "accounts": AccountTable,
    "shards": ShardTable,
    "resources": ResourceTable,
    "plans": PlanTable,
    "rules": RuleTable,
    "selections": SelectionTable,
    "vaults": VaultTable,
    "keys": KeyTable,
    "recovery_points": RecoveryPointTable,
    "jobs": JobTable,
    "protected_resources": ProtectedResourceTable,
    "restore_testing_plans": RestoreTestingPlanTable,
    "restore_testing_selections": RestoreTestingSelectionTable,
    "legal_holds": LegalHoldTable,
    "frameworks": FrameworkTable,
    "framework_controls": FrameworkControlTable,
    "report_plans": ReportPlanTable,
    "tiering_configurations": TieringTable,
    "roles": RoleTable,
    "backup_policies": BackupPolicyTable,
    "effective_policies": EffectivePolicyTable,
    "policy_settings": PolicySettingTable,
    "gaps": GapTable,
    "key_aliases": KeyAliasTable,
    "protection_groups": ProtectionGroup,
}
"""The tables of the inventory, by the name of their file."""

TRACED_TABLES: Final[Mapping[str, type]] = {"root_causes": RootCauseTable}
"""Tables of the inventory folder that are written after the findings, which they are about."""

QUERIED_TABLES: Final[Mapping[str, type]] = {**INVENTORY_TABLES, **TRACED_TABLES}
"""All tables of the inventory folder."""
