"""What a scan would call, how often at least, and how long that may take. Nothing is asked here.

A list is counted as one page, and what is described one by one cannot be counted before it is listed: the
numbers are a lower bound, and the time is one too.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from scanner.collect.environment import open_scan, set_up
from scanner.collect.limits import OPERATION_RATES, SERVICE_RATES, Rate
from scanner.collect.request import CollectRequest, Unwatched, Watcher
from scanner.collect.scope import ask, check_request
from scanner.evidence.writer import Call
from scanner.model.manifest import Scope, is_collected
from scanner.model.names import AccountId, RegionName
from scanner.services.base import CallScope, Operation
from scanner.services.catalogue import OPERATIONS

LATENCY: Final = 0.1
"""Seconds that a call is taken to last: an assumption, for AWS publishes none."""


@dataclass(frozen=True, slots=True)
class Planned:
    """An operation that would be called. `per`: once for each of these; empty: once in its scope."""

    operation: Operation
    scope: CallScope
    per: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a scan would call. `calls` is a lower bound, `seconds` an estimate based on `latency`.

    `skipped` are Regions that the caller's account has not enabled; of other accounts it is not known.
    """

    scope: Scope
    caller: AccountId
    skipped: tuple[RegionName, ...]
    operations: tuple[Planned, ...]
    scope_calls: int
    per_account: int
    per_region: int
    calls: int
    seconds: float
    latency: float
    concurrency: int


def plan(operations: Iterable[Operation]) -> tuple[Planned, ...]:
    """Return where and how often operations are called."""
    # With `per` or a condition, the number of calls is unknown before the scan.
    return tuple(
        Planned(operation, operation.scope, operation.per or operation.condition) for operation in operations
    )


def estimate(  # noqa: PLR0913 -- the inputs of the calculation
    scope: Scope,
    caller: AccountId,
    skipped: tuple[RegionName, ...],
    operations: tuple[Planned, ...],
    *,
    scope_calls: int,
    concurrency: int,
    latency: float = LATENCY,
) -> Estimate:
    """Count calls. `scope_calls`: the calls for resolving the scope, which the scan repeats."""
    account = [planned for planned in operations if planned.scope is CallScope.ACCOUNT and not planned.per]
    region = [planned for planned in operations if planned.scope is CallScope.REGION and not planned.per]
    # Of other accounts it is not known yet which Regions they have enabled: all are counted.
    shards = len(scope.accounts) * len(scope.regions) - (len(skipped) if caller in scope.accounts else 0)
    calls = scope_calls + len(scope.accounts) * len(account) + shards * len(region)
    slowest = slowest_seconds(planned.operation for planned in region)
    return Estimate(
        scope=scope,
        caller=caller,
        skipped=skipped,
        operations=operations,
        scope_calls=scope_calls,
        per_account=len(account),
        per_region=len(region),
        calls=calls,
        # The threads limit the scan as a whole, AWS's rates a single account-Region.
        seconds=max(calls * latency / concurrency, slowest + latency),
        latency=latency,
        concurrency=concurrency,
    )


def slowest_seconds(operations: Iterable[Operation]) -> float:
    """Return the seconds for one account in one Region at AWS's rates, beyond the bursts."""
    planned = tuple(operations)
    waits = [0.0]
    for service, rate in SERVICE_RATES.items():
        waits.append(_wait(rate, sum(operation.service == service for operation in planned)))
    for key, rate in OPERATION_RATES.items():
        waits.append(_wait(rate, sum(operation.key == key for operation in planned)))
    return max(waits)


def _wait(rate: Rate, calls: int) -> float:
    # Calls within the burst do not wait.
    return max(0.0, math.ceil(calls - rate.burst) / rate.per_second)


class _Count:
    """A recorder that only counts calls."""

    def __init__(self) -> None:
        self.calls = 0

    def write(self, call: Call) -> None:  # noqa: ARG002 -- the recorder's shape
        """Count a call."""
        self.calls += 1

    def branch(self) -> "_Count":
        """Return this recorder: all calls are counted together."""
        return self

    def close(self) -> None:
        """Do nothing: the count stays."""


def rehearse(
    request: CollectRequest,
    watcher: Watcher | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Estimate:
    """Request identity, Regions and accounts, and return an estimate of what a scan would call.

    Raises the errors that `runner.collect` raises before the first shard.
    """
    check_request(request)
    environment = set_up(request, watcher or Unwatched(), clock)
    opening = open_scan(environment.wiring, environment.credential_store, environment.own, environment.home)
    counter = _Count()
    scope = ask(request, environment, opening, counter).scope
    environment.wiring.clients.close()
    # Without an answer about Regions, all Regions of the scope are counted.
    enabled = opening.regions or {}
    return estimate(
        scope,
        opening.account,
        tuple(region for region in scope.regions if enabled.get(region) is False),
        plan(_operations(request)),
        scope_calls=counter.calls,
        concurrency=request.concurrency,
    )


def _operations(request: CollectRequest) -> Iterator[Operation]:
    """Return the operations that a scan calls."""
    return (operation for key, operation in OPERATIONS.items() if is_collected(key, request.reads))
