"""The resource types that AWS Backup supports in a Region, and what they imply about services' lists.

A type that GetSupportedResourceTypes does not return cannot be backed up in that Region. Its service is not
called there, since it may have no endpoint (docs/assumptions.md).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from scanner.evidence.answers import Answer, Answers
from scanner.model.known import Gap, GapKind, Known, Reading
from scanner.model.resource_types import RESOURCE_TYPES, TYPE_BY_NAME
from scanner.services.base import Operation
from scanner.services.caller import Caller

OPERATIONS: Final = (
    Operation(
        "backup",
        "GetSupportedResourceTypes",
        "backup:GetSupportedResourceTypes",
        optional="without it, every service is called",
    ),
)

SUPPORTED: Final = "backup:GetSupportedResourceTypes"
_NOT_LISTED: Final = "AWS Backup supports this type of resource here, but this version does not list it."

TYPE_OF_SERVICE: Final[Mapping[str, str]] = {
    kind.client: kind.name for kind in RESOURCE_TYPES if not kind.everywhere
}
"""The resource type by boto3's client name. Services of types that are missing here exist in every Region and
are always called."""


def supported_types(caller: Caller) -> tuple[str, ...]:
    """Record and return the types that AWS Backup supports in the Region; empty if the call fails."""
    # The answer depends on the Region: AWS Backup adds types Region by Region ("Feature availability by AWS
    # Region").
    answer = caller.call("backup", "GetSupportedResourceTypes") or {}
    return tuple(kind for kind in answer.get("ResourceTypes") or () if isinstance(kind, str))


def unsupported_list(answers: Answers, service: str) -> Reading[None] | None:
    """Return a service's list as empty if AWS Backup supports none of its types there; None: it may."""
    for answer in _supporting(answers):
        if is_unsupported(service, _types(answer)):
            return Known(None, answer.refs)
    return None


def unknown_type_gaps(answers: Answers) -> Iterator[Gap]:
    """Yield a gap for each type that AWS Backup supports in the Region but this version does not know."""
    for answer in _supporting(answers):
        for kind in unknown_types(_types(answer)):
            gap = answers.gap(SUPPORTED, kind, GapKind.NEVER_ASKED)
            yield replace(gap, message=_NOT_LISTED, ref=answer.refs[-1])


def _supporting(answers: Answers) -> Iterator[Answer]:
    return (answer for answer in answers.every(SUPPORTED) if answer.gap is None)


def _types(answer: Answer) -> tuple[str, ...]:
    return tuple(kind for page in answer.pages for kind in page.texts("ResourceTypes"))


def unknown_types(named: Iterable[str]) -> tuple[str, ...]:
    """Return the supported types that this version does not know, sorted."""
    return tuple(sorted({name for name in named if _plain(name) not in _KNOWN}))


def is_unsupported(service: str, named: Collection[str]) -> bool:
    """Return whether the answer shows that no resource of a service can be backed up in the Region.

    A newer type may be in the answer under a name that this version does not know, or the answer may be older
    than the type. It counts as missing only if the answer has a type that is as new, and no unknown name.
    """
    kind = TYPE_OF_SERVICE.get(service)
    plain = {_plain(name) for name in named}
    if kind is None or not plain or _plain(kind) in plain:
        return False
    newer_types = TYPE_BY_NAME[kind].newer_types
    return not newer_types or (plain <= _KNOWN and any(_plain(newer) in plain for newer in newer_types))


def _plain(name: str) -> str:
    """Return a type name without case, spaces and punctuation: AWS spells some types in several ways."""
    return "".join(char for char in name.casefold() if char.isalnum())


_KNOWN: Final = frozenset(map(_plain, TYPE_BY_NAME))
