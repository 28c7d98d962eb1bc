"""Backup, copy and restore jobs, and what AWS Backup lists as protected."""

from collections.abc import Iterator
from typing import Final

from scanner.evidence.answers import Answers
from scanner.evidence.shape import Shape
from scanner.inventory.gaps import created_by_rule, rows
from scanner.model.inventory import Job, JobKind, ProtectedResource
from scanner.model.names import Arn
from scanner.model.reading import EvidenceRef

_HISTORIES: Final = (
    (JobKind.BACKUP, "backup:ListBackupJobs", "BackupJobs", "BackupJobId", "RecoveryPointArn"),
    (JobKind.COPY, "backup:ListCopyJobs", "CopyJobs", "CopyJobId", "DestinationRecoveryPointArn"),
    (JobKind.RESTORE, "backup:ListRestoreJobs", "RestoreJobs", "RestoreJobId", "RecoveryPointArn"),
)


def parse_jobs(answers: Answers) -> tuple[Job, ...]:
    """Parse the three histories of jobs, each job once, by kind and id."""
    jobs = {(job.kind, job.id): job for job in _jobs(answers)}
    return tuple(jobs[key] for key in sorted(jobs))


def _jobs(answers: Answers) -> Iterator[Job]:
    for kind, operation, list_key, id_key, point_key in _HISTORIES:
        for row, ref in rows(answers, operation, list_key):
            yield _job(answers, kind, row, ref, (row.need(id_key), row.text(point_key)))


def _job(answers: Answers, kind: JobKind, row: Shape, ref: EvidenceRef, ids: tuple[str, str | None]) -> Job:
    return Job(
        kind=kind,
        id=ids[0],
        account=answers.shard.account,
        region=answers.shard.region,
        state=row.text("Status") if kind is JobKind.RESTORE else row.text("State"),
        resource=row.text("SourceResourceArn") if kind is JobKind.RESTORE else row.text("ResourceArn"),
        resource_type=row.text("ResourceType"),
        created_at=row.instant("CreationDate"),
        completed_at=row.instant("CompletionDate"),
        message=row.text("StatusMessage"),
        recovery_point=ids[1],
        destination_vault=row.text("DestinationBackupVaultArn"),
        created_by_rule=created_by_rule(row),
        refs=(ref,),
    )


def parse_protected_resources(answers: Answers) -> tuple[ProtectedResource, ...]:
    """Parse ListProtectedResources: what was backed up at least once."""
    protected = {
        row.need("ResourceArn"): ProtectedResource(
            arn=Arn(row.need("ResourceArn")),
            type=row.text("ResourceType") or "",
            account=answers.shard.account,
            region=answers.shard.region,
            last_backup_at=row.instant("LastBackupTime"),
            refs=(ref,),
        )
        for row, ref in rows(answers, "backup:ListProtectedResources", "Results")
    }
    return tuple(protected[arn] for arn in sorted(protected))
