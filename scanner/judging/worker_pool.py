"""A pool of worker processes: results come in the order of the tasks, errors are raised here.

Each worker is a new process (spawned: a fork would copy locks that threads hold) with a pipe to this one. A
worker watches its parent, so that it ends and cleans up when the parent is killed. A terminal sends Ctrl-C to
all processes; workers ignore it, since the parent ends them.
"""

import gc
import os
import pickle  # nosec B403 # only what this program pickled
import signal
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context, parent_process, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from threading import Thread
from traceback import format_exception
from typing import Any, Final, Generic, TypeVar

from scanner.errors import VaultproofError
from scanner.evidence.bundle import Bundle

T = TypeVar("T")
R = TypeVar("R")

Start = Callable[[], Callable[[T], R]]
"""Returns the function that does the tasks; called in the worker. Picklable: a function or a partial."""

Sweep = Callable[[], object]
"""Removes what the parent would have removed. Picklable, and harmless if another worker does it, too."""

_AHEAD: Final = 2
"""Tasks that a worker has at a time: the current one and the next."""

_WINDOW: Final = 4
"""Tasks per worker between the first without a result and the last sent: bounds the results that wait."""

_PATIENCE: Final = 5.0
"""Seconds for a worker to end by itself."""

WORTH: Final = 1_000_000
"""Compressed bytes of evidence from which several processes are faster (docs/benchmarks.md)."""

MOST: Final = 8
"""The most processes by default: each holds the control plane, and one process writes all results."""


class LostWorkerError(VaultproofError):
    """A worker ended in the middle of a task, most likely out of memory."""


@dataclass(frozen=True, slots=True)
class _Failure:
    error: BaseException


@dataclass(slots=True)
class _Worker(Generic[T]):
    """A process, the pipe to it, and its number of open tasks."""

    process: BaseProcess
    pipe: "Connection[Any, Any]"
    open: int = 0


def _nothing() -> None:
    """Do nothing: there is nothing to sweep."""


def in_order(
    start: Start[T, R], tasks: Iterable[T], workers: int, sweep: Sweep = _nothing
) -> Generator[R, None, None]:
    """Do tasks on several processes, and yield their results in the order of the tasks.

    With one worker, everything is done in this process. Tasks are taken as needed, so few results wait at any
    time. An error of a task is raised here when its turn comes. LostWorkerError: a worker died. Workers end
    with the iteration: exhaust the generator, or close it. If this process is killed, they `sweep`.
    """
    if workers < 2:  # noqa: PLR2004 -- one worker needs no pool
        yield from map(start(), tasks)
        return
    pool: list[_Worker[T]] = []
    try:
        # Into a list that the handler sees: if starting the third fails, the first two are ended.
        pool += (_start_worker(start, sweep) for _ in range(workers))
        yield from _results(pool, tasks)
    # BaseException includes GeneratorExit and KeyboardInterrupt: a caller that stops early wants no results.
    except BaseException:
        for worker in pool:
            worker.process.terminate()
        raise
    finally:
        _stop_workers(pool)


def _start_worker(start: Start[T, R], sweep: Sweep) -> _Worker[T]:
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(start, theirs, sweep, gc.get_threshold()), daemon=True)
    with _ctrl_c_held():
        process.start()
    # Otherwise this process holds the worker's end open, and would never see it close when the worker dies.
    theirs.close()
    return _Worker(process, ours)


@contextmanager
def _ctrl_c_held() -> Iterator[None]:
    """Block Ctrl-C while a process starts: the new one never receives it, this one afterwards."""
    resource_tracker.ensure_running()  # started within the block, it would unblock Ctrl-C
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _stop_workers(pool: Iterable[_Worker[T]]) -> None:
    for worker in pool:
        with suppress(OSError):  # it has already ended
            # None ends the loop of a worker, which then exits without a signal.
            worker.pipe.send(None)
        worker.pipe.close()
    for worker in pool:
        # Workers that hang in a system call must not keep the scan from ending.
        worker.process.join(_PATIENCE)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()


def _results(pool: list[_Worker[T]], tasks: Iterable[T]) -> Iterator[Any]:
    """Send tasks to free workers, and yield their results in the order of the tasks."""
    numbered = enumerate(tasks)
    # Results that arrive before their turn; `_WINDOW` bounds their number.
    waiting: dict[int, Any] = {}
    sent = turn = 0
    while True:
        for worker in pool:
            # The window counts from the next result to yield, so one slow task holds the others back.
            while worker.open < _AHEAD and sent < turn + _WINDOW * len(pool):
                if (task := next(numbered, None)) is None:
                    break
                _send(worker, task)
                sent += 1
        if turn == sent:
            return
        # Waiting only when the next result is missing keeps the pipes filled meanwhile.
        while turn not in waiting:
            waiting.update(_received(pool))
        yield _result_of(waiting.pop(turn))
        turn += 1


def _result_of(result: object) -> object:
    if isinstance(result, _Failure):
        raise result.error
    return result


def _send(worker: _Worker[T], task: tuple[int, T]) -> None:
    try:
        worker.pipe.send(task)
    except OSError as problem:
        raise _lost(worker) from problem
    worker.open += 1


def _received(pool: Iterable[_Worker[T]]) -> Iterator[tuple[int, Any]]:
    """Wait for results, and yield those that have arrived, with the numbers of their tasks."""
    # A worker without a task sends nothing: waiting for it could last forever.
    by_pipe = {worker.pipe: worker for worker in pool if worker.open}
    for pipe in wait([*by_pipe]):
        worker = by_pipe[pipe]  # type: ignore[index]  # wait returns its arguments
        try:
            number, result = worker.pipe.recv()
        # A closed pipe is how a killed worker shows itself; there is no message.
        except (EOFError, OSError) as problem:
            raise _lost(worker) from problem
        worker.open -= 1
        yield number, result


def _lost(worker: _Worker[T]) -> LostWorkerError:
    worker.process.join(_PATIENCE)
    return LostWorkerError(
        f"A worker process ended unexpectedly (exit code {worker.process.exitcode}), most likely out of "
        "memory. Try again with --jobs 1."
    )


def _serve(
    start: Start[T, R], pipe: "Connection[Any, Any]", sweep: Sweep, collection: tuple[int, int, int]
) -> None:
    """Run a worker: do the tasks from the pipe until it sends None, or until the parent is gone.

    `collection`: the parent's settings of the garbage collector.
    """
    # Tuned for large heaps by the parent; a spawned process starts with Python's defaults.
    gc.set_threshold(*collection)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    watch = Thread(target=_end_with_parent, args=(sweep,), daemon=True)
    watch.start()
    work: Callable[[T], R] | None = None
    while (numbered_task := _next_task(pipe, watch)) is not None:
        number, task = numbered_task
        try:
            # Started with the first task, so that an error of `start` is raised like one of a task.
            work = work or start()
            result: object = work(task)
        except Exception as error:  # noqa: BLE001 -- raised where the result is awaited
            result = _Failure(_portable(error))
        with suppress(OSError):  # the parent is gone: the next read waits for the watch
            pipe.send((number, result))


def _next_task(pipe: "Connection[Any, Any]", watch: Thread) -> Any:  # noqa: ANN401 -- what a pipe gives has any type
    """Return the next task; None: there is no more. If the pipe breaks, the watch ends this process."""
    try:
        return pipe.recv()
    except (EOFError, OSError):
        watch.join()  # it sweeps, and must not be cut short by the end of this process
        return None


def _end_with_parent(sweep: Sweep) -> None:
    """Wait for the end of the parent. This process only lives to see it if the parent was killed."""
    if (parent := parent_process()) is not None:
        wait([parent.sentinel])
        sweep()
        os._exit(1)  # the main thread may be in the middle of a task, which is no longer needed


def _portable(error: Exception) -> Exception:
    """Return an error that can be pickled, with a note of where it was raised."""
    error.add_note("".join(format_exception(error)))
    # Causes may hold objects that cannot be pickled; the note has their text.
    error.__cause__ = error.__context__ = None
    try:
        pickle.loads(pickle.dumps(error))  # nosec B301 # noqa: S301 -- our own
    except Exception:  # noqa: BLE001 -- an error class may need more than its arguments
        plain = RuntimeError(f"{type(error).__name__}: {error}")
        plain.add_note(error.__notes__[-1])
        return plain
    return error


def workers_for(bundle: Bundle, jobs: int | None) -> int:
    """Return the number of processes: `jobs`, or what suits the bundle and this machine."""
    # More processes than shards would only wait.
    shards = sum(1 for _ in bundle.scope())
    if jobs is not None:
        return max(1, min(jobs, shards))
    return max(1, min(_cores(), MOST, shards)) if bundle.size() >= WORTH else 1


def _cores() -> int:
    """Return the number of cores that this process may use."""
    # In containers and batch jobs fewer cores may be usable than the machine has.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
