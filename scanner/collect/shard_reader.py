"""One shard while it is read: its parts run in parallel, and the last one finishes the file."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import partial
from typing import Final

from scanner.collect.calls import Caller, Read, Start, Wiring
from scanner.collect.endpoints import is_doubtful, is_left_out
from scanner.collect.pool import Pool
from scanner.collect.retry import Halted
from scanner.errors import VaultproofError
from scanner.evidence.writer import Failure, ShardWriter, WriterClosedError
from scanner.model.names import RegionName, Shard
from scanner.services.caller import Read as ServiceRead
from scanner.services.catalogue import SERVICES
from scanner.services.supported import supported_types

Last = Callable[[Caller, AbstractSet[str]], None]
"""The last read of a shard, with the keys that all others returned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """Actions after all parts of a shard: `last` is read, then `finish` completes the file."""

    finish: Callable[[Caller], None]
    service: str = ""
    last: Last | None = None


class ShardReader:
    """Counts the unfinished parts of one shard. The opener is the first part, and calls `opened` at its end.

    A part that is stopped (Halted), or whose lines cannot be written, never ends. The scan stops then, and
    the collector finishes the file.
    """

    def __init__(
        self, wiring: Wiring, pool: Pool, writer: ShardWriter, region: RegionName, ending: Ending
    ) -> None:
        self.caller = Caller(wiring, writer.shard, writer.strand, region, self._reserve)
        self._wiring = wiring
        self._pool = pool
        self._shard: Shard = writer.shard
        self._ending = ending
        self._lock = threading.Lock()
        self._under_way = 1
        self._is_ending = False
        self._keys: set[str] = set()

    def part(self, service: str, read: Read) -> None:
        """Start a part in parallel; if it breaks, the failure is recorded under `service`."""
        self.part_later(service)(read)

    def part_later(self, service: str) -> Start:
        """Reserve a part in the evidence and in the count, and return the function that starts it."""
        caller = self.caller.branched()
        caller.service = service
        return self._reserve(caller)

    def opened(self) -> None:
        """Mark the opener as finished."""
        self._end()

    def _reserve(self, caller: Caller) -> Start:
        with self._lock:
            self._under_way += 1
        return partial(self._submit, caller)

    def _submit(self, caller: Caller, read: Read) -> None:
        self._pool.submit(partial(self._do, caller, read), self._shard.account)

    def _do(self, caller: Caller, read: Read) -> None:
        if self._wiring.halt.is_set():
            raise Halted
        guarded(caller, caller.service, partial(self._gather, caller, read))
        # Now the lines of later parts, which wait for these, can be written.
        caller.recorder.close()
        self._end()

    def _gather(self, caller: Caller, read: Read) -> None:
        # Not under the lock: this is the whole read.
        keys = frozenset(read(caller) or ())
        with self._lock:
            self._keys |= keys

    def _end(self) -> None:
        with self._lock:
            self._under_way -= 1
            if self._under_way:
                return
            # The last read is a part as well: when it ends, the file is finished.
            is_over, self._is_ending = self._is_ending or self._ending.last is None, True
        if is_over:
            self._ending.finish(self.caller)
            return
        with self._lock:
            # This thread is a part again, until the last read is counted.
            self._under_way = 1
        self.part(self._ending.service, self._read_last)
        self._end()

    def _read_last(self, caller: Caller) -> None:
        if self._ending.last is not None:
            self._ending.last(caller, frozenset(self._keys))


@dataclass(frozen=True, slots=True)
class AccountView:
    """The answers of an account's global services. `regions`: which are enabled; None: AWS did not answer."""

    regions: Mapping[RegionName, bool] | None
    buckets: Mapping[RegionName, Iterable[str]]

    def has_enabled(self, region: RegionName) -> bool:
        """Return whether to read a Region: not if the account has not enabled it."""
        # A Region that the answer does not name is read, and its calls show what it is.
        return self.regions is None or self.regions.get(region, True)


GLOBAL_STEPS: Final[tuple[tuple[str, ServiceRead], ...]] = tuple(
    (service.name, service.collect_account) for service in SERVICES if service.collect_account
)
"""Steps that run once per account, besides identity, Regions and buckets."""

REGION_STEPS: Final[tuple[tuple[str, ServiceRead], ...]] = tuple(
    (service.name, service.collect) for service in SERVICES if service.collect
)
"""Steps that run in every account and Region, by boto3's service name."""


def region_steps(caller: Caller) -> Iterator[tuple[str, ServiceRead]]:
    """Yield the steps of one account in one Region, except its buckets and its keys.

    Only steps that depend on the types that AWS Backup supports there wait for that answer.
    """
    doubtful = {service for service, _ in REGION_STEPS if is_doubtful(service, caller.region)}
    for service, step in REGION_STEPS:
        if service not in doubtful:
            yield service, step
    types = supported_types(caller)
    for service, step in REGION_STEPS:
        if service in doubtful and not is_left_out(service, caller.region, types):
            yield service, step


def guarded(caller: Caller, service: str, step: Callable[[], None]) -> None:
    """Run a service's step. An exception is recorded as a failed read, and other steps continue."""
    try:
        step()
    except (Halted, VaultproofError, WriterClosedError):
        raise
    except Exception as problem:  # noqa: BLE001 -- a collector that breaks is a failed read too
        failure = Failure("CollectorFailed", f"{type(problem).__name__}: {problem}", 0, 0)
        caller.note(service, "Collect", {}, failure)
