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
from scanner.model.collected import is_collected
from scanner.model.manifest import Scope
from scanner.model.names import AccountId, RegionName
from scanner.services.base import Operation, Place
from scanner.services.catalogue import OPERATIONS

LATENCY: Final = 0.1
"""Seconds that a call is taken to last: an assumption, for AWS publishes none."""


@dataclass(frozen=True, slots=True)
class Planned:
    """An operation that would be called. `per`: once for each of these; empty: once in its place."""

    operation: Operation
    place: Place
    per: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a scan would call. `calls` is a lower bound, `seconds` an estimate that rests on `latency`.

    `skipped` are Regions that the caller's account has not enabled; of other accounts it is not known.
    """

    scope: Scope
    caller: AccountId
    skipped: tuple[RegionName, ...]
    operations: tuple[Planned, ...]
    asked: int
    per_account: int
    per_region: int
    calls: int
    seconds: float
    latency: float
    concurrency: int


def plan(operations: Iterable[Operation]) -> tuple[Planned, ...]:
    """Return where and how often operations are called."""
    return tuple(Planned(one, one.place, one.per or one.condition) for one in operations)


def estimate(  # noqa: PLR0913 -- what the numbers rest on
    scope: Scope,
    caller: AccountId,
    skipped: tuple[RegionName, ...],
    operations: tuple[Planned, ...],
    *,
    asked: int,
    concurrency: int,
    latency: float = LATENCY,
) -> Estimate:
    """Count calls. `asked`: those made to learn the scope, which the scan makes again."""
    account = [one for one in operations if one.place is Place.ACCOUNT and not one.per]
    region = [one for one in operations if one.place is Place.REGION and not one.per]
    shards = len(scope.accounts) * len(scope.regions) - (len(skipped) if caller in scope.accounts else 0)
    calls = asked + len(scope.accounts) * len(account) + shards * len(region)
    slowest = slowest_seconds(one.operation for one in region)
    return Estimate(
        scope=scope,
        caller=caller,
        skipped=skipped,
        operations=operations,
        asked=asked,
        per_account=len(account),
        per_region=len(region),
        calls=calls,
        seconds=max(calls * latency / concurrency, slowest + latency),
        latency=latency,
        concurrency=concurrency,
    )


def slowest_seconds(operations: Iterable[Operation]) -> float:
    """Return how long one account in one Region takes at AWS's rates: calls beyond the burst wait."""
    asked = tuple(operations)
    waits = [0.0]
    for service, rate in SERVICE_RATES.items():
        waits.append(_wait(rate, sum(one.service == service for one in asked)))
    for key, rate in OPERATION_RATES.items():
        waits.append(_wait(rate, sum(one.key == key for one in asked)))
    return max(waits)


def _wait(rate: Rate, calls: int) -> float:
    return max(0.0, math.ceil(calls - rate.burst) / rate.per_second)


class _Count:
    """A recorder that keeps nothing but the number of calls."""

    def __init__(self) -> None:
        self.calls = 0

    def write(self, call: Call) -> None:  # noqa: ARG002 -- the recorder's shape
        """Count a call."""
        self.calls += 1

    def branch(self) -> "_Count":
        """Count everything in one place."""
        return self

    def close(self) -> None:
        """Do nothing: there is nothing to wait for."""


def rehearse(
    request: CollectRequest,
    watcher: Watcher | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Estimate:
    """Ask who is calling, which Regions and accounts there are, and say what a scan would call.

    Raises what `runner.collect` raises before the first shard.
    """
    check_request(request)
    environment = set_up(request, watcher or Unwatched(), clock)
    opening = open_scan(environment.wiring, environment.credential_store, environment.own, environment.home)
    asked = _Count()
    scope = ask(request, environment, opening, asked).scope
    environment.wiring.clients.close()
    enabled = opening.regions or {}
    return estimate(
        scope,
        opening.account,
        tuple(region for region in scope.regions if enabled.get(region) is False),
        plan(_operations(request)),
        asked=asked.calls,
        concurrency=request.concurrency,
    )


def _operations(request: CollectRequest) -> Iterator[Operation]:
    """Return the operations that a scan calls."""
    return (one for key, one in OPERATIONS.items() if is_collected(key, request.reads))
