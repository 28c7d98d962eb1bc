"""Retries of calls, outside of botocore, and deadlines.

botocore's retry quota belongs to the client, and a client here serves all accounts: one account that is
always throttled would use up the quota of the others. So clients make one attempt, and `attempt` retries with
exponential backoff and full jitter, without state shared between calls.
"""

import random
import select
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 -- botocore's name
    HTTPClientError,
)
from botocore.parsers import ResponseParserError

from scanner.collect.pool import away
from scanner.evidence.writer import Failure

THROTTLING_CODES: Final = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
"""The codes that botocore's standard mode treats as throttling."""

TRANSIENT_CODES: Final = frozenset(
    {
        "InternalError",
        "InternalFailure",
        "RequestTimeTooSkewed",  # the request waited too long; each attempt is signed again
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
    }
)
"""Codes of temporary errors: botocore's, and the names that services use for HTTP 500."""

EXPIRED_CODES: Final = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
"""The codes of expired credentials."""

TRANSIENT_STATUSES: Final = frozenset({408, 421, 425, 429, *range(500, 600)})
"""HTTP statuses of temporary errors, from the service or from a proxy."""

_UNREADABLE: Final = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""Exceptions of botocore's parsers for an unexpected body."""

_LONGEST_RETRY_AFTER: Final = 60.0
"""The maximum Retry-After that is respected, in seconds."""
_TOO_MANY_REQUESTS: Final = 429
_NOT_FOUND: Final = 404  # AWS names what was not found; a bare 404 is from a proxy
_JITTER: Final = random.SystemRandom().random

EXCEEDED: Final = "DeadlineExceeded"
"""The code of calls that were not made because the deadline passed."""

_SLICE: Final = 0.2
"""Seconds within which a wait notices that the scan is being stopped."""

_GRACE: Final = 30.0
"""Seconds for unfinished calls after the last one was started."""


class BrokenAnswerError(ResponseParserError):
    """AWS, or a proxy, answered with success and a truncated or invalid body."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The number of attempts, and the waits between them: up to `base` seconds, doubling up to `cap`.

    `budget` limits the sum of these waits in a shard, in seconds. When it is spent, the remaining calls of
    the shard are recorded as failed without being made.
    """

    attempts: int = 7
    base: float = 0.3
    cap: float = 20.0
    budget: float = 900.0

    def delay(self, attempt: int, jitter: Callable[[], float] = _JITTER) -> float:
        """Return the seconds to wait after the failed attempt number `attempt`, counted from 1."""
        # Full jitter: calls that were throttled together are not repeated together.
        return jitter() * min(self.cap, self.base * float(2 ** (attempt - 1)))


class Halted(Exception):  # noqa: N818 -- no error: it was requested
    """The scan is being stopped, and makes no more calls."""


class FinalError(Exception):
    """A call failed after all attempts; the cause is botocore's last exception."""

    def __init__(self, failure: Failure, request_id: str = "") -> None:
        self.failure = failure
        self.request_id = request_id
        super().__init__(f"{failure.code}: {failure.message}")


def attempt(
    send: Callable[[], Mapping[str, Any]], policy: RetryPolicy, pause: Callable[[Failure, float], bool]
) -> Mapping[str, Any]:
    """Call `send` until it succeeds or fails for good (FinalError).

    `pause` waits before another attempt; it returns False if no time is left for one.
    """
    for number in range(1, policy.attempts + 1):
        try:
            return send()
        # Not a failure of the call: nothing is recorded.
        except Halted:
            raise
        except Exception as problem:  # any exception of a client is a failed read
            final = _final(problem, number)
            if number == policy.attempts or not is_passing(problem):
                raise final from problem
            # Retry-After is the least that the service asks for.
            delay = max(policy.delay(number), _retry_after(problem))
            if not pause(final.failure, delay):
                raise final from problem
    raise ValueError(f"a policy of {policy.attempts} attempts makes no call")


def is_throttling(problem: Exception) -> bool:
    """Return whether AWS throttled the call."""
    if not isinstance(problem, ClientError):
        return False
    code, status = _code_and_status(problem)
    return code in THROTTLING_CODES or status == _TOO_MANY_REQUESTS


def is_expired(problem: Exception) -> bool:
    """Return whether AWS reports expired credentials."""
    return isinstance(problem, ClientError) and _code_and_status(problem)[0] in EXPIRED_CODES


def _retry_after(problem: Exception) -> float:
    """Return the seconds of an answer's Retry-After; a date is ignored."""
    if not isinstance(problem, ClientError):
        return 0.0
    headers = problem.response.get("ResponseMetadata", {}).get("HTTPHeaders") or {}
    seconds = str(headers.get("retry-after") or "")
    return min(float(seconds), _LONGEST_RETRY_AFTER) if seconds.isascii() and seconds.isdecimal() else 0.0


def is_passing(problem: Exception) -> bool:
    """Return whether the same call may succeed a little later."""
    if isinstance(problem, ClientError):
        code, status = _code_and_status(problem)
        nameless = code == str(_NOT_FOUND) == str(status)
        return nameless or code in THROTTLING_CODES | TRANSIENT_CODES or status in TRANSIENT_STATUSES
    return isinstance(problem, ConnectionError | HTTPClientError | ResponseParserError) or _unreadable(
        problem
    )


def _unreadable(problem: Exception) -> bool:
    return isinstance(problem, _UNREADABLE) and not isinstance(problem, BotoCoreError)


def _final(problem: Exception, attempts: int) -> FinalError:
    if isinstance(problem, FinalError):  # another call that this one needed: renewing a role
        return problem
    if not isinstance(problem, ClientError):
        # The exceptions of a parser (KeyError) would say nothing about the answer.
        name = "BrokenAnswerError" if _unreadable(problem) else type(problem).__name__
        return FinalError(Failure(name, str(problem), 0, attempts))
    code, status = _code_and_status(problem)
    message = str(problem.response.get("Error", {}).get("Message") or "")
    request_id = problem.response.get("ResponseMetadata", {}).get("RequestId")
    return FinalError(Failure(code, message, status, attempts), str(request_id or ""))


def _code_and_status(problem: ClientError) -> tuple[str, int]:
    code = str(problem.response.get("Error", {}).get("Code") or "Unknown")
    return code, int(problem.response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0)


def _wait(halt: threading.Event, seconds: float) -> None:
    """Wait by short relative waits.

    `halt.wait(seconds)` waits until a moment of the monotonic clock. Under libfaketime, and other programs
    that change what a process sees of that clock but not what the kernel sees, it may end hours later.
    """
    with away():
        while seconds > 0 and not halt.is_set():
            piece = min(seconds, _SLICE)
            select.select((), (), (), piece)
            seconds -= piece


@dataclass(frozen=True, slots=True)
class Time:
    """A monotonic clock in seconds, and a wait that ends early when `halt` is set."""

    now: Callable[[], float] = time.monotonic
    wait: Callable[[threading.Event, float], None] = _wait


_SINCE_BOOT: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""The clock of Linux that also runs while the machine is suspended."""


def steady(clock: Callable[[], datetime]) -> Callable[[], datetime]:
    """Return a clock that begins with the time of `clock`, and is not changed when that is set.

    The times of a scan are in order, then, and within its start and end, which readers check.
    """
    start, begun = clock(), time.clock_gettime(_SINCE_BOOT)
    return lambda: start + timedelta(seconds=time.clock_gettime(_SINCE_BOOT) - begun)


class Budget:
    """The seconds that a shard may wait because AWS throttles or fails; safe for threads.

    Waits of several threads at the same time count once.
    """

    def __init__(self, seconds: float, now: Callable[[], float]) -> None:
        self.seconds = seconds
        self._now = now
        self._lock = threading.Lock()
        self._spent = 0.0
        self._since = 0.0
        self._waiting = 0

    def left(self) -> float:
        """Return the seconds that are left, at least 0."""
        with self._lock:
            current = self._now() - self._since if self._waiting else 0.0
            return max(0.0, self.seconds - self._spent - current)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the time of the block."""
        with self._lock:
            if not self._waiting:
                self._since = self._now()
            self._waiting += 1
        try:
            yield
        finally:
            with self._lock:
                self._waiting -= 1
                if not self._waiting:
                    self._spent += self._now() - self._since


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """When to stop. `at`: on the monotonic clock `now`; `margin`: seconds before that.

    `at`: on the clock `now`, which is monotonic; `margin`: seconds before it. Within the margin no shard is
    begun. Those that were begun have until `at`; what they have not read by then is dropped, and a resumption
    reads it again. `gives_up`: within the margin no calls are made. They are recorded as failed, so that the
    shards end incomplete.
    """

    at: float
    margin: float = 0.0
    gives_up: bool = False
    now: Callable[[], float] = time.monotonic

    @classmethod
    def within(cls, seconds: float, margin: float = 0.0, *, gives_up: bool = False) -> "Deadline":
        """Return the deadline in `seconds` from now."""
        return cls(at=time.monotonic() + seconds, margin=margin, gives_up=gives_up)

    @property
    def left(self) -> float:
        """The remaining seconds, at least 0."""
        return max(0.0, self.at - self.now())

    @property
    def patience(self) -> float:
        """The seconds to wait for unfinished work, which ends soon when calls are forbidden."""
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
