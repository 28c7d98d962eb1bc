import threading
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, ReadTimeoutError
from botocore.retries import standard

from scanner.collect import retry
from scanner.collect.retry import (
    THROTTLING_CODES,
    TRANSIENT_CODES,
    TRANSIENT_STATUSES,
    FinalError,
    Halted,
    RetryPolicy,
    Time,
    attempt,
    is_expired,
    is_passing,
    is_throttling,
)
from scanner.evidence.writer import Failure


def refused(code: str, status: int = 400) -> ClientError:
    metadata: Any = {"HTTPStatusCode": status, "RequestId": "r"}
    return ClientError({"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": metadata}, "X")


class Server:
    """Fails with each of `problems`, then answers."""

    def __init__(self, *problems: Exception) -> None:
        self.problems = list(problems)
        self.calls = 0
        self.waits: list[float] = []
        self.patience = float("inf")

    def send(self) -> dict[str, Any]:
        self.calls += 1
        if self.problems:
            raise self.problems.pop(0)
        return {"ok": True}

    def pause(self, _: Failure, seconds: float) -> bool:
        self.waits.append(seconds)
        return sum(self.waits) <= self.patience


def test_the_codes_are_those_of_botocore() -> None:
    throttled: Any = standard.ThrottledRetryableChecker
    transient: Any = standard.TransientRetryableChecker
    assert set(throttled._THROTTLED_ERROR_CODES) == THROTTLING_CODES
    assert set(transient._TRANSIENT_ERROR_CODES) <= TRANSIENT_CODES | THROTTLING_CODES
    assert set(transient._TRANSIENT_STATUS_CODES) <= TRANSIENT_STATUSES


@pytest.mark.parametrize(
    ("problem", "passing"),
    [
        (refused("SlowDown", 503), True),
        (refused("Whatever", 502), True),
        (refused("InternalFailure", 400), True),
        (refused("AccessDenied", 403), False),
        (refused("ExpiredToken", 403), False),
        (refused("404", 404), True),  # a body without a word: no answer of AWS
        (refused("NoSuchTagSet", 404), False),
        (refused("403", 403), False),
        (EndpointConnectionError(endpoint_url="x"), True),
        (ReadTimeoutError(endpoint_url="x"), True),
        (NoCredentialsError(), False),
        (ValueError("no number"), True),  # botocore's parser met another type
        (RuntimeError("a bug"), False),
    ],
)
def test_what_passes_by_itself(problem: Exception, passing: bool) -> None:  # noqa: FBT001 -- a table
    assert is_passing(problem) is passing


def test_an_answer_after_failures() -> None:
    server = Server(refused("Throttling"), refused("X", 500))
    assert attempt(server.send, RetryPolicy(5), server.pause) == {"ok": True}
    assert (server.calls, len(server.waits)) == (3, 2)


def test_the_last_failure_counts() -> None:
    server = Server(*[refused("Throttling", 400)] * 9)
    with pytest.raises(FinalError) as caught:
        attempt(server.send, RetryPolicy(3), server.pause)
    assert caught.value.failure == Failure("Throttling", "no", 400, 3)
    assert caught.value.request_id == "r"
    assert (server.calls, len(server.waits)) == (3, 2)


def test_a_failure_of_a_call_that_this_one_rested_on_is_given_as_it_is() -> None:
    inner = FinalError(Failure("ExpiredToken", "no", 403, 1))
    server = Server(inner)
    with pytest.raises(FinalError) as caught:
        attempt(server.send, RetryPolicy(3), server.pause)
    assert caught.value.failure is inner.failure


def test_without_time_for_another_try_the_failure_stands() -> None:
    server = Server(*[refused("Throttling", 400)] * 9)
    server.patience = 0.0
    with pytest.raises(FinalError) as caught:
        attempt(server.send, RetryPolicy(7, base=1), server.pause)
    assert caught.value.failure == Failure("Throttling", "no", 400, 1)


@pytest.mark.parametrize(
    ("told", "waited"),
    [("7", 7.0), ("3600", 60.0), ("Wed, 21 Oct 2026 07:28:00 GMT", 0.0), ("-1", 0.0), ("²", 0.0), ("", 0.0)],
)
def test_what_an_answer_asks_to_wait_is_honoured_within_reason(told: str, waited: float) -> None:
    problem = refused("Throttling", 429)
    problem.response["ResponseMetadata"]["HTTPHeaders"] = {"retry-after": told}
    server = Server(problem)
    attempt(server.send, RetryPolicy(3, base=0.0), server.pause)
    assert server.waits == [waited]


def test_what_is_throttling_and_what_has_expired() -> None:
    assert is_throttling(refused("SlowDown", 503))
    assert is_throttling(refused("Whatever", 429))
    assert not is_throttling(refused("InternalFailure", 500))
    assert not is_throttling(ValueError())
    assert is_expired(refused("ExpiredTokenException"))
    assert not is_expired(refused("AccessDenied"))
    assert not is_expired(ValueError())


def test_halting_goes_through() -> None:
    server = Server(Halted())
    with pytest.raises(Halted):
        attempt(server.send, RetryPolicy(3), server.pause)
    assert server.calls == 1


def test_an_error_without_a_code_has_one() -> None:
    server = Server(ClientError({}, "X"))
    with pytest.raises(FinalError, match="Unknown"):
        attempt(server.send, RetryPolicy(3), server.pause)


def test_waits_double_up_to_the_cap_with_full_jitter() -> None:
    policy = RetryPolicy(attempts=9, base=1, cap=5)
    assert [policy.delay(number, lambda: 1.0) for number in range(1, 6)] == [1, 2, 4, 5, 5]
    assert policy.delay(3, lambda: 0.0) == 0
    assert 0 <= policy.delay(3) <= 4


def test_a_policy_that_never_tries_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="makes no call"):
        attempt(dict, RetryPolicy(0), Server().pause)


def test_a_wait_ends_with_the_scan() -> None:
    halt = threading.Event()
    threading.Timer(0.1, halt.set).start()
    Time().wait(halt, 3_600.0)
    assert halt.is_set()


def test_a_wait_ends_by_itself_and_without_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under libfaketime the monotonic clock may be hours ahead of the kernel's."""
    monkeypatch.setattr(retry, "time", None)
    Time().wait(threading.Event(), 0.3)
