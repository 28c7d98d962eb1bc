"""Groups of resources that are protected alike: what the protection graph is built from.

A shard has many resources and few ways of protecting them. Resources of one type are alike where the same
vaults hold their backups under the same keys, the same rules cover them through the same selections, and the
same reads are missing. The table has a row a group, so the graph of an organisation stays small.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from scanner.graph.coverage import CopyOfResource, Coverage, CoveringRule, Doubt
from scanner.graph.history import Unseen
from scanner.graph.shard_graph import ShardGraph
from scanner.graph.surviving_copies import (
    BackupsOfResource,
    BackupState,
    Keys,
    SurvivingCopies,
    SurvivingCopy,
)
from scanner.model.inventory import Resource
from scanner.model.known import ENTRY, Gap, Ternary
from scanner.model.names import parse_arn, partition_of, vault_arn
from scanner.model.protection import (
    EXAMPLES,
    ExistingBackups,
    PlannedCopies,
    ProtectionGroup,
    ScheduledBackups,
    UnreadProtection,
)

_VAULT_LIST: Final = frozenset(("backup:ListBackupVaults", *ENTRY))
"""Reads whose gap says in which account and Region the unread vaults are."""


@dataclass(frozen=True, slots=True)
class _Alike:
    """Everything that the resources of a group share."""

    type: str
    region: str
    keys: tuple[str, ...] | None
    existing: tuple[ExistingBackups, ...]
    existing_unread: tuple[UnreadProtection, ...]
    scheduled: tuple[ScheduledBackups, ...]
    scheduled_unread: tuple[UnreadProtection, ...]
    copies: tuple[PlannedCopies, ...]


@dataclass(slots=True)
class _Group:
    alike: _Alike
    resources: list[str] = field(default_factory=list)


class ProtectionGroups:
    """Groups the resources of one shard. `add` each of them, then take the rows."""

    def __init__(self, graph: ShardGraph, copies: SurvivingCopies) -> None:
        self._graph = graph
        self._shard = graph.inventory.shard
        self._surviving_copies = copies
        self._groups: dict[_Alike, _Group] = {}
        # By the ids of objects that resources share, which are kept alive with the group.
        self._shared: dict[object, tuple[object, _Group]] = {}

    def add(self, resource: Resource, backed: BackupState, held: BackupsOfResource) -> None:
        """Add a resource to the group of those that are protected like it."""
        shared = (held, backed.coverage, backed.copy_outcomes, backed.backup_locations.unseen)
        ids = (resource.type, backed.managed, *map(id, shared[:3]), backed.backup_locations.unseen)
        if (entry := self._shared.get(ids)) is None:
            alike = self._alike(resource, backed, held)
            group = self._groups.setdefault(alike, _Group(alike))
            entry = self._shared[ids] = (shared, group)
        entry[1].resources.append(resource.arn)

    def rows(self) -> Iterator[ProtectionGroup]:
        """Return the groups, those of most resources first; of equal size in the order of their ARNs."""
        for group in self._groups.values():
            group.resources.sort()
        # The order must not depend on the order of the lists, so that equal evidence gives equal bytes.
        groups = sorted(self._groups.values(), key=lambda group: (-len(group.resources), group.resources))
        for group in groups:
            alike = group.alike
            yield ProtectionGroup(
                account=self._shard.account,
                region=alike.region,
                type=alike.type,
                count=len(group.resources),
                examples=tuple(group.resources[:EXAMPLES]),
                keys=alike.keys,
                existing=alike.existing,
                existing_unread=alike.existing_unread,
                scheduled=alike.scheduled,
                scheduled_unread=alike.scheduled_unread,
                copies=alike.copies,
                resources=tuple(group.resources),
            )

    def _alike(self, resource: Resource, backed: BackupState, held: BackupsOfResource) -> _Alike:
        existing = (_existing(copy) for copy in held.surviving_copies if not copy.planned)
        planned = [copy for copy in held.surviving_copies if copy.planned]
        return _Alike(
            type=resource.type,
            region=resource.region,
            keys=key_arns(held.keys),
            existing=tuple(sorted(set(existing), key=repr)),
            existing_unread=tuple(self._unread_backups(backed.backup_locations.unseen)),
            scheduled=tuple(self._scheduled(backed.coverage, held.keys, backed.managed)),
            scheduled_unread=tuple(self._unread_rules(backed.coverage)),
            copies=tuple(
                _copies(fate, copy) for fate, copy in zip(backed.copy_outcomes, planned, strict=True)
            ),
        )

    def _scheduled(
        self, coverage: Coverage, own: Keys | None, managed: Ternary
    ) -> Iterable[ScheduledBackups]:
        backups = {self._backups_of(way, own, managed): None for way in coverage.by_selection}
        return sorted(backups, key=repr)

    def _backups_of(self, way: CoveringRule, own: Keys | None, managed: Ternary) -> ScheduledBackups:
        target = vault_arn(partition_of(self._shard.region), self._shard, way.rule.target_vault)
        vault = self._graph.plane.destination(target).vault
        return ScheduledBackups(
            selection=way.selection,
            rule=way.subject,
            plan=way.plan.arn,
            vault=target,
            via=way.via,
            keys=key_arns(self._surviving_copies.keys_of_new_backup(vault, own, managed=managed)),
        )

    def _unread_backups(self, unseen: Iterable[Unseen]) -> Iterable[UnreadProtection]:
        """Return where backups may be that were not seen; of one place the first reason is kept."""
        by_place: dict[tuple[str, ...], UnreadProtection] = {}
        for doubt in unseen:
            if (
                doubt.listed
            ):  # the point itself is among the backups, and it is not known whether it is usable
                continue
            operation = doubt.gap.operation if doubt.gap else ""
            place = self._place_of(doubt)
            by_place.setdefault((operation, *place), _unread(operation, place, doubt.because, doubt.gap))
        return [by_place[place] for place in sorted(by_place)]

    def _place_of(self, doubt: Unseen) -> tuple[str, str, str]:
        """Return account, Region and vault where unseen backups would be, as far as that is known."""
        if doubt.anywhere:
            return "", "", ""
        if (vault := parse_arn(doubt.vault)) is not None:
            return vault.account, vault.region, doubt.vault
        if doubt.gap is not None and doubt.gap.operation in _VAULT_LIST:
            return doubt.gap.account, doubt.gap.region, ""
        return (self._shard.account, self._shard.region, "") if doubt.own else ("", "", "")

    def _unread_rules(self, coverage: Coverage) -> Iterable[UnreadProtection]:
        """Return the reads without which it is not known whether more rules cover; each once a plan."""
        by_plan: dict[tuple[str, str], Doubt] = {}
        for doubt in coverage.doubts:
            by_plan.setdefault((doubt.gap.operation if doubt.gap else "", doubt.plan), doubt)
        place = (self._shard.account, self._shard.region, "")
        for (operation, _), doubt in sorted(by_plan.items()):
            yield _unread(operation, place, doubt.because, doubt.gap)


def _unread(operation: str, place: tuple[str, str, str], because: str, gap: Gap | None) -> UnreadProtection:
    account, region, vault = place
    sentence = f"{because}: {gap.sentence()}" if gap is not None else because
    return UnreadProtection(
        operation=operation, account=account, region=region, vault=vault, because=sentence
    )


def _existing(copy: SurvivingCopy) -> ExistingBackups:
    return ExistingBackups(
        vault=copy.arn,
        keys=key_arns(copy.keys),
        effective=copy.exists,
        because="" if copy.exists else copy.doubt[0],
    )


def _copies(fate: CopyOfResource, copy: SurvivingCopy) -> PlannedCopies:
    return PlannedCopies(
        copy_action=fate.subject,
        rule=fate.covering.subject,
        vault=copy.arn,
        keys=key_arns(copy.keys),
        effective=copy.exists,
        because="" if copy.exists else fate.verdict.because,
    )


def key_arns(keys: Keys | None) -> tuple[str, ...] | None:
    """Return the ARNs of keys; None: not known, or one of them is known by an alias only.

    An alias that AWS reserves (alias/aws/...) names a key that no principal can delete, so it is omitted.
    """
    if keys is None:
        return None
    arns = set()
    for key in keys:
        # A key of which only the alias or the Region is known cannot be a node: its ARN is unknown.
        if key.id and key.account:
            arns.add(f"arn:{partition_of(key.region)}:kms:{key.region}:{key.account}:key/{key.id}")
        elif key.id or key.replica_regions != frozenset():
            return None
    return tuple(sorted(arns))
