"""Which resource types AWS Backup says it supports in a Region, and what follows for the services' lists.

`named` is what GetSupportedResourceTypes answered. What it leaves out cannot be backed up in that Region,
so its service need not be asked there: it may have no endpoint at all (docs/assumptions.md).
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from scanner.model.resource_types import RESOURCE_TYPES, TYPE_BY_NAME

TYPE_OF_SERVICE: Final[Mapping[str, str]] = {
    kind.client: kind.name for kind in RESOURCE_TYPES if not kind.everywhere
}
"""By boto3's client name, the one type that is listed for AWS Backup. The services of the other types are in
every Region, and are always called."""


def _plain(name: str) -> str:
    """Bring the spellings of a type together: `Redshift Serverless`, `RedshiftServerless`."""
    return "".join(char for char in name.casefold() if char.isalnum())


_KNOWN: Final = frozenset(map(_plain, TYPE_BY_NAME))


def unknown_types(named: Iterable[str]) -> tuple[str, ...]:
    """Give the types that AWS Backup supports and this version has never heard of, sorted."""
    return tuple(sorted({name for name in named if _plain(name) not in _KNOWN}))


def is_unsupported(service: str, named: Collection[str]) -> bool:
    """Whether the answer says that nothing of a service can be backed up in the Region.

    A type that AWS's text does not name may stand in the answer under another name, or the answer may be
    older than it: it is only missing where a type as new as it is named, and no name is unknown.
    """
    kind = TYPE_OF_SERVICE.get(service)
    plain = {_plain(name) for name in named}
    if kind is None or not plain or _plain(kind) in plain:
        return False
    newer_types = TYPE_BY_NAME[kind].newer_types
    return not newer_types or (plain <= _KNOWN and any(_plain(newer) in plain for newer in newer_types))
