"""What is lost with a node of the protection graph."""

from dataclasses import dataclass
from datetime import datetime


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
