"""What the jobs of a resource came to: which are finished, which is the newest, which backup a copy is of.

The lists reach back 30 days (facts 9). A list that was not read, or a job whose state or date is not told,
leaves open which job is the newest: then it is not known, and never taken from what happens to be seen.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from scanner.graph.history import Unseen
from scanner.model.inventory import Job, JobKind, ShardInventory
from scanner.model.names import names_rule, rule_matches, rule_subject
from scanner.model.reading import Known, Unread
from scanner.model.ternary import Ternary

HISTORY_DAYS: Final = 30
_LISTS: Final = {
    JobKind.BACKUP: "backup:ListBackupJobs",
    JobKind.COPY: "backup:ListCopyJobs",
    JobKind.RESTORE: "backup:ListRestoreJobs",
}
_UNDER_WAY: Final = ("CREATED", "PENDING", "RUNNING", "ABORTING")
_FAILED: Final = ("FAILED", "EXPIRED", "ABORTED")
_FINISHED: Final = ("COMPLETED", "PARTIAL", *_FAILED)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A job and what it came to. `newest`: whether it is the newest of the resource's finished jobs.

    `succeeded`: completed, as a whole: PARTIAL is finished and not completed. `age_hours` counts from its
    creation, None where that is not told.
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
class Outcomes:
    """The jobs of a resource, the newest first, and what keeps them from being all."""

    jobs: tuple[Outcome, ...] = ()
    unseen: tuple[Unseen, ...] = ()


def finished(job: Job) -> Ternary:
    """Check whether a job came to an end; None where its state is not told, or is one that nobody knows."""
    return True if job.state in _FINISHED else False if job.state in _UNDER_WAY else None


def age_hours(job: Job, as_of: datetime) -> float | None:
    """Give how long ago a job was created; 0 for one of later, None where that is not told."""
    return None if job.created_at is None else max(0.0, (as_of - job.created_at) / timedelta(hours=1))


def outcomes(jobs: Iterable[Job], as_of: datetime, unseen: tuple[Unseen, ...] = ()) -> Outcomes:
    """Tell what jobs of one resource came to; those of more than 30 days ago are left out."""
    jobs = tuple(jobs)
    if not jobs:
        return Outcomes((), unseen)
    ages = {(job.account, job.region, job.id): (job, age_hours(job, as_of)) for job in jobs}
    recent = [(job, age) for job, age in ages.values() if age is None or age <= HISTORY_DAYS * 24]
    recent.sort(key=lambda each: _order(each[0]), reverse=True)
    marks = newest_marks([job for job, _ in recent], complete=not unseen)
    found = (_outcome(job, age, newest) for (job, age), newest in zip(recent, marks, strict=True))
    return Outcomes(tuple(found), unseen)


def _outcome(job: Job, age: float | None, newest: Ternary) -> Outcome:
    done = finished(job)
    return Outcome(
        job=job,
        age_hours=age,
        finished=done,
        succeeded=None if done is None else job.state == "COMPLETED",
        failed=None if done is None else job.state in _FAILED,
        newest=newest,
    )


def newest_marks(jobs: Sequence[Job], *, complete: bool) -> tuple[Ternary, ...]:
    """Say of each job whether it is the newest finished one. `complete` False: there may be other jobs."""
    sure = [job for job in jobs if finished(job) and job.created_at is not None]
    newest = max(sure, key=_order, default=None)
    open_ones = [job for job in jobs if finished(job) is not False and not (finished(job) and job.created_at)]
    rivals = [job for job in open_ones if _may_be_newer(job, newest)]
    if newest is None and len(rivals) == 1 and finished(rivals[0]):
        newest = rivals.pop()  # whenever it was made, it is the only one
    return tuple(_mark(job, newest, rivals, complete=complete) for job in jobs)


def _mark(job: Job, newest: Job | None, rivals: list[Job], *, complete: bool) -> Ternary:
    if job is newest:
        return None if rivals or not complete else True
    return None if any(job is rival for rival in rivals) else False


def _may_be_newer(job: Job, newest: Job | None) -> bool:
    return newest is None or job.created_at is None or _order(job) > _order(newest)


def _order(job: Job) -> tuple[datetime, datetime, str]:
    """Order jobs by their creation; those that are not told count as the oldest."""
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
            self._jobs.setdefault((job.kind, job.resource or ""), []).append(job)
            if job.kind is JobKind.BACKUP:
                self._backups_by_id[job.id] = job

    def backups(self, arns: Iterable[str], open_parents: Iterable[str] = ()) -> Outcomes:
        """Tell what the backup jobs of a resource, and of what it is backed up through, came to."""
        jobs = [job for arn in arns for job in self._of(JobKind.BACKUP, arn)]
        unseen = (*self._unseen(JobKind.BACKUP), *self._open(JobKind.BACKUP, open_parents))
        return outcomes(jobs, self.as_of, unseen)

    def copies_by_chain(
        self, arns: Iterable[str], open_parents: Iterable[str] = ()
    ) -> tuple[Mapping[tuple[str, str], Outcomes], tuple[Unseen, ...]]:
        """Return what the copy jobs of a resource came to, by rule (empty: none is named) and destination."""
        chains: dict[tuple[str, str], list[Job]] = {}
        unseen = (*self._unseen(JobKind.COPY), *self._open(JobKind.COPY, open_parents))
        for arn in arns:
            for job in self._of(JobKind.COPY, arn):
                rule = self.rule_of(job) or ""
                chain = (rule if names_rule(rule) else "", job.destination_vault or "")
                chains.setdefault(chain, []).append(job)
            unseen += self._astray(arn)
        partly_named = self._partly_named(chains)
        found = {
            chain: outcomes(chains[chain], self.as_of, (*unseen, *partly_named.get(chain, ())))
            for chain in sorted(chains)
        }
        return found, unseen

    def _partly_named(
        self, chains: Mapping[tuple[str, str], Sequence[Job]]
    ) -> Mapping[tuple[str, str], tuple[Unseen, ...]]:
        """Return the chains of which a job that does not name its rule in full may be part, and why."""
        found: dict[tuple[str, str], tuple[Unseen, ...]] = {}
        for rule, vault in chains:
            jobs = chains.get(("", vault), ())
            job = next((job for job in jobs if rule and self._may_be_of(job, rule)), None)
            if job is not None:
                found[rule, vault] = found["", vault] = (_by_unknown_rule(job.resource or ""),)
        return found

    def copies(self, arn: str, rule: str, destination: str) -> Outcomes:
        """Tell what the copy jobs of a resource by one copy action came to (ruling 13)."""
        copies = self._of(JobKind.COPY, arn)
        there = [job for job in copies if job.destination_vault == destination]
        ours = [job for job in there if self.rule_of(job) == rule]
        unseen = self._unseen(JobKind.COPY)
        if any(self._may_be_of(job, rule) for job in there):
            unseen += (_by_unknown_rule(arn),)
        return outcomes(ours, self.as_of, unseen + self._astray(arn, rule))

    def _astray(self, arn: str, rule: str = "") -> tuple[Unseen, ...]:
        """Say that a copy job of a resource, by a rule or by any, does not name its destination vault."""
        copies = (job for job in self._of(JobKind.COPY, arn) if not job.destination_vault)
        if any(not rule or self.rule_of(job) == rule or self._may_be_of(job, rule) for job in copies):
            return (Unseen(f"a copy job of {arn} does not name its destination vault", None, own=True),)
        return ()

    def _may_be_of(self, copy: Job, rule: str) -> bool:
        """Check whether a copy job names the rule in part, or a backup job that was not read and would."""
        if (named := self.rule_of(copy)) is not None:
            return not names_rule(named) and rule_matches(named, rule)
        return copy.backup_job is not None and copy.backup_job not in self._backups_by_id

    @property
    def unseen_copies(self) -> tuple[Unseen, ...]:
        """Say why there may be copy jobs that were not seen."""
        return self._unseen(JobKind.COPY)

    def rule_of(self, copy: Job) -> str | None:
        """Return the rule that a copy job belongs to; None: none is named.

        What the job leaves out of it is that of the backup job that started it.
        """
        backup = self._backups_by_id.get(copy.backup_job or "")
        named = [job.created_by_rule for job in (copy, backup) if job and job.created_by_rule is not None]
        if not named or names_rule(named[0]):
            return named[0] if named else None
        plans, _, rules = zip(*(name.partition("#") for name in named), strict=True)
        return rule_subject(next(filter(None, plans), ""), next(filter(None, rules), ""))

    def behind(self, arns: Iterable[str], rule: str, copies: Outcomes) -> Ternary:
        """Check whether the newest completed backup is neither copied nor being copied.

        `rule`: that made it; empty: any. None where a list was not read and no copy of it was seen.
        """
        backups = self.backups(arns)
        completed = [backup.job for backup in backups.jobs if backup.succeeded]
        newest = next((job for job in completed if not rule or _may_be_by(job, rule)), None)
        if rule and newest is not None and newest.created_by_rule != rule:
            return None  # it does not name its rule in full
        made = [copy for copy in copies.jobs if newest is not None and copies_backup(copy.job, newest)]
        if any(copy.succeeded or copy.finished is False for copy in made) and not backups.unseen:
            return False
        if backups.unseen or copies.unseen or any(copy.finished is None for copy in made):
            return None
        return newest is not None

    def _of(self, kind: JobKind, arn: str) -> Sequence[Job]:
        return self._jobs.get((kind, arn), ())

    def _unseen(self, kind: JobKind) -> tuple[Unseen, ...]:
        """Say why there may be other jobs: the list was not read, or does not tell what a job is of."""
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


def _by_unknown_rule(arn: str) -> Unseen:
    return Unseen(f"a copy job of {arn} does not name the rule that it belongs to", None, own=True)


def _may_be_by(backup: Job, rule: str) -> bool:
    return backup.created_by_rule is not None and rule_matches(backup.created_by_rule, rule)


def copies_backup(copy: Job, backup: Job) -> bool:
    """Check whether a copy job copies what a backup job made, by the id it names, if any (facts 12)."""
    if copy.backup_job is not None:
        return copy.backup_job == backup.id
    return copy.source_recovery_point is not None and copy.source_recovery_point == backup.recovery_point


def unread_list(inventory: ShardInventory, kind: JobKind) -> tuple[Unseen, ...]:
    """Say that a list of jobs was not read to the end, where it was not."""
    reading = inventory.lists.get(_LISTS[kind], Known(None))
    if not isinstance(reading, Unread):
        return ()
    return (Unseen(f"the {kind} jobs were not read", reading.gap, own=True),)
