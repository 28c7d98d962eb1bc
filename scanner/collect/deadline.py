"""The time by which a collection must have stopped, as where AWS Lambda ends the process."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from scanner.evidence.writer import Failure

EXCEEDED: Final = "DeadlineExceeded"
"""The code of calls that were not made because the time was over."""
_GRACE: Final = 30.0
"""Seconds that calls which are under way have when no other is made any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """When to stop. `at`: on the clock `now`, which only goes forward; `margin`: seconds before it.

    Within the margin no shard is begun. Those that are begun have until `at`; what they have not read by
    then is dropped and read again by a resumption. `gives_up`: within the margin no call is made any more.
    Each is recorded as failed, so that the shards end, incomplete.
    """

    at: float
    margin: float = 0.0
    gives_up: bool = False
    now: Callable[[], float] = time.monotonic

    @classmethod
    def within(cls, seconds: float, margin: float = 0.0, *, gives_up: bool = False) -> "Deadline":
        """Return the deadline that is so many seconds from now."""
        return cls(at=time.monotonic() + seconds, margin=margin, gives_up=gives_up)

    @property
    def left(self) -> float:
        """Return the seconds that are left; never less than none."""
        return max(0.0, self.at - self.now())

    @property
    def patience(self) -> float:
        """Return the seconds to wait for what is under way. Without further calls it ends soon."""
        return self.left + (_GRACE if self.gives_up else 0.0)

    @property
    def is_near(self) -> bool:
        """Whether the margin has begun."""
        return self.left <= self.margin

    @property
    def forbids_calls(self) -> bool:
        """Whether no more calls are made."""
        return self.gives_up and self.is_near

    def failure(self) -> Failure:
        """Return why a call was not made."""
        return Failure(
            EXCEEDED,
            "Not asked: reading this account and Region took longer than one invocation may, several times.",
            0,
            0,
        )
