"""The inventory as flat tables: what `inventory/TABLE.parquet` holds, one row a thing that was read.

None means that it was not read, or that AWS does not tell it; the table `gaps` says which reads are
missing. Times are RFC 3339 in UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from scanner.model.facts import Tag


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountTable:
    """An account that the organisation or the manifest names."""

    id: str
    name: str
    status: str | None
    ou_path: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardTable:
    """An account-Region of the scope, and how far its reading got."""

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
    """A backup vault. `policy`: its access policy; empty when there is none, None when not read."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyTable:
    """A KMS key that something scanned names."""

    key: str
    account: str
    region: str
    kind: str | None
    state: str | None
    multi_region: bool | None


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
    "gaps": GapTable,
}
"""The tables of the inventory, by the name of their file."""
