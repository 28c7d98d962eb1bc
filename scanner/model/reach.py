"""How much of a scope was read, and which accounts could not be read at all."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from scanner.model.inventory import ShardStatus
from scanner.model.manifest import Manifest, ShardRecord
from scanner.model.names import AWS_GLOBAL, ORG, AccountId

_READ: Final = frozenset((ShardStatus.COMPLETE, ShardStatus.PARTIAL))


@dataclass(frozen=True, slots=True)
class Reach:
    """The number of account-Regions in scope that are enabled or may be, and how many were read."""

    read: int
    in_scope: int

    @property
    def is_minor(self) -> bool:
        """Whether less than half of the scope was read."""
        return 2 * self.read < self.in_scope


def reach_of(statuses: Iterable[ShardStatus]) -> Reach:
    """Count the account-Regions of a scope. A Region that its account has not enabled does not count."""
    counted = [status for status in statuses if status is not ShardStatus.SKIPPED]
    return Reach(sum(status in _READ for status in counted), len(counted))


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
