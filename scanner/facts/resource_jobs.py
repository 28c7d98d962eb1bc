"""The columns of a resource's past: its backup jobs, its copy jobs, its restores (rulings 3, 9, 13)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from scanner.facts.notes import Notes
from scanner.graph.coverage import Coverage
from scanner.graph.elsewhere import NOTHING, Elsewhere
from scanner.graph.history import Unseen, counting
from scanner.graph.jobs import JobHistory, Outcome, Outcomes
from scanner.graph.restores import Restore, RestoreHistory
from scanner.model.facts import NEVER_HOURS, BackupJobTold, CopyChain, RestoreTold
from scanner.model.inventory import Resource, ShardInventory
from scanner.model.names import Shard

MESSAGE: Final = 200  # letters of what AWS says of a job


@dataclass(frozen=True, slots=True)
class PastColumns:
    """The columns; a list that may be incomplete ends with None."""

    backup_jobs: tuple[BackupJobTold | None, ...]
    copy_jobs: tuple[CopyChain | None, ...]
    restores: tuple[RestoreTold | None, ...]
    type_restores: tuple[RestoreTold | None, ...]


class PastTable:
    """Makes the columns for one shard's resources."""

    def __init__(self, inventory: ShardInventory, as_of: datetime, elsewhere: Elsewhere = NOTHING) -> None:
        self.jobs = JobHistory(inventory, as_of)
        self._restores = RestoreHistory(inventory, as_of, elsewhere)

    def columns(
        self, resource: Resource, coverage: Coverage, copies_in: Iterable[Shard], notes: Notes
    ) -> PastColumns:
        """Make the columns of one resource, copies of which lie in these account-Regions."""
        arns = counting(resource, coverage)
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
        return PastColumns(
            backup_jobs=(*map(_backup, backups.jobs), *_end(backups.unseen)),
            copy_jobs=(*copies, *_end(unseen)),
            restores=(*map(_restore, restores.restores), *_end(restores.unseen)),
            type_restores=(*map(_restore, of_type.restores), *_end(of_type.unseen)),
        )

    def _chain(self, arns: tuple[str, ...], rule: str, destination: str, copies: Outcomes) -> CopyChain:
        newest = next((copy for copy in copies.jobs if copy.newest is not False), None)
        known = newest is not None and newest.newest is True
        none = newest is None and not copies.unseen
        return CopyChain(
            rule=rule,
            destination=destination,
            age_hours=newest.age_hours if newest and known else NEVER_HOURS if none else None,
            state=newest.job.state if newest and known else "" if none else None,
            succeeded=newest.succeeded if newest and known else False if none else None,
            behind=self.jobs.behind(arns, rule, copies),
            category=newest.job.message_category or "" if newest and known else "",
            message=message_of(newest) if newest and known else "",
            issues=issues_of(newest) if newest and known else "",
        )


def _backup(outcome: Outcome) -> BackupJobTold:
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


def message_of(outcome: Outcome) -> str:
    """Return what AWS says of a job (StatusMessage), cut to a length for people; empty: nothing."""
    return (outcome.job.message or "")[:MESSAGE]


def issues_of(outcome: Outcome) -> str:
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
