"""What one account-Region has and another one wants: put aside in the first pass, read back in the second.

A copy lies in another account or Region than what it is a backup of, and its list names the original's ARN
(facts 9). So does a restore of a copy, and a copy of a copy. Each shard puts aside, by the shard that its
resources are at home in, only the newest points of each place: what is put aside grows with the resources
that are copied, not with their recovery points. The ARN of an S3 bucket tells neither account nor Region:
what concerns it is put aside by its ARN, and the shard that owns the bucket asks for it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from scanner.graph.newest import NewestByPlace, newest_by_place
from scanner.model.inventory import Job, JobKind, RecoveryPoint, ShardInventory
from scanner.model.names import Arn, Shard, parse_arn
from scanner.model.reading import EvidenceRef

Recall = Callable[[str], Iterable[Any]]
"""Gives the rows that were put aside under a name."""

_POINT: Final = "point"
_COPIED: Final = "copied"
_RESTORED: Final = "restored"


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What other shards have of this one's resources, by their ARNs.

    `points`: the newest usable recovery points of each vault; `copied_to`: the vaults that copy jobs name;
    `restores`: the restore jobs of the last 30 days; `recall`: gives what other shards said of themselves.
    """

    points: NewestByPlace = field(default_factory=dict)
    copied_to: Mapping[str, frozenset[Arn]] = field(default_factory=dict)
    restores: tuple[Job, ...] = ()
    recall: Recall = lambda _: ()


NOTHING: Final = Elsewhere()


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


def recalled(inventory: ShardInventory, recall: Recall) -> Elsewhere:
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
    return Elsewhere(
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
