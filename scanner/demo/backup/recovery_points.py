"""Recovery points with the protected resources that follow from them, and backup, copy and restore jobs."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from moto.backup.exceptions import InvalidParameterValueException, ResourceNotFoundException
from moto.organizations.models import organizations_backends

from scanner.demo.backup.backend import DemoBackupBackend, Document, backend_of
from scanner.demo.backup.base import Operations, answer
from scanner.demo.clock import ago

_EQUAL: Mapping[str, str] = {
    "ByResourceArn": "ResourceArn",
    "ByResourceType": "ResourceType",
    "ByParentRecoveryPointArn": "ParentRecoveryPointArn",
}
_ALL_ACCOUNTS = "*"
_HISTORY = 30  # days that AWS Backup keeps jobs (API reference, ListBackupJobs)

_EQUAL_JOBS: Mapping[str, str] = {
    "ByResourceArn": "ResourceArn",
    "ByState": "State",
    "ByStatus": "Status",
    "ByResourceType": "ResourceType",
    "ByDestinationVaultArn": "DestinationBackupVaultArn",
    "ByBackupVaultName": "BackupVaultName",
    "ByParentJobId": "ParentJobId",
    "ByMessageCategory": "MessageCategory",
    "BySourceRecoveryPointArn": "SourceRecoveryPointArn",
}


def latest(points: Iterable[Document]) -> list[Document]:
    """The newest recovery point of each resource, in the order of the resources' ARNs."""
    newest: dict[str, Document] = {}
    # Ascending, so that the last one of each resource stays.
    for point in sorted(points, key=lambda point: point["CreationDate"]):
        newest[point["ResourceArn"]] = point
    return [newest[arn] for arn in sorted(newest)]


def _protected(point: Document) -> Document:
    return {
        "ResourceArn": point["ResourceArn"],
        "ResourceType": point["ResourceType"],
        "ResourceName": point.get("ResourceName"),
        "LastBackupTime": point["CreationDate"],
        "LastBackupVaultArn": point["BackupVaultArn"],
        "LastRecoveryPointArn": point["RecoveryPointArn"],
    }


class RecoveryPointOperations(Operations):
    """The calls about recovery points and protected resources."""

    def list_recovery_points_by_backup_vault(self) -> str:
        """ListRecoveryPointsByBackupVault with its filters."""
        points = self.backend.extras_of(self._get_param("BackupVaultName")).recovery_points
        return answer({"RecoveryPoints": [point for point in points if self._wanted(point)]})

    def list_recovery_points_by_resource(self) -> str:
        """ListRecoveryPointsByResource: the same points under fewer keys."""
        arn = self._get_param("ResourceArn")
        points = [point for point in self.backend.recovery_points() if point["ResourceArn"] == arn]
        return answer({"RecoveryPoints": points})

    def describe_recovery_point(self) -> str:
        """DescribeRecoveryPoint: what the list says, and the storage class."""
        arn = self._get_param("RecoveryPointArn")
        points = self.backend.extras_of(self._get_param("BackupVaultName")).recovery_points
        for point in points:
            if point["RecoveryPointArn"] == arn:
                return answer({**point, "StorageClass": "WARM"})
        raise ResourceNotFoundException(msg=f"Recovery point {arn} does not exist")

    def get_pitr_malware_scan_results(self) -> str:
        """GetPITRMalwareScanResults: what the aggregated result of a continuous recovery point says."""
        arn = self._get_param("RecoveryPointArn")
        points = self.backend.extras_of(self._get_param("BackupVaultName")).recovery_points
        for point in points:
            scanned = point.get("AggregatedScanResult")
            if point["RecoveryPointArn"] == arn and scanned:
                status = "THREATS_FOUND" if scanned["Findings"] else "NO_THREATS_FOUND"
                return answer(
                    {
                        "ScanEndTime": scanned["LastComputed"],
                        "ScanResult": {"ScanResultStatus": status},
                        "LastScanJobTime": scanned["LastComputed"],
                        "ScanId": "scan-1",
                        "ScanMode": "FULL_SCAN",
                    }
                )
        raise ResourceNotFoundException(msg=f"There is no scan of {arn}")

    def list_protected_resources(self) -> str:
        """ListProtectedResources: whatever was backed up (not copied here from elsewhere)."""
        return answer({"Results": [_protected(point) for point in latest(self._own_points())]})

    def describe_protected_resource(self) -> str:
        """DescribeProtectedResource."""
        arn = self._get_param("ResourceArn")
        for point in latest(self._own_points()):
            if point["ResourceArn"] == arn:
                return answer({**_protected(point), **self._latest_restore(arn)})
        raise ResourceNotFoundException(msg=f"Resource {arn} is not protected")

    def _own_points(self) -> list[Document]:
        # A copy protects the resource of another account or Region, where it is listed.
        return [point for point in self.backend.recovery_points() if "SourceBackupVaultArn" not in point]

    def _latest_restore(self, arn: str) -> Document:
        jobs = [job for job in self.backend.restore_jobs if job.get("SourceResourceArn") == arn]
        # The duration of a failed restore says nothing about the next one.
        done = [job for job in jobs if job["Status"] == "COMPLETED"]
        if not done:
            return {}
        newest = max(done, key=lambda job: job["CreationDate"])
        took = newest["CompletionDate"] - newest["CreationDate"]
        return {
            "LatestRestoreExecutionTimeMinutes": int(took.total_seconds() // 60),
            "LatestRestoreJobCreationDate": newest["CreationDate"],
            "LatestRestoreRecoveryPointCreationDate": newest["RecoveryPointCreationDate"],
        }

    def _wanted(self, point: Document) -> bool:
        for parameter, key in _EQUAL.items():
            if self._get_param(parameter) not in (None, point.get(key)):
                return False
        plan = self._get_param("ByBackupPlanId")
        if plan not in (None, point.get("CreatedBy", {}).get("BackupPlanId")):
            return False
        return within(
            point["CreationDate"], self._get_param("ByCreatedAfter"), self._get_param("ByCreatedBefore")
        )


def within(moment: datetime | None, after: datetime | None, before: datetime | None) -> bool:
    """Check whether a time is between bounds, which are naive UTC, as moto parses them."""
    if moment is None:
        return after is None and before is None
    return not (after and moment < _aware(after)) and not (before and moment > _aware(before))


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


class JobOperations(Operations):
    """The calls that list jobs; newest first, as AWS gives them."""

    def list_backup_jobs(self) -> str:
        """ListBackupJobs; ByAccountId='*' from the management account lists the organisation's."""
        jobs = [job for backend in self._backends() for job in backend.backup_jobs]
        return answer({"BackupJobs": self._filtered(jobs)})

    def list_copy_jobs(self) -> str:
        """ListCopyJobs."""
        jobs = [job for backend in self._backends() for job in backend.copy_jobs]
        return answer({"CopyJobs": self._filtered(jobs)})

    def list_restore_jobs(self) -> str:
        """ListRestoreJobs: those of the last 30 days."""
        jobs = [
            job
            for backend in self._backends()
            for job in backend.restore_jobs
            if job["CreationDate"] >= ago(days=_HISTORY)
        ]
        return answer({"RestoreJobs": self._filtered(jobs)})

    def describe_backup_job(self) -> str:
        """DescribeBackupJob."""
        wanted = self._get_param("BackupJobId")
        for job in self.backend.backup_jobs:
            if job["BackupJobId"] == wanted:
                return answer(job)
        raise ResourceNotFoundException(msg=f"Backup job {wanted} does not exist")

    def _backends(self) -> list[DemoBackupBackend]:
        account = self._get_param("ByAccountId")
        # Without ByAccountId a management account sees its own jobs only.
        if account in (None, self.current_account):
            return [self.backend]
        organisation = organizations_backends[self.current_account]["aws"]
        members = [member.id for member in organisation.accounts]
        if account != _ALL_ACCOUNTS and account not in members:
            raise InvalidParameterValueException(msg=f"Account {account} is not a member of the organization")
        wanted = members if account == _ALL_ACCOUNTS else [account]
        return [backend_of(member, self.region) for member in wanted]

    def _filtered(self, jobs: Iterable[Document]) -> list[Document]:
        wanted = [job for job in jobs if self._wanted(job)]
        return sorted(wanted, key=lambda job: job["CreationDate"], reverse=True)

    def _wanted(self, job: Document) -> bool:
        for parameter, key in _EQUAL_JOBS.items():
            if self._get_param(parameter) not in (None, job.get(key)):
                return False
        created = self._get_param("ByCreatedAfter"), self._get_param("ByCreatedBefore")
        completed = self._get_param("ByCompleteAfter"), self._get_param("ByCompleteBefore")
        return within(job["CreationDate"], *created) and within(job.get("CompletionDate"), *completed)
