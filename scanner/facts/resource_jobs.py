"""A resource's backup jobs, copy jobs and restores, and which of the latest failed (rulings 3, 9, 13)."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from scanner.facts.notes import Notes
from scanner.graph.control_plane import ControlPlane
from scanner.graph.coverage import Coverage
from scanner.graph.cross_shard import NO_ROWS, CrossShardRows, ResourceExistence
from scanner.graph.history import BackupLocations, History, Unseen, counted_arns
from scanner.graph.jobs import JobHistory, JobOutcome, JobOutcomes
from scanner.graph.restore_history import Restore, RestoreHistory
from scanner.model.facts import NEVER_HOURS, BackupJobResult, CopyChain, RestoreResult
from scanner.model.inventory import Resource, ShardInventory
from scanner.model.known import Ternary, all_of

MESSAGE: Final = 200  # characters of AWS's message on a job
RESTORE_TEST_DAYS: Final = 90
# A restore in these states may still succeed, so it neither passes nor fails.
_RUNNING: Final = ("PENDING", "RUNNING")

Chain = tuple[str, str]
"""The name of a rule in findings, and the vault that it copies into."""


@dataclass(frozen=True, slots=True)
class HistoryColumns:
    """The columns of jobs and restores; a list that may be incomplete ends with None."""

    backup_jobs: tuple[BackupJobResult | None, ...]
    copy_jobs: tuple[CopyChain | None, ...]
    restores: tuple[RestoreResult | None, ...]
    type_restores: tuple[RestoreResult | None, ...]


class HistoryTable:
    """Builds the columns of jobs and restores for one shard's resources."""

    def __init__(
        self, inventory: ShardInventory, as_of: datetime, cross_shard_rows: CrossShardRows = NO_ROWS
    ) -> None:
        self.jobs = JobHistory(inventory, as_of)
        self._restores = RestoreHistory(inventory, as_of, cross_shard_rows)

    def columns(
        self, resource: Resource, coverage: Coverage, locations: BackupLocations, notes: Notes
    ) -> HistoryColumns:
        """Build the columns of one resource. `locations`: where its backups and copies are."""
        # Jobs of an instance or a stack that covers the resource count as jobs of the resource.
        arns = counted_arns(resource, coverage)
        backups = self.jobs.backups(arns, coverage.open_parents)
        chains, unseen = self.jobs.copies_by_chain(arns, coverage.open_parents)
        restores = self._restores.of(arns, coverage.open_parents, locations.copies_in, locations.unread_rules)
        of_type = self._restores.of_type(resource.type)
        _note("backup_jobs", backups.unseen, (backup.job for backup in backups.jobs), notes)
        # One missing list leaves many chains unknown: the reason is noted once.
        missing = dict.fromkeys((*unseen, *(reason for chain in chains.values() for reason in chain.unseen)))
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
        # Several jobs may be the newest if the times of some are unknown: then no single one is reported.
        newest = next((copy for copy in copies.jobs if copy.newest is not False), None)
        is_certain = newest is not None and newest.newest is True
        # NULL if the newest is unknown, "never" only if the list is complete and empty.
        none = newest is None and not copies.unseen
        return CopyChain(
            rule=rule,
            destination=destination,
            age_hours=newest.age_hours if newest and is_certain else NEVER_HOURS if none else None,
            state=newest.job.state if newest and is_certain else "" if none else None,
            succeeded=newest.succeeded if newest and is_certain else False if none else None,
            # Compares with the newest backup: a copy that succeeded long ago does not show that copies keep
            # up.
            behind=self.jobs.newest_backup_not_copied(arns, rule, copies),
            category=newest.job.message_category or "" if newest and is_certain else "",
            message=message_of(newest) if newest and is_certain else "",
            issues=issues_of(newest) if newest and is_certain else "",
        )


def _backup(outcome: JobOutcome) -> BackupJobResult:
    return BackupJobResult(
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
    """Return AWS's message on a job (StatusMessage), cut to a readable length; empty: there is none."""
    return (outcome.job.message or "")[:MESSAGE]


def issues_of(outcome: JobOutcome) -> str:
    """Return category and message of a job that completed with issues; empty: it did not."""
    # AWS Backup returns such a job as COMPLETED with another category than SUCCESS (API reference,
    # BackupJob).
    parts = (outcome.job.message_category, message_of(outcome))
    return ": ".join(filter(None, parts)) if outcome.with_issues else ""


def _restore(restore: Restore) -> RestoreResult:
    return RestoreResult(
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
    # The list may be longer: checks that need completeness become unknown.
    return (None,) if unseen else ()


def _note(column: str, unseen: tuple[Unseen, ...], rows: Iterable[object], notes: Notes) -> None:
    for row in rows:
        notes.evidence(column, getattr(row, "refs", ()))
    for reason in unseen:
        notes.unknown(column, reason.because, reason.gap)


@dataclass(frozen=True, slots=True)
class ShardHistory:
    """The histories of one shard."""

    history: History
    table: HistoryTable
    existence: ResourceExistence


def shard_history(
    inventory: ShardInventory, plane: ControlPlane, as_of: datetime, cross_shard_rows: CrossShardRows
) -> ShardHistory:
    """Build the histories of a shard. `cross_shard_rows`: what other shards contain of its resources."""
    return ShardHistory(
        history=History(inventory, plane, as_of, cross_shard_rows),
        table=HistoryTable(inventory, as_of, cross_shard_rows),
        existence=ResourceExistence(inventory, cross_shard_rows.recall),
    )


@dataclass(frozen=True, slots=True)
class Failures:
    """What failed, as clauses. `undecided`: what may have failed."""

    failed: tuple[str, ...]
    undecided: tuple[str, ...]

    @property
    def none(self) -> Ternary:
        """Whether nothing failed."""
        # A certain failure outweighs anything undecided.
        if self.failed:
            return False
        return None if self.undecided else True


def failures_of(past: HistoryColumns, actions: Collection[Chain], *, has_backup: Ternary) -> Failures:
    """Return which of a resource's latest backups, copies and restore tests failed.

    `actions`: the rules that copy it now, with the destination vaults; `has_backup`: whether it has a usable
    recovery point anywhere.
    """
    verdicts = (
        _backup_failure(past.backup_jobs, has_backup=has_backup),
        *_copies(past.copy_jobs, actions),
        _restore_failure(past.restores),
    )
    failed = tuple(sentence for passed, sentence in verdicts if passed is False)
    return Failures(failed, tuple(sentence for passed, sentence in verdicts if passed is None))


Verdict = tuple[Ternary, str]
"""Whether something succeeded, and what failed or is unknown."""


def _backup_failure(jobs: Iterable[BackupJobResult | None], *, has_backup: Ternary) -> Verdict:
    jobs = tuple(jobs)
    # A job is a rival if it may be the newest; a certain one ends the question.
    rivals = [job for job in jobs if job is not None and job.newest is not False]
    newest = next((job for job in rivals if job.newest), None)
    if newest is not None:
        return newest.succeeded, f"the latest backup job ended with status {newest.state}"
    if rivals or None in jobs:
        return None, "whether the latest backup job completed is unknown"
    if has_backup is None:
        return None, "whether there is a usable recovery point is unknown"
    # ListBackupJobs covers 30 days: without a job, only a recovery point shows that backups work.
    return has_backup, "there is no usable recovery point and no finished backup job in the last 30 days"


def _copies(chains: Iterable[CopyChain | None], actions: Collection[Chain]) -> Iterator[Verdict]:
    """Yield a verdict on the newest copy by each current rule into each vault; else on the newest of all."""
    chains = tuple(chains)
    # An empty state means that no copy of the chain was ever listed.
    finished = [chain for chain in chains if chain is not None and chain.state != ""]
    # Copies by rules that no longer exist are history: an old failure must not outlive its rule.
    vaults = {vault for _, vault in actions}
    current = [
        chain
        for chain in finished
        # A copy job without a known rule still belongs to a destination that is copied into now.
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
    # Without all ages none is known to be the newest, so all are judged.
    if any(chain.age_hours is None for chain in chains):
        return chains
    return sorted(chains, key=lambda chain: chain.age_hours or 0.0)[:1]


def _restore_failure(restores: Iterable[RestoreResult | None]) -> Verdict:
    """Return the verdict on the newest finished restore; none in 90 days counts as a failure."""
    restores = tuple(restores)
    # A restore that still runs says nothing yet, so the one before it counts.
    ended = [restore for restore in restores if restore is not None and restore.state not in _RUNNING]
    # An undated restore may be the newest, so no verdict on the others is safe.
    if None in restores or any(restore.age_days is None for restore in ended):
        return None, f"whether it was restored in the last {RESTORE_TEST_DAYS} days is unknown"
    recent = [
        restore for restore in ended if restore.age_days is not None and restore.age_days <= RESTORE_TEST_DAYS
    ]
    if not recent:
        return False, f"no restore was tested in the last {RESTORE_TEST_DAYS} days"
    newest = min(recent, key=lambda restore: restore.age_days or 0.0)
    proves = all_of((newest.completed, newest.validated))
    if proves is None:
        return None, "whether its newest restore completed is unknown"
    why = "was not validated" if newest.completed else f"ended with status {newest.state}"
    return proves, f"the latest restore {why}"
