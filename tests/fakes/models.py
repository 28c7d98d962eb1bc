"""Model objects with everything filled in that a test does not care about."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from scanner.model.inventory import (
    BackupRule,
    CopyAction,
    Encryption,
    Lifecycle,
    RecoveryPoint,
    RegionSettings,
    Resource,
    SelectionTerms,
    TagCondition,
    Vault,
    VaultLock,
)
from scanner.model.known import Gap, GapKind, Known, Unread
from scanner.model.names import AccountId, Arn, RegionName
from tests.fakes.bundles import ACCOUNT, AS_OF, REGION, TYPES, vault_arn, volume_arn

GAP = Gap(AccountId(ACCOUNT), RegionName(REGION), "service:Operation", "it", GapKind.REFUSED)
UNREAD: Unread = Unread(GAP)


def resource(
    arn: str = "", kind: str = "EBS", tags: Mapping[str, str] | None = None, **more: Any
) -> Resource:
    """Give a resource; `tags` None: they were not read."""
    told: dict[str, Any] = {
        "arn": Arn(arn or volume_arn("vol-1")),
        "type": kind,
        "capability": kind,
        "account": AccountId(ACCOUNT),
        "region": RegionName(REGION),
        "name": "one",
        "state": "available",
        "tags": UNREAD if tags is None else Known(tags),
        "encryption": Known(Encryption(encrypted=False)),
    }
    return Resource(**(told | more))


def settings(*, managed: Mapping[str, bool] | None = None, **opt_in: bool) -> Known[RegionSettings]:
    """Give Region settings that are opted in to everything but what is said."""
    return Known(RegionSettings(dict.fromkeys(TYPES, True) | opt_in, managed or {}))


def condition(operator: str, key: str, value: str) -> TagCondition:
    return TagCondition(operator, key, value)


def terms(
    resources: tuple[str, ...] = (),
    tags: Mapping[str, str] | None = None,
    conditions: tuple[TagCondition, ...] = (),
    excluded: tuple[str, ...] = (),
) -> SelectionTerms:
    listed = tuple(TagCondition("StringEquals", key, value) for key, value in (tags or {}).items())
    return SelectionTerms(resources, excluded, listed, conditions, "arn:aws:iam::111111111111:role/backup")


def vault(name: str = "main", *, arn: str = "", **more: Any) -> Vault:
    lock = {key: more.pop(key, None) for key in ("lock_date", "min_retention_days", "max_retention_days")}
    told: dict[str, Any] = {
        "arn": Arn(arn or vault_arn(name)),
        "name": name,
        "account": AccountId(ACCOUNT),
        "region": RegionName(REGION),
        "type": "BACKUP_VAULT",
        "lock": VaultLock(locked=more.pop("locked", False), **lock),
        "key": None,
        "key_type": None,
        "policy": Known(None),
        "recovery_points_read": Known(None),
        "notifications": Known(None),
    }
    return Vault(**(told | more))


def rule(delete_after: int | None = 35, **more: Any) -> BackupRule:
    told: dict[str, Any] = {
        "id": "r",
        "name": "daily",
        "target_vault": "main",
        "schedule": "cron(0 5 ? * * *)",
        "timezone": "Etc/UTC",
        "start_window_minutes": None,
        "continuous": False,
        "lifecycle": Lifecycle(delete_after),
        "copies": (),
    }
    return BackupRule(**(told | more))


def copy(destination: str, delete_after: int | None = None) -> CopyAction:
    return CopyAction(Arn(destination), Lifecycle(delete_after))


def point(**more: Any) -> RecoveryPoint:
    told: dict[str, Any] = {
        "arn": Arn(f"arn:aws:backup:{REGION}:{ACCOUNT}:recovery-point:1"),
        "vault": Arn(vault_arn("main")),
        "account": AccountId(ACCOUNT),
        "region": RegionName(REGION),
        "resource": volume_arn("vol-1"),
        "resource_type": "EBS",
        "status": "COMPLETED",
        "created_at": AS_OF,
        "encrypted": True,
        "key": None,
        "delete_after_days": None,
        "delete_at": None,
        "temporary": False,
        "source_vault": None,
        "created_by_rule": None,
    }
    return RecoveryPoint(**(told | more))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)
