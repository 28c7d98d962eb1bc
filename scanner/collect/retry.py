"""Retries outside botocore: which failures are final, how long to wait, and when to stop.

botocore's own retry quota belongs to the client, and a client here serves all accounts: one account
that is throttled for ever would leave none of it for the others. So clients try once, and this loop,
which shares nothing between calls, does the rest: exponential backoff with full jitter.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
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
"""The codes that botocore's standard mode takes for throttling."""

TRANSIENT_CODES: Final = frozenset(
    {
        "InternalError",
        "InternalFailure",
        "RequestTimeTooSkewed",  # it waited too long to be sent or processed: every attempt signs again
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
    }
)
"""The codes that pass by themselves: botocore's, and the names that services give to an HTTP 500."""

EXPIRED_CODES: Final = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
"""The codes of credentials that were good once."""

TRANSIENT_STATUSES: Final = frozenset({408, 421, 425, 429, *range(500, 600)})
"""What the service, or something on the way, says of this moment rather than of the request."""

_UNREADABLE: Final = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What botocore's parsers raise for a body that is not of the form that they expect."""

_LONGEST_PLEA: Final = 60.0
"""Seconds up to which a Retry-After is honoured."""
_TOO_MANY_REQUESTS: Final = 429
_NOT_FOUND: Final = 404  # AWS says what is not found; with no word of that, something on the way said it
_JITTER: Final = random.SystemRandom().random

EXCEEDED: Final = "DeadlineExceeded"
"""The code of calls that were not made because the time was over."""

_GRACE: Final = 30.0
"""Seconds that calls which are under way have when no other is made any more."""


class BrokenAnswerError(ResponseParserError):
    """AWS (or something on the way) answered with success and a body that is cut off or no answer."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a call is tried, and how long is waited: up to `base` seconds, doubling up to `cap`.

    `budget` is what all such waits of a shard may come to, in seconds. When it is spent, what is still
    due in the shard is not asked, and recorded as failed.
    """

    attempts: int = 7
    base: float = 0.3
    cap: float = 20.0
    budget: float = 900.0

    def delay(self, attempt: int, jitter: Callable[[], float] = _JITTER) -> float:
        """Return the seconds to wait after the failed attempt number `attempt`, counted from 1."""
        return jitter() * min(self.cap, self.base * float(2 ** (attempt - 1)))


class Halted(Exception):  # noqa: N818 -- no error: it was requested
    """The scan is being stopped; no more calls are made."""


class FinalError(Exception):
    """A call failed for good; its cause is what botocore raised last."""

    def __init__(self, failure: Failure, request_id: str = "") -> None:
        self.failure = failure
        self.request_id = request_id
        super().__init__(f"{failure.code}: {failure.message}")


def attempt(
    send: Callable[[], Mapping[str, Any]], policy: RetryPolicy, pause: Callable[[Failure, float], bool]
) -> Mapping[str, Any]:
    """Call `send` until it answers or fails for good (FinalError).

    `pause` waits before another try, or says that there is no time left for one.
    """
    for number in range(1, policy.attempts + 1):
        try:
            return send()
        except Halted:
            raise
        except Exception as problem:  # whatever a client raises is a failed read
            final = _final(problem, number)
            if number == policy.attempts or not is_passing(problem):
                raise final from problem
            delay = max(policy.delay(number), _asked_for(problem))
            if not pause(final.failure, delay):
                raise final from problem
    raise ValueError(f"a policy of {policy.attempts} attempts never tries")


def is_throttling(problem: Exception) -> bool:
    """Check whether AWS throttled the call."""
    if not isinstance(problem, ClientError):
        return False
    code, status = _code_and_status(problem)
    return code in THROTTLING_CODES or status == _TOO_MANY_REQUESTS


def is_expired(problem: Exception) -> bool:
    """Check whether AWS reports that the credentials have expired."""
    return isinstance(problem, ClientError) and _code_and_status(problem)[0] in EXPIRED_CODES


def _asked_for(problem: Exception) -> float:
    """Return the seconds of an answer's Retry-After; a date is ignored."""
    if not isinstance(problem, ClientError):
        return 0.0
    headers = problem.response.get("ResponseMetadata", {}).get("HTTPHeaders") or {}
    seconds = str(headers.get("retry-after") or "")
    return min(float(seconds), _LONGEST_PLEA) if seconds.isascii() and seconds.isdecimal() else 0.0


def is_passing(problem: Exception) -> bool:
    """Check whether the same call may succeed a little later."""
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
    if isinstance(problem, FinalError):  # another call that this one rested on: renewing a role
        return problem
    if not isinstance(problem, ClientError):
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
    with away():
        halt.wait(seconds)


@dataclass(frozen=True, slots=True)
class Time:
    """A clock of seconds that only goes forward, and how to wait so many of them, or until `halt` is set."""

    now: Callable[[], float] = time.monotonic
    wait: Callable[[threading.Event, float], None] = _wait


class Budget:
    """The seconds that a shard may spend on waiting because AWS throttles or fails; safe for threads.

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
    """The time by which a collection must stop, for example when AWS Lambda ends the process.

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
