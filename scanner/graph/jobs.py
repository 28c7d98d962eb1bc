"""The outcomes of a resource's jobs: which are finished, which is the newest, and which backup a copy is of.

The lists reach back 30 days (facts 9). If a list was not read, or a job has no state or date, it is unknown
which job is the newest, even if other jobs are listed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from scanner.graph.history import Unseen
from scanner.model.inventory import Job, JobKind, ShardInventory
from scanner.model.known import Known, Ternary, Unread
from scanner.model.names import names_rule, rule_matches, rule_subject

HISTORY_DAYS: Final = 30
_LISTS: Final = {
    JobKind.BACKUP: "backup:ListBackupJobs",
    JobKind.COPY: "backup:ListCopyJobs",
    JobKind.RESTORE: "backup:ListRestoreJobs",
}
_RUNNING: Final = ("CREATED", "PENDING", "RUNNING", "ABORTING")
_FAILED: Final = ("FAILED", "EXPIRED", "ABORTED")
_FINISHED: Final = ("COMPLETED", "PARTIAL", *_FAILED)


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """A job and its outcome. `newest`: whether it is the newest of the resource's finished jobs.

    `succeeded`: completed in full; PARTIAL is finished but not completed. `age_hours` counts from its
    creation; None: AWS does not report it.
    """

    job: Job
    age_hours: float | None
    finished: Ternary
    succeeded: Ternary
    failed: Ternary
    newest: Ternary

    @property
    def with_issues(self) -> bool:
        """Whether it completed, with a message category other than SUCCESS (facts 9)."""
        category = (self.job.message_category or "").replace("_", "").casefold()
        return bool(self.succeeded) and category not in ("", "success")


@dataclass(frozen=True, slots=True)
class JobOutcomes:
    """The jobs of a resource, the newest first, and why there may be others."""

    jobs: tuple[JobOutcome, ...] = ()
    unseen: tuple[Unseen, ...] = ()


def finished(job: Job) -> Ternary:
    """Check whether a job has ended; None: its state is missing or unknown."""
    return True if job.state in _FINISHED else False if job.state in _RUNNING else None


def age_hours(job: Job, as_of: datetime) -> float | None:
    """Return how many hours ago a job was created, 0 if in the future; None: AWS does not report it."""
    return None if job.created_at is None else max(0.0, (as_of - job.created_at) / timedelta(hours=1))


def job_outcomes(jobs: Iterable[Job], as_of: datetime, unseen: tuple[Unseen, ...] = ()) -> JobOutcomes:
    """Return the outcomes of the jobs of one resource, without jobs older than 30 days."""
    jobs = tuple(jobs)
    if not jobs:
        return JobOutcomes((), unseen)
    ages = {(job.account, job.region, job.id): (job, age_hours(job, as_of)) for job in jobs}
    # AWS Backup lists jobs of the last 30 days (API reference, "ListBackupJobs"); older ones would make the
    # result depend on the day of the scan.
    recent = [(job, age) for job, age in ages.values() if age is None or age <= HISTORY_DAYS * 24]
    recent.sort(key=lambda job_and_age: _order(job_and_age[0]), reverse=True)
    marks = newest_marks([job for job, _ in recent], complete=not unseen)
    recent_outcomes = (_outcome(job, age, newest) for (job, age), newest in zip(recent, marks, strict=True))
    return JobOutcomes(tuple(recent_outcomes), unseen)


def _outcome(job: Job, age: float | None, newest: Ternary) -> JobOutcome:
    done = finished(job)
    return JobOutcome(
        job=job,
        age_hours=age,
        finished=done,
        # PARTIAL: some of the resource was not backed up (AWS Backup API reference, "BackupJob").
        succeeded=None if done is None else job.state == "COMPLETED",
        failed=None if done is None else job.state in _FAILED,
        newest=newest,
    )


def newest_marks(jobs: Sequence[Job], *, complete: bool) -> tuple[Ternary, ...]:
    """Return for each job whether it is the newest finished one. `complete` False: there may be others."""
    dated = [job for job in jobs if finished(job) and job.created_at is not None]
    newest = max(dated, key=_order, default=None)
    # A job without a date or a known state may be newer than the newest dated one.
    uncertain = [job for job in jobs if finished(job) is not False and not (finished(job) and job.created_at)]
    rivals = [job for job in uncertain if _may_be_newer(job, newest)]
    if newest is None and len(rivals) == 1 and finished(rivals[0]):
        newest = rivals.pop()  # its date does not matter: it is the only one
    return tuple(_mark(job, newest, rivals, complete=complete) for job in jobs)


def _mark(job: Job, newest: Job | None, rivals: list[Job], *, complete: bool) -> Ternary:
    if job is newest:
        return None if rivals or not complete else True
    return None if any(job is rival for rival in rivals) else False


def _may_be_newer(job: Job, newest: Job | None) -> bool:
    return newest is None or job.created_at is None or _order(job) > _order(newest)


def _order(job: Job) -> tuple[datetime, datetime, str]:
    """Return the sort key of a job: its creation, where a job without a date is the oldest."""
    never = datetime.min.replace(tzinfo=UTC)
    return (job.created_at or never, job.completed_at or never, job.id)


class JobHistory:
    """The backup and copy jobs of one shard, by resource."""

    def __init__(self, inventory: ShardInventory, as_of: datetime) -> None:
        self.as_of = as_of
        self._jobs: dict[tuple[JobKind, str], list[Job]] = {}
        self._backups_by_id: dict[str, Job] = {}
        self._unread = {kind: unread_list(inventory, kind) for kind in JobKind}
        for job in inventory.jobs:
            # A job without a resource is under the empty name, and so belongs to no resource.
            self._jobs.setdefault((job.kind, job.resource or ""), []).append(job)
            if job.kind is JobKind.BACKUP:
                self._backups_by_id[job.id] = job

    def backups(self, arns: Iterable[str], open_parents: Iterable[str] = ()) -> JobOutcomes:
        """Return the outcomes of the backup jobs of a resource, and of what contains it."""
        jobs = [job for arn in arns for job in self._of(JobKind.BACKUP, arn)]
        unseen = (*self._unseen(JobKind.BACKUP), *self._open(JobKind.BACKUP, open_parents))
        return job_outcomes(jobs, self.as_of, unseen)

    def copies_by_chain(
        self, arns: Iterable[str], open_parents: Iterable[str] = ()
    ) -> tuple[Mapping[tuple[str, str], JobOutcomes], tuple[Unseen, ...]]:
        """Return the outcomes of a resource's copy jobs, by rule ("": none is named) and destination."""
        chains: dict[tuple[str, str], list[Job]] = {}
        unseen = (*self._unseen(JobKind.COPY), *self._open(JobKind.COPY, open_parents))
        for arn in arns:
            for job in self._of(JobKind.COPY, arn):
                rule = self.rule_of(job) or ""
                chain = (rule if names_rule(rule) else "", job.destination_vault or "")
                chains.setdefault(chain, []).append(job)
            unseen += self._unnamed_destination(arn)
        partly_named = self._partly_named(chains)
        by_chain = {
            chain: job_outcomes(chains[chain], self.as_of, (*unseen, *partly_named.get(chain, ())))
            for chain in sorted(chains)
        }
        return by_chain, unseen

    def _partly_named(
        self, chains: Mapping[tuple[str, str], Sequence[Job]]
    ) -> Mapping[tuple[str, str], tuple[Unseen, ...]]:
        """Return the chains that a job may belong to that does not name its rule in full, with a doubt."""
        uncertain_chains: dict[tuple[str, str], tuple[Unseen, ...]] = {}
        for rule, vault in chains:
            jobs = chains.get(("", vault), ())
            job = next((job for job in jobs if rule and self._may_be_of(job, rule)), None)
            if job is not None:
                uncertain_chains[rule, vault] = uncertain_chains["", vault] = (
                    _unnamed_rule(job.resource or ""),
                )
        return uncertain_chains

    def copies(self, arn: str, rule: str, destination: str) -> JobOutcomes:
        """Return the outcomes of the copy jobs of a resource by one copy action (ruling 13)."""
        copies = self._of(JobKind.COPY, arn)
        there = [job for job in copies if job.destination_vault == destination]
        ours = [job for job in there if self.rule_of(job) == rule]
        unseen = self._unseen(JobKind.COPY)
        if any(self._may_be_of(job, rule) for job in there):
            unseen += (_unnamed_rule(arn),)
        return job_outcomes(ours, self.as_of, unseen + self._unnamed_destination(arn, rule))

    def _unnamed_destination(self, arn: str, rule: str = "") -> tuple[Unseen, ...]:
        """Return the doubt if a copy job of a resource, by this or any rule, names no destination."""
        copies = (job for job in self._of(JobKind.COPY, arn) if not job.destination_vault)
        if any(not rule or self.rule_of(job) == rule or self._may_be_of(job, rule) for job in copies):
            return (Unseen(f"a copy job of {arn} does not name its destination vault", None, own=True),)
        return ()

    def _may_be_of(self, copy: Job, rule: str) -> bool:
        """Check whether a copy job may be by a rule: it names it in part, or its backup job was not read."""
        if (named := self.rule_of(copy)) is not None:
            return not names_rule(named) and rule_matches(named, rule)
        return copy.backup_job is not None and copy.backup_job not in self._backups_by_id

    @property
    def unseen_copies(self) -> tuple[Unseen, ...]:
        """Why there may be copy jobs that were not read."""
        return self._unseen(JobKind.COPY)

    def rule_of(self, copy: Job) -> str | None:
        """Return the rule that a copy job belongs to; None: none is named.

        A plan or rule that the job does not name is taken from the backup job that started it.
        """
        backup = self._backups_by_id.get(copy.backup_job or "")
        named = [job.created_by_rule for job in (copy, backup) if job and job.created_by_rule is not None]
        if not named or names_rule(named[0]):
            return named[0] if named else None
        plans, _, rules = zip(*(name.partition("#") for name in named), strict=True)
        return rule_subject(next(filter(None, plans), ""), next(filter(None, rules), ""))

    def newest_backup_not_copied(self, arns: Iterable[str], rule: str, copies: JobOutcomes) -> Ternary:
        """Check whether the newest completed backup is neither copied nor being copied.

        `rule`: only backups by this rule; empty: by any. None: a list was not read, and no copy of it is
        listed.
        """
        backups = self.backups(arns)
        completed = [backup.job for backup in backups.jobs if backup.succeeded]
        newest = next((job for job in completed if not rule or _may_be_made_by(job, rule)), None)
        if rule and newest is not None and newest.created_by_rule != rule:
            return None  # it does not name its rule in full
        its_copies = [copy for copy in copies.jobs if newest is not None and copies_backup(copy.job, newest)]
        if any(copy.succeeded or copy.finished is False for copy in its_copies) and not backups.unseen:
            return False
        if backups.unseen or copies.unseen or any(copy.finished is None for copy in its_copies):
            return None
        return newest is not None

    def _of(self, kind: JobKind, arn: str) -> Sequence[Job]:
        return self._jobs.get((kind, arn), ())

    def _unseen(self, kind: JobKind) -> tuple[Unseen, ...]:
        """Return why there may be other jobs: the list was not read, or a job names no resource."""
        if (kind, "") not in self._jobs:
            return self._unread[kind]
        return (
            *self._unread[kind],
            Unseen(f"the list of {kind} jobs does not name the resource of each job", None, own=True),
        )

    def _open(self, kind: JobKind, open_parents: Iterable[str]) -> Iterator[Unseen]:
        for arn in open_parents:
            if self._of(kind, arn):
                yield Unseen(f"whether {kind} jobs of {arn} count for it is unknown", None, own=True)


def _unnamed_rule(arn: str) -> Unseen:
    return Unseen(f"a copy job of {arn} does not name the rule that it belongs to", None, own=True)


def _may_be_made_by(backup: Job, rule: str) -> bool:
    return backup.created_by_rule is not None and rule_matches(backup.created_by_rule, rule)


def copies_backup(copy: Job, backup: Job) -> bool:
    """Check whether a copy job copies what a backup job made, by the id it names, if any (facts 12)."""
    if copy.backup_job is not None:
        return copy.backup_job == backup.id
    return copy.source_recovery_point is not None and copy.source_recovery_point == backup.recovery_point


def unread_list(inventory: ShardInventory, kind: JobKind) -> tuple[Unseen, ...]:
    """Return the doubt if a list of jobs was not read completely."""
    reading = inventory.lists.get(_LISTS[kind], Known(None))
    if not isinstance(reading, Unread):
        return ()
    return (Unseen(f"the {kind} jobs were not read", reading.gap, own=True),)
