"""Whether the copies of a shard's resources can succeed.

The chain of a copy has links that are the same for all resources of a rule, and links that are the same for
all resources with equal properties. Both are cached: an account has few of them, no matter how many
resources.
"""

from datetime import datetime
from typing import Final

from scanner.graph.control_plane import ControlPlane
from scanner.graph.coverage import (
    STACK,
    CopyOfResource,
    Coverage,
    CoveringRule,
    copy_grouping_key,
    each_outcome_once,
)
from scanner.model.inventory import BackupRule, CopyAction, Encryption, Resource, ShardInventory
from scanner.model.known import Unread
from scanner.model.names import Shard
from scanner.model.resource_types import RESOURCE_TYPES
from scanner.protection.copies import Destination, Link, Source, action_links, joined_links, resource_links
from scanner.protection.key_kinds import ResourceKeys

GroupingKey = tuple[object, ...]
CopiesOfResource = tuple[CopyOfResource, ...]
_OWNED_BY_DEFAULT: Final = frozenset(kind.name for kind in RESOURCE_TYPES if kind.owned_key_by_default)


class KeysOfShard:
    """The keys that encrypt the resources of one shard."""

    def __init__(self, shard: Shard, plane: ControlPlane) -> None:
        self._shard = shard
        self._plane = plane
        self._known: dict[tuple[Encryption, bool], ResourceKeys] = {}

    def of(self, resource: Resource) -> ResourceKeys:
        """Return the keys that encrypt a resource; resources with the same encryption share one object."""
        if isinstance(resource.encryption, Unread):
            return ResourceKeys(None, None, resource.encryption.gap)
        key = (resource.encryption.value, resource.type in _OWNED_BY_DEFAULT)
        if (keys := self._known.get(key)) is None:
            keys = self._known[key] = self._look_up(*key)
        return keys

    def _look_up(self, encryption: Encryption, owned_by_default: bool) -> ResourceKeys:  # noqa: FBT001 -- the key of a cache
        if encryption.encrypted and not encryption.keys and not owned_by_default:
            return ResourceKeys(encryption.encrypted, None)  # AWS does not report its key
        keys = tuple(self._plane.key(name, self._shard) for name in encryption.keys)
        return ResourceKeys(encryption.encrypted, keys)


class CopyOutcomes:
    """Evaluates the copies of one shard's resources."""

    def __init__(
        self, inventory: ShardInventory, plane: ControlPlane, keys: KeysOfShard, as_of: datetime | None
    ) -> None:
        self._plane = plane
        self._keys = keys
        member = plane.organization.accounts.get(inventory.shard.account)
        ou_path = member.ou_path if member else None
        self.source = Source(inventory.shard, inventory.settings, ou_path, as_of)
        self._by_action: dict[tuple[str, CopyAction], tuple[Link, ...]] = {}
        self._by_group: dict[tuple[str, GroupingKey], tuple[Link, ...]] = {}
        self._by_covering_rule: dict[tuple[str, str | None, GroupingKey], CopiesOfResource] = {}
        # By the ids of the outcomes, which `_by_covering_rule` keeps alive.
        self._shared: dict[tuple[int, ...], CopiesOfResource] = {}

    def of(self, resource: Resource, coverage: Coverage) -> CopiesOfResource:
        """Return the outcome of each copy action of the covering rules for a resource.

        Resources whose copies have equal outcomes share one tuple.
        """
        own = (resource,)
        grouping_key = copy_grouping_key(resource)
        copy_outcomes = [
            outcome
            for covering in coverage.ways
            for outcome in (
                self._copy_outcomes(covering, own, grouping_key)
                if covering.parent is None
                else self._copy_outcomes(
                    covering, *_copied_with_parent(covering.parent, resource, grouping_key)
                )
            )
        ]
        key = tuple(map(id, copy_outcomes))
        if (shared := self._shared.get(key)) is None:
            shared = self._shared[key] = each_outcome_once(copy_outcomes)
        return shared

    def _copy_outcomes(
        self, covering: CoveringRule, copied: tuple[Resource, ...], grouping_key: GroupingKey
    ) -> CopiesOfResource:
        key = (covering.subject, covering.parent_arn, grouping_key)
        if (outcomes := self._by_covering_rule.get(key)) is None:
            outcomes = tuple(self._outcome(covering, copy, copied) for copy in covering.rule.copies)
            self._by_covering_rule[key] = outcomes
        return outcomes

    def _outcome(
        self, covering: CoveringRule, copy: CopyAction, copied: tuple[Resource, ...]
    ) -> CopyOfResource:
        """Join the links of everything that has to be copied for the resource."""
        destination = self._plane.destination(copy.destination)
        of_action = self.links_of_action(covering.subject, covering.rule, copy)
        of_copied = (link for part in copied for link in self.links_of_resource(part, destination))
        links = (*of_action, *of_copied)
        verdict, gap = joined_links(links)
        return CopyOfResource(covering, copy, destination, links, verdict, gap)

    def links_of_action(self, subject: str, rule: BackupRule, copy: CopyAction) -> tuple[Link, ...]:
        """Return the links that are the same for all resources of a rule; `subject` is the rule's name."""
        if (links := self._by_action.get((subject, copy))) is None:
            destination = self._plane.destination(copy.destination)
            links = action_links(self.source, rule, copy, destination, self._plane.organization)
            self._by_action[subject, copy] = links
        return links

    def links_of_resource(self, resource: Resource, destination: Destination) -> tuple[Link, ...]:
        """Return the links that are the same for all resources of a group."""
        grouping_key = copy_grouping_key(resource)
        if (links := self._by_group.get((destination.arn, grouping_key))) is None:
            keys, organization = self._keys.of(resource), self._plane.organization
            links = resource_links(self.source, resource, keys, destination, organization)
            self._by_group[destination.arn, grouping_key] = links
        return links


def _copied_with_parent(
    parent: Resource, resource: Resource, grouping_key: GroupingKey
) -> tuple[tuple[Resource, ...], GroupingKey]:
    """Return what is copied if a resource is backed up within another one, and the grouping key of that.

    The image of an instance is one backup with all its volumes. The backup of a stack has one backup for each
    of its resources, which is copied like its own type (AWS Backup developer guide, "CloudFormation stack
    backups").
    """
    if parent.type == STACK and resource.stack is not None and resource.type != STACK:
        return (parent, resource), (*copy_grouping_key(parent), *grouping_key)
    return (parent,), copy_grouping_key(parent)
