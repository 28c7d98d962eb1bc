"""Threads that do tasks, fairly shared between accounts.

Unlike the standard library's pool, it never makes the program wait for them. Tasks may submit further
tasks, and none ever waits for another. What goes first:

1. a task of a shard that is begun, before one that begins a shard, before one that enters an account: so
   few shards are open at a time, and memory is bounded;
2. among accounts, the one that has the fewest threads.

A task that only waits (for a token, before another attempt) says so with `away`, and gives its place to
another task until it goes on: an account that is throttled for ever holds threads, but no places.
An account that has a quarter of the places goes behind all others, and no account has more threads than
twice the places, so that it takes several such accounts to slow the others down.
"""

import heapq
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

BEGUN: Final = 0
"""The rank of a task of a shard that is begun."""

BEGINS: Final = 1
"""The rank of a task that begins a shard."""

_THREADS_A_PLACE: Final = 8
"""How many threads there may be for each place, waiting ones included."""

_THREADS_AN_ACCOUNT: Final = 2
"""How many of them one account may hold, by place."""

_SHARES: Final = 4
"""The part of the places up to which an account goes before those that have not been entered."""

_PULSE: Final = 0.5
"""Seconds after which whoever joins looks up: a Ctrl-C that comes just before a wait does not end it."""

Task = Callable[[], None]


@dataclass(slots=True)
class _Queue:
    """The tasks of one account that wait, the first one first, and how many threads it has."""

    tasks: list[tuple[int, int, Task]] = field(default_factory=list)
    threads: int = 0


class _Here(threading.local):
    pool: "Pool | None" = None


_here: Final = _Here()


@contextmanager
def away() -> Iterator[None]:
    """Release this thread's place to another task while the block waits; outside a pool, do nothing."""
    pool, _here.pool = _here.pool, None
    if pool is None:
        yield
        return
    pool.leave()
    try:
        yield
    finally:
        pool.come_back()
        _here.pool = pool


class Pool:
    """Up to `size` tasks at a time, on daemon threads; safe for threads."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._share = max(1, size // _SHARES)
        self._most = size * _THREADS_AN_ACCOUNT
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._place = threading.Condition(self._lock)
        self._ended = threading.Condition(self._lock)
        self._queues: dict[str, _Queue] = {}
        self._entrances: deque[tuple[str, Task]] = deque()
        self._numbers = itertools.count()
        self._error: Exception | None = None
        self._threads: list[threading.Thread] = []
        self._active = self._away = self._returning = self._pending = 0
        self._closing = False

    def submit(self, task: Task, account: str, rank: int = BEGUN) -> None:
        """Queue `task`, as a task of `account`."""
        with self._lock:
            queue = self._queues.setdefault(account, _Queue())
            heapq.heappush(queue.tasks, (rank, next(self._numbers), task))
            self._pending += 1
            self._stir()

    def enter(self, task: Task, account: str) -> None:
        """Queue `task`, the first one of `account`, for when nothing else is queued."""
        with self._lock:
            self._entrances.append((account, task))
            self._pending += 1
            self._stir()

    def join(self, timeout: float | None = None) -> Exception | None:
        """Wait until all is done, or a task broke (give its error), or `timeout` seconds are over."""
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._lock:
            while self._pending and self._error is None:
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    break
                self._ended.wait(_PULSE if left is None else min(left, _PULSE))
            error, self._error = self._error, None
            return error

    @property
    def is_idle(self) -> bool:
        """Whether every submitted task has ended."""
        with self._lock:
            return not self._pending

    def drop(self) -> None:
        """Drop the tasks that have not begun."""
        with self._lock:
            self._pending -= len(self._entrances) + sum(len(one.tasks) for one in self._queues.values())
            self._entrances.clear()
            for queue in self._queues.values():
                queue.tasks.clear()
            self._ended.notify_all()

    def close(self) -> None:
        """Stop the threads after the submitted tasks."""
        with self._lock:
            self._closing = True
            self._work.notify_all()

    def leave(self) -> None:
        """Release this thread's place (`away`)."""
        with self._lock:
            self._active -= 1
            self._away += 1
            self._stir()

    def come_back(self) -> None:
        """Wait for a place: what `away` does. Who comes back goes before those who have not begun."""
        with self._lock:
            self._returning += 1
            while self._active >= self._size:
                self._place.wait()
            self._returning -= 1
            self._away -= 1
            self._active += 1
            self._stir()

    def _stir(self) -> None:
        """Wake whoever can go on now. The lock is held."""
        if self._active >= self._size:
            return
        if self._returning:
            self._place.notify()
        if self._active + self._returning < self._size and self._has_work():
            if len(self._threads) > self._active + self._away:
                self._work.notify()  # one that waits, or is about to look anyway
            elif len(self._threads) < self._size * _THREADS_A_PLACE:
                name = f"collect-{len(self._threads)}"
                thread = threading.Thread(target=self._serve, name=name, daemon=True)
                self._threads.append(thread)
                thread.start()

    def _has_work(self) -> bool:
        return bool(self._entrances) or any(queue.tasks for queue in self._queues.values())

    def _serve(self) -> None:
        while (chosen := self._await()) is not None:
            account, task = chosen
            error: Exception | None = None
            _here.pool = self
            try:
                task()
            except Exception as problem:  # noqa: BLE001 -- handed to whoever joins
                error = problem
            del task, chosen
            self._end(account, error)

    def _await(self) -> tuple[str, Task] | None:
        with self._lock:
            while (chosen := self._choose()) is None:
                if self._closing:
                    return None
                self._work.wait()
            self._active += 1
            self._queues.setdefault(chosen[0], _Queue()).threads += 1
            self._stir()
            return chosen

    def _end(self, account: str, error: Exception | None) -> None:
        with self._lock:
            self._active -= 1
            queue = self._queues[account]
            queue.threads -= 1
            if not queue.threads and not queue.tasks:
                del self._queues[account]
            self._pending -= 1
            self._error = self._error or error
            if error is not None or not self._pending:
                self._ended.notify_all()
            self._stir()

    def _choose(self) -> tuple[str, Task] | None:
        """Take the task that goes first. The lock is held."""
        if self._active + self._returning >= self._size:
            return None
        waiting = [
            (queue.tasks[0][0], queue.threads, queue.tasks[0][1], account)
            for account, queue in self._queues.items()
            if queue.tasks and queue.threads < self._most
        ]
        modest = [one for one in waiting if one[1] < self._share]
        if not modest and self._entrances:
            return self._entrances.popleft()
        if not waiting:
            return None
        *_, account = min(modest or waiting)
        return account, heapq.heappop(self._queues[account].tasks)[2]
