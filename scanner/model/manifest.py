"""The manifest of a scan: provenance, scope, shards and checksums."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from scanner.model.collected import CollectedReads
from scanner.model.inventory import Account, ShardStatus
from scanner.model.names import AccountId, RegionName


@dataclass(frozen=True, slots=True)
class Excluded:
    """An account that is excluded on purpose, and the reason."""

    account: AccountId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The accounts and Regions to scan."""

    accounts: tuple[AccountId, ...]
    regions: tuple[RegionName, ...]
    excluded: tuple[Excluded, ...] = ()
    organization_id: str | None = None
    management_account: AccountId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardRecord:
    """One evidence file: how complete it is, and its checksum. Empty `file`: there is none."""

    account: AccountId
    region: RegionName
    status: ShardStatus
    calls: int = 0
    errors: int = 0
    file: str = ""
    sha256: str = ""
    bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The provenance of a scan. Times are aware, in UTC; None where another program left them out.

    `columns`: a digest of the names and types of the columns of each table, by its name (`facts/resource`).
    `reads`: what was collected; None: everything.
    """

    evaluated_as_of: datetime
    scope: Scope
    accounts: tuple[Account, ...]
    scan_id: str = ""
    tool_name: str = ""
    tool_version: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    caller_arn: str = ""
    caller_account: str = ""
    shards: tuple[ShardRecord, ...] = ()
    source_sha256: str = ""  # of the manifest that was evaluated again; empty for an original
    files: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    capabilities_as_of: str = ""
    schema: str = ""  # empty: that of a bundle
    reads: CollectedReads | None = None
