"""The rates that are kept to. All times are made up."""

import threading
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.collect import limits as rates
from scanner.collect.limits import Bucket, Limits, Rate
from scanner.collect.retry import Budget, Time
from scanner.services.catalogue import OPERATIONS


class Clock:
    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


def sent(bucket: Bucket, gaps: list[float]) -> list[float]:
    """When calls go out that come with these gaps between them, by one thread each."""
    clock, times = 1000.0, []
    for gap in gaps:
        clock += gap
        times.append(clock + bucket.take(clock))
    return times


@given(
    per_second=st.floats(0.5, 100),
    burst=st.integers(1, 100),
    gaps=st.lists(st.floats(0, 3), min_size=1, max_size=60),
)
def test_no_window_holds_more_calls_than_the_rate_and_the_burst(
    per_second: float, burst: int, gaps: list[float]
) -> None:
    times = sent(Bucket(Rate(per_second, burst), 1000.0), gaps)
    assert times == sorted(times), "nobody overtakes"
    for start, begun in enumerate(times):
        for count, ended in enumerate(times[start:], start=1):
            assert count <= burst + per_second * (ended - begun) + 1 + 1e-6


@given(events=st.lists(st.tuples(st.floats(0, 2), st.sampled_from(["take", "throttled", "answered"]))))
@pytest.mark.parametrize("rate", [None, Rate(20, 20), Rate(1, 2)])
def test_a_rate_stays_within_its_bounds(rate: Rate | None, events: list[tuple[float, str]]) -> None:
    clock, bucket = 0.0, Bucket(rate, 0.0)
    for gap, event in events:
        clock += gap
        wait = getattr(bucket, event)(clock)
        assert wait is None or wait >= 0
        if rate is not None:
            assert bucket.rate is not None
            assert min(1.0, rate.per_second / 4) <= bucket.rate <= rate.per_second
        elif bucket.rate is not None:
            assert bucket.rate >= 1.0


def test_a_bucket_that_is_full_lets_its_burst_through_at_once() -> None:
    bucket = Bucket(Rate(2, 3), 0.0)
    assert [bucket.take(0.0) for _ in range(5)] == [0, 0, 0, 0.5, 1.0]
    assert bucket.take(100.0) == 0


def test_throttling_halves_once_for_calls_that_were_under_way_together() -> None:
    bucket = Bucket(Rate(20, 20), 0.0)
    for _ in range(16):
        bucket.throttled(0.5)
    assert (bucket.rate, bucket.slowed) == (10, True)
    bucket.throttled(2.0)
    assert bucket.rate == 5
    for second in range(3, 30):
        bucket.throttled(float(second))
    assert bucket.rate == 1


def test_answers_bring_the_rate_back() -> None:
    bucket = Bucket(Rate(20, 20), 0.0)
    bucket.throttled(0.0)
    for _ in range(24):
        bucket.answered(1.0)
    assert bucket.slowed
    bucket.answered(1.0)
    bucket.answered(1.0)
    assert (bucket.rate, bucket.slowed) == (20, False)


def test_what_has_no_published_rate_is_not_limited_until_it_throttles() -> None:
    bucket = Bucket(None, 0.0)
    assert {bucket.take(0.001 * number) for number in range(500)} == {0.0}
    bucket.throttled(0.5)
    assert bucket.rate == 250, "half of what it was asked in that second"
    for _ in range(2 * 500):
        bucket.answered(1.0)
    assert {bucket.take(1.0 + 0.001 * number) for number in range(500)} == {0.0}


@pytest.mark.parametrize(("gap", "rate"), [(0.5, 250), (1.5, 250), (5.0, 4)])
def test_what_was_asked_long_ago_does_not_count(gap: float, rate: float) -> None:
    bucket = Bucket(None, 0.0)
    for _ in range(500):
        bucket.take(0.0)
    bucket.take(gap)
    bucket.throttled(gap)
    assert bucket.rate == pytest.approx(rate, abs=1)


def limits(services: Mapping[str, Rate], operations: Mapping[str, Rate]) -> tuple[Limits, Clock]:
    clock = Clock()
    return Limits(clock, services, operations), clock


def test_an_operation_has_its_own_rate_beside_the_services() -> None:
    found, clock = limits({"backup": Rate(4, 4)}, {"backup:A": Rate(1, 2)})
    assert [found.take("backup", "A")[0] for _ in range(3)] == [0, 0, 1]
    assert [found.take("backup", "B")[0] for _ in range(2)] == [0, 0.25]
    found.throttled("backup", "A")
    assert found.take("backup", "A")[1]
    assert not found.take("backup", "B")[1], "the narrowest bucket is slowed"
    clock.at += 60
    assert found.take("backup", "B") == (0, False)
    for _ in range(100):
        found.answered("backup", "A")
    assert not found.take("backup", "A")[1]
    assert found.take("rds", "Whatever") == (0, False)


def test_documented_rates_are_of_operations_that_exist() -> None:
    services = {key.split(":")[0] for key in OPERATIONS}
    assert set(rates.SERVICE_RATES) <= services
    assert {key.split(":")[0] for key in rates.OPERATION_RATES} <= services
    assert all(rate.per_second > 0 and rate.burst >= 1 for rate in rates.OPERATION_RATES.values())


def test_waits_at_the_same_time_are_spent_once() -> None:
    clock = Clock()
    budget = Budget(10, clock)
    with budget.waiting():
        clock.at += 2
        with budget.waiting():
            clock.at += 3
            assert budget.left() == 5
        clock.at += 1
    clock.at += 100
    assert budget.left() == 4
    with budget.waiting():
        clock.at += 5
    assert budget.left() == 0


def test_a_wait_ends_when_the_scan_is_stopped() -> None:
    halt = threading.Event()
    halt.set()
    Time().wait(halt, 1e6)
