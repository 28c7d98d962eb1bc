"""The columns for the losses that a resource's backups survive, and for the parts of 3-2-1-1-0.

Resources with equal copies share one object (`SurvivingCopies`), so each loss is evaluated once for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from scanner.facts.notes import Notes
from scanner.facts.resource_jobs import Failures, HistoryColumns, failures_of
from scanner.graph.protection_groups import ProtectionGroups
from scanner.graph.resilience import Loss, Resilience, Spread, Survival, spread_of
from scanner.graph.shard_graph import ShardGraph
from scanner.graph.surviving_copies import BackupsOfResource, BackupState, Doubt, SurvivingCopies
from scanner.model.facts import ThreeTwoOneOneZero
from scanner.model.inventory import Resource
from scanner.model.known import Ternary, any_of

COLUMNS: Final[Mapping[Loss, str]] = {
    Loss.REGION: "survives_region_loss",
    Loss.ACCOUNT: "survives_account_compromise",
    Loss.KEY: "survives_key_loss",
    Loss.VAULT: "survives_vault_loss",
    Loss.BACKUP_ACCOUNT: "survives_backup_account_loss",
}
"""The columns, by loss."""

SPREAD: Final = "three_two_one_one_zero"
_NOTED: Final = 3  # how many reasons why something is unknown are noted


@dataclass(frozen=True, slots=True)
class Survivals:
    """The results for resources with equal copies. `unseen`: why there may be other recovery points."""

    losses: Mapping[Loss, Survival]
    spread: Spread
    has_backup: Ternary
    unseen: tuple[Doubt, ...]

    def note(self, notes: Notes) -> None:
        """Note why it is unknown whether losses are survived."""
        for loss, survival in self.losses.items():
            if survival.survived is None:
                notes.unknown(COLUMNS[loss], survival.because, survival.gap)


class SurvivalTable:
    """Makes the columns for one shard's resources."""

    def __init__(self, graph: ShardGraph, as_of: datetime) -> None:
        self._surviving_copies = SurvivingCopies(graph.inventory.shard, graph.plane)
        self.groups = ProtectionGroups(graph, self._surviving_copies)
        self._resilience = Resilience(graph.plane, as_of)
        self._known: dict[int, tuple[BackupsOfResource, Survivals]] = {}
        self._spread_column: dict[
            object, _SpreadColumn
        ] = {}  # by the ids of survivals, which `_known` keeps alive

    def of(self, resource: Resource, backed: BackupState) -> Survivals:
        """Return which losses a resource survives that is backed up like this."""
        backups = self._surviving_copies.backups_of(resource, backed)
        self.groups.add(resource, backed, backups)
        if (cached := self._known.get(id(backups))) is None:
            cached = self._known[id(backups)] = (backups, self._survivals(backups))
        return cached[1]

    def three_two_one_one_zero(
        self, survivals: Survivals, backed: BackupState, past: HistoryColumns, notes: Notes
    ) -> ThreeTwoOneOneZero:
        """Return the parts of 3-2-1-1-0; resources without any job and with equal copies share them."""
        jobs = (past.backup_jobs, past.copy_jobs, past.restores)
        # Jobs belong to one resource, so a column that depends on them cannot be shared.
        if any(job is not None for column in jobs for job in column):
            spread_column = _spread_column(survivals, backed, past)
        else:
            # Equal copies share one Survivals object, so its id stands for everything that depends on the
            # backups.
            alike = (id(survivals), *jobs)
            if (cached := self._spread_column.get(alike)) is None:
                cached = self._spread_column[alike] = _spread_column(survivals, backed, past)
            spread_column = cached
        _note(spread_column, survivals, notes)
        return spread_column.column

    def _survivals(self, backups: BackupsOfResource) -> Survivals:
        # A copy action that can succeed is no backup before its first recovery point is there.
        exists = (copy.exists for copy in backups.surviving_copies if not copy.planned)
        return Survivals(
            losses={loss: self._resilience.survives(loss, backups) for loss in COLUMNS},
            spread=spread_of(backups, self._resilience),
            has_backup=any_of((*exists, None if backups.unseen else False)),
            unseen=backups.unseen,
        )


@dataclass(frozen=True, slots=True)
class _SpreadColumn:
    """The column, and what failed or is unknown in it."""

    column: ThreeTwoOneOneZero
    failures: Failures


def _spread_column(survivals: Survivals, backed: BackupState, past: HistoryColumns) -> _SpreadColumn:
    # Without any copy job there is no newest copy to compare the actions with.
    copied = backed.copy_outcomes if past.copy_jobs else ()
    actions = {(outcome.covering.subject, str(outcome.copy.destination)) for outcome in copied}
    failures = failures_of(past, actions, has_backup=survivals.has_backup)
    spread = survivals.spread
    column = ThreeTwoOneOneZero(
        copies=spread.copies,
        three_copies=spread.three_copies,
        accounts=spread.accounts,
        two_accounts=spread.two_accounts,
        other_region=spread.other_region,
        immutable=spread.immutable,
        failures=failures.failed,
        no_failure=failures.none,
    )
    return _SpreadColumn(column, failures)


def _note(spread_column: _SpreadColumn, survivals: Survivals, notes: Notes) -> None:
    column = spread_column.column
    if None in (column.three_copies, column.two_accounts, column.other_region, column.immutable):
        # A few reasons are enough: each missing list of another account-Region would add one.
        for because, gap in survivals.unseen[:_NOTED]:
            notes.unknown(SPREAD, because, gap)
        if not survivals.unseen:
            notes.unknown(
                SPREAD, "for at least one backup, whether it is there or is locked is unknown", None
            )
    for because in spread_column.failures.undecided:
        notes.unknown(SPREAD, because, None)
