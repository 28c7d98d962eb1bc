"""A judged scan: what reports are made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scanner.model.audit_manager import FrameworkBeside
from scanner.model.compliance import Assessment
from scanner.model.control import Control
from scanner.model.finding import Finding
from scanner.model.manifest import Manifest
from scanner.model.reading import Gap


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """All that a report may say. `parameters` are those in effect, by control id."""

    manifest: Manifest
    controls: tuple[Control, ...]
    parameters: Mapping[str, Mapping[str, Any]]
    findings: tuple[Finding, ...]  # in the order of the contract
    gaps: tuple[Gap, ...]
    reconciliation: tuple[Reconciliation, ...]
    limitations: tuple[str, ...]
    assessment: Assessment | None = None  # None: another program judged
    frameworks: tuple[FrameworkBeside, ...] = ()  # those that were found, and not all where a list is missing
