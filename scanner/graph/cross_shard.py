"""Rows of one shard about resources of another: spilled in the first pass, loaded in the second.

A copy is in another account or Region than its resource, and lists the ARN of the original (facts 9). So do
restores of a copy, and copies of a copy. Each shard spills such rows under the name of the resource's shard,
and of recovery points only the newest in each vault: the rows grow with the number of copied resources, not
with that of their recovery points. The ARN of an S3 bucket contains neither account nor Region, so its rows
are spilled under the ARN, and loaded by the shard that owns the bucket.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from scanner.graph.recovery_points import NewestByPlace, newest_by_place
from scanner.model.inventory import Job, JobKind, RecoveryPoint, Resource, ShardInventory, ShardStatus
from scanner.model.known import Answer, EvidenceRef, Gap, Unread, gap_of_texts
from scanner.model.names import Arn, Shard, parse_arn
from scanner.model.resource_types import RESOURCE_LISTS, listed_by

LoadRows = Callable[[str], Iterable[Any]]
"""Loads the rows that were spilled under a name."""
_POINT: Final = "point"
_COPIED: Final = "copied"
_RESTORED: Final = "restored"
RESTORES: Final = "backup:ListRestoreJobs"
_GONE: Final = ("terminated", "deleted", "DELETED", "DELETE_COMPLETE")


@dataclass(frozen=True, slots=True)
class CrossShardRows:
    """The rows of other shards about this shard's resources, by ARN.

    `points`: the newest usable recovery points in each vault; `copied_to`: the vaults that copy jobs name;
    `restores`: the restore jobs of the last 30 days; `recall`: loads any spilled rows by name.
    """

    points: NewestByPlace = field(default_factory=dict)
    copied_to: Mapping[str, frozenset[Arn]] = field(default_factory=dict)
    restores: tuple[Job, ...] = ()
    recall: LoadRows = lambda _: ()


NO_ROWS: Final = CrossShardRows()


@lru_cache(maxsize=16_384)  # a shard has many recovery points of each resource
def home_of(resource: str) -> str:
    """Return the shard of a resource as `ACCOUNT/REGION`, or its ARN if that contains neither."""
    parts = parse_arn(resource)
    if parts is None or not (parts.account and parts.region):
        return resource
    return shard_name(Shard(parts.account, parts.region))


def shard_name(shard: Shard) -> str:
    """Return the name of a shard: `ACCOUNT/REGION`."""
    return f"{shard.account}/{shard.region}"


def spilled_rows(inventory: ShardInventory) -> Iterator[tuple[str, Any]]:
    """Yield a shard's rows about resources of other shards, each with the name to load it by."""
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
    """Return the names of a shard's own resources, and "" for an unknown resource, which is not spilled."""
    return frozenset((shard_name(inventory.shard), *_arns_without_shard(inventory), ""))


def restore_jobs(inventory: ShardInventory) -> Iterator[Job]:
    """Yield the shard's restore jobs; one that names no resource gets that of its recovery point."""
    jobs = [job for job in inventory.jobs if job.kind is JobKind.RESTORE]
    wanted = {job.recovery_point for job in jobs if job.resource is None}
    points = inventory.recovery_points if wanted else ()
    sources: Mapping[str | None, str] = {point.arn: point.resource for point in points if point.arn in wanted}
    for job in jobs:
        yield job if job.resource else replace(job, resource=sources.get(job.recovery_point) or None)


def _arns_without_shard(inventory: ShardInventory) -> Iterator[str]:
    """Yield the ARNs of the shard's resources that contain neither account nor Region."""
    return (resource.arn for resource in inventory.resources if home_of(resource.arn) == resource.arn)


def load_spilled_rows(inventory: ShardInventory, recall: LoadRows) -> CrossShardRows:
    """Load what other shards spilled about this one's resources."""
    points: list[RecoveryPoint] = []
    copied: dict[str, set[Arn]] = {}
    restores: list[Job] = []
    for name in (shard_name(inventory.shard), *_arns_without_shard(inventory)):
        for kind, row in recall(name):
            if kind == _POINT:
                points.append(_point(row))
            elif kind == _RESTORED:
                restores.append(_job(row))
            else:
                copied.setdefault(row[0], set()).add(Arn(row[1]))
    # Sorted, so that the result does not depend on the order in which the shards were read.
    return CrossShardRows(
        points=newest_by_place(sorted(points, key=lambda point: (point.vault, point.arn))),
        copied_to={resource: frozenset(vaults) for resource, vaults in copied.items()},
        restores=tuple(sorted(restores, key=lambda job: (job.account, job.region, job.id))),
        recall=recall,
    )


def _point(row: dict[str, Any]) -> RecoveryPoint:
    dates = {name: _instant(row[name]) for name in ("created_at", "delete_at", "last_restored_at")}
    return RecoveryPoint(**{**row, **dates, "scan": None, "refs": _evidence_refs(row)})


def _job(row: dict[str, Any]) -> Job:
    dates = {name: _instant(row[name]) for name in ("created_at", "completed_at")}
    return Job(**{**row, **dates, "kind": JobKind(row["kind"]), "refs": _evidence_refs(row)})


def _evidence_refs(row: dict[str, Any]) -> tuple[EvidenceRef, ...]:
    return tuple(EvidenceRef(**ref) for ref in row["refs"])


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


# Whether the resource of a recovery point still exists, in its own account and Region.
#
# Each shard spills one row with the resources that its lists contain, and the lists that are not complete
# (among them the list of restore jobs: copies are restored where they are). Only a complete list shows that
# something was deleted. An S3 bucket, whose ARN names no shard, is in the shard of the plan that backed it
# up, or of the vault that the copy came from.
def spilled_existing_resources(inventory: ShardInventory) -> Iterator[tuple[str, Any]]:
    """Yield one row of all that exists in a shard, and one for each resource whose ARN names no shard."""
    if inventory.status is ShardStatus.SKIPPED:
        return
    failed = inventory.status is ShardStatus.FAILED  # whether its resources exist is then unknown (ruling 16)
    arns = [] if failed else sorted(_existing(inventory))
    unread = {
        name: reading.gap.as_texts()
        for name in (*RESOURCE_LISTS, RESTORES)
        if isinstance(reading := inventory.lists[name], Unread)
    }
    yield existence_key(shard_name(inventory.shard)), (arns, unread)
    for arn in arns:
        if home_of(arn) == arn:
            yield existence_key(arn), ([arn], {})


def _existing(inventory: ShardInventory) -> set[str]:
    """Return the ARNs of what exists, including the instances of database clusters."""
    resources = [resource for resource in inventory.resources if not _is_gone(resource)]
    return {arn for resource in resources for arn in (resource.arn, *resource.members)}


def _is_gone(resource: Resource) -> bool:
    return resource.state in _GONE


class ResourceExistence:
    """Whether the resources of one shard's recovery points exist; loads one shard's row after the other."""

    def __init__(self, inventory: ShardInventory, recall: LoadRows) -> None:
        self._recall = recall
        self._answers: dict[tuple[str, str], Answer] = {}
        self._gaps: dict[tuple[str, str], Gap] = {}
        own, wanted = shard_name(inventory.shard), _resources_by_home(inventory)
        for home in sorted(wanted):
            row = next(spilled_existing_resources(inventory), None) if home == own else self._row(home)
            resources = None if row is None else _ExistingResources(home, frozenset(row[1][0]), row[1][1])
            for resource in wanted[home]:
                self._answers[home, resource] = self._answer(resource, resources)
                if (gap := _gap(resource, resources)) is not None:
                    self._gaps[home, resource] = gap

    def exists(self, point: RecoveryPoint) -> Answer:
        """Check whether the resource of a recovery point still exists."""
        return self._answers[_home_of(point), point.resource]

    def gap(self, point: RecoveryPoint) -> Gap | None:
        """Return the gap of the list that would contain the resource, if it was not read."""
        if self.exists(point).value is not None:
            return None
        return self._gaps.get((_home_of(point), point.resource))

    def _row(self, home: str) -> tuple[str, Any] | None:
        return next(((home, row) for row in self._recall(existence_key(home))), None)

    def _answer(self, resource: str, resources: "_ExistingResources | None") -> Answer:
        operation = listed_by(resource)
        if operation is None:
            return Answer(None, f"no list of resources shows whether {resource or 'it'} exists")
        if resources is not None and resource in resources.arns:
            return Answer(value=True)
        if home_of(resource) == resource and self._row(resource) is not None:
            return Answer(value=True)  # a bucket, in any shard
        if resources is None:
            return Answer(None, "the resources of its account and Region were not scanned, or not listed")
        if operation in resources.unread:
            return Answer(None, gap_of_texts(resources.unread[operation]).sentence())
        return Answer(value=False, because=f"it no longer exists in {resources.home}")


@dataclass(frozen=True, slots=True)
class _ExistingResources:
    """The resources of an account-Region, and the gaps of lists that were not read, as texts."""

    home: str
    arns: frozenset[str]
    unread: dict[str, Sequence[str]]


def _gap(resource: str, resources: _ExistingResources | None) -> Gap | None:
    texts = None if resources is None else resources.unread.get(listed_by(resource) or "")
    return None if texts is None else gap_of_texts(texts)


def _resources_by_home(inventory: ShardInventory) -> dict[str, set[str]]:
    """Return the resources of the shard's recovery points, by the shard that they are in."""
    wanted: dict[str, set[str]] = {}
    for point in inventory.recovery_points:
        wanted.setdefault(_home_of(point), set()).add(point.resource)
    return wanted


def existence_key(name: str) -> str:
    """Return the name under which the existing resources of a shard are spilled."""
    return f"existing in {name}"


def _home_of(point: RecoveryPoint) -> str:
    """Return the shard that the resource of a recovery point is in, or "" if nothing shows it."""
    home = home_of(point.resource)
    if home != point.resource:
        return home
    plan = (point.created_by_rule or "").partition("#")[0]
    for arn in (plan, point.source_vault or ""):
        if (parts := parse_arn(arn)) is not None:
            return shard_name(Shard(parts.account, parts.region))
    return ""
