"""Who wants to know how a collection is coming along."""

from typing import Protocol

from scanner.model.manifest import ShardRecord
from scanner.model.names import Shard


class Watcher(Protocol):
    """Told of progress, from several threads at once; must be quick and must not raise."""

    def shards_total(self, count: int) -> None:
        """The scope is known: so many shards will be read (skipped Regions included)."""

    def shard_started(self, shard: Shard) -> None:
        """A shard is being read."""

    def called(self, shard: Shard, operation: str, *, ok: bool) -> None:
        """A call (`backup:ListBackupPlans`) was answered, or failed for good."""

    def retried(self, shard: Shard, operation: str, code: str, delay: float) -> None:
        """A call is tried again in `delay` seconds, because of `code`."""

    def shard_finished(self, record: ShardRecord) -> None:
        """A shard was read as far as it could be, or is skipped."""


class Unwatched:
    """The watcher that does nothing."""

    def shards_total(self, count: int) -> None:
        """Do nothing."""

    def shard_started(self, shard: Shard) -> None:
        """Do nothing."""

    def called(self, shard: Shard, operation: str, *, ok: bool) -> None:
        """Do nothing."""

    def retried(self, shard: Shard, operation: str, code: str, delay: float) -> None:
        """Do nothing."""

    def shard_finished(self, record: ShardRecord) -> None:
        """Do nothing."""
