"""The manifest of a scan: provenance, scope, shards and checksums, and how much of the scope was read."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from scanner.model.inventory import Account, ShardStatus
from scanner.model.known import LEFT_OUT, Gap, GapKind
from scanner.model.names import AWS_GLOBAL, ORG, AccountId, RegionName

_NAMED: Final = 3
"""The most controls that a sentence names."""
_READ: Final = frozenset((ShardStatus.COMPLETE, ShardStatus.PARTIAL))


class CollectMode(StrEnum):
    """How much a scan collects."""

    ALL = "all"
    NEEDED = "needed"


@dataclass(frozen=True, slots=True)
class CollectedReads:
    """What a scan collects when it collects only what its controls and formats need.

    `operations` (`service:Operation`, sorted) are the only ones that the scan calls. What any other operation
    would have answered is unknown.
    """

    controls: tuple[str, ...]
    formats: tuple[str, ...]
    operations: tuple[str, ...]

    def has(self, operation: str) -> bool:
        """Check whether the scan calls an operation."""
        return operation in self.operations

    def some_controls(self) -> str:
        """Return the controls by name: the first ones, and how many more there are."""
        named = ", ".join(self.controls[:_NAMED])
        more = len(self.controls) - _NAMED
        return f"{named} and {more} more" if more > 0 else named

    def sentence(self) -> str:
        """Return the limitation of a report of such a scan."""
        return (
            f"The scan collected only what its controls need ({self.some_controls()}). What it left out is "
            "unknown: a table of the inventory may be empty although there are such resources. To collect "
            "everything, scan with --collect all."
        )


def is_collected(operation: str, reads: CollectedReads | None) -> bool:
    """Check whether a scan calls an operation. `reads` None: it collects everything."""
    return reads is None or reads.has(operation)


def named_left_out(gap: Gap, reads: CollectedReads | None) -> Gap:
    """Return a gap with the code LEFT_OUT if the call was not made because the scan left it out."""
    is_left_out = gap.kind is GapKind.NEVER_ASKED and not is_collected(gap.operation, reads)
    return replace(gap, code=LEFT_OUT) if is_left_out and not gap.code else gap


@dataclass(frozen=True, slots=True)
class Excluded:
    """An account that is excluded on purpose, and the reason."""

    account: AccountId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The accounts and Regions to scan.

    `limited_to`: the accounts and organizational units that were requested; empty: the whole organization, or
    not recorded.
    """

    accounts: tuple[AccountId, ...]
    regions: tuple[RegionName, ...]
    excluded: tuple[Excluded, ...] = ()
    organization_id: str | None = None
    management_account: AccountId | None = None
    limited_to: tuple[str, ...] = ()


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
class ManifestInputs:
    """What the verdicts of a scan rest on besides its evidence (evidence format, "manifest.json").

    `as_of`: the time that --as-of requested; None: it was not given, if `has_as_of`, else not recorded.
    `config`: the name of the settings file in the scan; empty: none was kept. The version and the digest are
    those of the packaged controls.
    """

    has_as_of: bool = False
    as_of: datetime | None = None
    config: str = ""
    controls_version: str = ""
    controls_sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The provenance of a scan. Times are aware, in UTC; None where another program left them out.

    `columns`: a digest of the names and types of the columns of each table, by its name (`facts/resource`).
    `reads`: what was collected; None: everything. `inputs`: empty in what other programs and earlier versions
    wrote.
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
    inputs: ManifestInputs = field(default_factory=ManifestInputs)


@dataclass(frozen=True, slots=True)
class ReadShare:
    """The number of account-Regions in scope that are enabled or may be, and how many were read."""

    read: int
    in_scope: int

    @property
    def is_minor(self) -> bool:
        """Whether less than half of the scope was read."""
        return 2 * self.read < self.in_scope


def read_share(statuses: Iterable[ShardStatus]) -> ReadShare:
    """Count the account-Regions of a scope. A Region that its account has not enabled does not count."""
    counted = [status for status in statuses if status is not ShardStatus.SKIPPED]
    return ReadShare(sum(status in _READ for status in counted), len(counted))


def unread_accounts(manifest: Manifest) -> tuple[AccountId, ...]:
    """Return the accounts in scope in which no account-Region was read, sorted.

    An account-Region whose calls were all refused or failed counts as not read. Empty for a manifest without
    records of shards, which another program wrote: it does not say what was read.
    """
    if not manifest.shards:
        return ()
    excluded = {entry.account for entry in manifest.scope.excluded}
    read = {record.account for record in manifest.shards if _is_read(record)}
    return tuple(sorted(set(manifest.scope.accounts) - excluded - read))


def _is_read(record: ShardRecord) -> bool:
    """Whether anything was read of an account-Region, if only that it is not enabled."""
    if record.region in (ORG, AWS_GLOBAL):
        return False
    if record.status is ShardStatus.SKIPPED:
        return True
    return record.status in _READ and (record.calls == 0 or record.errors < record.calls)
