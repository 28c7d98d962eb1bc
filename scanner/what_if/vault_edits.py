"""What changes of backup vaults, their policies, locks and notifications do to the answers."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from scanner.evidence.manifest import rfc3339
from scanner.model.names import vault_arn
from scanner.model.planning.planned_change import UNKNOWN, PlannedChange, has_unknown
from scanner.what_if.shard_edits import (
    NOTIFICATIONS,
    POINTS,
    POLICY,
    VAULT,
    VAULTS,
    NotJudgedError,
    ShardEdits,
    paths_of,
)
from scanner.what_if.shard_lines import Document, known_after_apply

_LOCK_FIELDS: Final = ("Locked", "LockDate", "MinRetentionDays", "MaxRetentionDays")
_AIR_GAPPED: Final = "LOGICALLY_AIR_GAPPED_BACKUP_VAULT"


def vault_row(edits: ShardEdits, name: str) -> Document | None:
    """Return the row of a vault in the list of vaults; None: there is none."""
    rows = edits.lines.rows(VAULTS, "BackupVaultList")
    return next((row for row in rows if row.get("BackupVaultName") == name), None)


def _require_vault(edits: ShardEdits, name: str) -> Document:
    edits.require(VAULTS, "the list of backup vaults")
    row = vault_row(edits, name)
    if row is None:
        raise NotJudgedError(
            f"The scan has no backup vault {name} in {edits.shard.account}/{edits.shard.region}."
        )
    return row


def put_vault(edits: ShardEdits, change: PlannedChange) -> None:
    """Create a vault, or change its key. A key that is not known is left out, so it is unknown."""
    edits.require(VAULTS, "the list of backup vaults")
    document = {key: value for key, value in change.document.items() if value is not UNKNOWN}
    has_key = "EncryptionKeyArn" in change.document
    row = vault_row(edits, change.name)
    if row is not None:
        # Without a key in the document, the vault keeps the key that it has.
        # The type of a vault never changes; a template that has another one would replace the vault.
        fields = {key: value for key, value in document.items() if key != "VaultType"}
        # EncryptionKeyType describes the old key, so it must not outlive it.
        is_rekeyed = has_key and document.get("EncryptionKeyArn") != row.get("EncryptionKeyArn")
        removed = dict.fromkeys(("EncryptionKeyArn", "EncryptionKeyType")) if is_rekeyed else {}
        edits.edit_rows(VAULTS, "BackupVaultList", "BackupVaultName", change.name, {**removed, **fields})
        return
    arn = vault_arn(edits.partition, edits.shard, change.name)
    is_air_gapped = document.get("VaultType") == _AIR_GAPPED
    added = {
        "BackupVaultName": change.name,
        "BackupVaultArn": arn,
        "VaultType": document.get("VaultType", "BACKUP_VAULT"),
        "CreationDate": edits.at,
        "NumberOfRecoveryPoints": 0,
        # A logically air-gapped vault is locked from its creation (AWS Backup, "Logically air-gapped vault").
        "Locked": is_air_gapped,
        **document,
    }
    edits.lines.edit_rows(VAULTS, "BackupVaultList", lambda listed: listed, added)
    about = {"BackupVaultName": change.name}
    edits.put_none(POLICY, change.name)
    edits.put_none(NOTIFICATIONS, change.name)
    # Known to be empty. A list that is absent would make every check of the vault unknown.
    edits.put(POINTS, about, {"RecoveryPoints": []})
    if is_air_gapped:
        # Only DescribeBackupVault says whether an approval team is associated, and no template can.
        described = known_after_apply(f"The description of the backup vault {change.name}")
        edits.lines.put(VAULT, about, described, edits.at)


def remove_vault(edits: ShardEdits, change: PlannedChange) -> None:
    """Remove a vault. AWS refuses that while it has recovery points."""
    _require_vault(edits, change.name)
    points = sum(1 for _ in edits.lines.rows(POINTS, "RecoveryPoints", BackupVaultName=change.name))
    if points:
        # Judged all the same: the change is meant to be applied once the vault is empty.
        edits.effects.notes.append(
            f"AWS deletes the backup vault {change.name} in {edits.shard.account}/{edits.shard.region} "
            f"only without recovery points, and it has {points:,}: it is judged as if they were gone."
        )
    edits.edit_rows(VAULTS, "BackupVaultList", "BackupVaultName", change.name, None)
    for operation in (VAULT, POLICY, NOTIFICATIONS, POINTS):
        edits.lines.remove(operation, BackupVaultName=change.name)


def put_policy(edits: ShardEdits, change: PlannedChange) -> None:
    """Replace the access policy of a vault."""
    row = _require_vault(edits, change.name)
    policy = change.document.get("Policy")
    if not isinstance(policy, str):
        what = f"The access policy of the backup vault {change.name}"
        edits.lines.put(POLICY, {"BackupVaultName": change.name}, known_after_apply(what), edits.at)
        return
    edits.put(POLICY, {"BackupVaultName": change.name}, {**_vault_identity(row), "Policy": policy})


def remove_policy(edits: ShardEdits, change: PlannedChange) -> None:
    """Remove the access policy of a vault, if the vault stays."""
    _require_vault(edits, change.name)
    edits.put_none(POLICY, change.name)


def put_notifications(edits: ShardEdits, change: PlannedChange) -> None:
    """Replace the notifications of a vault."""
    row = _require_vault(edits, change.name)
    about = {"BackupVaultName": change.name}
    if has_unknown(change.document):
        what = f"{paths_of(change.document)} of the notifications of the backup vault {change.name}"
        edits.lines.put(NOTIFICATIONS, about, known_after_apply(what), edits.at)
        return
    edits.put(NOTIFICATIONS, about, {**_vault_identity(row), **change.document})


def remove_notifications(edits: ShardEdits, change: PlannedChange) -> None:
    """Remove the notifications of a vault."""
    _require_vault(edits, change.name)
    edits.put_none(NOTIFICATIONS, change.name)


def put_lock(edits: ShardEdits, change: PlannedChange) -> None:
    """Lock a vault. If anything of the lock is not known, whether the vault is locked is not, either."""
    row = _require_vault(edits, change.name)
    _note_compliance(edits, row, change)
    lock: dict[str, Any] = dict.fromkeys(_LOCK_FIELDS)
    document = change.document
    if not has_unknown(document):
        lock |= {key: document.get(key) for key in ("MinRetentionDays", "MaxRetentionDays")}
        lock["Locked"] = True
        # Without it the lock is in governance mode, and has no date (AWS Backup, "Vault Lock").
        if (days := document.get("ChangeableForDays")) is not None:
            # The cooling-off time counts from the first lock: a later change is assumed not to restart it.
            lock["LockDate"] = row.get("LockDate") or rfc3339(edits.as_of + timedelta(days=int(days)))
    edits.edit_rows(VAULTS, "BackupVaultList", "BackupVaultName", change.name, lock)


def remove_lock(edits: ShardEdits, change: PlannedChange) -> None:
    """Remove the lock of a vault."""
    row = _require_vault(edits, change.name)
    _note_compliance(edits, row, change)
    # The limits go with the lock: AWS returns none for an unlocked vault.
    lock = {**dict.fromkeys(_LOCK_FIELDS), "Locked": False}
    edits.edit_rows(VAULTS, "BackupVaultList", "BackupVaultName", change.name, lock)


def _note_compliance(edits: ShardEdits, row: Mapping[str, Any], change: PlannedChange) -> None:
    date = row.get("LockDate")
    # A date in the future is still the cooling-off time, in which the lock can be changed.
    if row.get("Locked") and isinstance(date, str) and datetime.fromisoformat(date) <= edits.as_of:
        edits.effects.notes.append(
            f"AWS refuses to {change.action.value} the lock of the backup vault {change.name} in "
            f"{edits.shard.account}/{edits.shard.region}: it is in compliance mode since {date[:10]}."
        )


def _vault_identity(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: row[key] for key in ("BackupVaultName", "BackupVaultArn") if key in row}
