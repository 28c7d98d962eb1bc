"""Vaults: list, describe, lock, access policy, notifications."""

from datetime import timedelta
from typing import Any

from moto.backup.exceptions import (
    InvalidParameterValueException,
    InvalidRequestException,
    ResourceNotFoundException,
)
from moto.backup.models import Vault
from moto.core.responses import ActionResult

from scanner.demo.backup.backend import DemoBackupBackend
from scanner.demo.backup.base import Operations, answer
from scanner.demo.clock import DEMO_CLOCK


def _describe(backend: DemoBackupBackend, vault: Vault) -> dict[str, Any]:
    extras = backend.extras_of(vault.backup_vault_name)
    described: dict[str, Any] = {
        **vault.to_list_dict(),
        "VaultType": extras.vault_type,
        "VaultState": "AVAILABLE",
        "NumberOfRecoveryPoints": len(extras.recovery_points),
        "EncryptionKeyType": extras.key_type,
    }
    # An unlocked vault has no LockDate, and null would not be the same.
    return {key: value for key, value in described.items() if value is not None}


_AIR_GAPPED = "LOGICALLY_AIR_GAPPED_BACKUP_VAULT"
_SHORTEST = 7  # days; the least that such a vault may keep (AWS Backup, "Logically air-gapped vault")


class VaultOperations(Operations):
    """The vault calls."""

    def list_backup_vaults(self) -> str:
        """ListBackupVaults, with ByVaultType and ByShared (no vault here is shared)."""
        kind = self._get_param("ByVaultType")
        vaults = [_describe(self.backend, vault) for vault in self.backend.vaults.values()]
        of_kind = [vault for vault in vaults if kind in (None, vault["VaultType"])]
        return answer({"BackupVaultList": [] if self._get_param("ByShared") else of_kind})

    def describe_backup_vault(self) -> ActionResult:
        """DescribeBackupVault."""
        name = self._get_param("BackupVaultName")
        described = _describe(self.backend, self.backend.vault(name))
        if team := self.backend.extras_of(name).approval_team:
            described["MpaApprovalTeamArn"] = team
        return ActionResult(described)

    def create_logically_air_gapped_backup_vault(self) -> str:
        """CreateLogicallyAirGappedBackupVault: locked from the start; without a key, AWS's own."""
        name, key = self._get_param("BackupVaultName"), self._get_param("EncryptionKeyArn")
        shortest, longest = self._get_param("MinRetentionDays"), self._get_param("MaxRetentionDays")
        if not _SHORTEST <= shortest <= longest:
            raise InvalidParameterValueException(msg=f"MinRetentionDays must lie in {_SHORTEST} … {longest}")
        vault = self.backend.create_backup_vault(name, {}, key, self._get_param("CreatorRequestId"))
        # AWS's samples show the date of creation as LockDate of such vaults.
        vault.locked, vault.lock_date = True, vault.creation_date
        vault.min_retention_days, vault.max_retention_days = shortest, longest
        extras = self.backend.extras_of(name)
        extras.vault_type = _AIR_GAPPED
        extras.key_type = "CUSTOMER_MANAGED_KMS_KEY" if key else "AWS_OWNED_KMS_KEY"
        return answer({**vault.to_dict(), "VaultState": "AVAILABLE"})

    def associate_backup_vault_mpa_approval_team(self) -> str:
        """AssociateBackupVaultMpaApprovalTeam; for logically air-gapped vaults only."""
        extras = self.backend.extras_of(self._get_param("BackupVaultName"))
        if extras.vault_type != _AIR_GAPPED:
            raise InvalidRequestException(msg="The vault is not logically air-gapped")
        extras.approval_team = self._get_param("MpaApprovalTeamArn")
        return answer({})

    def put_backup_vault_lock_configuration(self) -> str:
        """PutBackupVaultLockConfiguration; the grace time runs from the demo's clock."""
        name = self._get_param("BackupVaultName")
        grace = self._get_param("ChangeableForDays")
        self.backend.put_backup_vault_lock_configuration(
            name, self._get_param("MinRetentionDays"), self._get_param("MaxRetentionDays"), grace
        )
        if grace is not None:
            # Moto counts from the real clock, and the lock would differ from day to day.
            self.backend.vault(name).lock_date = (DEMO_CLOCK + timedelta(days=grace)).timestamp()
        return answer({})

    def put_backup_vault_access_policy(self) -> str:
        """PutBackupVaultAccessPolicy."""
        self.backend.extras_of(self._get_param("BackupVaultName")).policy = self._get_param("Policy")
        return answer({})

    def get_backup_vault_access_policy(self) -> str:
        """GetBackupVaultAccessPolicy; a vault without one answers ResourceNotFoundException."""
        name = self._get_param("BackupVaultName")
        policy = self.backend.extras_of(name).policy
        if policy is None:
            raise ResourceNotFoundException(msg=f"Backup vault {name} has no access policy")
        return answer({**self._vault_names(name), "Policy": policy})

    def delete_backup_vault_access_policy(self) -> str:
        """DeleteBackupVaultAccessPolicy."""
        self.backend.extras_of(self._get_param("BackupVaultName")).policy = None
        return answer({})

    def put_backup_vault_notifications(self) -> str:
        """PutBackupVaultNotifications."""
        events = self._get_param("BackupVaultEvents")
        if not events:
            raise InvalidParameterValueException(msg="BackupVaultEvents must not be empty")
        topic = {"SNSTopicArn": self._get_param("SNSTopicArn"), "BackupVaultEvents": events}
        self.backend.extras_of(self._get_param("BackupVaultName")).notifications = topic
        return answer({})

    def get_backup_vault_notifications(self) -> str:
        """GetBackupVaultNotifications; a vault without any answers ResourceNotFoundException."""
        name = self._get_param("BackupVaultName")
        notifications = self.backend.extras_of(name).notifications
        if notifications is None:
            raise ResourceNotFoundException(msg=f"Failed reading notifications from vault {name}")
        return answer({**self._vault_names(name), **notifications})

    def delete_backup_vault_notifications(self) -> str:
        """DeleteBackupVaultNotifications."""
        self.backend.extras_of(self._get_param("BackupVaultName")).notifications = None
        return answer({})

    def _vault_names(self, name: str) -> dict[str, str]:
        return {"BackupVaultName": name, "BackupVaultArn": self.backend.vault(name).backup_vault_arn}
