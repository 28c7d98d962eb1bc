"""A resource's past: its backup jobs, copy jobs and restores, and which failed last (rulings 3, 9, 13)."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from scanner.facts.notes import Notes
from scanner.graph.control_plane import ControlPlane
from scanner.graph.coverage import Coverage
from scanner.graph.cross_shard import NO_ROWS, CrossShardRows, ResourceExistence
from scanner.graph.history import History, Unseen, counted_arns
from scanner.graph.jobs import JobHistory, JobOutcome, JobOutcomes
from scanner.graph.restore_history import Restore, RestoreHistory
from scanner.model.facts import NEVER_HOURS, BackupJobTold, CopyChain, RestoreTold
from scanner.model.inventory import Resource, ShardInventory
from scanner.model.names import Shard
from scanner.model.ternary import Ternary, all_of

MESSAGE: Final = 200  # letters of what AWS says of a job
RESTORE_TEST_DAYS: Final = 90
_UNDER_WAY: Final = ("PENDING", "RUNNING")

Chain = tuple[str, str]
"""A rule, as findings name it, and the vault that it copies into."""


@dataclass(frozen=True, slots=True)
class HistoryColumns:
    """The columns; a list that may be incomplete ends with None."""

    backup_jobs: tuple[BackupJobTold | None, ...]
    copy_jobs: tuple[CopyChain | None, ...]
    restores: tuple[RestoreTold | None, ...]
    type_restores: tuple[RestoreTold | None, ...]


class HistoryTable:
    """Makes the columns for one shard's resources."""

    def __init__(
        self, inventory: ShardInventory, as_of: datetime, elsewhere: CrossShardRows = NO_ROWS
    ) -> None:
        self.jobs = JobHistory(inventory, as_of)
        self._restores = RestoreHistory(inventory, as_of, elsewhere)

    def columns(
        self, resource: Resource, coverage: Coverage, copies_in: Iterable[Shard], notes: Notes
    ) -> HistoryColumns:
        """Make the columns of one resource, copies of which lie in these account-Regions."""
        arns = counted_arns(resource, coverage)
        backups = self.jobs.backups(arns, coverage.open_parents)
        chains, unseen = self.jobs.copies_by_chain(arns, coverage.open_parents)
        restores = self._restores.of(arns, coverage.open_parents, copies_in)
        of_type = self._restores.of_type(resource.type)
        _note("backup_jobs", backups.unseen, (each.job for each in backups.jobs), notes)
        missing = dict.fromkeys((*unseen, *(one for chain in chains.values() for one in chain.unseen)))
        _note("copy_jobs", tuple(missing), (), notes)
        _note("restores", (*restores.unseen, *restores.doubts), restores.restores, notes)
        _note("type_restores", (*of_type.unseen, *of_type.doubts), of_type.restores, notes)
        copies = tuple(
            self._chain(arns, rule, destination, outcomes) for (rule, destination), outcomes in chains.items()
        )
        return HistoryColumns(
            backup_jobs=(*map(_backup, backups.jobs), *_end(backups.unseen)),
            copy_jobs=(*copies, *_end(unseen)),
            restores=(*map(_restore, restores.restores), *_end(restores.unseen)),
            type_restores=(*map(_restore, of_type.restores), *_end(of_type.unseen)),
        )

    def _chain(self, arns: tuple[str, ...], rule: str, destination: str, copies: JobOutcomes) -> CopyChain:
        newest = next((copy for copy in copies.jobs if copy.newest is not False), None)
        known = newest is not None and newest.newest is True
        none = newest is None and not copies.unseen
        return CopyChain(
            rule=rule,
            destination=destination,
            age_hours=newest.age_hours if newest and known else NEVER_HOURS if none else None,
            state=newest.job.state if newest and known else "" if none else None,
            succeeded=newest.succeeded if newest and known else False if none else None,
            behind=self.jobs.newest_backup_not_copied(arns, rule, copies),
            category=newest.job.message_category or "" if newest and known else "",
            message=message_of(newest) if newest and known else "",
            issues=issues_of(newest) if newest and known else "",
        )


def _backup(outcome: JobOutcome) -> BackupJobTold:
    return BackupJobTold(
        job=outcome.job.id,
        resource=outcome.job.resource or "",
        state=outcome.job.state,
        age_hours=outcome.age_hours,
        finished=outcome.finished,
        succeeded=outcome.succeeded,
        failed=outcome.failed,
        newest=outcome.newest,
        backup_type=outcome.job.backup_type,
        category=outcome.job.message_category or "",
        message=message_of(outcome),
        issues=issues_of(outcome),
    )


def message_of(outcome: JobOutcome) -> str:
    """Return what AWS says of a job (StatusMessage), cut to a length for people; empty: nothing."""
    return (outcome.job.message or "")[:MESSAGE]


def issues_of(outcome: JobOutcome) -> str:
    """Return category and message of a job that completed with issues; empty: it did not."""
    parts = (outcome.job.message_category, message_of(outcome))
    return ": ".join(filter(None, parts)) if outcome.with_issues else ""


def _restore(restore: Restore) -> RestoreTold:
    return RestoreTold(
        job=restore.job,
        resource=restore.resource,
        state=restore.state,
        age_days=restore.age_days,
        minutes=restore.minutes,
        completed=restore.completed,
        validated=restore.validated,
        validation_reported=restore.validation_reported,
        message=restore.message[:MESSAGE],
    )


def _end(unseen: tuple[Unseen, ...]) -> tuple[None, ...]:
    return (None,) if unseen else ()


def _note(column: str, unseen: tuple[Unseen, ...], told: Iterable[object], notes: Notes) -> None:
    for each in told:
        notes.evidence(column, getattr(each, "refs", ()))
    for one in unseen:
        notes.unknown(column, one.because, one.gap)


@dataclass(frozen=True, slots=True)
class ShardHistory:
    """The histories of one shard, ready to be asked."""

    history: History
    table: HistoryTable
    existence: ResourceExistence


def past_of(
    inventory: ShardInventory, plane: ControlPlane, as_of: datetime, elsewhere: CrossShardRows
) -> ShardHistory:
    """Get the histories of a shard ready. `elsewhere`: what other shards have of its resources."""
    return ShardHistory(
        history=History(inventory, plane, as_of, elsewhere),
        table=HistoryTable(inventory, as_of, elsewhere),
        existence=ResourceExistence(inventory, elsewhere.recall),
    )


@dataclass(frozen=True, slots=True)
class Failures:
    """What failed, in words, and whether nothing did. `open_ones`: of what it is not known."""

    failed: tuple[str, ...]
    open_ones: tuple[str, ...]

    @property
    def none(self) -> Ternary:
        """Whether nothing failed."""
        if self.failed:
            return False
        return None if self.open_ones else True


def failures_of(past: HistoryColumns, actions: Collection[Chain], *, has_backup: Ternary) -> Failures:
    """Say what failed last of a resource's backups, copies and restore tests.

    `actions`: the rules that copy it now, and where to; `has_backup`: whether a usable recovery point of it
    lies somewhere.
    """
    told = (
        _backup_failure(past.backup_jobs, has_backup=has_backup),
        *_copies(past.copy_jobs, actions),
        _restore_failure(past.restores),
    )
    failed = tuple(sentence for passed, sentence in told if passed is False)
    return Failures(failed, tuple(sentence for passed, sentence in told if passed is None))


Told = tuple[Ternary, str]
"""Whether something went well, and what went wrong, or is not known."""


def _backup_failure(jobs: Iterable[BackupJobTold | None], *, has_backup: Ternary) -> Told:
    jobs = tuple(jobs)
    rivals = [job for job in jobs if job is not None and job.newest is not False]
    newest = next((job for job in rivals if job.newest), None)
    if newest is not None:
        return newest.succeeded, f"the latest backup job ended with status {newest.state}"
    if rivals or None in jobs:
        return None, "whether the latest backup job completed is unknown"
    if has_backup is None:
        return None, "whether there is a usable recovery point is unknown"
    return has_backup, "there is no usable recovery point and no finished backup job in the last 30 days"


def _copies(chains: Iterable[CopyChain | None], actions: Collection[Chain]) -> Iterator[Told]:
    """Tell of the newest copy by each rule into each vault that copies it now; else of the newest at all."""
    chains = tuple(chains)
    finished = [chain for chain in chains if chain is not None and chain.state != ""]
    vaults = {vault for _, vault in actions}
    current = [
        chain
        for chain in finished
        if (chain.rule, chain.destination) in actions or (not chain.rule and chain.destination in vaults)
    ]
    for chain in current or _newest(finished):
        name = chain.destination.partition(":backup-vault:")[2] or chain.destination
        if chain.succeeded is None:
            yield None, f"whether the latest copy into {name} completed is unknown"
        else:
            yield chain.succeeded, f"the latest copy into {name} ended with status {chain.state}"
    if None in chains:
        yield None, "there may be copy jobs that were not read"


def _newest(chains: list[CopyChain]) -> list[CopyChain]:
    if any(chain.age_hours is None for chain in chains):
        return chains
    return sorted(chains, key=lambda chain: chain.age_hours or 0.0)[:1]


def _restore_failure(restores: Iterable[RestoreTold | None]) -> Told:
    """Tell of the newest finished restore; none in 90 days counts as a failure."""
    restores = tuple(restores)
    ended = [one for one in restores if one is not None and one.state not in _UNDER_WAY]
    if None in restores or any(one.age_days is None for one in ended):
        return None, f"whether it was restored in the last {RESTORE_TEST_DAYS} days is unknown"
    recent = [one for one in ended if one.age_days is not None and one.age_days <= RESTORE_TEST_DAYS]
    if not recent:
        return False, f"no restore was tested in the last {RESTORE_TEST_DAYS} days"
    newest = min(recent, key=lambda one: one.age_days or 0.0)
    proves = all_of((newest.completed, newest.validated))
    if proves is None:
        return None, "whether its newest restore completed is unknown"
    why = "was not validated" if newest.completed else f"ended with status {newest.state}"
    return proves, f"the latest restore {why}"
