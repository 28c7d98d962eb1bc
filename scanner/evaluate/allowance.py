"""The time that a control may take, and what becomes of one that breaks."""

import time
from collections.abc import Callable
from typing import TypeVar

import duckdb

from scanner.evaluate.database import Deadline, first_line

T = TypeVar("T")


class BrokenControlError(Exception):
    """A control broke; the message says how, in a sentence. It never leaves this package."""


class Allowance:
    """The time that a control may take of DuckDB. What its findings are used for does not count."""

    def __init__(self, seconds: float) -> None:
        """Take the time in seconds."""
        self._seconds, self._left = seconds, seconds

    def spend(self, connection: duckdb.DuckDBPyConnection, work: Callable[[], T]) -> T:
        """Do a piece of work on a connection. BrokenControlError: it broke, or the time is up."""
        deadline = Deadline(connection, max(self._left, 0.0))
        begun = time.perf_counter()
        try:
            with deadline:
                return work()
        except (duckdb.Error, RuntimeError, OSError) as error:
            if deadline.passed:
                told = f"The control took longer than {self._seconds:g} s and was stopped."
                raise BrokenControlError(told) from error
            if isinstance(error, duckdb.InterruptException):
                raise KeyboardInterrupt from error
            raise BrokenControlError(f"The control could not be evaluated: {first_line(error)}") from error
        finally:
            self._left -= time.perf_counter() - begun
