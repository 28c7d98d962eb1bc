"""What failed last: the newest backup, copy and restore test (catalogue, `three-two-one-one-zero`)."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from scanner.facts.resource_jobs import PastColumns
from scanner.model.facts import BackupJobTold, CopyChain, RestoreTold
from scanner.model.ternary import Ternary, all_of

RESTORE_TEST_DAYS: Final = 90
_UNDER_WAY: Final = ("PENDING", "RUNNING")

Chain = tuple[str, str]
"""A rule, as findings name it, and the vault that it copies into."""


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


def failures_of(past: PastColumns, actions: Collection[Chain], *, has_backup: Ternary) -> Failures:
    """Say what failed last of a resource's backups, copies and restore tests.

    `actions`: the rules that copy it now, and where to; `has_backup`: whether a usable recovery point of it
    lies somewhere.
    """
    told = (
        _backup(past.backup_jobs, has_backup=has_backup),
        *_copies(past.copy_jobs, actions),
        _restore(past.restores),
    )
    failed = tuple(sentence for passed, sentence in told if passed is False)
    return Failures(failed, tuple(sentence for passed, sentence in told if passed is None))


Told = tuple[Ternary, str]
"""Whether something went well, and what went wrong, or is not known."""


def _backup(jobs: Iterable[BackupJobTold | None], *, has_backup: Ternary) -> Told:
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


def _restore(restores: Iterable[RestoreTold | None]) -> Told:
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
