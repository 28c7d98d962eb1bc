"""Waiting: how it is done, and how much of it a shard is worth."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from scanner.collect.pool import away


def _wait(halt: threading.Event, seconds: float) -> None:
    with away():
        halt.wait(seconds)


@dataclass(frozen=True, slots=True)
class Time:
    """A clock of seconds that only goes forward, and how to wait so many of them, or until `halt` is set."""

    now: Callable[[], float] = time.monotonic
    wait: Callable[[threading.Event, float], None] = _wait


class Budget:
    """The seconds that a shard may spend on waiting because AWS throttles or fails; safe for threads.

    Waits of several threads at the same time count once.
    """

    def __init__(self, seconds: float, now: Callable[[], float]) -> None:
        self.seconds = seconds
        self._now = now
        self._lock = threading.Lock()
        self._spent = 0.0
        self._since = 0.0
        self._waiting = 0

    def left(self) -> float:
        """Give the seconds that are left; never less than none."""
        with self._lock:
            current = self._now() - self._since if self._waiting else 0.0
            return max(0.0, self.seconds - self._spent - current)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the time of the block."""
        with self._lock:
            if not self._waiting:
                self._since = self._now()
            self._waiting += 1
        try:
            yield
        finally:
            with self._lock:
                self._waiting -= 1
                if not self._waiting:
                    self._spent += self._now() - self._since
