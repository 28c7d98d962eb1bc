"""A value that is not known yet, and what is to be done with it."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Later(Generic[T]):
    """A value that somebody tells later; safe for threads. Nobody waits for it: they leave word."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._value: tuple[T] | None = None
        self._waiting: list[Callable[[T], None]] = []

    def tell(self, value: T) -> None:
        """Give the value, once, to all who have left word."""
        with self._lock:
            if self._value is not None:
                return
            self._value = (value,)
            waiting, self._waiting = self._waiting, []
        for act in waiting:
            act(value)

    def then(self, act: Callable[[T], None]) -> None:
        """Do `act` with the value: now, or in the thread that tells it."""
        with self._lock:
            if self._value is None:
                self._waiting.append(act)
                return
            (value,) = self._value
        act(value)
