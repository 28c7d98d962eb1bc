"""Threads that do tasks. Unlike the standard library's pool, it never makes the program wait for them."""

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Done(Generic[T_co]):
    """A task ended with a value."""

    value: T_co


@dataclass(frozen=True, slots=True)
class Broken:
    """A task ended with an error."""

    error: Exception


class Pool(Generic[T]):
    """Up to `size` daemon threads. One thread submits and takes results."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._tasks: queue.SimpleQueue[Callable[[], T] | None] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[Done[T] | Broken] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self.pending = 0
        """Tasks whose result was not taken yet."""

    def submit(self, task: Callable[[], T]) -> None:
        """Have `task` done, as soon as a thread is free."""
        self.pending += 1
        self._tasks.put(task)
        if len(self._threads) < min(self._size, self.pending):
            thread = threading.Thread(target=self._work, name=f"collect-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def result(self, timeout: float | None = None) -> Done[T] | Broken | None:
        """Give the next result, in the order in which tasks end; None when `timeout` seconds pass."""
        try:
            result = self._results.get(timeout=timeout)
        except queue.Empty:
            return None
        self.pending -= 1
        return result

    def close(self) -> None:
        """Let the threads end when they have done what was submitted."""
        for _ in self._threads:
            self._tasks.put(None)

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            try:
                self._results.put(Done(task()))
            except Exception as problem:  # noqa: BLE001 -- handed to whoever takes the result
                self._results.put(Broken(problem))
