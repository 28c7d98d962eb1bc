"""What really happened: recovery points, and the backup, copy and restore jobs that made or used them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from moto.moto_api._internal import mock_random

from scanner.demo.clock import ago
from scanner.demo.estate.plans import PlannedRule, lifecycle
from scanner.demo.estate.site import Resource, Site
from scanner.demo.estate.vaults import Vault

Document = dict[str, Any]
_SIZE = 48_318_382_080  # bytes, 45 GiB
_TOOK = timedelta(minutes=37)
_COPY_TOOK = timedelta(minutes=52)


@dataclass(frozen=True, slots=True)
class Point:
    """A planted recovery point: what it is, its vault, and the document that the API answers with."""

    resource: Resource
    vault: Vault
    document: Document
    job_id: str

    @property
    def arn(self) -> str:
        """Its ARN."""
        return str(self.document["RecoveryPointArn"])


def back_up(resource: Resource, planned: PlannedRule, *ages: float, **changes: object) -> list[Point]:
    """Backups that the rule made, with their jobs: one for each age in hours; `changes` go into them."""
    points = []
    for age in ages:
        started = ago(hours=age)
        point = keep(planned.rule.vault, resource, started, planned.rule.days, **_origin(planned), **changes)
        _log_backup(point, started)
        points.append(point)
    return points


def keep(vault: Vault, resource: Resource, created: datetime, days: int | None, **changes: object) -> Point:
    """A recovery point, kept for `days` (None: for ever). `changes` are merged in; None drops a key."""
    site, job_id = vault.site, str(mock_random.uuid4())
    document: Document = {
        "RecoveryPointArn": _point_arn(site, resource, job_id),
        "BackupVaultName": vault.name,
        "BackupVaultArn": vault.arn,
        "ResourceArn": resource.arn,
        "ResourceType": resource.type,
        "ResourceName": resource.name,
        "Status": "COMPLETED",
        "CreationDate": created,
        "InitiationDate": created,
        "CompletionDate": created + _TOOK,
        "BackupSizeInBytes": _SIZE,
        # AWS leaves the member out where there is no expiry.
        "Lifecycle": lifecycle(days) or None,
        "CalculatedLifecycle": {"DeleteAt": created + timedelta(days=days)} if days else None,
        "IsParent": False,
        "VaultType": "BACKUP_VAULT",
        **_encryption(vault, resource),
        **changes,
    }
    point = Point(resource, vault, _without_none(document), job_id)
    vault.extras.recovery_points.append(point.document)
    return point


def copy(point: Point, destination: Vault, days: int | None, **changes: object) -> Point:
    """A finished copy of a point, with its job; its ARN has the form of its type there, too."""
    # A copy's retention counts from the creation of its source (AWS Backup, "Copying a backup").
    created = point.document["CreationDate"]
    key_type = destination.extras.key_type
    copied = keep(
        destination,
        point.resource,
        created,
        days,
        SourceBackupVaultArn=point.vault.arn,
        IamRoleArn=point.document.get("IamRoleArn"),
        CreatedBy=point.document.get("CreatedBy"),
        EncryptionKeyArn=destination.key or None,
        EncryptionKeyType=key_type,
        IsEncrypted=True,
        **changes,
    )
    job = _copy_job(point, destination.arn, days)
    job |= {"State": "COMPLETED", "MessageCategory": "SUCCESS", "DestinationRecoveryPointArn": copied.arn}
    point.vault.site.backup.copy_jobs.append(job)
    return copied


def fail_copy(point: Point, destination_arn: str, days: int | None, message: str, category: str) -> None:
    """A copy job that failed; the words are AWS Backup's own ("Cross-account backup" of its guide)."""
    job = _copy_job(point, destination_arn, days)
    job |= {"State": "FAILED", "StatusMessage": message, "MessageCategory": category}
    point.vault.site.backup.copy_jobs.append(job)


def fail_backup(resource: Resource, planned: PlannedRule, age: float, message: str, category: str) -> None:
    """A backup job that failed `age` hours ago, and left no recovery point."""
    job = _backup_job(resource, planned.rule.vault, str(mock_random.uuid4()), ago(hours=age))
    job |= {
        "State": "FAILED",
        "StatusMessage": message,
        "MessageCategory": category,
        "RecoveryPointLifecycle": lifecycle(planned.rule.days) or None,
        "IamRoleArn": planned.role,
        "CreatedBy": dict(planned.created_by),
    }
    planned.rule.vault.site.backup.backup_jobs.append(_without_none(job))


def restore_test(
    point: Point, plan_arn: str, age_days: float, minutes: int = 22, validation: str = "SUCCESSFUL"
) -> None:
    """A restore job of a restore testing plan: it completed, was validated so, and was cleaned up."""
    volume = f"volume/vol-{mock_random.get_random_hex(17)}"
    restore(
        point,
        age_days,
        minutes,
        CreatedBy={"RestoreTestingPlanArn": plan_arn},
        CreatedResourceArn=point.vault.site.arn("ec2", volume),
        ValidationStatus=validation,
        DeletionStatus="SUCCESSFUL",
    )


def restore(
    point: Point, age_days: float, minutes: int, failure: str | None = None, **changes: object
) -> None:
    """A restore job of `age_days` ago that took `minutes`; with `failure` it failed with this message."""
    site, created = point.vault.site, ago(days=age_days)
    job: Document = {
        "AccountId": site.account,
        "RestoreJobId": str(mock_random.uuid4()).upper(),
        "RecoveryPointArn": point.arn,
        "SourceResourceArn": point.resource.arn,
        "BackupVaultArn": point.vault.arn,
        "RecoveryPointCreationDate": point.document["CreationDate"],
        "CreationDate": created,
        "CompletionDate": created + timedelta(minutes=minutes),
        "Status": "FAILED" if failure else "COMPLETED",
        "StatusMessage": failure,
        "PercentDone": "0.00%" if failure else "100.00%",
        "BackupSizeInBytes": _SIZE,
        "IamRoleArn": point.document.get("IamRoleArn"),
        "ResourceType": point.resource.type,
        "IsParent": False,
        **changes,
    }
    site.backup.restore_jobs.append(_without_none(job))
    if not failure:
        latest = point.document.get("LastRestoreTime", created)
        # Restores are planted in any order.
        point.document["LastRestoreTime"] = max(latest, created)


def continuous_arn(site: Site, resource: Resource) -> str:
    """The ARN of a continuous recovery point, which only its form shows to be one."""
    suffix = mock_random.get_random_hex(8)
    return site.arn("backup", f"recovery-point:continuous:{resource.name}-{suffix}")


def _origin(planned: PlannedRule) -> dict[str, object]:
    return {"IamRoleArn": planned.role, "CreatedBy": dict(planned.created_by)}


def _log_backup(point: Point, started: datetime) -> None:
    document = point.document
    job = _backup_job(point.resource, point.vault, point.job_id, started)
    job |= {
        "State": "COMPLETED",
        "MessageCategory": "SUCCESS",
        "RecoveryPointArn": point.arn,
        "RecoveryPointLifecycle": document.get("Lifecycle"),
        "IamRoleArn": document.get("IamRoleArn"),
        "CreatedBy": document.get("CreatedBy"),
        "PercentDone": "100.0",
    }
    point.vault.site.backup.backup_jobs.append(_without_none(job))


def _backup_job(resource: Resource, vault: Vault, job_id: str, started: datetime) -> Document:
    return {
        "AccountId": vault.site.account,
        "BackupJobId": job_id.upper(),
        "BackupVaultName": vault.name,
        "BackupVaultArn": vault.arn,
        "ResourceArn": resource.arn,
        "ResourceType": resource.type,
        "ResourceName": resource.name,
        "CreationDate": started,
        "InitiationDate": started,
        "CompletionDate": started + _TOOK,
        # The end of the start window, which every rule here sets to 60 minutes.
        "StartBy": started + timedelta(hours=1),
        "BackupSizeInBytes": _SIZE,
        "PercentDone": "0.0",
        "IsParent": False,
    }


def _copy_job(point: Point, destination_arn: str, days: int | None) -> Document:
    # A copy job starts when the backup job has ended.
    started = point.document["CompletionDate"]
    job: Document = {
        "AccountId": point.vault.site.account,
        "CopyJobId": str(mock_random.uuid4()).upper(),
        "SourceBackupVaultArn": point.vault.arn,
        "SourceRecoveryPointArn": point.arn,
        "DestinationBackupVaultArn": destination_arn,
        "DestinationRecoveryPointLifecycle": lifecycle(days) or None,
        "ResourceArn": point.resource.arn,
        "ResourceType": point.resource.type,
        "ResourceName": point.resource.name,
        "CreationDate": started,
        "CompletionDate": started + _COPY_TOOK,
        "BackupSizeInBytes": _SIZE,
        "IamRoleArn": point.document.get("IamRoleArn"),
        "CreatedBy": point.document.get("CreatedBy"),
        "CreatedByBackupJobId": point.job_id.upper(),
        "IsParent": False,
    }
    return _without_none(job)


def _encryption(vault: Vault, resource: Resource) -> Document:
    """A fully managed type is encrypted under the vault's key, any other as the resource itself is.

    DynamoDB is always encrypted, at least under a key that AWS owns and does not show.
    """
    key = vault.key if resource.fully_managed else resource.key
    customer = vault.extras.key_type if resource.fully_managed else None
    # DynamoDB encrypts every table, if need be under a key that AWS owns and does not show.
    encrypted = key is not None or resource.type == "DynamoDB"
    return {"IsEncrypted": encrypted, "EncryptionKeyArn": key, "EncryptionKeyType": customer}


def _point_arn(site: Site, resource: Resource, job_id: str) -> str:
    """The form of the ARN shows the type (AWS Backup, "Access control")."""
    short = mock_random.get_random_hex(17)
    if resource.fully_managed:
        return site.arn("backup", f"recovery-point:{job_id.upper()}")
    forms = {
        "EBS": f"arn:aws:ec2:{site.region}::snapshot/snap-{short}",
        "EC2": f"arn:aws:ec2:{site.region}::image/ami-{short}",
        "Storage Gateway": f"arn:aws:ec2:{site.region}::snapshot/snap-{short}",
        "RDS": site.arn("rds", f"snapshot:awsbackup:job-{job_id}"),
        "FSx": site.arn("fsx", f"backup/backup-{short}"),
        "DynamoDB": site.arn("dynamodb", f"table/{resource.name}/backup/0179{short[:13]}-{short[:8]}"),
        "Redshift": site.arn("redshift", f"snapshot:{resource.name}/awsbackup:job-{job_id}"),
        "Redshift Serverless": site.arn("redshift-serverless", f"snapshot/{job_id}"),
    }
    # Aurora, DocumentDB, Neptune and Multi-AZ clusters share the form of the ARN.
    if ":cluster:" in resource.arn and resource.arn.split(":")[2] == "rds":
        return site.arn("rds", f"cluster-snapshot:awsbackup:job-{job_id}")
    return forms[resource.type]


def _without_none(document: Document) -> Document:
    return {key: value for key, value in document.items() if value is not None}
