"""Who wants to know how a collection is coming along."""

from collections.abc import Collection
from typing import Protocol

from scanner.model.manifest import Scope, ShardRecord
from scanner.model.names import Shard
from scanner.model.reading import Gap


class Watcher(Protocol):
    """Told of progress, from several threads at once; must be quick and must not raise."""

    def scope_known(self, scope: Scope, kept: Collection[Shard]) -> None:
        """The scope is known: of each account global services and Regions; `kept` were read before."""

    def shard_started(self, shard: Shard) -> None:
        """A shard is being read."""

    def called(self, shard: Shard, operation: str, *, ok: bool) -> None:
        """A call (`backup:ListBackupPlans`) was answered, or failed for good."""

    def retried(self, shard: Shard, operation: str, code: str, delay: float) -> None:
        """A call is tried again in `delay` seconds, because of `code`."""

    def account_not_entered(self, gap: Gap) -> None:
        """The role of an account could not be assumed: nothing of the account is read."""

    def shard_finished(self, record: ShardRecord) -> None:
        """A shard was read as far as it could be, is skipped, or was read already."""


class Unwatched:
    """The watcher that does nothing."""

    def scope_known(self, scope: Scope, kept: Collection[Shard]) -> None:
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
