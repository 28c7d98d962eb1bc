"""The request of a collection, and its result."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from scanner.collect.clients import Timeouts
from scanner.collect.journal import RequestedScope
from scanner.collect.retry import Deadline, RetryPolicy
from scanner.errors import OutputError
from scanner.model.inventory import Account
from scanner.model.known import Gap
from scanner.model.manifest import CollectedReads, Excluded, Scope, ShardRecord
from scanner.model.names import Shard

DEFAULT_ROLE: Final = "VaultproofReadOnly"


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectRequest:
    """The scope, and how to access it.

    Without `organization` and `accounts`, the caller's own account is read. `regions` empty: those that the
    caller's account has enabled. `duration_seconds` is the duration of a role session, which is renewed
    automatically. `deadline`: when the collection stops, even if it is incomplete. `keeps_clients`: the
    clients are not closed at the end, but reused by the next collection of the process. `reads`: what is
    collected; None: everything.
    """

    organization: bool = False
    accounts: tuple[str, ...] = ()
    organizational_units: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    excluded: tuple[Excluded, ...] = ()
    role_name: str = DEFAULT_ROLE
    external_id: str | None = None
    # CloudTrail records the calls of the scan under this name.
    session_name: str = "vaultproof"
    # The longest session of a role that another role assumes (IAM User Guide, "Roles terms and concepts").
    duration_seconds: int = 3600
    profile: str | None = None
    concurrency: int = 16
    retries: RetryPolicy = field(default_factory=RetryPolicy)
    timeouts: Timeouts = field(default_factory=Timeouts)
    deadline: Deadline | None = None
    keeps_clients: bool = False
    reads: CollectedReads | None = None

    def asked(self) -> RequestedScope:
        """Return the part that a journal records."""
        return RequestedScope(
            organization=self.organization,
            accounts=self.accounts,
            organizational_units=self.organizational_units,
            regions=self.regions,
            excluded=self.excluded,
            role_name=self.role_name,
            # Its value is not written to the disk.
            external_id=self.external_id is not None,
            session_name=self.session_name,
            duration_seconds=self.duration_seconds,
            reads=self.reads,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """The result of a collection. `shards` are sorted: the organisation's, then by account and Region.

    A shard of the scope without a record was not started, because the collection was interrupted. `as_of` is
    the requested time of the evaluation.
    """

    scan_id: str
    as_of: datetime | None
    scope: Scope
    accounts: tuple[Account, ...]
    shards: tuple[ShardRecord, ...]
    caller_arn: str
    caller_account: str
    started_at: datetime
    finished_at: datetime
    reads: CollectedReads | None = None


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, after every file was finished; `collected` is the result so far."""

    def __init__(self, collected: Collected) -> None:
        self.collected = collected
        super().__init__()


class CutShortError(OutputError):
    """The evidence could not be written completely; `collected` is the result so far."""

    def __init__(self, message: str, collected: Collected) -> None:
        self.collected = collected
        super().__init__(message)


class Watcher(Protocol):
    """Receives progress from several threads at once. Methods must be fast and must not raise."""

    def scope_known(self, scope: Scope, finished: Collection[Shard]) -> None:
        """The scope is known; `finished` shards were read before."""

    def shard_started(self, shard: Shard) -> None:
        """A shard is being read."""

    def called(self, shard: Shard, operation: str, *, ok: bool) -> None:
        """A call (`backup:ListBackupPlans`) was answered, or failed for good."""

    def retried(self, shard: Shard, operation: str, code: str, delay: float) -> None:
        """A call is tried again in `delay` seconds, because of `code`."""

    def account_not_entered(self, gap: Gap) -> None:
        """The role of an account could not be assumed, so that nothing of it is read."""

    def shard_finished(self, record: ShardRecord) -> None:
        """A shard was read as far as it could be, is skipped, or was read already."""


class Unwatched:
    """The watcher that does nothing."""

    def scope_known(self, scope: Scope, finished: Collection[Shard]) -> None:
        """Do nothing."""

    def shard_started(self, shard: Shard) -> None:
        """Do nothing."""

    def called(self, shard: Shard, operation: str, *, ok: bool) -> None:
        """Do nothing."""

    def retried(self, shard: Shard, operation: str, code: str, delay: float) -> None:
        """Do nothing."""

    def account_not_entered(self, gap: Gap) -> None:
        """Do nothing."""

    def shard_finished(self, record: ShardRecord) -> None:
        """Do nothing."""
