"""What a service file needs of the one that calls AWS. `collect.calls.Caller` is it; tests pass a fake."""

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
        """Call once; None when it failed (which is recorded), was called before, or is not collected."""

    def pages(self, service: str, operation: str, **parameters: object) -> Iterator[Mapping[str, Any]]:
        """Yield page after page. A page that fails ends the list, which is recorded as half read."""

    def each(self, names: Iterable[str], read: "Callable[[Caller, str], Iterable[str]]") -> set[str]:
        """Run `read` for every name, in parallel; return the keys that it met."""

    def beside(self, *reads: "Read") -> set[str]:
        """Run reads in parallel; return the keys that they met, if they are done by then."""

    def later(self) -> "Start":
        """Reserve a place for a read in the evidence; return what starts it. It must be started."""

    def at(self, endpoint: str) -> Self:
        """Return this caller as one that calls a host that endpoint discovery named."""

    def collects(self, operation: str) -> bool:
        """Return whether the scan collects what an operation (`service:Operation`) answers."""


Read = Callable[[Caller], Iterable[str] | None]
"""A part of a shard's collection: makes its calls, and returns the encryption keys that it met."""

Start = Callable[[Read], None]
"""What starts a read for which a place was reserved."""


def record_all(pages: Iterable[object]) -> None:
    """Record every page of a list."""
    for _ in pages:
        pass
