"""Who goes first, and who gives way. Nothing here depends on how long something takes."""

import threading
from collections.abc import Callable
from functools import partial

from scanner.collect.pool import BEGINS, Pool, away

PATIENCE = 30.0  # seconds after which a test gives up: it never waits so long


class Log:
    """What was done, in order, and gates that hold tasks back."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self._lock = threading.Lock()

    def note(self, name: str) -> None:
        with self._lock:
            self.done.append(name)

    def after(self, gate: threading.Event, name: str) -> Callable[[], None]:
        def task() -> None:
            assert gate.wait(PATIENCE)
            self.note(name)

        return task


def fail(message: str) -> None:
    raise KeyError(message)


def close(pool: Pool) -> None:
    pool.close()
    for thread in pool._threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_tasks_submit_tasks_and_all_are_done() -> None:
    pool, log = Pool(3), Log()

    def parent(name: str) -> None:
        for number in range(4):
            pool.submit(partial(log.note, f"{name}{number}"), name)

    for name in "ab":
        pool.enter(partial(parent, name), name)
    assert pool.join(PATIENCE) is None
    assert sorted(log.done) == [f"{name}{number}" for name in "ab" for number in range(4)]
    assert len(pool._threads) <= 3
    close(pool)
    assert not pool._queues


def test_an_error_is_given_to_whoever_joins() -> None:
    pool = Pool(1)
    pool.submit(partial(fail, "x"), "a")
    assert isinstance(pool.join(PATIENCE), KeyError)
    assert pool.join(PATIENCE) is None
    close(pool)


def test_joining_does_not_last_longer_than_asked() -> None:
    pool, gate = Pool(1), threading.Event()
    pool.submit(Log().after(gate, "late"), "a")
    assert pool.join(0.01) is None
    assert pool._pending == 1
    gate.set()
    assert pool.join(PATIENCE) is None
    assert pool._pending == 0
    close(pool)


def test_what_nobody_has_begun_can_be_dropped() -> None:
    pool, log, gate, begun = Pool(1), Log(), threading.Event(), threading.Event()

    def first() -> None:
        begun.set()
        assert gate.wait(PATIENCE)

    pool.submit(first, "a")
    assert begun.wait(PATIENCE)
    pool.submit(partial(log.note, "no"), "a")
    pool.enter(partial(log.note, "no"), "b")
    pool.drop()
    gate.set()
    assert pool.join(PATIENCE) is None
    assert log.done == []
    close(pool)


def held(pool: Pool) -> threading.Event:
    """Have the pool's only place taken until the event is set, so that tasks can queue."""
    gate, begun = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        assert gate.wait(PATIENCE)

    pool.submit(hold, "holder")
    assert begun.wait(PATIENCE)
    return gate


def test_begun_shards_go_first_then_new_ones_then_new_accounts() -> None:
    pool, log = Pool(1), Log()
    gate = held(pool)
    pool.enter(partial(log.note, "enters"), "c")
    pool.submit(partial(log.note, "begins"), "a", BEGINS)
    pool.submit(partial(log.note, "goes on"), "b")
    pool.submit(partial(log.note, "goes on later"), "b")
    gate.set()
    assert pool.join(PATIENCE) is None
    assert log.done == ["goes on", "goes on later", "begins", "enters"]
    close(pool)


def test_accounts_take_turns_by_the_threads_they_hold() -> None:
    """Of two places the many tasks of one account get one, as soon as another account has work."""
    pool, log = Pool(2), Log()
    gates = {name: threading.Event() for name in ("a1", "a2", "a3", "b1")}
    begun = {name: threading.Event() for name in gates}

    def task(name: str) -> None:
        begun[name].set()
        assert gates[name].wait(PATIENCE)
        log.note(name)

    for name in ("a1", "a2", "a3"):
        pool.submit(partial(task, name), "a")
    assert begun["a1"].wait(PATIENCE)
    assert begun["a2"].wait(PATIENCE)
    pool.submit(partial(task, "b1"), "b")
    gates["a1"].set()
    assert begun["b1"].wait(PATIENCE), "a3 was submitted before, and a still holds a place"
    assert not begun["a3"].is_set()
    for gate in gates.values():
        gate.set()
    assert pool.join(PATIENCE) is None
    close(pool)


def test_who_waits_gives_up_its_place_and_takes_it_again() -> None:
    pool, log = Pool(1), Log()
    gate = threading.Event()

    def waits() -> None:
        with away():
            log.note("waits")
            assert gate.wait(PATIENCE)
        log.note("goes on")

    def wakes() -> None:
        gate.set()
        log.note("wakes it")

    pool.submit(waits, "a")
    pool.submit(wakes, "b")
    assert pool.join(PATIENCE) is None
    assert log.done == ["waits", "wakes it", "goes on"], "there is one place"
    close(pool)


def test_outside_a_pool_one_simply_waits() -> None:
    with away(), away():
        pass


def test_an_account_that_waits_for_ever_leaves_all_places_to_others() -> None:
    size = 4
    pool, log, gate = Pool(size), Log(), threading.Event()

    def stuck() -> None:
        with away():
            assert gate.wait(PATIENCE)

    for _ in range(200):
        pool.submit(stuck, "throttled")
    others = [f"account {number}" for number in range(10)]
    meeting = threading.Barrier(size, timeout=PATIENCE)

    def together() -> None:
        meeting.wait()  # passes only when the others have all the places at the same time
        log.note("done")

    for name in others:
        for _ in range(size):
            pool.submit(together, name)
    pool.submit(gate.set, "last")
    assert pool.join(PATIENCE) is None
    assert len(log.done) == size * len(others)
    assert len(pool._threads) <= 8 * size
    close(pool)


def test_no_account_holds_more_threads_than_twice_the_places() -> None:
    size = 2
    pool, gate = Pool(size), threading.Event()
    begun: list[int] = []

    def stuck() -> None:
        begun.append(1)
        with away():
            assert gate.wait(PATIENCE)

    for _ in range(50):
        pool.submit(stuck, "throttled")
    pool.submit(lambda: None, "other")
    while pool._queues["throttled"].threads < 2 * size:
        pass
    assert len(begun) <= 2 * size
    gate.set()
    assert pool.join(PATIENCE) is None
    assert len(begun) == 50
    close(pool)
