"""The resource types that AWS Backup supports in a Region, and the services that need not be called there.

`named` is the answer of GetSupportedResourceTypes. A type that it leaves out cannot be backed up in that
Region, so its service is not called there: it may not even have an endpoint (docs/assumptions.md).
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
    """Return the same text for all spellings of a type: `Redshift Serverless`, `RedshiftServerless`."""
    return "".join(char for char in name.casefold() if char.isalnum())


_KNOWN: Final = frozenset(map(_plain, TYPE_BY_NAME))


def unknown_types(named: Iterable[str]) -> tuple[str, ...]:
    """Return the types that AWS Backup supports and this version does not know, sorted."""
    return tuple(sorted({name for name in named if _plain(name) not in _KNOWN}))


def is_unsupported(service: str, named: Collection[str]) -> bool:
    """Check whether the answer excludes a service: AWS Backup backs up none of its resources in the Region.

    AWS's documentation of the answer does not name every type. Such a type may have another name in the
    answer, or be newer than the answer. It is only missing if the answer has a type that is as new, and no
    unknown names.
    """
    kind = TYPE_OF_SERVICE.get(service)
    plain = {_plain(name) for name in named}
    if kind is None or not plain or _plain(kind) in plain:
        return False
    newer_types = TYPE_BY_NAME[kind].newer_types
    return not newer_types or (plain <= _KNOWN and any(_plain(newer) in plain for newer in newer_types))
