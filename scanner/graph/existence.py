"""Whether what a recovery point is a backup of still exists, in its own account and Region.

Each shard puts aside, as one row, what its lists of resources hold and which of them were not read whole (and
whether its list of restores was: copies are restored where they lie).
Only a list that was read to the end can say that something is gone. Of an S3 bucket, whose ARN tells no
place, the place is that of the plan that backed it up, or of the vault that the copy came from.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from scanner.graph.elsewhere import Recall, home_of, shard_name
from scanner.inventory.lists import RESOURCE_LISTS, listed_by
from scanner.model.inventory import RecoveryPoint, Resource, ShardInventory, ShardStatus
from scanner.model.names import Shard, parse_arn
from scanner.model.reading import Gap, Unread, gap_of_texts
from scanner.model.ternary import Answer

RESTORES: Final = "backup:ListRestoreJobs"
_GONE: Final = ("terminated", "deleted", "DELETED", "DELETE_COMPLETE")


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
            there = None if row is None else _There(home, frozenset(row[1][0]), row[1][1])
            for resource in wanted[home]:
                self._answers[home, resource] = self._answer(resource, there)
                if (gap := _gap(resource, there)) is not None:
                    self._gaps[home, resource] = gap

    def exists(self, point: RecoveryPoint) -> Answer:
        """Whether the resource of a recovery point still exists; `because` says why that is not known."""
        return self._answers[_home_of(point), point.resource]

    def gap(self, point: RecoveryPoint) -> Gap | None:
        """Return the list that was not read, and in which the resource of a recovery point would be."""
        if self.exists(point).value is not None:
            return None
        return self._gaps.get((_home_of(point), point.resource))

    def _row(self, home: str) -> tuple[str, Any] | None:
        return next(((home, row) for row in self._recall(asked_as(home))), None)

    def _answer(self, resource: str, there: "_There | None") -> Answer:
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
class _There:
    """What exists in an account-Region, and the lists that were not read, each with its gap as texts."""

    home: str
    arns: frozenset[str]
    unread: dict[str, Sequence[str]]


def _gap(resource: str, there: _There | None) -> Gap | None:
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
