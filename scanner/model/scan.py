"""A judged scan: what reports are made of."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar

from scanner.model.audit_manager import FrameworkBeside
from scanner.model.changes import Changes
from scanner.model.compliance import Assessment
from scanner.model.control import Control
from scanner.model.finding import Finding
from scanner.model.manifest import Manifest
from scanner.model.reading import Gap
from scanner.model.tier import Tiers
from scanner.model.waivers import WaiverUse

T_co = TypeVar("T_co", covariant=True)


class Stream(Protocol[T_co]):
    """Rows that can be gone through again and again, one in memory at a time. A tuple is one."""

    def __iter__(self) -> Iterator[T_co]:
        """Begin with the first row."""
        ...

    def __len__(self) -> int:
        """Count the rows."""
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
)
"""The columns of the fact table `resource` that reports tell of. A whole row takes twenty times as long."""

REDACTED: Final = (
    "This is a redacted copy for sharing: accounts, names, tags and ids are pseudonyms. It is no evidence. "
    "What it tells can be proved with the scan that it was made of."
)
"""What stands at the head of a report whose names are pseudonyms."""


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The inventory of one type in one shard, held against a second source.

    `listed`: resources that the service's own list gave. `elsewhere`: ARNs of that type that
    ListProtectedResources or the tagging API knows and the service's list does not.
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
    """What AWS Backup cannot back up, whatever selects it: something else must save its data (ruling 19).

    `kinds`: what each kind is called and how many resources it has, the most frequent first. `resources`: the
    first of them, by account, Region and ARN.
    """

    number: int = 0
    kinds: tuple[tuple[str, int], ...] = ()
    resources: tuple[UnsupportedResource, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """All that a report may say. `parameters` are those in effect, by control id.

    `resources` are the rows of the fact table `resource`: the population, with the columns of POPULATION.
    None: they are not known, since another program judged.
    """

    manifest: Manifest
    controls: tuple[Control, ...]
    parameters: Mapping[str, Mapping[str, Any]]
    findings: Stream[Finding]  # in the order of the contract
    gaps: tuple[Gap, ...]
    reconciliation: tuple[Reconciliation, ...]
    limitations: tuple[str, ...]
    assessment: Assessment | None = None  # None: another program judged
    resources: Stream[Row] | None = None
    frameworks: tuple[FrameworkBeside, ...] = ()  # those that were found, and not all where a list is missing
    tiers: Tiers = field(default_factory=Tiers)
    waivers: tuple[WaiverUse, ...] = ()  # in the order of audit.yaml
    unit_names: Mapping[str, str] = field(default_factory=dict)  # of organizational units, as far as known
    changes: Changes | None = None  # None: held against no former scan
    count_inherited_backup: bool | None = None  # None: not recorded
    unsupported: UnsupportedKinds | None = None  # None: not known, since another program judged
    redacted: bool = False  # names are pseudonyms: made for sharing, and no evidence
