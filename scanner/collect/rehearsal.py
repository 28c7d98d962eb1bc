"""A scan that is only rehearsed: the calls that tell its scope are made, and nothing is written."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from scanner.collect.estimate import Estimate, estimate, plan
from scanner.collect.opening import open_scan
from scanner.collect.request import CollectRequest
from scanner.collect.scope import check_request
from scanner.collect.station import set_up
from scanner.collect.survey import ask
from scanner.collect.watch import Unwatched, Watcher
from scanner.evidence.writer import Call
from scanner.model.collected import is_collected
from scanner.services.base import Operation
from scanner.services.catalogue import OPERATIONS


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
    station = set_up(request, watcher or Unwatched(), clock)
    opening = open_scan(station.wiring, station.wallet, station.own, station.home)
    asked = _Count()
    scope = ask(request, station, opening, asked).scope
    station.wiring.clients.close()
    told = opening.regions or {}
    return estimate(
        scope,
        opening.account,
        tuple(region for region in scope.regions if told.get(region) is False),
        plan(_operations(request)),
        asked=asked.calls,
        concurrency=request.concurrency,
    )


def _operations(request: CollectRequest) -> Iterator[Operation]:
    """Return the operations that a scan calls."""
    return (one for key, one in OPERATIONS.items() if is_collected(key, request.reads))
