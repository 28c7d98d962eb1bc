"""Resources that are protected alike, as the protection graph reads them: one row for many resources.

None means "not known", as in the fact tables: of `keys` that it is not known which keys a backup needs, of
`effective` that it is not known whether the backup is there or can be made.
"""

from dataclasses import dataclass

from scanner.model.known import Ternary

EXAMPLES = 3
"""Resources of a group that are named wherever the group is shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExistingBackups:
    """Usable recovery points in one vault that need the same keys. `because`: why it is not known."""

    vault: str
    keys: tuple[str, ...] | None
    effective: Ternary
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledBackups:
    """Backups that a rule makes of what a selection selects. `via`: selection, instance, cluster or stack.

    `keys`: the keys that encrypt a new backup in the rule's vault.
    """

    selection: str
    rule: str
    plan: str
    vault: str
    via: str
    keys: tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCopies:
    """Copies that a copy action of a covering rule makes. `because`: why none can be made, or may not."""

    copy_action: str
    rule: str
    vault: str
    keys: tuple[str, ...] | None
    effective: Ternary
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadProtection:
    """A read that is missing, so that there may be backups, or rules, that were not seen.

    `account`, `region`, `vault`: where they would be, as far as that is known; empty where it is not.
    """

    operation: str
    account: str
    region: str
    vault: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectionGroup:
    """Resources of one type in one account and Region that are protected alike. `keys`: their own keys."""

    account: str
    region: str
    type: str
    count: int
    examples: tuple[str, ...]
    keys: tuple[str, ...] | None
    existing: tuple[ExistingBackups, ...]
    existing_unread: tuple[UnreadProtection, ...]
    scheduled: tuple[ScheduledBackups, ...]
    scheduled_unread: tuple[UnreadProtection, ...]
    copies: tuple[PlannedCopies, ...]
    resources: tuple[str, ...]
