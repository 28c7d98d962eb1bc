"""What one account-Region has and another one wants: put aside in the first pass, read back in the second.

A copy lies in another account or Region than what it is a backup of, and its list names the original's ARN
(facts 9). So does a restore of a copy, and a copy of a copy. Each shard puts aside, by the shard that its
resources are at home in, only the newest points of each place: what is put aside grows with the resources
that are copied, not with their recovery points. The ARN of an S3 bucket tells neither account nor Region:
what concerns it is put aside by its ARN, and the shard that owns the bucket asks for it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from scanner.graph.recovery_points import NewestByPlace, newest_by_place
from scanner.model.inventory import Job, JobKind, RecoveryPoint, Resource, ShardInventory, ShardStatus
from scanner.model.names import Arn, Shard, parse_arn
from scanner.model.reading import EvidenceRef, Gap, Unread, gap_of_texts
from scanner.model.resource_types import RESOURCE_LISTS, listed_by
from scanner.model.ternary import Answer

Recall = Callable[[str], Iterable[Any]]
"""Gives the rows that were put aside under a name."""
_POINT: Final = "point"
_COPIED: Final = "copied"
_RESTORED: Final = "restored"
RESTORES: Final = "backup:ListRestoreJobs"
_GONE: Final = ("terminated", "deleted", "DELETED", "DELETE_COMPLETE")


@dataclass(frozen=True, slots=True)
class CrossShardRows:
    """What other shards have of this one's resources, by their ARNs.

    `points`: the newest usable recovery points of each vault; `copied_to`: the vaults that copy jobs name;
    `restores`: the restore jobs of the last 30 days; `recall`: gives what other shards said of themselves.
    """

    points: NewestByPlace = field(default_factory=dict)
    copied_to: Mapping[str, frozenset[Arn]] = field(default_factory=dict)
    restores: tuple[Job, ...] = ()
    recall: Recall = lambda _: ()


NOTHING: Final = CrossShardRows()


@lru_cache(maxsize=16_384)  # a shard has many recovery points of each resource
def home_of(resource: str) -> str:
    """Name what a resource is at home in: `ACCOUNT/REGION`, or its own ARN where that tells neither."""
    parts = parse_arn(resource)
    if parts is None or not (parts.account and parts.region):
        return resource
    return shard_name(Shard(parts.account, parts.region))


def shard_name(shard: Shard) -> str:
    """Name a shard: `ACCOUNT/REGION`."""
    return f"{shard.account}/{shard.region}"


def put_aside(inventory: ShardInventory) -> Iterator[tuple[str, Any]]:
    """Give what a shard has of the resources of others, each row with the name it is asked for by."""
    own = own_names(inventory)
    foreign = (point for point in inventory.recovery_points if home_of(point.resource) not in own)
    for resource, vaults in newest_by_place(foreign).items():
        for held in vaults.values():
            for point in held.points:
                yield home_of(resource), (_POINT, point)
    for job in restore_jobs(inventory):
        if (home := home_of(job.resource or "")) not in own:
            yield home, (_RESTORED, job)
    copied = {
        (job.resource, job.destination_vault): None for job in inventory.jobs if job.kind is JobKind.COPY
    }
    for copy in copied:
        if copy[1] and (home := home_of(copy[0] or "")) not in own:
            yield home, (_COPIED, copy)


def own_names(inventory: ShardInventory) -> frozenset[str]:
    """Give the names that a shard's own resources are at home in; what is not told is not put aside."""
    return frozenset((shard_name(inventory.shard), *_without_place(inventory), ""))


def restore_jobs(inventory: ShardInventory) -> Iterator[Job]:
    """Give the shard's restore jobs; what one restores is told by its recovery point, where not by itself."""
    jobs = [job for job in inventory.jobs if job.kind is JobKind.RESTORE]
    wanted = {job.recovery_point for job in jobs if job.resource is None}
    points = inventory.recovery_points if wanted else ()
    sources: Mapping[str | None, str] = {point.arn: point.resource for point in points if point.arn in wanted}
    for job in jobs:
        yield job if job.resource else replace(job, resource=sources.get(job.recovery_point) or None)


def _without_place(inventory: ShardInventory) -> Iterator[str]:
    """Give the ARNs of the shard's resources that tell neither account nor Region."""
    return (resource.arn for resource in inventory.resources if home_of(resource.arn) == resource.arn)


def recalled(inventory: ShardInventory, recall: Recall) -> CrossShardRows:
    """Read back what other shards have of this one's resources."""
    points: list[RecoveryPoint] = []
    copied: dict[str, set[Arn]] = {}
    restores: list[Job] = []
    for name in (shard_name(inventory.shard), *_without_place(inventory)):
        for kind, row in recall(name):
            if kind == _POINT:
                points.append(_point(row))
            elif kind == _RESTORED:
                restores.append(_job(row))
            else:
                copied.setdefault(row[0], set()).add(Arn(row[1]))
    # By ARN: the order in which the shards were read decides nothing.
    return CrossShardRows(
        points=newest_by_place(sorted(points, key=lambda point: (point.vault, point.arn))),
        copied_to={resource: frozenset(vaults) for resource, vaults in copied.items()},
        restores=tuple(sorted(restores, key=lambda job: (job.account, job.region, job.id))),
        recall=recall,
    )


def _point(row: dict[str, Any]) -> RecoveryPoint:
    dates = {name: _instant(row[name]) for name in ("created_at", "delete_at", "last_restored_at")}
    return RecoveryPoint(**{**row, **dates, "scan": None, "refs": _refs(row)})


def _job(row: dict[str, Any]) -> Job:
    dates = {name: _instant(row[name]) for name in ("created_at", "completed_at")}
    return Job(**{**row, **dates, "kind": JobKind(row["kind"]), "refs": _refs(row)})


def _refs(row: dict[str, Any]) -> tuple[EvidenceRef, ...]:
    return tuple(EvidenceRef(**ref) for ref in row["refs"])


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


# Whether what a recovery point is a backup of still exists, in its own account and Region.
#
# Each shard puts aside, as one row, what its lists of resources hold and which of them were not read whole
# (and whether its list of restores was: copies are restored where they lie). Only a list that was read to
# the end can say that something is gone. Of an S3 bucket, whose ARN tells no place, the place is that of
# the plan that backed it up, or of the vault that the copy came from.
def put_aside_existing(inventory: ShardInventory) -> Iterator[tuple[str, Any]]:
    """Give the row of what exists in a shard, and one for each resource whose ARN tells no place."""
    if inventory.status is ShardStatus.SKIPPED:
        return
    failed = inventory.status is ShardStatus.FAILED  # what refers into it is not known (ruling 16)
    arns = [] if failed else sorted(_existing(inventory))
    unread = {
        name: reading.gap.as_texts()
        for name in (*RESOURCE_LISTS, RESTORES)
        if isinstance(reading := inventory.lists[name], Unread)
    }
    yield asked_as(shard_name(inventory.shard)), (arns, unread)
    for arn in arns:
        if home_of(arn) == arn:
            yield asked_as(arn), ([arn], {})


def _existing(inventory: ShardInventory) -> set[str]:
    """Give the ARNs of what is there; the instances of a database cluster are no resources of their own."""
    there = [resource for resource in inventory.resources if not _is_gone(resource)]
    return {arn for resource in there for arn in (resource.arn, *resource.members)}


def _is_gone(resource: Resource) -> bool:
    return resource.state in _GONE


class Existence:
    """Answers for the recovery points of one shard; it reads one home after the other."""

    def __init__(self, inventory: ShardInventory, recall: Recall) -> None:
        self._recall = recall
        self._answers: dict[tuple[str, str], Answer] = {}
        self._gaps: dict[tuple[str, str], Gap] = {}
        own, wanted = shard_name(inventory.shard), _wanted(inventory)
        for home in sorted(wanted):
            row = next(put_aside_existing(inventory), None) if home == own else self._row(home)
            there = None if row is None else _ExistingResources(home, frozenset(row[1][0]), row[1][1])
            for resource in wanted[home]:
                self._answers[home, resource] = self._answer(resource, there)
                if (gap := _gap(resource, there)) is not None:
                    self._gaps[home, resource] = gap

    def exists(self, point: RecoveryPoint) -> Answer:
        """Check whether the resource of a recovery point still exists."""
        return self._answers[_home_of(point), point.resource]

    def gap(self, point: RecoveryPoint) -> Gap | None:
        """Return the list that was not read, and in which the resource of a recovery point would be."""
        if self.exists(point).value is not None:
            return None
        return self._gaps.get((_home_of(point), point.resource))

    def _row(self, home: str) -> tuple[str, Any] | None:
        return next(((home, row) for row in self._recall(asked_as(home))), None)

    def _answer(self, resource: str, there: "_ExistingResources | None") -> Answer:
        operation = listed_by(resource)
        if operation is None:
            return Answer(None, f"no list of resources shows whether {resource or 'it'} exists")
        if there is not None and resource in there.arns:
            return Answer(value=True)
        if home_of(resource) == resource and self._row(resource) is not None:
            return Answer(value=True)  # a bucket, wherever it is
        if there is None:
            return Answer(None, "the resources of its account and Region were not scanned, or not listed")
        if operation in there.unread:
            return Answer(None, gap_of_texts(there.unread[operation]).sentence())
        return Answer(value=False, because=f"it no longer exists in {there.home}")


@dataclass(frozen=True, slots=True)
class _ExistingResources:
    """What exists in an account-Region, and the lists that were not read, each with its gap as texts."""

    home: str
    arns: frozenset[str]
    unread: dict[str, Sequence[str]]


def _gap(resource: str, there: _ExistingResources | None) -> Gap | None:
    texts = None if there is None else there.unread.get(listed_by(resource) or "")
    return None if texts is None else gap_of_texts(texts)


def _wanted(inventory: ShardInventory) -> dict[str, set[str]]:
    """Give the resources of the shard's recovery points, by what they are at home in."""
    wanted: dict[str, set[str]] = {}
    for point in inventory.recovery_points:
        wanted.setdefault(_home_of(point), set()).add(point.resource)
    return wanted


def asked_as(name: str) -> str:
    """Name the row of what exists in a shard, by the shard's name."""
    return f"existing in {name}"


def _home_of(point: RecoveryPoint) -> str:
    """Name the account-Region that the resource of a point is in; empty where nothing tells it."""
    home = home_of(point.resource)
    if home != point.resource:
        return home
    plan = (point.created_by_rule or "").partition("#")[0]
    for arn in (plan, point.source_vault or ""):
        if (parts := parse_arn(arn)) is not None:
            return shard_name(Shard(parts.account, parts.region))
    return ""
