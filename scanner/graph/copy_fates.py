"""How the copies of a shard's resources fare, each question asked once.

The chain of a copy has links that are the same for all resources of a rule, and links that are the same for
all resources that are alike in what decides them. An account has few of both, however many resources.
"""

from scanner.graph.control_plane import ControlPlane
from scanner.graph.coverage import CopyOfResource, Coverage, CoveringRule, each_once, likeness_of
from scanner.graph.resource_keys import KeysOfShard
from scanner.model.inventory import BackupRule, CopyAction, Resource, ShardInventory
from scanner.protection.copies import Destination, Link, Source, action_links, effective, resource_links

Likeness = tuple[object, ...]
Fates = tuple[CopyOfResource, ...]


class CopyFates:
    """The copies of one shard's resources."""

    def __init__(self, inventory: ShardInventory, plane: ControlPlane, keys: KeysOfShard) -> None:
        self._plane = plane
        self._keys = keys
        member = plane.organization.accounts.get(inventory.shard.account)
        self.source = Source(inventory.shard, inventory.settings, member.ou_path if member else None)
        self._by_action: dict[tuple[str, CopyAction], tuple[Link, ...]] = {}
        self._by_likeness: dict[tuple[str, Likeness], tuple[Link, ...]] = {}
        self._of_way: dict[tuple[str, str | None, Likeness], Fates] = {}
        self._shared: dict[tuple[int, ...], Fates] = {}  # by the ids of fates, which `_of_way` keeps alive

    def of(self, resource: Resource, coverage: Coverage) -> Fates:
        """Tell how each copy action of the covering rules fares for a resource.

        Resources whose copies fare alike share one tuple.
        """
        likeness = likeness_of(resource)
        fates = [
            fate
            for way in coverage.ways
            for fate in self._fates(
                way, resource, likeness if way.parent is None else likeness_of(way.parent)
            )
        ]
        key = tuple(map(id, fates))
        if (known := self._shared.get(key)) is None:
            known = self._shared[key] = each_once(fates)
        return known

    def _fates(self, way: CoveringRule, resource: Resource, likeness: Likeness) -> Fates:
        key = (way.subject, way.parent_arn, likeness)
        if (known := self._of_way.get(key)) is None:
            backed_up = way.parent or resource
            known = tuple(self._fate(way, copy, backed_up, likeness) for copy in way.rule.copies)
            self._of_way[key] = known
        return known

    def _fate(
        self, way: CoveringRule, copy: CopyAction, backed_up: Resource, likeness: Likeness
    ) -> CopyOfResource:
        destination = self._plane.destination(copy.destination)
        of_action = self._links_of_action(way.subject, way.rule, copy, destination)
        links = (*of_action, *self._links_of_resource(backed_up, likeness, destination))
        verdict, gap = effective(links)
        return CopyOfResource(way, copy, destination, links, verdict, gap)

    def _links_of_action(
        self, subject: str, rule: BackupRule, copy: CopyAction, destination: Destination
    ) -> tuple[Link, ...]:
        if (links := self._by_action.get((subject, copy))) is None:
            links = action_links(self.source, rule, copy, destination, self._plane.organization)
            self._by_action[subject, copy] = links
        return links

    def _links_of_resource(
        self, resource: Resource, likeness: Likeness, destination: Destination
    ) -> tuple[Link, ...]:
        if (links := self._by_likeness.get((destination.arn, likeness))) is None:
            keys, organization = self._keys.of(resource), self._plane.organization
            links = resource_links(self.source, resource, keys, destination, organization)
            self._by_likeness[destination.arn, likeness] = links
        return links
