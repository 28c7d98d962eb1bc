"""Backup vaults with their locks and access policies."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scanner.demo.backup.backend import VaultExtras
from scanner.demo.clock import ago
from scanner.demo.estate.site import Site

DELETION = (
    "backup:DeleteRecoveryPoint",
    "backup:UpdateRecoveryPointLifecycle",
    "backup:PutBackupVaultAccessPolicy",
    "backup:DeleteBackupVaultAccessPolicy",
)
"""The actions to deny so that no principal can delete recovery points (vault-manual-deletion-denied)."""

Statement = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Vault:
    """A planted vault."""

    site: Site
    name: str
    arn: str
    key: str

    @property
    def extras(self) -> VaultExtras:
        """What the extension keeps of it, its recovery points among it."""
        return self.site.backup.extras_of(self.name)


def vault(site: Site, name: str, key: str, *, customer_managed: bool = True) -> Vault:
    """A vault under a key. AWS names the kind of key only where it is customer managed."""
    answer = site.do("backup", "CreateBackupVault", BackupVaultName=name, EncryptionKeyArn=key)
    planted = Vault(site, name, answer["BackupVaultArn"], key)
    # EncryptionKeyType has no value for aws/backup: a scanner has to ask AWS KMS.
    planted.extras.key_type = "CUSTOMER_MANAGED_KMS_KEY" if customer_managed else None
    return planted


def air_gapped(site: Site, name: str, shortest: int, longest: int, team: str = "") -> Vault:
    """A logically air-gapped vault under a key of AWS's own; `team`: the name of its MPA approval team."""
    answer = site.do(
        "backup",
        "CreateLogicallyAirGappedBackupVault",
        BackupVaultName=name,
        MinRetentionDays=shortest,
        MaxRetentionDays=longest,
    )
    if team:
        arn = f"arn:aws:mpa:us-east-1:{site.account}:approval-team/{team}"
        site.do("backup", "AssociateBackupVaultMpaApprovalTeam", BackupVaultName=name, MpaApprovalTeamArn=arn)
    return Vault(site, name, answer["BackupVaultArn"], "")


def govern(planted: Vault, shortest: int | None = None, longest: int | None = None) -> None:
    """A governance lock: privileged users can take it off. Retention in days."""
    _lock(planted, MinRetentionDays=shortest, MaxRetentionDays=longest)


def seal(planted: Vault, shortest: int, longest: int, *, since_days: float) -> None:
    """Lock a vault in compliance mode; the lock has been in force for some days and cannot be removed."""
    # The API takes no lock that is in force at once: the date is moved back afterwards.
    _lock(planted, MinRetentionDays=shortest, MaxRetentionDays=longest, ChangeableForDays=3)
    planted.site.backup.vault(planted.name).lock_date = ago(days=since_days).timestamp()


def seal_soon(planted: Vault, shortest: int, longest: int, *, in_days: int) -> None:
    """A compliance lock in its grace time: it can still be removed."""
    _lock(planted, MinRetentionDays=shortest, MaxRetentionDays=longest, ChangeableForDays=in_days)


def police(planted: Vault, *statements: Statement) -> None:
    """Attach an access policy to the vault."""
    policy = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    planted.site.do("backup", "PutBackupVaultAccessPolicy", BackupVaultName=planted.name, Policy=policy)


def notify(planted: Vault, *events: str) -> None:
    """Send these events of the vault to an SNS topic."""
    topic = planted.site.arn("sns", "backup-events")
    planted.site.do(
        "backup",
        "PutBackupVaultNotifications",
        BackupVaultName=planted.name,
        SNSTopicArn=topic,
        BackupVaultEvents=list(events),
    )


def deny(actions: Sequence[str], but_for: str | None = None) -> Statement:
    """Deny the actions to all principals, or to all but one (aws:PrincipalArn)."""
    statement: Statement = {
        "Sid": "NoDeletion",
        "Effect": "Deny",
        "Principal": "*",
        "Action": list(actions),
        "Resource": "*",
    }
    if but_for:
        statement["Condition"] = {"ArnNotEquals": {"aws:PrincipalArn": but_for}}
    return statement


def admit_account(account: str) -> Statement:
    """Let an account copy into the vault."""
    return {
        "Sid": f"CopyFrom{account}",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
        "Action": "backup:CopyIntoBackupVault",
        "Resource": "*",
    }


def share_with(account: str) -> Statement:
    """Let an account take copies out of the vault."""
    return {
        "Sid": f"ShareWith{account}",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
        "Action": ["backup:CopyFromBackupVault", "backup:DescribeRecoveryPoint"],
        "Resource": "*",
    }


def admit_organisation(organization_id: str) -> Statement:
    """Let every account of the organisation copy into the vault."""
    return {
        "Sid": "CopyFromOrganization",
        "Effect": "Allow",
        "Principal": "*",
        "Action": "backup:CopyIntoBackupVault",
        "Resource": "*",
        "Condition": {"StringEquals": {"aws:PrincipalOrgID": organization_id}},
    }


def _lock(planted: Vault, **configuration: int | None) -> None:
    # Without ChangeableForDays the lock is in governance mode, so the member must be absent.
    limits = {key: value for key, value in configuration.items() if value is not None}
    planted.site.do("backup", "PutBackupVaultLockConfiguration", BackupVaultName=planted.name, **limits)
