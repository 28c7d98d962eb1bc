"""The interface through which service files call AWS: `collect.calls.Caller`, or a fake in tests."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol, Self

from scanner.evidence.writer import Failure
from scanner.model.names import RegionName, Shard


class Caller(Protocol):
    """Calls AWS for one account in one Region, and records every call with its outcome."""

    shard: Shard
    region: RegionName
    failures: dict[str, Failure]
    """The last failure of each operation that had one, in the whole shard."""

    def call(self, service: str, operation: str, **parameters: object) -> Mapping[str, Any] | None:
        """Call once; None if the call failed (which is recorded), was made before, or is not collected."""

    def pages(self, service: str, operation: str, **parameters: object) -> Iterator[Mapping[str, Any]]:
        """Yield the pages of a list. A failed page ends it, and the list is recorded as half read."""

    def each(self, names: Iterable[str], read: "Callable[[Caller, str], Iterable[str]]") -> set[str]:
        """Run `read` for every name in parallel, and return the encryption keys that the answers name."""

    def in_parallel(self, *reads: "Read") -> set[str]:
        """Run reads in parallel, and return the encryption keys that their answers name.

        Keys of reads that were started with `later` are not included.
        """

    def later(self) -> "Start":
        """Reserve a position in the evidence for a read, and return the function that starts it."""

    def at(self, endpoint: str) -> Self:
        """Return a caller for a host that endpoint discovery returned."""

    def collects(self, operation: str) -> bool:
        """Return whether the scan collects an operation (`service:Operation`)."""


Read = Callable[[Caller], Iterable[str] | None]
"""A part of a shard's collection: it makes calls, and returns the encryption keys that the answers name."""

Start = Callable[[Read], None]
"""Starts the read for which a position was reserved. It must be called."""


def record_all(pages: Iterable[object]) -> None:
    """Record every page of a list."""
    for _ in pages:
        pass
