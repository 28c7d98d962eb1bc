"""Backup, copy and restore jobs, and what AWS Backup lists as protected."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from scanner.evidence.answers import Answers
from scanner.evidence.shape import Shape
from scanner.inventory.gaps import Gaps, created_by_rule, rows
from scanner.model.inventory import Job, JobKind, LatestRestore, ProtectedResource
from scanner.model.names import AccountId, Arn, Shard
from scanner.model.reading import LEFT_OUT, EvidenceRef, GapKind, Reading, Unread

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
    created_by = row.child("CreatedBy")
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
        created_by_rule=None if kind is JobKind.RESTORE else created_by_rule(row, _shard_of(answers, row)),
        message_category=row.text("MessageCategory"),
        validation_status=row.text("ValidationStatus"),
        validation_message=row.text("ValidationStatusMessage"),
        restore_testing_plan=created_by.text("RestoreTestingPlanArn") if created_by else None,
        source_recovery_point=row.text("SourceRecoveryPointArn"),
        backup_type=row.text("BackupType") or "",
        backup_job=row.text("CreatedByBackupJobId"),
        parent_job=row.text("ParentJobId"),
        refs=(ref,),
    )


def _shard_of(answers: Answers, row: Shape) -> Shard:
    """Return the account and Region of a job: an organisation's list holds jobs of other accounts too."""
    account = row.text("AccountId")
    return Shard(AccountId(account), answers.shard.region) if account else answers.shard


def parse_protected_resources(answers: Answers, gaps: Gaps) -> tuple[ProtectedResource, ...]:
    """Parse ListProtectedResources: what was backed up at least once."""
    protected = {
        row.need("ResourceArn"): _protected(answers, gaps, row, ref)
        for row, ref in rows(answers, "backup:ListProtectedResources", "Results")
    }
    return tuple(protected[arn] for arn in sorted(protected))


def _protected(answers: Answers, gaps: Gaps, row: Shape, ref: EvidenceRef) -> ProtectedResource:
    arn = row.need("ResourceArn")
    return ProtectedResource(
        arn=Arn(arn),
        type=row.text("ResourceType") or "",
        account=answers.shard.account,
        region=answers.shard.region,
        last_backup_at=row.instant("LastBackupTime"),
        latest_restore=_latest_restore(answers, gaps, arn),
        last_vault=row.text("LastBackupVaultArn"),
        last_recovery_point=row.text("LastRecoveryPointArn"),
        refs=(ref,),
    )


def parse_latest_restores(
    answers: Answers, gaps: Gaps, protected: Iterable[ProtectedResource]
) -> Mapping[str, Reading[LatestRestore | None]]:
    """Parse DescribeProtectedResource of what ListProtectedResources does not list, by ARN.

    The list may have been cut short, or not asked for: an answer about one resource counts all the same.
    """
    listed = {str(each.arn) for each in protected}
    asked = {answer.parameters.get("ResourceArn") for answer in answers.every(_DESCRIBE)}
    arns = sorted(arn for arn in asked if isinstance(arn, str) and arn not in listed)
    return {arn: _latest_restore(answers, gaps, arn) for arn in arns}


def _latest_restore(answers: Answers, gaps: Gaps, arn: str) -> Reading[LatestRestore | None]:
    """Read the newest restore, which the histories of 30 days may not reach (catalogue, ruling 9).

    It is asked for on demand only: that it was never asked for is no gap of the shard, but that the scan left
    it out for all resources is one.
    """
    answer = answers.one(_DESCRIBE, ResourceArn=arn)
    if answer.gap is not None and answer.gap.code == LEFT_OUT:
        return gaps.reading(None, replace(answer, gap=replace(answer.gap, about="")))
    if answer.gap is not None and answer.gap.kind is GapKind.NEVER_ASKED:
        return Unread(answer.gap)
    told = next((page for page in answer.pages if any(key in page.data for key in (_RESTORED, _TOOK))), None)
    if told is None:
        return gaps.reading(None, answer)
    restore = LatestRestore(
        created_at=told.instant(_RESTORED),
        minutes=told.integer(_TOOK),
        recovery_point_at=told.instant("LatestRestoreRecoveryPointCreationDate"),
    )
    return gaps.reading(restore, answer)


_DESCRIBE: Final = "backup:DescribeProtectedResource"
_RESTORED: Final = "LatestRestoreJobCreationDate"
_TOOK: Final = "LatestRestoreExecutionTimeMinutes"
