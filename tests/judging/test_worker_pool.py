"""Work shared among processes."""

import gc
import os
from collections.abc import Iterator
from contextlib import closing
from functools import partial

import pytest

from scanner.errors import OutputError
from scanner.judging.worker_pool import LostWorkerError, in_order
from tests.fakes import crew_work as work


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_results_come_in_the_order_of_the_tasks(workers: int) -> None:
    assert list(in_order(partial(work.squares, 1), range(40), workers)) == [n * n + 1 for n in range(40)]


def test_a_slow_task_holds_up_the_results_and_not_the_order() -> None:
    assert list(in_order(work.slower_first, range(12), 2)) == list(range(12))


def test_without_tasks_there_are_no_results() -> None:
    assert list(in_order(work.squares, (), 2)) == []


def test_the_work_is_done_by_others_unless_there_is_one() -> None:
    assert set(in_order(work.who, range(3), 1)) == {os.getpid()}
    assert os.getpid() not in set(in_order(work.who, range(3), 2))


def test_a_worker_collects_garbage_as_its_parent_does() -> None:
    before = gc.get_threshold()
    gc.set_threshold(12_345, 6, 7)
    try:
        assert set(in_order(work.collection, range(2), 2)) == {(12_345, 6, 7)}
    finally:
        gc.set_threshold(*before)


@pytest.mark.parametrize("workers", [1, 2])
def test_what_a_task_raises_is_raised_in_its_turn(workers: int) -> None:
    with closing(in_order(partial(work.fails_at, 5), range(40), workers)) as results:
        assert [next(results) for _ in range(5)] == [0, 1, 2, 3, 4]
        with pytest.raises(OutputError, match="no room for 5"):
            next(results)


def test_an_error_tells_where_it_was_raised() -> None:
    with pytest.raises(OutputError) as raised:
        list(in_order(partial(work.fails_at, 0), range(2), 2))
    assert "crew_work.py" in raised.value.__notes__[0]


def test_an_error_that_cannot_travel_is_told_all_the_same() -> None:
    with pytest.raises(RuntimeError, match="AwkwardError: 0: more"):
        list(in_order(work.awkward, range(2), 2))


def test_what_cannot_start_is_raised() -> None:
    with pytest.raises(OutputError, match="nothing can be done"):
        list(in_order(work.cannot_start, range(2), 2))


def test_a_worker_that_dies_is_missed() -> None:
    with pytest.raises(LostWorkerError, match="exit code -9"):
        list(in_order(work.dies, range(4), 2))


def test_workers_leave_ctrl_c_to_the_parent() -> None:
    assert list(in_order(work.interrupted, range(4), 2)) == [0, 1, 2, 3]


def test_tasks_are_taken_as_they_are_needed() -> None:
    taken: list[int] = []

    def tasks() -> Iterator[int]:
        for number in range(1000):
            taken.append(number)
            yield number

    with closing(in_order(work.squares, tasks(), 2)) as results:
        assert next(results) == 0
        assert len(taken) < 20


def test_no_worker_outlives_an_iteration_that_is_left() -> None:
    with closing(in_order(work.who, range(100), 2)) as results:
        pids = {next(results), next(results)}
    assert not [pid for pid in pids if _lives(pid)]


def test_no_worker_outlives_an_iteration_that_ends() -> None:
    pids = set(in_order(work.who, range(10), 2))
    assert not [pid for pid in pids if _lives(pid)]


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
