"""Structures that columns of several tables use: tags, rules, copies, recovery points."""

from dataclasses import dataclass

from scanner.model.facts.base import Reference
from scanner.model.known import Ternary


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag of a resource."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class CoveredBy:
    """A covering rule, and how it covers: by `selection`, or through an `instance`, `cluster` or `stack`."""

    rule: str
    via: str
    parent: str | None


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A backup selection that matches a resource but excludes it, and the clause that excludes it."""

    selection: str
    plan_name: str
    name: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NearMiss:
    """A backup selection that almost selects a resource, and the condition that is not met."""

    selection: str
    plan_name: str
    name: str
    nearness: str  # opt_in, spelling, arn, excluded, no_rule, other_value or missing_tag
    because: str


@dataclass(frozen=True, slots=True)
class Remedy:
    """What to do about one subject, in words and as AWS CLI commands. Empty: nothing specific."""

    text: str
    cli: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTerms:
    """The schedule and the retention of a rule."""

    rule: str
    plan: str
    name: str
    vault: str
    schedule: str
    timezone: str
    max_gap_hours: float | None  # NULL: it is unknown when it starts
    seldom_because: str  # why it starts less than twice in 400 days; else empty
    skipped_start: (
        str  # the local time that daylight saving skips, where the longest wait is due to it; else empty
    )
    retention_days: int
    keeps_forever: bool
    continuous: bool


@dataclass(frozen=True, slots=True)
class SkippedStart:
    """A start that is skipped: the daylight saving change of the time zone skips that local time."""

    rule: str
    local_time: str
    timezone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceCopy:
    """A copy action of a covering rule, and whether it is effective for one resource."""

    copy_action: str
    rule: str
    kind: str  # copy_action or air_gapped_target
    destination: str
    destination_account: str
    destination_region: str
    cross_region: bool
    distance_km: int | None  # to the Region of the destination; NULL: the location of a Region is unknown
    cross_account: bool
    effective: Ternary
    reason: str
    copied_as: str  # snapshot where a continuous backup is copied, else empty
    air_gapped: Ternary  # whether the destination is a logically air-gapped vault
    notes: tuple[str, ...] = ()  # what AWS documents about such copies: changes with their dates, full copies


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyLink:
    """One link of the chain from a source to the vault of its copy; `holds` NULL: unknown."""

    name: str
    holds: Ternary
    reason: str
    evidence: tuple[Reference, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyLinks:
    """The chain of one copy action for one resource; it is `effective` if all links hold."""

    copy_action: str
    destination: str
    effective: Ternary
    links: tuple[CopyLink, ...]


@dataclass(frozen=True, slots=True)
class PlaceRecoveryPoint:
    """The newest usable recovery point of a resource in one vault of its own account and Region.

    `absent` is false; NULL where the vault may list it without holding it, such as a restore access vault.
    """

    arn: str
    vault: str
    created_at: str
    age_hours: float
    absent: Ternary = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupPlace:
    """The newest usable recovery point of a resource in one vault of any account and Region."""

    arn: str
    vault: str
    vault_name: str
    account: str
    region: str
    created_at: str | None
    age_hours: float
    continuous: bool
    air_gapped: Ternary
    key: str | None  # NULL: unknown


@dataclass(frozen=True, slots=True)
class NewestRecoveryPoint:
    """The newest usable recovery point that was seen; `exists` None: there may be one that was not."""

    exists: Ternary
    arn: str | None
    vault: str | None
    created_at: str | None
    age_hours: float | None
