"""A judged scan: what reports are made of."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar

from scanner.model.changes import Changes
from scanner.model.compliance import Assessment, AuditManagerFramework
from scanner.model.control import Control, ControlSelection
from scanner.model.coverage import Coverage
from scanner.model.decisions import Tiers, WaiverUse
from scanner.model.finding import Finding
from scanner.model.known import Gap
from scanner.model.manifest import Manifest
from scanner.model.protection import BlastRadiusSummary
from scanner.model.report_details import ReportDetails
from scanner.model.root_causes import RootCauseSummary
from scanner.model.signing import Signing
from scanner.model.timeline import FirstSeenTimes, Timeline

T_co = TypeVar("T_co", covariant=True)


class Stream(Protocol[T_co]):
    """Rows that can be iterated over repeatedly, with one in memory at a time. A tuple is one."""

    def __iter__(self) -> Iterator[T_co]:
        """Iterate over the rows, from the first."""
        ...

    def __len__(self) -> int:
        """Return the number of rows."""
        ...


Row = Mapping[str, Any]
"""A row of a fact table, by the names of its columns."""

POPULATION: Final = (
    "subject",
    "subject_type",
    "account",
    "region",
    "name",
    "covered",
    "newest_recovery_point",
    "not_applicable_because",
    "tags",
    "size_gib",
    "size_kind",
)
"""The columns of the fact table `resource` that reports use. Reading all takes twenty times as long."""

REDACTED: Final = (
    "This is a redacted copy for sharing: accounts, names, tags and ids are pseudonyms. It is not "
    "evidence; the scan that it was made from is."
)
"""The notice at the top of a report whose names are pseudonyms."""


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The inventory of one type in one shard, compared with a second source.

    `listed`: the number of resources in the service's own list. `elsewhere`: ARNs of the type that are in
    ListProtectedResources or the tagging API, but not in that list.
    """

    account: str
    region: str
    subject_type: str
    listed: int
    elsewhere: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UnsupportedResource:
    """A resource of a kind that AWS Backup cannot back up. `kind`: its key in the capability table."""

    subject: str
    subject_type: str
    name: str
    account: str
    region: str
    kind: str


@dataclass(frozen=True, slots=True)
class UnsupportedKinds:
    """Resources that AWS Backup cannot back up: their data needs another backup (ruling 19).

    `kinds`: the name of each kind and its number of resources, most frequent first. `resources`: the first
    ones, by account, Region and ARN.
    """

    number: int = 0
    kinds: tuple[tuple[str, int], ...] = ()
    resources: tuple[UnsupportedResource, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """Everything that a report shows. `parameters`: the effective ones, by control id.

    `resources` are the rows of the fact table `resource`: the population, with the columns of POPULATION.
    None: unknown, since another program judged.
    """

    manifest: Manifest
    controls: tuple[Control, ...]
    parameters: Mapping[str, Mapping[str, Any]]
    findings: Stream[Finding]  # in the order of the contract
    gaps: tuple[Gap, ...]
    reconciliation: tuple[Reconciliation, ...]
    limitations: tuple[str, ...]
    assessment: Assessment | None = None  # None: another program judged
    coverage: Coverage | None = None  # None: not known, since another program or an earlier version judged
    resources: Stream[Row] | None = None
    protection_groups: Stream[Row] | None = None  # of the inventory; None: not recorded, or redacted
    # Tables that commands name; empty: not known.
    structures: Mapping[str, Stream[Row]] = field(default_factory=dict)
    frameworks: tuple[AuditManagerFramework, ...] = ()  # incomplete where a list was not read
    tiers: Tiers = field(default_factory=Tiers)
    waivers: tuple[WaiverUse, ...] = ()  # in the order of audit.yaml
    unit_names: Mapping[str, str] = field(default_factory=dict)  # of organizational units, as far as known
    changes: Changes | None = None  # None: not compared with an earlier scan
    timeline: Timeline | None = None  # None: not compared with an earlier scan
    first_seen: FirstSeenTimes | None = None  # of open findings; None: not compared with an earlier scan
    count_inherited_backup: bool | None = None  # None: not recorded
    unsupported: UnsupportedKinds | None = None  # None: not known, since another program judged
    blast_radius: BlastRadiusSummary | None = None  # None: not known
    root_causes: RootCauseSummary | None = None  # of failures; None: not known
    signing: Signing | None = None  # None: the manifest is not one that can be signed as it is
    fail_on_unknown: bool = False  # unknown checks are to fail a build
    report: ReportDetails = field(default_factory=ReportDetails)  # of audit.yaml and options
    selection: ControlSelection | None = None  # None: not recorded
    redacted: bool = False  # names are pseudonyms: for sharing, not evidence
