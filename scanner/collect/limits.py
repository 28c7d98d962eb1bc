"""Client-side limits for AWS's request rates: token buckets for the services and operations of a shard.

AWS limits calls per account and Region, which is a shard, so each shard has its own buckets. A throttled call
halves a bucket's rate, and each answer raises it a little. Operations without a published rate are not
limited until AWS throttles them.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

_LEAST: Final = 1.0
"""The minimum rate in calls per second (or a quarter of a lower documented rate)."""

_USUAL: Final = 8.0
"""The minimum estimate of an unpublished rate, in calls per second, when AWS throttles for the first time."""

_STEP: Final = 0.02
"""The share of the full rate that each answer restores."""

_CALM: Final = 1.0
"""Seconds within which throttled calls count as one, since they were sent together."""


# Calls a second that AWS allows one account in one Region, as far as AWS documents them.
#
# Sources: AWS General Reference, "AWS Backup endpoints and quotas"; AWS Organizations User Guide,
# "Quotas" (rate and burst of an account); Amazon EC2 Developer Guide, "Request throttling" (token
# bucket of 100 describes, refilled with 20 a second, when a page size is given); Resource Groups Tagging
# API quotas. AWS publishes no other rates.
@dataclass(frozen=True, slots=True)
class Rate:
    """Calls per second in the long run, and the burst of calls at once."""

    per_second: float
    burst: float


class Bucket:
    """Tokens for calls. Times are seconds of one clock, passed by the caller. Not safe for threads.

    `rate` None: unlimited until AWS throttles.
    """

    def __init__(self, rate: Rate | None, now: float) -> None:
        self._given = rate
        self._full = rate.per_second if rate else 0.0
        self._burst = rate.burst if rate else 1.0
        self._rate: float | None = rate.per_second if rate else None
        self._tokens = self._burst
        self._at = now
        self._slowed_at: float | None = None
        self._second, self._count, self._last_count = now, 0, 0

    @property
    def rate(self) -> float | None:
        """The current rate in calls per second; None: unlimited."""
        return self._rate

    @property
    def slowed(self) -> bool:
        """Whether the rate is reduced because AWS throttled."""
        # Without a published rate, there is a rate only while AWS throttles.
        return self._rate is not None and (self._given is None or self._rate < self._full)

    def take(self, now: float) -> float:
        """Take a token, and return the seconds until it is available. Later callers wait longer."""
        self._observe(now)
        if self._rate is None:
            return 0.0
        self._fill(now)
        # Tokens below zero are a queue: each caller waits until its own token would have been filled in.
        self._tokens -= 1.0
        return max(0.0, -self._tokens / self._rate)

    def throttled(self, now: float) -> None:
        """Halve the rate, because AWS throttled a call."""
        if self._slowed_at is not None and now - self._slowed_at < _CALM:
            return
        self._slowed_at = now
        if self._rate is None:
            # The best guess of an unpublished rate is the one that AWS has just refused.
            self._full = max(_USUAL, self._count, self._last_count)
            self._rate, self._burst, self._tokens, self._at = self._full, 1.0, 1.0, now
        self._fill(now)
        self._tokens = min(self._tokens, 1.0)  # AWS counts tokens differently
        self._rate = max(min(_LEAST, self._full / 4), self._rate / 2)

    def answered(self, now: float) -> None:
        """Raise the rate a little, because AWS answered a call."""
        if self._rate is None or (self._given is not None and self._rate >= self._full):
            return
        self._fill(now)
        self._rate += self._full * _STEP
        if self._given is not None:
            self._rate = min(self._rate, self._full)
        # Twice the guess went through: it was wrong, so the limit is removed.
        elif self._rate >= 2 * self._full:
            self._rate = None

    def _fill(self, now: float) -> None:
        if self._rate is not None and now > self._at:
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
            self._at = now

    def _observe(self, now: float) -> None:
        """Count the calls of this second and of the last one."""
        if now - self._second >= 1.0:
            self._last_count = self._count if now - self._second < 2.0 else 0  # noqa: PLR2004 -- two seconds
            self._second, self._count = now, 0
        self._count += 1


_FIFTEEN: Final = Rate(15, 15)

SERVICE_RATES: Final[Mapping[str, Rate]] = {
    "backup": Rate(50, 50),
    "ec2": Rate(20, 100),
    "resourcegroupstaggingapi": _FIFTEEN,
}
"""What all calls of a service share, by boto3's name of it."""
_FIVE: Final = Rate(5, 5)
_TEN: Final = Rate(10, 10)
_TWENTY: Final = Rate(20, 20)

OPERATION_RATES: Final[Mapping[str, Rate]] = {
    "backup:DescribeBackupVault": _FIVE,
    "backup:DescribeProtectedResource": _TEN,
    "backup:GetBackupPlan": _FIFTEEN,
    "backup:GetBackupSelection": _FIFTEEN,
    "backup:GetBackupVaultAccessPolicy": _FIFTEEN,
    "backup:GetBackupVaultNotifications": _FIFTEEN,
    "backup:DescribeRecoveryPoint": _FIFTEEN,
    "backup:DescribeBackupJob": _FIFTEEN,
    "backup:GetSupportedResourceTypes": _FIFTEEN,
    "backup:ListBackupPlans": _TWENTY,
    "backup:ListBackupSelections": _TWENTY,
    "backup:ListBackupVaults": _TWENTY,
    "backup:ListProtectedResources": _TWENTY,
    "backup:ListRecoveryPointsByBackupVault": _TWENTY,
    "backup:ListRecoveryPointsByResource": _TWENTY,
    "backup:ListBackupJobs": _TWENTY,
    "backup:ListRestoreJobs": _TWENTY,
    "backup:ListTags": _TWENTY,
    "organizations:DescribeOrganization": Rate(1, 2),
    "organizations:DescribePolicy": Rate(2, 2),
    "organizations:ListAccounts": Rate(8, 12),
    "organizations:ListAccountsForParent": Rate(5, 8),
    "organizations:ListChildren": Rate(6, 10),
    "organizations:ListDelegatedAdministrators": Rate(5, 8),
    "organizations:ListOrganizationalUnitsForParent": Rate(5, 8),
    "organizations:ListParents": Rate(5, 8),
    "organizations:ListPolicies": Rate(5, 8),
    "organizations:ListRoots": Rate(1, 2),
    "organizations:ListTargetsForPolicy": Rate(5, 8),
}
"""The additional limits of single operations, by `service:Operation`."""


class Limits:
    """The buckets of one shard; safe for threads. `now`: a clock in seconds."""

    def __init__(
        self,
        now: Callable[[], float],
        services: Mapping[str, Rate] = SERVICE_RATES,
        operations: Mapping[str, Rate] = OPERATION_RATES,
    ) -> None:
        self._now = now
        self._services = services
        self._operations = operations
        self._lock = threading.Lock()
        self._buckets: dict[str, tuple[Bucket, ...]] = {}
        self._shared: dict[str, Bucket] = {}

    def take(self, service: str, operation: str) -> tuple[float, bool]:
        """Reserve a call; return the seconds to wait before it, and whether that is due to throttling."""
        with self._lock:
            now = self._now()
            buckets = self._of(service, operation, now)
            slowed = any(bucket.slowed for bucket in buckets)
            # A call takes a token from each of its buckets, also when another one makes it wait longer.
            return max([bucket.take(now) for bucket in buckets]), slowed

    def throttled(self, service: str, operation: str) -> None:
        """Reduce the rate of an operation: a call was throttled."""
        with self._lock:
            now = self._now()
            self._of(service, operation, now)[0].throttled(now)

    def answered(self, service: str, operation: str) -> None:
        """Raise the rate of an operation a little: a call was not throttled."""
        with self._lock:
            now = self._now()
            for bucket in self._of(service, operation, now):
                bucket.answered(now)

    def _of(self, service: str, operation: str, now: float) -> tuple[Bucket, ...]:
        """Return the buckets of an operation. The first and narrowest one is slowed by throttling."""
        key = f"{service}:{operation}"
        if (buckets := self._buckets.get(key)) is None:
            if service not in self._shared:
                self._shared[service] = Bucket(self._services.get(service), now)
            own = self._operations.get(key)
            buckets = (*([Bucket(own, now)] if own else []), self._shared[service])
            self._buckets[key] = buckets
        return buckets
