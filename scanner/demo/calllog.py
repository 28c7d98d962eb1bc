"""Which calls reached the simulation, for those who want to count them."""

from collections.abc import Iterator
from contextlib import contextmanager

from scanner.demo.wire.call import Call


class CallLog:
    """Notes calls while somebody listens; each listener gets a list of its own. Safe for threads."""

    def __init__(self) -> None:
        self._listeners: list[list[Call]] = []

    def note(self, call: Call) -> None:
        """Tell every listener of a call: one that AWS can tell apart, answered or refused."""
        for calls in self._listeners:
            calls.append(call)

    @contextmanager
    def listening(self) -> Iterator[list[Call]]:
        """The calls that arrive while the block runs, in the order of their arrival."""
        calls: list[Call] = []
        self._listeners.append(calls)
        try:
            yield calls
        finally:
            # Not remove(): lists are equal when their calls are.
            self._listeners = [kept for kept in self._listeners if kept is not calls]
