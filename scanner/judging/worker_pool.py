"""Work shared among processes: results come in the order of the tasks, errors as they were raised.

Each worker is a new process (spawned: a fork would take the threads' locks along) with a pipe of its own to
this one. None outlives a parent that was killed: each watches for its end, and clears up after it. Ctrl-C
reaches all of a terminal's processes; the workers leave it to the parent, which ends them.
"""

import gc
import os
import pickle
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
"""Makes what does the tasks, in the process that does them. It must be picklable: a function, a partial."""

Sweep = Callable[[], object]
"""Removes what the parent would have removed. Picklable, and harmless when another worker did it too."""

_AHEAD: Final = 2
"""Tasks that a worker is given at a time: one that it does, and the next."""

_WINDOW: Final = 4
"""Tasks a worker between the first whose result is missing and the last given out: bounds what waits here."""

_PATIENCE: Final = 5.0
"""Seconds that a worker has to end by itself."""

WORTH: Final = 1_000_000
"""Bytes of evidence, compressed, from which several processes are surely quicker (docs/benchmarks.md)."""

MOST: Final = 8
"""No more processes than these: each holds the control plane, and one writes what they all give."""


class LostWorkerError(VaultproofError):
    """A worker ended in the middle of a task. Out of memory, most often: then fewer workers will do."""


@dataclass(frozen=True, slots=True)
class _Failure:
    error: BaseException


@dataclass(slots=True)
class _Worker(Generic[T]):
    """A process, the pipe to it, and how many of its tasks are open."""

    process: BaseProcess
    pipe: "Connection[Any, Any]"
    open: int = 0


def _nothing() -> None:
    """Leave nothing to sweep."""


def in_order(
    start: Start[T, R], tasks: Iterable[T], workers: int, sweep: Sweep = _nothing
) -> Generator[R, None, None]:
    """Do tasks on so many processes, and give their results in the order of the tasks.

    With one, everything is done here. Tasks are taken as they are needed; few results wait at any time.
    What a task raises is raised here when its turn comes. LostWorkerError: a worker died. The workers end
    with the iteration, however it ends: use it to its end, or close it. When this process is killed, they
    `sweep`.
    """
    if workers < 2:  # noqa: PLR2004 -- one is no crew
        yield from map(start(), tasks)
        return
    crew: list[_Worker[T]] = []
    try:
        crew += (_hire(start, sweep) for _ in range(workers))
        yield from _results(crew, tasks)
    except BaseException:
        for worker in crew:
            worker.process.terminate()
        raise
    finally:
        _dismiss(crew)


def _hire(start: Start[T, R], sweep: Sweep) -> _Worker[T]:
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(start, theirs, sweep, gc.get_threshold()), daemon=True)
    with _ctrl_c_held():
        process.start()
    theirs.close()
    return _Worker(process, ours)


@contextmanager
def _ctrl_c_held() -> Iterator[None]:
    """Hold Ctrl-C back while a process starts: the new one never gets it, this one gets it afterwards."""
    resource_tracker.ensure_running()  # it would let Ctrl-C through if it started within
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _dismiss(crew: Iterable[_Worker[T]]) -> None:
    for worker in crew:
        with suppress(OSError):  # it has ended already
            worker.pipe.send(None)
        worker.pipe.close()
    for worker in crew:
        worker.process.join(_PATIENCE)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()


def _results(crew: list[_Worker[T]], tasks: Iterable[T]) -> Iterator[Any]:
    """Give out tasks as workers get free, and give results as their turn comes."""
    numbered = enumerate(tasks)
    waiting: dict[int, Any] = {}
    given = turn = 0
    while True:
        for worker in crew:
            while worker.open < _AHEAD and given < turn + _WINDOW * len(crew):
                if (task := next(numbered, None)) is None:
                    break
                _send(worker, task)
                given += 1
        if turn == given:
            return
        while turn not in waiting:
            waiting.update(_received(crew))
        yield _told(waiting.pop(turn))
        turn += 1


def _told(result: object) -> object:
    if isinstance(result, _Failure):
        raise result.error
    return result


def _send(worker: _Worker[T], task: tuple[int, T]) -> None:
    try:
        worker.pipe.send(task)
    except OSError as problem:
        raise _lost(worker) from problem
    worker.open += 1


def _received(crew: Iterable[_Worker[T]]) -> Iterator[tuple[int, Any]]:
    """Wait for results, and give those that there are, by the numbers of their tasks."""
    by_pipe = {worker.pipe: worker for worker in crew if worker.open}
    for pipe in wait([*by_pipe]):
        worker = by_pipe[pipe]  # type: ignore[index]  # wait gives what it was given
        try:
            number, result = worker.pipe.recv()
        except (EOFError, OSError) as problem:
            raise _lost(worker) from problem
        worker.open -= 1
        yield number, result


def _lost(worker: _Worker[T]) -> LostWorkerError:
    worker.process.join(_PATIENCE)
    return LostWorkerError(
        f"A worker process ended in the middle of its work (exit {worker.process.exitcode}), for want of "
        "memory most often. Try again with --jobs 1."
    )


def _serve(
    start: Start[T, R], pipe: "Connection[Any, Any]", sweep: Sweep, collection: tuple[int, int, int]
) -> None:
    """Be a worker: do what comes through the pipe until None comes, or until the parent is gone.

    `collection`: the parent's settings of the garbage collector.
    """
    gc.set_threshold(*collection)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    watch = Thread(target=_end_with_parent, args=(sweep,), daemon=True)
    watch.start()
    work: Callable[[T], R] | None = None
    while (given := _given(pipe, watch)) is not None:
        number, task = given
        try:
            work = work or start()
            result: object = work(task)
        except Exception as error:  # noqa: BLE001 -- whatever it is, it is raised where the result is awaited
            result = _Failure(_portable(error))
        with suppress(OSError):  # the parent is gone: the next reading waits for what follows from that
            pipe.send((number, result))


def _given(pipe: "Connection[Any, Any]", watch: Thread) -> Any:  # noqa: ANN401 -- what a pipe gives has any type
    """Read the next task; None: there is no more. Where the pipe breaks off, the watch ends this process."""
    try:
        return pipe.recv()
    except (EOFError, OSError):
        watch.join()  # sweeps; if this process went first, the sweeping would be cut short
        return None


def _end_with_parent(sweep: Sweep) -> None:
    """Wait for the parent's end, which this process only sees when the parent was killed."""
    if (parent := parent_process()) is not None:
        wait([parent.sentinel])
        sweep()
        os._exit(1)  # whatever the other thread is doing, nobody wants it any more


def _portable(error: Exception) -> Exception:
    """Give an error that survives the pipe, with a note of where it was raised."""
    error.add_note("".join(format_exception(error)))
    error.__cause__ = error.__context__ = None
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 -- our own
    except Exception:  # noqa: BLE001 -- an error class may need more than its arguments
        plain = RuntimeError(f"{type(error).__name__}: {error}")
        plain.add_note(error.__notes__[-1])
        return plain
    return error


def workers_for(bundle: Bundle, jobs: int | None) -> int:
    """Give the number of processes: `jobs`, or what suits the bundle and this machine."""
    shards = sum(1 for _ in bundle.scope())
    if jobs is not None:
        return max(1, min(jobs, shards))
    return max(1, min(_cores(), MOST, shards)) if bundle.size() >= WORTH else 1


def _cores() -> int:
    """Give the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
