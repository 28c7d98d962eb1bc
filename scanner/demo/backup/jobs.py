"""Backup, copy and restore jobs."""

from collections.abc import Iterable, Mapping

from moto.backup.exceptions import InvalidParameterValueException, ResourceNotFoundException
from moto.organizations.models import organizations_backends

from scanner.demo.backup.backend import DemoBackupBackend, Document, backend_of
from scanner.demo.backup.base import Operations, answer
from scanner.demo.backup.recovery_points import within
from scanner.demo.clock import ago

_ALL_ACCOUNTS = "*"
_HISTORY = 30  # days that AWS Backup keeps jobs (facts 9)
_EQUAL: Mapping[str, str] = {
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
        if account in (None, self.current_account):
            return [self.backend]
        organisation = organizations_backends[self.current_account]["aws"]
        members = [member.id for member in organisation.accounts]
        if account != _ALL_ACCOUNTS and account not in members:
            raise InvalidParameterValueException(msg=f"Account {account} is not a member of the organization")
        wanted = members if account == _ALL_ACCOUNTS else [account]
        return [backend_of(member, self.region) for member in wanted]

    def _filtered(self, jobs: Iterable[Document]) -> list[Document]:
        kept = [job for job in jobs if self._wanted(job)]
        return sorted(kept, key=lambda job: job["CreationDate"], reverse=True)

    def _wanted(self, job: Document) -> bool:
        for parameter, key in _EQUAL.items():
            if self._get_param(parameter) not in (None, job.get(key)):
                return False
        created = self._get_param("ByCreatedAfter"), self._get_param("ByCreatedBefore")
        completed = self._get_param("ByCompleteAfter"), self._get_param("ByCompleteBefore")
        return within(job["CreationDate"], *created) and within(job.get("CompletionDate"), *completed)
