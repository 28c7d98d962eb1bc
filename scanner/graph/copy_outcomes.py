"""How the copies of a shard's resources fare, each question asked once.

The chain of a copy has links that are the same for all resources of a rule, and links that are the same for
all resources that are alike in what decides them. An account has few of both, however many resources.
"""

from datetime import datetime
from typing import Final

from scanner.graph.control_plane import ControlPlane
from scanner.graph.coverage import STACK, CopyOfResource, Coverage, CoveringRule, each_once, likeness_of
from scanner.model.inventory import BackupRule, CopyAction, Encryption, Resource, ShardInventory
from scanner.model.names import Shard
from scanner.model.reading import Unread
from scanner.model.resource_types import RESOURCE_TYPES
from scanner.protection.copies import Destination, Link, Source, action_links, joined_links, resource_links
from scanner.protection.key_kinds import ResourceKeys

Likeness = tuple[object, ...]
CopiesOfResource = tuple[CopyOfResource, ...]
_OWNED_BY_DEFAULT: Final = frozenset(kind.name for kind in RESOURCE_TYPES if kind.owned_key_by_default)


class KeysOfShard:
    """What is known of the keys that the resources of one shard are encrypted under."""

    def __init__(self, shard: Shard, plane: ControlPlane) -> None:
        self._shard = shard
        self._plane = plane
        self._known: dict[tuple[Encryption, bool], ResourceKeys] = {}

    def of(self, resource: Resource) -> ResourceKeys:
        """Give the keys that a resource is encrypted under; those that are encrypted alike share them."""
        if isinstance(resource.encryption, Unread):
            return ResourceKeys(None, None, resource.encryption.gap)
        key = (resource.encryption.value, resource.type in _OWNED_BY_DEFAULT)
        if (known := self._known.get(key)) is None:
            known = self._known[key] = self._look_up(*key)
        return known

    def _look_up(self, encryption: Encryption, owned_by_default: bool) -> ResourceKeys:  # noqa: FBT001 -- a memo's key
        if encryption.encrypted and not encryption.keys and not owned_by_default:
            return ResourceKeys(encryption.encrypted, None)  # encrypted, and its key is not told
        keys = tuple(self._plane.key(name, self._shard) for name in encryption.keys)
        return ResourceKeys(encryption.encrypted, keys)


class CopyOutcomes:
    """The copies of one shard's resources."""

    def __init__(
        self, inventory: ShardInventory, plane: ControlPlane, keys: KeysOfShard, as_of: datetime | None
    ) -> None:
        self._plane = plane
        self._keys = keys
        member = plane.organization.accounts.get(inventory.shard.account)
        ou_path = member.ou_path if member else None
        self.source = Source(inventory.shard, inventory.settings, ou_path, as_of)
        self._by_action: dict[tuple[str, CopyAction], tuple[Link, ...]] = {}
        self._by_likeness: dict[tuple[str, Likeness], tuple[Link, ...]] = {}
        self._of_way: dict[tuple[str, str | None, Likeness], CopiesOfResource] = {}
        self._shared: dict[
            tuple[int, ...], CopiesOfResource
        ] = {}  # by the ids of fates, which `_of_way` keeps alive

    def of(self, resource: Resource, coverage: Coverage) -> CopiesOfResource:
        """Tell how each copy action of the covering rules fares for a resource.

        Resources whose copies fare alike share one tuple.
        """
        own = (resource,)
        alike = likeness_of(resource)
        copy_outcomes = [
            fate
            for way in coverage.ways
            for fate in (
                self._copy_outcomes(way, own, alike)
                if way.parent is None
                else self._copy_outcomes(way, *_inside(way.parent, resource, alike))
            )
        ]
        key = tuple(map(id, copy_outcomes))
        if (known := self._shared.get(key)) is None:
            known = self._shared[key] = each_once(copy_outcomes)
        return known

    def _copy_outcomes(
        self, way: CoveringRule, copied: tuple[Resource, ...], likeness: Likeness
    ) -> CopiesOfResource:
        key = (way.subject, way.parent_arn, likeness)
        if (known := self._of_way.get(key)) is None:
            known = tuple(self._fate(way, copy, copied) for copy in way.rule.copies)
            self._of_way[key] = known
        return known

    def _fate(self, way: CoveringRule, copy: CopyAction, copied: tuple[Resource, ...]) -> CopyOfResource:
        """Join the links of all that must be copied for the resource to be."""
        destination = self._plane.destination(copy.destination)
        of_action = self.links_of_action(way.subject, way.rule, copy)
        of_copied = (link for each in copied for link in self.links_of_resource(each, destination))
        links = (*of_action, *of_copied)
        verdict, gap = joined_links(links)
        return CopyOfResource(way, copy, destination, links, verdict, gap)

    def links_of_action(self, subject: str, rule: BackupRule, copy: CopyAction) -> tuple[Link, ...]:
        """Give the links that are the same for all resources of a rule, which findings name `subject`."""
        if (links := self._by_action.get((subject, copy))) is None:
            destination = self._plane.destination(copy.destination)
            links = action_links(self.source, rule, copy, destination, self._plane.organization)
            self._by_action[subject, copy] = links
        return links

    def links_of_resource(self, resource: Resource, destination: Destination) -> tuple[Link, ...]:
        """Give the links that are the same for all resources that are alike."""
        likeness = likeness_of(resource)
        if (links := self._by_likeness.get((destination.arn, likeness))) is None:
            keys, organization = self._keys.of(resource), self._plane.organization
            links = resource_links(self.source, resource, keys, destination, organization)
            self._by_likeness[destination.arn, likeness] = links
        return links


def _inside(parent: Resource, resource: Resource, alike: Likeness) -> tuple[tuple[Resource, ...], Likeness]:
    """Give what must be copied for a resource that is backed up within another one, and its likeness.

    The image of an instance is one backup with all its volumes. A stack has one of each resource that is part
    of it, which is copied as its own type is (AWS Backup developer guide, "CloudFormation stack backups").
    """
    if parent.type == STACK and resource.stack is not None and resource.type != STACK:
        return (parent, resource), (*likeness_of(parent), *alike)
    return (parent,), likeness_of(parent)
