"""What the workers of test_crew.py do: each imports it by its name."""

import gc
import os
import signal
import time
from collections.abc import Callable

from scanner.errors import OutputError


class AwkwardError(Exception):
    """An error that cannot be made of its message alone."""

    def __init__(self, number: int, more: str) -> None:
        super().__init__(f"{number}: {more}")


def squares(offset: int = 0) -> Callable[[int], int]:
    return lambda number: number * number + offset


def slower_first() -> Callable[[int], int]:
    def work(number: int) -> int:
        time.sleep(0.2 if number == 0 else 0)
        return number

    return work


def fails_at(bad: int) -> Callable[[int], int]:
    def work(number: int) -> int:
        if number == bad:
            raise OutputError(f"no room for {number}")
        return number

    return work


def awkward() -> Callable[[int], int]:
    def work(number: int) -> int:
        raise AwkwardError(number, "more")

    return work


def cannot_start() -> Callable[[int], int]:
    raise OutputError("nothing can be done")


def dies() -> Callable[[int], int]:
    def work(number: int) -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        return number

    return work


def who() -> Callable[[int], int]:
    return lambda _: os.getpid()


def interrupted() -> Callable[[int], int]:
    def work(number: int) -> int:
        os.kill(os.getpid(), signal.SIGINT)
        return number

    return work


def collection() -> Callable[[object], tuple[int, int, int]]:
    """Say after how many new objects the worker looks for garbage."""
    return lambda _: gc.get_threshold()
