"""The columns that say which losses a resource's backups survive, and the pieces of 3-2-1-1-0.

Resources whose backups lie alike share one answer: what is asked of their refuges is asked once.
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
from scanner.model.ternary import Ternary, any_of

COLUMNS: Final[Mapping[Loss, str]] = {
    Loss.REGION: "survives_region_loss",
    Loss.ACCOUNT: "survives_account_compromise",
    Loss.KEY: "survives_key_loss",
    Loss.VAULT: "survives_vault_loss",
    Loss.BACKUP_ACCOUNT: "survives_backup_account_loss",
}
"""The columns, by what may be lost."""

SPREAD: Final = "three_two_one_one_zero"
_NOTED: Final = 3  # of many reasons why something is not known, the first are noted


@dataclass(frozen=True, slots=True)
class Survivals:
    """What resources share whose backups lie alike. `unseen`: why there may be more recovery points."""

    losses: Mapping[Loss, Survival]
    spread: Spread
    has_backup: Ternary
    unseen: tuple[Doubt, ...]

    def note(self, notes: Notes) -> None:
        """Note why losses are open."""
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
        self._pieces: dict[object, _Pieces] = {}  # by the ids of survivals, which `_known` keeps alive

    def of(self, resource: Resource, backed: BackupState) -> Survivals:
        """Give which losses are survived by a resource that is backed up so."""
        held = self._surviving_copies.backups_of(resource, backed)
        self.groups.add(resource, backed, held)
        if (known := self._known.get(id(held))) is None:
            known = self._known[id(held)] = (held, self._survivals(held))
        return known[1]

    def three_two_one_one_zero(
        self, survivals: Survivals, backed: BackupState, past: HistoryColumns, notes: Notes
    ) -> ThreeTwoOneOneZero:
        """Give the pieces of 3-2-1-1-0; resources of which no job is known share those that lie alike."""
        jobs = (past.backup_jobs, past.copy_jobs, past.restores)
        if any(one is not None for told in jobs for one in told):
            pieces = _pieces(survivals, backed, past)
        else:
            alike = (id(survivals), *jobs)
            if (known := self._pieces.get(alike)) is None:
                known = self._pieces[alike] = _pieces(survivals, backed, past)
            pieces = known
        _note(pieces, survivals, notes)
        return pieces.told

    def _survivals(self, held: BackupsOfResource) -> Survivals:
        exists = (refuge.exists for refuge in held.surviving_copies if not refuge.planned)
        return Survivals(
            losses={loss: self._resilience.survives(loss, held) for loss in COLUMNS},
            spread=spread_of(held, self._resilience),
            has_backup=any_of((*exists, None if held.unseen else False)),
            unseen=held.unseen,
        )


@dataclass(frozen=True, slots=True)
class _Pieces:
    """The column, and what failed or is not known of it."""

    told: ThreeTwoOneOneZero
    failures: Failures


def _pieces(survivals: Survivals, backed: BackupState, past: HistoryColumns) -> _Pieces:
    copied = backed.copy_outcomes if past.copy_jobs else ()
    actions = {(fate.covering.subject, str(fate.copy.destination)) for fate in copied}
    failures = failures_of(past, actions, has_backup=survivals.has_backup)
    spread = survivals.spread
    told = ThreeTwoOneOneZero(
        copies=spread.copies,
        three_copies=spread.three_copies,
        accounts=spread.accounts,
        two_accounts=spread.two_accounts,
        other_region=spread.other_region,
        immutable=spread.immutable,
        failures=failures.failed,
        no_failure=failures.none,
    )
    return _Pieces(told, failures)


def _note(pieces: _Pieces, survivals: Survivals, notes: Notes) -> None:
    told = pieces.told
    if None in (told.three_copies, told.two_accounts, told.other_region, told.immutable):
        for because, gap in survivals.unseen[:_NOTED]:
            notes.unknown(SPREAD, because, gap)
        if not survivals.unseen:
            notes.unknown(
                SPREAD, "for at least one backup, whether it is there or is locked is unknown", None
            )
    for because in pieces.failures.open_ones:
        notes.unknown(SPREAD, because, None)
