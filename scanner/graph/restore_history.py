"""When a resource was restored, how long the restore took, and whether it was validated (ruling 9).

Restore jobs are listed for 30 days. For an older restore, DescribeProtectedResource reports the latest one
and its duration, but not whether it was validated: only the list of restore jobs reports that. So the
validation is unknown for a restore that the list should contain and does not, or that an unread list may
contain. If the description was not read and the list contains no completed restore, there may have been one.
A restore of a copy is a job of the account and Region that holds the copy, which spills it for this shard.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from scanner.graph.cross_shard import (
    NO_ROWS,
    RESTORES,
    CrossShardRows,
    existence_key,
    home_of,
    own_names,
    restore_jobs,
    shard_name,
)
from scanner.graph.history import Unseen
from scanner.graph.jobs import unread_list
from scanner.model.inventory import (
    Job,
    JobKind,
    LatestRestore,
    ShardInventory,
)
from scanner.model.known import LEFT_OUT, EvidenceRef, GapKind, Known, Ternary, Unread, all_of, gap_of_texts
from scanner.model.names import Shard

_NOT_COMPLETED: Final = frozenset({"PENDING", "RUNNING", "ABORTED", "FAILED"})
_VALIDATED: Final = ("SUCCESSFUL", None)  # None: no validation ran
_NOT_VALIDATED: Final = frozenset({"FAILED", "TIMED_OUT", "VALIDATING"})
"""All other statuses of restore jobs and their validation (API reference, "RestoreJobsListMember")."""

_LIST_DAYS: Final = 30.0
"""Days that ListRestoreJobs reaches back (catalogue, ruling 9)."""

_NOT_LISTED: Final = (
    "the restore jobs that were read do not show whether the latest restore of {} was validated"
)
_UNDOCUMENTED: Final = "the restore job {} has a status that AWS does not document"
_SAME: Final = timedelta(seconds=1)  # lists and descriptions round differently


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore:
    """One restore of a resource. `job`: its id; empty: the latest restore from DescribeProtectedResource.

    `validated`: no validation of it failed or is still running. `validation_reported` is False if AWS does
    not report whether a validation ran and how it ended. `minutes` is None if it did not complete, or if AWS
    does not report it. `message`: AWS's messages on the restore and its validation (StatusMessage,
    ValidationStatusMessage).
    """

    job: str
    resource: str
    state: str
    age_days: float | None
    minutes: float | None
    completed: Ternary
    validated: Ternary
    validation_reported: bool
    refs: tuple[EvidenceRef, ...]
    message: str = ""

    @property
    def proves(self) -> Ternary:
        """Whether it proves that the resource can be restored."""
        return all_of((self.completed, self.validated))


@dataclass(frozen=True, slots=True)
class Restores:
    """The restores of a resource, the newest first, and why there may be others."""

    restores: tuple[Restore, ...] = ()
    unseen: tuple[Unseen, ...] = ()

    @property
    def doubts(self) -> tuple[Unseen, ...]:
        """Why the validation of a restore is unknown although the list of restore jobs was read."""
        return tuple(
            Unseen(
                _UNDOCUMENTED.format(restore.job) if restore.job else _NOT_LISTED.format(restore.resource),
                None,
                own=True,
            )
            for restore in self.restores
            if restore.validated is None or (restore.completed is None and restore.state)
        )


class RestoreHistory:
    """The restores of one shard's resources."""

    def __init__(
        self, inventory: ShardInventory, as_of: datetime, cross_shard_rows: CrossShardRows = NO_ROWS
    ) -> None:
        self._as_of = as_of
        self._protected = {str(protected.arn): protected.type for protected in inventory.protected_resources}
        self._latest = {
            str(protected.arn): protected.latest_restore for protected in inventory.protected_resources
        }
        self._latest.update(inventory.latest_restores)
        self._protected_read = inventory.lists.get("backup:ListProtectedResources", Known(None))
        self._unread = unread_list(inventory, JobKind.RESTORE)
        self._jobs: dict[str, list[Job]] = {}
        own = own_names(inventory)
        for job in (*restore_jobs(inventory), *cross_shard_rows.restores):
            if home_of(job.resource or "") in own:
                self._jobs.setdefault(job.resource or "", []).append(job)
        self._types = {str(resource.arn): resource.type for resource in inventory.resources}
        self._newest: dict[str, Restores] = {}
        self._recall = cross_shard_rows.recall
        self._unread_shards: dict[Shard, Unseen | None] = {}

    def of(
        self,
        arns: Iterable[str],
        open_parents: Iterable[str] = (),
        copies_in: Iterable[Shard] = (),
        unread_rules: Iterable[Unseen] = (),
    ) -> Restores:
        """Return the restores of a resource, and of what contains it.

        `copies_in`: the other account-Regions that hold copies of it, where these are restored.
        `unread_rules`: why there may be copies, and so restores, in any other account-Region.
        """
        arns = tuple(arns)
        restores = sorted((restore for arn in arns for restore in self._restores_of(arn)), key=_newest_first)
        unseen = [*self._unread, *self._unnamed_resource()]
        if not any(restore.completed for restore in restores):
            unseen += (missing for arn in arns if (missing := self._unread_older(arn)) is not None)
        unseen += (missing for shard in copies_in if (missing := self._unread_in(shard)) is not None)
        unseen += unread_rules
        for arn in open_parents:
            if self._jobs.get(arn):
                because = f"whether restores of {arn} count for it is unknown"
                unseen.append(Unseen(because, None, own=True))
        return Restores(tuple(restores), tuple(unseen))

    def of_type(self, kind: str) -> Restores:
        """Return the newest restore of any resource of a type that proves the type can be restored."""
        if (restores := self._newest.get(kind)) is None:
            restores = self._newest[kind] = self._of_type(kind)
        return restores

    def _of_type(self, kind: str) -> Restores:
        arns = sorted(self._arns_of(kind))
        restores = sorted((restore for arn in arns for restore in self._restores_of(arn)), key=_newest_first)
        proofs = [restore for restore in restores if restore.proves]
        open_ones = [restore for restore in restores if restore.proves is None]
        unseen = [*self._unread, *self._unnamed_resource()]
        if not (proofs and proofs[0].job):  # a restore newer than a listed job would be listed, too
            if isinstance(self._protected_read, Unread):
                because = "the protected resources, with the dates of their latest restores, were not read"
                unseen.append(Unseen(because, self._protected_read.gap, own=True))
            # One doubt is enough, because it is noted on each resource of the type.
            undescribed = (arn for arn in arns if not self._is_listed_as_completed(arn))
            unseen += [missing for arn in undescribed if (missing := self._unread_older(arn)) is not None][:1]
        return Restores((*proofs[:1], *open_ones[:1]), tuple(unseen))

    def _is_listed_as_completed(self, arn: str) -> bool:
        """Check whether a completed restore is listed; then the latest one is listed too."""
        return any(job.state == "COMPLETED" for job in self._jobs.get(arn, ()))

    def _arns_of(self, kind: str) -> set[str]:
        by_job = {arn for arn, jobs in self._jobs.items() if any(job.resource_type == kind for job in jobs)}
        protected = {arn for arn, resource_type in self._protected.items() if resource_type == kind}
        return by_job | protected | {arn for arn, of_type in self._types.items() if of_type == kind}

    def _restores_of(self, arn: str) -> list[Restore]:
        restores = [_of_job(job, self._as_of) for job in self._jobs.get(arn, ())]
        latest = self._latest.get(arn)
        if not isinstance(latest, Known):
            return restores
        if latest.value is not None and not self._is_listed(arn, latest.value):
            restores.append(self._of_latest(arn, latest.value, latest.refs))
        return restores

    def _of_latest(self, arn: str, latest: LatestRestore, refs: tuple[EvidenceRef, ...]) -> Restore:
        """Build a restore from DescribeProtectedResource; one that has a duration is completed.

        A description does not report validations, which only matter for restores of the last 30 days.
        """
        age = _age_days(latest.created_at, self._as_of)
        before_list = not self._unread and age is not None and age > _LIST_DAYS
        return Restore(
            job="",
            resource=arn,
            state="" if latest.minutes is None else "COMPLETED",
            age_days=age,
            minutes=latest.minutes,
            completed=None if latest.minutes is None else True,
            validated=True if before_list else None,
            validation_reported=False,
            refs=refs,
        )

    def _unread_older(self, arn: str) -> Unseen | None:
        """Return the doubt if restores from before the list's 30 days were not read (ruling 9)."""
        latest = self._latest.get(arn)
        if isinstance(latest, Known):
            return None
        # It is read on demand only, so a description that was never requested is no gap, unless left out.
        unasked = latest is None or latest.gap.kind is GapKind.NEVER_ASKED
        gap = None if latest is None or (unasked and latest.gap.code != LEFT_OUT) else latest.gap
        return Unseen(f"restores of {arn} older than 30 days were not read", gap, own=True)

    def _unread_in(self, shard: Shard) -> Unseen | None:
        """Return the doubt if the restores of another account-Region were not read."""
        if shard not in self._unread_shards:
            self._unread_shards[shard] = self._unread_reason(shard)
        return self._unread_shards[shard]

    def _unread_reason(self, shard: Shard) -> Unseen | None:
        because = f"the restore jobs of {shard.account}/{shard.region} were not read"
        row = next(iter(self._recall(existence_key(shard_name(shard)))), None)
        # Each account-Region of the scope has a row, so this one is outside of it.
        if row is None:
            return Unseen(f"{because}: it is not in the scope of the scan", None, own=False)
        unread = row[1].get(RESTORES)
        return None if unread is None else Unseen(because, gap_of_texts(unread), own=False)

    def _is_listed(self, arn: str, latest: LatestRestore) -> bool:
        """Check whether the list of jobs contains this restore."""
        return latest.created_at is not None and any(
            job.created_at is not None and abs(job.created_at - latest.created_at) <= _SAME
            for job in self._jobs.get(arn, ())
        )

    def _unnamed_resource(self) -> Iterator[Unseen]:
        if self._jobs.get(""):
            yield Unseen("the list of restore jobs does not name the resource of each job", None, own=True)


def _of_job(job: Job, as_of: datetime) -> Restore:
    completed = _decided(job.state, ("COMPLETED",), _NOT_COMPLETED)
    took = job.completed_at - job.created_at if job.completed_at and job.created_at else None
    return Restore(
        job=job.id,
        resource=job.resource or "",
        state=job.state or "",
        age_days=_age_days(job.created_at, as_of),
        minutes=took / timedelta(minutes=1) if completed and took is not None else None,
        completed=completed,
        validated=_decided(job.validation_status, _VALIDATED, _NOT_VALIDATED),
        validation_reported=True,
        refs=job.refs,
        message="; ".join(filter(None, (job.message, job.validation_message))),
    )


def _decided(status: str | None, good: Collection[str | None], bad: Collection[str]) -> Ternary:
    """Return whether a status is a good one; None for a status that AWS does not document."""
    if status in good:
        return True
    return False if status in bad else None


def _age_days(instant: datetime | None, as_of: datetime) -> float | None:
    return None if instant is None else max(0.0, (as_of - instant) / timedelta(days=1))


def _newest_first(restore: Restore) -> tuple[float, str, str]:
    age = float("inf") if restore.age_days is None else restore.age_days
    return (age, restore.resource, restore.job)
