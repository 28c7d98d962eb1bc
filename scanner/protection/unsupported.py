"""Kinds of resources of supported types that AWS Backup cannot back up (catalogue, ruling 19).

Source: AWS Backup developer guide, "Backup creation by resource type", and the pages named in the capability
table (facts 1.1). The inventory says which resource is of such a kind (`Resource.unsupported_kind`).
"""

from dataclasses import dataclass
from functools import cache

from scanner.model.inventory import Resource
from scanner.model.ternary import Answer, Ternary
from scanner.protection.capabilities import capability_data


@dataclass(frozen=True, slots=True)
class UnsupportedKind:
    """One kind: the resource type that it belongs to, what it is called, and the AWS page that says so."""

    key: str
    type: str
    text: str
    source: str


@cache
def unsupported_kinds() -> tuple[UnsupportedKind, ...]:
    """Return all kinds, in the order of the capability table."""
    return tuple(UnsupportedKind(key, **row) for key, row in capability_data()["unsupported_kinds"].items())


def is_unsupported(resource: Resource) -> Ternary:
    """Check whether a resource is of a kind that AWS Backup cannot back up. None: its kind is not known."""
    return None if resource.unsupported_kind is None else resource.unsupported_kind != ""


def kind_text(key: str) -> str:
    """Return what a kind is called: "an S3 directory bucket"."""
    return next(kind.text for kind in unsupported_kinds() if kind.key == key)


def can_be_backed_up(resource: Resource) -> Answer:
    """Return whether AWS Backup can back up resources of this kind, and if not, why."""
    if resource.unsupported_kind is None:
        return Answer(None, "whether it runs on an Outpost, where AWS Backup cannot back it up, is unknown")
    if resource.unsupported_kind:
        return Answer(
            value=False, because=f"AWS Backup cannot back up {kind_text(resource.unsupported_kind)}"
        )
    return Answer(value=True)
