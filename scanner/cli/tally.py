"""What happened so far in a collection, counted, and said in one line."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Collection
from typing import Final

from scanner.model.inventory import ShardStatus
from scanner.model.manifest import Scope, ShardRecord
from scanner.model.names import ORG, AccountId, Shard
from scanner.model.reading import Gap

_ENOUGH_SHARDS: Final = 5
_ENOUGH_SECONDS: Final = 10.0
_MINUTE: Final = 60.0
_HOUR: Final = 3600.0


class Tally:
    """Accounts, shards, calls and what went wrong; told from several threads at once.

    `is_known`: whether the scope is. Shards that an earlier run finished count as done, and not for speed.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.calls = self.errors = self.retries = self.throttles = 0
        self.accounts = self.shards = self.total = self.unreached = self.kept = 0
        self.is_known = False
        self._clock = clock
        self._lock = threading.Lock()
        self._started = clock()
        self._left: Counter[AccountId] = Counter()
        self._refusals: dict[AccountId, Gap] = {}
        self._taken_over: frozenset[Shard] = frozenset()
        self._paced = 0  # shards that this run read: those that are skipped cost nothing
        self._known_at = self._started

    def know(self, scope: Scope, kept: Collection[Shard]) -> None:
        """Learn what there is to read, and what of it was read before."""
        per_account = 1 + len(scope.regions)
        with self._lock:
            self._left = Counter(dict.fromkeys(scope.accounts, per_account))
            self._taken_over = frozenset(
                shard for shard in kept if shard.region != ORG and shard.account in self._left
            )
            self.total = per_account * len(scope.accounts)
            self.is_known, self._known_at = True, self._clock()
            for shard in self._taken_over:
                self._count(shard)
            self.kept = self.shards

    def add(self, *, calls: int = 0, errors: int = 0, retries: int = 0, throttles: int = 0) -> None:
        """Count what happened."""
        with self._lock:
            self.calls += calls
            self.errors += errors
            self.retries += retries
            self.throttles += throttles

    def finish(self, record: ShardRecord) -> None:
        """Count a shard that was read, or is skipped."""
        shard = Shard(record.account, record.region)
        with self._lock:
            self.unreached += record.status is ShardStatus.FAILED
            if shard not in self._taken_over:
                self._count(shard)
                self._paced += record.status is not ShardStatus.SKIPPED

    def refuse(self, gap: Gap) -> None:
        """Note that an account could not be entered, and why."""
        with self._lock:
            self._refusals[gap.account] = gap

    def refusals(self) -> tuple[Gap, ...]:
        """Return the refusal of each account that could not be entered."""
        with self._lock:
            return tuple(self._refusals.values())

    def _count(self, shard: Shard) -> None:
        self.shards += 1
        self._left[shard.account] -= 1
        self.accounts += self._left[shard.account] == 0

    def seconds_left(self) -> float | None:
        """Estimate by the pace so far; None as long as there is too little to go on."""
        with self._lock:
            elapsed = self._clock() - self._known_at
            if self._paced < _ENOUGH_SHARDS or elapsed < _ENOUGH_SECONDS:
                return None
            return (self.total - self.shards) * elapsed / self._paced

    def done(self) -> str:
        """Say how far it got."""
        return f"{self.accounts} of {len(self._left)} accounts, {self.shards} of {self.total} account-Regions"

    def line(self) -> str:
        """Say what was called, what came of it, and how long the rest may take."""
        rate = self.calls / max(self._clock() - self._started, 1e-9)
        parts = [f"{self.calls} calls", f"{rate:.0f}/s", f"{self.errors} refused or failed"]
        if self.throttles:
            parts.append(f"{self.throttles} throttled")
        if self.retries:
            parts.append(f"{self.retries} retried")
        if self.unreached:
            parts.append(f"{self.unreached} not reached")
        if left := self.seconds_left():
            parts.append(f"about {duration(left)} left")
        return ", ".join(parts)


def duration(seconds: float) -> str:
    """Say a time as a person would: `40 s`, `12 min`, `3.5 h`."""
    if seconds < _MINUTE:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / _MINUTE)} min" if seconds < _HOUR else f"{seconds / _HOUR:.1f} h"
