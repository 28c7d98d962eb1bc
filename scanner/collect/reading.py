"""One shard while it is read: its parts run side by side, and the last one to end finishes its file."""

import threading
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import partial

from scanner.collect.calls import Caller, Read, Start, Wiring
from scanner.collect.pool import Pool
from scanner.collect.retry import Halted
from scanner.collect.shards import guarded
from scanner.evidence.writer import ShardWriter
from scanner.model.names import RegionName, Shard

Last = Callable[[Caller, AbstractSet[str]], None]
"""What is read when all else of a shard is through, with the keys that were met."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What happens when all parts of a shard are through: `last` is read, then `finish` the file."""

    finish: Callable[[Caller], None]
    service: str = ""
    last: Last | None = None


class Reading:
    """Counts the parts of one shard that are under way. Its opener is the first; it says `opened` at its end.

    A part that is stopped (Halted) or whose lines cannot be written never ends: the scan ends then, and
    whoever ends it finishes the file.
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
        """Read a part beside the others; it is recorded as `service`'s if it breaks."""
        self.part_later(service)(read)

    def part_later(self, service: str) -> Start:
        """Keep a place for a part, in the evidence and in the count; give what starts it."""
        caller = self.caller.branched()
        caller.service = service
        return self._reserve(caller)

    def opened(self) -> None:
        """The opener is through."""
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
        caller.recorder.close()
        self._end()

    def _gather(self, caller: Caller, read: Read) -> None:
        keys = frozenset(read(caller) or ())
        with self._lock:
            self._keys |= keys

    def _end(self) -> None:
        with self._lock:
            self._under_way -= 1
            if self._under_way:
                return
            is_over, self._is_ending = self._is_ending or self._ending.last is None, True
        if is_over:
            self._ending.finish(self.caller)
            return
        with self._lock:
            self._under_way = 1
        self.part(self._ending.service, self._read_last)
        self._end()

    def _read_last(self, caller: Caller) -> None:
        if self._ending.last is not None:
            self._ending.last(caller, frozenset(self._keys))
