"""AWS Backup: backup, copy and restore jobs of the last 30 days, and protected resources."""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from typing import Any, Final

from scanner.evidence.answers import Answers
from scanner.evidence.shape import Shape
from scanner.model.inventory import Job, JobKind, LatestRestore, ProtectedResource
from scanner.model.known import LEFT_OUT, EvidenceRef, GapKind, Reading, Unread
from scanner.model.names import AccountId, Arn, Shard, parse_arn
from scanner.services.base import Gaps, Operation, created_by_rule, objects, rows, text
from scanner.services.caller import Caller, record_all

_PAGE: Final = 1000  # the largest page (AWS Backup API Reference)

_HISTORIES: Final = (
    (JobKind.BACKUP, "backup:ListBackupJobs", "BackupJobs", "BackupJobId", "RecoveryPointArn"),
    (JobKind.COPY, "backup:ListCopyJobs", "CopyJobs", "CopyJobId", "DestinationRecoveryPointArn"),
    (JobKind.RESTORE, "backup:ListRestoreJobs", "RestoreJobs", "RestoreJobId", "RecoveryPointArn"),
)

OPERATIONS: Final = (
    Operation(
        "backup",
        "ListBackupJobs",
        "backup:ListBackupJobs",
        _PAGE,
        identity=("BackupJobs[].BackupJobId",),
    ),
    Operation(
        "backup",
        "ListCopyJobs",
        "backup:ListCopyJobs",
        _PAGE,
        identity=("CopyJobs[].CopyJobId",),
    ),
    Operation(
        "backup",
        "ListRestoreJobs",
        "backup:ListRestoreJobs",
        _PAGE,
        identity=("RestoreJobs[].RestoreJobId",),
    ),
    Operation(
        "backup",
        "ListProtectedResources",
        "backup:ListProtectedResources",
        _PAGE,
        identity=("Results[].ResourceArn",),
    ),
    # AWS allows ten calls per second. It is called for the account's own resources only, since no control
    # needs the latest restore of others (catalogue, ruling 9).
    Operation(
        "backup",
        "DescribeProtectedResource",
        "backup:DescribeProtectedResource",
        after=("backup:ListProtectedResources",),
        per="resource that was backed up, and not restored in 30 days",
    ),
)

_COMPLETED: Final = "COMPLETED"

Restored = Future[frozenset[str]]
"""The resources with a completed restore in the list of restore jobs; empty if the list was not read."""


def collect(caller: Caller) -> set[str]:
    """Record jobs and protected resources; the lists are read in parallel."""
    restored = Restored()
    return caller.in_parallel(
        partial(_collect_protected_resources, restored=restored),
        lambda own: record_all(own.pages("backup", "ListBackupJobs")),
        lambda own: record_all(own.pages("backup", "ListCopyJobs")),
        partial(_collect_restore_jobs, restored=restored),
    )


def _collect_restore_jobs(caller: Caller, *, restored: Restored) -> None:
    """Record restore jobs, including those of restore testing plans, and resolve `restored`."""
    completed: set[str] = set()
    result: frozenset[str] = frozenset()
    try:
        for answer in caller.pages("backup", "ListRestoreJobs"):
            # Only a completed job is a restore: DescribeProtectedResource may return an older one.
            jobs = (row for row in objects(answer, "RestoreJobs") if row.get("Status") == _COMPLETED)
            completed.update(text(row, "SourceResourceArn") for row in jobs)
        # With pages missing, a resource may have been restored without
        # being in the list: then all are described.
        if "backup:ListRestoreJobs" not in caller.failures:
            result = frozenset(completed)
    finally:  # without a result, no protected resource would be described
        restored.set_result(result)


def _collect_protected_resources(caller: Caller, *, restored: Restored) -> None:
    """Record protected resources, and the latest restore of this account's own (catalogue, ruling 9).

    A resource with a completed restore in the list of restore jobs is not described: its latest restore is in
    that list.
    """
    names: dict[str, None] = {}
    for answer in caller.pages("backup", "ListProtectedResources"):
        names |= dict.fromkeys(_own_resources(answer, caller.shard))
    if not caller.collects("backup:DescribeProtectedResource"):
        return
    # Reserved now, so that the order of the lines does not depend on which of the two lists ends first.
    describe = caller.later()

    def describe_others(future: Restored) -> None:
        unrestored = [name for name in names if name not in future.result()]
        describe(lambda own: own.each(unrestored, _describe_resource))

    restored.add_done_callback(describe_others)


def _own_resources(answer: Mapping[str, Any], shard: Shard) -> Iterator[str]:
    """Yield the listed resources of this account; the list also has those whose copies are here."""
    for row in objects(answer, "Results"):
        arn = parse_arn(text(row, "ResourceArn"))
        # The ARN of a bucket names neither account nor Region.
        if arn and arn.account in ("", shard.account) and arn.region in ("", shard.region):
            yield text(row, "ResourceArn")


def _describe_resource(caller: Caller, resource: str) -> tuple[str, ...]:
    caller.call("backup", "DescribeProtectedResource", ResourceArn=resource)
    return ()


def parse_jobs(answers: Answers) -> tuple[Job, ...]:
    """Parse the three job histories; a job that is listed twice counts once."""
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
        # Restore jobs have other names for these two (API reference, "RestoreJobsListMember").
        state=row.text("Status") if kind is JobKind.RESTORE else row.text("State"),
        resource=row.text("SourceResourceArn") if kind is JobKind.RESTORE else row.text("ResourceArn"),
        resource_type=row.text("ResourceType"),
        created_at=row.instant("CreationDate"),
        completed_at=row.instant("CompletionDate"),
        message=row.text("StatusMessage"),
        recovery_point=ids[1],
        destination_vault=row.text("DestinationBackupVaultArn"),
        # `CreatedBy` of a restore job names a restore testing plan, not a rule.
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
    """Return the account and Region of a job: the list may contain jobs of other accounts."""
    account = row.text("AccountId")
    return Shard(AccountId(account), answers.shard.region) if account else answers.shard


def parse_protected_resources(answers: Answers, gaps: Gaps) -> tuple[ProtectedResource, ...]:
    """Parse ListProtectedResources: the resources that were backed up at least once."""
    protected = {
        row.need("ResourceArn"): _protected(answers, gaps, row, ref)
        for row, ref in rows(answers, _PROTECTED, "Results")
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
        latest_restore=_restore_of_listed(answers, gaps, arn),
        last_vault=row.text("LastBackupVaultArn"),
        last_recovery_point=row.text("LastRecoveryPointArn"),
        refs=(ref,),
    )


def parse_latest_restores(
    answers: Answers, gaps: Gaps, protected: Iterable[ProtectedResource]
) -> Mapping[str, Reading[LatestRestore | None]]:
    """Parse DescribeProtectedResource for resources that ListProtectedResources does not list, by ARN.

    The list may be incomplete or may not have been called; a restore that is described counts anyway. That
    AWS Backup does not find the resource counts only if the list is complete: a listed one contradicts it.
    """
    listed = {str(resource.arn) for resource in protected}
    described = {answer.parameters.get("ResourceArn") for answer in answers.every(_DESCRIBE)}
    arns = sorted(arn for arn in described if isinstance(arn, str) and arn not in listed)
    lists = answers.every(_PROTECTED)
    unread = next((answer.gap for answer in lists if answer.gap is not None), None)
    if not lists:
        unread = answers.gap(_PROTECTED, "", GapKind.NEVER_ASKED)
    return {
        arn: Unread(unread)
        if unread is not None and answers.one(_DESCRIBE, ResourceArn=arn).absent
        else _latest_restore(answers, gaps, arn)
        for arn in arns
    }


def _restore_of_listed(answers: Answers, gaps: Gaps, arn: str) -> Reading[LatestRestore | None]:
    """Parse the newest restore of a resource that ListProtectedResources lists.

    A description that denies such a resource contradicts the list: which of the two is right is unknown.
    """
    if answers.one(_DESCRIBE, ResourceArn=arn).absent:
        gap = replace(answers.gap(_DESCRIBE, arn, GapKind.FAILED), message=_DENIED)
        return gaps.known_unless(gap, None)
    return _latest_restore(answers, gaps, arn)


def _latest_restore(answers: Answers, gaps: Gaps, arn: str) -> Reading[LatestRestore | None]:
    """Parse the latest restore, which may be older than the 30 days of the job list (catalogue, ruling 9).

    The call is made only if needed, so a call that was never made is not a gap of the shard. It is one gap if
    the scan omitted this operation for all resources.
    """
    answer = answers.one(_DESCRIBE, ResourceArn=arn)
    if answer.gap is not None and answer.gap.code == LEFT_OUT:
        return gaps.reading(None, replace(answer, gap=replace(answer.gap, about="")))
    if answer.gap is not None and answer.gap.kind is GapKind.NEVER_ASKED:
        return Unread(answer.gap)
    described = next(
        (page for page in answer.pages if _RESTORED in page.data or _DURATION in page.data), None
    )
    # AWS omits these members where the resource was never restored (docs/assumptions.md).
    if described is None:
        return gaps.reading(None, answer)
    restore = LatestRestore(
        created_at=described.instant(_RESTORED),
        minutes=described.integer(_DURATION),
        recovery_point_at=described.instant("LatestRestoreRecoveryPointCreationDate"),
    )
    return gaps.reading(restore, answer)


_DENIED: Final = "ListProtectedResources lists the resource, and DescribeProtectedResource does not find it."
_PROTECTED: Final = "backup:ListProtectedResources"
_DESCRIBE: Final = "backup:DescribeProtectedResource"
_RESTORED: Final = "LatestRestoreJobCreationDate"
_DURATION: Final = "LatestRestoreExecutionTimeMinutes"
