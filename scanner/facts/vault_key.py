"""The key of a vault: who manages it, and whether it works and will go on to."""

from dataclasses import dataclass
from typing import Final

from scanner.facts.notes import Notes, instant_text
from scanner.graph.control_plane import ControlPlane
from scanner.model.inventory import Key, KeyKind, Vault
from scanner.model.reading import Gap, Known, Unread
from scanner.model.ternary import Ternary

# Of a multi-Region key "Updating" lasts for moments, and it goes on working (AWS KMS, "Key states").
_WORKING: Final = frozenset({"Enabled", "Updating"})
_BROKEN: Final = frozenset(
    {"Creating", "Disabled", "PendingDeletion", "PendingImport", "PendingReplicaDeletion", "Unavailable"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyColumns:
    """The columns of a vault's row that are about its key."""

    key_kind: str | None
    key_enabled: Ternary
    key_deletion_at: str | None


def key_columns(vault: Vault, plane: ControlPlane, notes: Notes) -> KeyColumns:
    """Make the columns. A key that AWS manages or owns can be neither switched off nor deleted."""
    named = plane.vault_key(vault)
    kind = None if named is None else named.kind
    if kind is None:
        notes.unknown("key_kind", "who manages its key is unknown", named.kind_gap if named else None)
    if kind in (KeyKind.AWS_MANAGED, KeyKind.AWS_OWNED):
        return KeyColumns(key_kind=kind.value if kind else None, key_enabled=True, key_deletion_at="")
    key = plane.described_key(vault)
    if key is not None:
        notes.evidence("key_enabled", key.refs)
    enabled = key_works(key)
    deletion = _deletion(key)
    for column, value in (("key_enabled", enabled), ("key_deletion_at", deletion)):
        if value is None:
            notes.unknown(column, "the state of its key is unknown", _gap(vault, key))
    return KeyColumns(
        key_kind=kind.value if kind else None,
        key_enabled=enabled,
        key_deletion_at=deletion,
    )


def key_works(key: Key | None) -> Ternary:
    """Whether a key is enabled and not scheduled for deletion (DescribeKey: KeyState, Enabled, DeletionDate).

    A state that this version does not know is not known to be a working one.
    """
    if key is None:
        return None
    if key.deletion_at is not None or key.state in _BROKEN:
        return False
    if key.state is None:
        return key.enabled
    return True if key.state in _WORKING else None


def _deletion(key: Key | None) -> str | None:
    if key is None or (key.state is None and key.deletion_at is None):
        return None
    return instant_text(key.deletion_at) or ("" if not _is_going(key) else None)


def _is_going(key: Key) -> bool:
    """Whether its deletion is scheduled, though the day may not be told."""
    return key.state in ("PendingDeletion", "PendingReplicaDeletion")


def _gap(vault: Vault, key: Key | None) -> Gap | None:
    """Give the read that is missing, if it is one."""
    if key is None or isinstance(key.kind, Known):
        return None
    return key.kind.gap if isinstance(key.kind, Unread) and vault.key else None
