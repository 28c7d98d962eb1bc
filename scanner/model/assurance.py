"""Restore testing, legal holds, Audit Manager frameworks and report plans, tiering configurations.

A field of type `Reading` needed a call of its own and may be a gap; every other field came with the list
that names the row. None: AWS does not report it, unless the field's comment says what its absence means.
All instants are aware datetimes in UTC.
"""

from dataclasses import dataclass
from datetime import datetime

from scanner.model.known import EvidenceRef, Gap, Reading
from scanner.model.names import AccountId, Arn, RegionName


@dataclass(frozen=True, slots=True)
class RestoreTestingScope:
    """Which recovery points a restore testing plan restores (GetRestoreTestingPlan).

    `include_vaults` and `exclude_vaults` are ARNs of vaults; `*` is every vault. `point_types`: SNAPSHOT,
    CONTINUOUS. `window_days`: how far back; None: the default, 30.
    """

    algorithm: str | None
    include_vaults: tuple[str, ...]
    exclude_vaults: tuple[str, ...]
    point_types: tuple[str, ...]
    window_days: int | None


@dataclass(frozen=True, slots=True)
class RestoreTestingResources:
    """Which resources a restore testing selection includes (GetRestoreTestingSelection).

    `arns`: ARNs, or `*` for all of the type. `equals`, `not_equals`: tags, as key and value,
    that all have to match; keys are as in the API (`aws:ResourceTag/tier`).
    """

    arns: tuple[str, ...]
    equals: tuple[tuple[str, str], ...]
    not_equals: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class RestoreTestingSelection:
    """One selection of a restore testing plan: resources of one type."""

    name: str
    resource_type: str
    role: str | None
    validation_window_hours: int | None
    resources: Reading[RestoreTestingResources]


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreTestingPlan:
    """One restore testing plan with its selections; without any it tests nothing."""

    arn: Arn
    name: str
    account: AccountId
    region: RegionName
    schedule: str | None
    timezone: str
    start_window_hours: int | None
    last_executed_at: datetime | None
    scope: Reading[RestoreTestingScope]
    selections: Reading[
        tuple[RestoreTestingSelection, ...]
    ]  # of a list that was read in part, those that were seen
    unlisted_selections: Gap | None = None  # the missing page of a list of selections that was read in part
    refs: tuple[EvidenceRef, ...] = ()


@dataclass(frozen=True, slots=True)
class LegalHoldScope:
    """What a legal hold holds (GetLegalHold): recovery points by vault or resource, in a span of dates."""

    vaults: tuple[str, ...]  # names
    resources: tuple[str, ...]  # ARNs
    from_date: datetime | None
    to_date: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LegalHold:
    """One legal hold. `scope` None: it is canceled, and its scope is not requested."""

    arn: str
    id: str
    title: str
    account: AccountId
    region: RegionName
    status: str | None
    created_at: datetime | None
    canceled_at: datetime | None
    scope: Reading[LegalHoldScope] | None
    refs: tuple[EvidenceRef, ...] = ()

    @property
    def in_force(self) -> bool | None:
        """Whether it prevents recovery points from being deleted: until it is canceled. None: unknown."""
        return None if self.status is None else self.status != "CANCELED"


@dataclass(frozen=True, slots=True)
class FrameworkControl:
    """One control of a framework, with its parameters and what it is limited to (empty: not limited)."""

    name: str
    parameters: tuple[tuple[str, str], ...]
    resource_ids: tuple[str, ...]
    resource_types: tuple[str, ...]
    tags: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class FrameworkDetails:
    """Framework details (DescribeFramework). `status`: ACTIVE, PARTIALLY_ACTIVE, INACTIVE, UNAVAILABLE."""

    status: str | None
    controls: tuple[FrameworkControl, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Framework:
    """One framework of AWS Backup Audit Manager."""

    arn: str
    name: str
    account: AccountId
    region: RegionName
    deployment_status: str | None
    details: Reading[FrameworkDetails]
    refs: tuple[EvidenceRef, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPlan:
    """One report plan of AWS Backup Audit Manager."""

    arn: str
    name: str
    account: AccountId
    region: RegionName
    template: str | None
    frameworks: tuple[str, ...]
    accounts: tuple[str, ...]
    organizational_units: tuple[str, ...]
    regions: tuple[str, ...]
    bucket: str | None
    prefix: str | None
    deployment_status: str | None
    last_attempt_at: datetime | None
    last_success_at: datetime | None
    refs: tuple[EvidenceRef, ...] = ()


@dataclass(frozen=True, slots=True)
class TieringRule:
    """The days after which backups of these resources move to the lower-cost tier."""

    resource_type: str
    resources: tuple[str, ...]
    after_days: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TieringConfiguration:
    """One tiering configuration. `vault`: a name, or `*` for all."""

    arn: str
    name: str
    account: AccountId
    region: RegionName
    vault: str
    rules: Reading[tuple[TieringRule, ...]]
    refs: tuple[EvidenceRef, ...] = ()


@dataclass(frozen=True, slots=True)
class Assurance:
    """All of these in a shard. `lists` of the shard say what was not read."""

    restore_testing_plans: tuple[RestoreTestingPlan, ...] = ()
    legal_holds: tuple[LegalHold, ...] = ()
    frameworks: tuple[Framework, ...] = ()
    report_plans: tuple[ReportPlan, ...] = ()
    tiering_configurations: tuple[TieringConfiguration, ...] = ()
