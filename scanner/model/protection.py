"""Groups of resources that are protected alike, and what is lost with a node of the protection graph.

Each group is one row for many resources. None means "not known", as in the fact tables: of `keys` that it is
not known which keys a backup needs, of `effective` that it is not known whether the backup is there or can be
made.
"""

from dataclasses import dataclass
from datetime import datetime

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


@dataclass(frozen=True, slots=True, kw_only=True)
class LostGroup:
    """Resources that are protected alike, and lose their last backup together."""

    group: str
    resource_type: str
    account: str
    region: str
    count: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """How many resources lose their last backup, and of how many that is not known."""

    lost: int
    unknown: int
    lost_groups: tuple[LostGroup, ...] = ()
    unknown_groups: tuple[LostGroup, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeLoss:
    """What is lost with one node: `existing` recovery points, and `future` backups."""

    node: str
    kind: str
    name: str
    account: str
    region: str
    existing: Loss
    future: Loss


@dataclass(frozen=True, slots=True, kw_only=True)
class SinglePoint:
    """A node that all existing backups of `resources` resources need; of `unknown` more, perhaps all."""

    node: str
    kind: str
    name: str
    account: str
    region: str
    resources: int
    unknown: int


@dataclass(frozen=True, slots=True)
class TierOf:
    """A tier of audit.yaml; without a name: none. Not known: a tag or unit that decides was not read."""

    name: str
    is_known: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class TierPoints:
    """The single points of failure of the resources of one tier. `tier` None: of all resources.

    `protected`: how many of them have a usable recovery point.
    """

    tier: TierOf | None
    resources: int
    protected: int
    points: tuple[SinglePoint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BlastRadiusReport:
    """What `audit blast-radius` reports. `protected`: resources that have a usable recovery point.

    `node` None: `nodes` are the worst ones, and there are `single_points`, of each tier or of all resources.
    """

    scan_id: str
    as_of: datetime
    resources: int
    protected: int
    node: str | None
    nodes: tuple[NodeLoss, ...]
    single_points: tuple[TierPoints, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeCounts:
    """How many resources lose their last backup with one node."""

    node: str
    kind: str
    name: str
    account: str
    region: str
    lost: int
    unknown: int
    future_lost: int
    future_unknown: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BlastRadiusSummary:
    """What reports show of the blast radius: the worst nodes, and the first single points of each tier."""

    resources: int
    protected: int
    nodes: tuple[NodeCounts, ...]
    single_points: tuple[TierPoints, ...]
