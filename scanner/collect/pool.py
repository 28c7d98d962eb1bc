"""A thread pool that shares its places fairly between accounts.

Unlike the standard library's pool, it never delays the exit of the program. Tasks may submit further tasks,
but must not wait for other tasks. The order is:

1. tasks of started shards, then tasks that start a shard, then those that enter an account, so that few
    shards
   are open at a time and memory is bounded;
2. among accounts, the one with the fewest threads.

A task that waits (for a token, or before another attempt) releases its place with `away`, so that an account
that is always throttled holds threads, but no places. An account with a quarter of the places comes after all
others, and no account has more threads than twice the places, so that a single account cannot slow down the
others.
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
"""The rank of tasks of started shards."""

BEGINS: Final = 1
"""The rank of tasks that start a shard."""

_THREADS_A_PLACE: Final = 8
"""The maximum number of threads per place, including waiting ones."""

_THREADS_AN_ACCOUNT: Final = 2
"""The maximum number of these threads for one account, per place."""

_SHARES: Final = 4
"""Up to one part in this many of the places, an account takes precedence over entering another one."""

_PULSE: Final = 0.5
"""Seconds between checks in `join`: a Ctrl-C just before a wait would not interrupt it."""

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
    """Release this thread's place while the block waits; outside of a pool, do nothing."""
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
    """Runs up to `size` tasks at a time on daemon threads; safe for threads."""

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
        """Queue the first `task` of an account, which starts when nothing else is queued."""
        with self._lock:
            self._entrances.append((account, task))
            self._pending += 1
            self._stir()

    def join(self, timeout: float | None = None) -> Exception | None:
        """Wait until all tasks end, one fails (return its error), or `timeout` seconds pass."""
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
        """Remove the tasks that have not started."""
        with self._lock:
            self._pending -= len(self._entrances) + sum(len(queued.tasks) for queued in self._queues.values())
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
        """Wait for a place after `away`. Returning threads precede tasks that have not started."""
        with self._lock:
            self._returning += 1
            while self._active >= self._size:
                self._place.wait()
            self._returning -= 1
            self._away -= 1
            self._active += 1
            self._stir()

    def _stir(self) -> None:
        """Wake a thread that can continue now, or start one. The lock is held."""
        if self._active >= self._size:
            return
        if self._returning:
            self._place.notify()
        if self._active + self._returning < self._size and self._has_work():
            if len(self._threads) > self._active + self._away:
                self._work.notify()  # a waiting thread, or one that is about to look for work
            elif len(self._threads) < self._size * _THREADS_A_PLACE:
                name = f"collect-{len(self._threads)}"
                # A daemon, because a call that hangs must not delay the end of the program.
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
            except Exception as problem:  # noqa: BLE001 -- returned by `join`
                error = problem
            # Otherwise this thread would hold the memory of a finished shard until its next task.
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
            # Thousands of accounts pass through, and each choice looks at all queues.
            if not queue.threads and not queue.tasks:
                del self._queues[account]
            self._pending -= 1
            self._error = self._error or error
            if error is not None or not self._pending:
                self._ended.notify_all()
            self._stir()

    def _choose(self) -> tuple[str, Task] | None:
        """Remove and return the next task and its account. The lock is held."""
        if self._active + self._returning >= self._size:
            return None
        waiting = [
            (queue.tasks[0][0], queue.threads, queue.tasks[0][1], account)
            for account, queue in self._queues.items()
            if queue.tasks and queue.threads < self._most
        ]
        # An account with its share of the places comes after those that are still to be entered.
        modest = [entry for entry in waiting if entry[1] < self._share]
        if not modest and self._entrances:
            return self._entrances.popleft()
        if not waiting:
            return None
        # By rank, then threads, then age.
        *_, account = min(modest or waiting)
        return account, heapq.heappop(self._queues[account].tasks)[2]
