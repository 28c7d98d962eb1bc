"""The keys of a shard's resources, each looked up once."""

from typing import Final

from scanner.graph.control_plane import ControlPlane
from scanner.model.inventory import Encryption, Resource
from scanner.model.names import Shard
from scanner.model.reading import Unread
from scanner.model.resource_types import RESOURCE_TYPES
from scanner.protection.key_kinds import ResourceKeys

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
