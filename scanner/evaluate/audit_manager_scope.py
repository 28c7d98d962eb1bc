"""What a control of AWS Backup Audit Manager is limited to: resource types, one resource, a tag.

ControlScope in the API reference of AWS Backup; facts 8.1 (which control admits which scope).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from scanner.evaluate.audit_manager import COUNTERPARTS, shown
from scanner.model.assurance import FrameworkControl
from scanner.model.resource_types import RESOURCE_TYPES

_OWN: Final[Mapping[str, str]] = {
    "plan": "AWS::Backup::BackupPlan",
    "vault": "AWS::Backup::BackupVault",
    "recovery_point": "AWS::Backup::RecoveryPoint",
}
"""AWS Config's names of what is no resource: a scope that names its own kind is no limit."""

_CONFIG_TYPES: Final[Mapping[str, str]] = {
    kind.config_type: kind.name for kind in RESOURCE_TYPES if kind.config_type
}


@dataclass(frozen=True, slots=True)
class ScopeOfControl:
    """A scope in words of ours.

    `types`: the resource types that are judged; None: the table has no types. `ids`, `tags` (`key=value`):
    empty: not limited. `unknown`: what it says besides, and nobody here understands.
    """

    types: tuple[str, ...] | None
    ids: tuple[str, ...]
    tags: tuple[str, ...]
    unknown: tuple[str, ...]


def scope_of(control: FrameworkControl) -> ScopeOfControl:
    """Give the scope of a control that has a counterpart here. KeyError: it has none."""
    known = COUNTERPARTS[control.name]
    tags = tuple(f"{key}={value}" for key, value in control.tags)
    if known.judges != "resource":
        strange = tuple(kind for kind in control.resource_types if kind != _OWN[known.judges])
        return ScopeOfControl(None, control.resource_ids, tags, strange)
    names = {_plain(kind): kind for kind in known.types}
    names |= {_plain(name): kind for name, kind in _CONFIG_TYPES.items() if kind in known.types}
    told = [(kind, names.get(_plain(kind))) for kind in control.resource_types]
    types = tuple(sorted({kind for _, kind in told if kind} or (known.types if not told else ())))
    return ScopeOfControl(
        types, control.resource_ids, tags, tuple(kind for kind, known_as in told if not known_as)
    )


def _plain(name: str) -> str:
    """Bring the spellings of a type together: `Storage Gateway`, `StorageGateway`."""
    return "".join(char for char in name.casefold() if char.isalnum())


def scope_words(control: FrameworkControl) -> tuple[str, ...]:
    """Say what a control is limited to; empty: nothing."""
    return tuple(_words(control))


def _words(control: FrameworkControl) -> Iterator[str]:
    if control.resource_types:
        yield f"resource types {_listed(control.resource_types)}"
    if control.resource_ids:
        yield f"resource ids {_listed(control.resource_ids)}"
    for key, value in control.tags:
        yield f"tag {shown(key)} = {shown(value)}" if value else f"tag {shown(key)}"


def _listed(texts: Iterable[str]) -> str:
    return ", ".join(map(shown, texts))
