"""What a call waits for, and what it costs its shard. The clock is made up."""

import threading
from typing import Any

import pytest

from scanner.collect.retry import Halted, RetryPolicy, Time
from tests.fakes.aws import FakeAws, error, xml_error

PLANS = "backup:ListBackupPlans"


class Ticking:
    """A clock that only waiting moves."""

    def __init__(self) -> None:
        self.at = 0.0
        self.waits: list[float] = []

    def wait(self, _: threading.Event, seconds: float) -> None:
        self.waits.append(seconds)
        self.at += seconds

    def time(self) -> Time:
        return Time(lambda: self.at, self.wait)


def test_documented_rates_are_waited_for_and_cost_nothing(aws: FakeAws, caller_of: Any) -> None:
    ticking = Ticking()
    caller, notes = caller_of(time=ticking.time(), retries=RetryPolicy(1, budget=0.001))
    for number in range(20):
        caller.call("backup", "GetBackupPlan", BackupPlanId=str(number))
    assert len(ticking.waits) == 5, "fifteen a second"
    assert ticking.at == pytest.approx(5 / 15)
    assert [call.failure for call in notes.calls] == [None] * 20
    assert len(aws.requests) == 20


def test_a_budget_that_is_spent_leaves_the_rest_unasked_and_on_record(aws: FakeAws, caller_of: Any) -> None:
    ticking = Ticking()
    policy = RetryPolicy(attempts=100, base=64, cap=64, budget=100)
    caller, notes = caller_of(time=ticking.time(), retries=policy)
    aws.script[PLANS] = error("ThrottlingException")
    assert list(caller.pages("backup", "ListBackupPlans")) == []
    assert notes.calls[0].failure.code == "ThrottlingException", "its own last failure"
    assert ticking.at <= 101
    spent = caller._sender.budget
    with spent.waiting():
        ticking.at += spent.left()
    asked = len(aws.requests)
    caller.call("backup", "DescribeRegionSettings")
    assert list(caller.pages("rds", "DescribeDBInstances")) == []
    for call in notes.calls[1:]:
        assert (call.failure.code, call.failure.attempts) == ("BudgetExceeded", 0)
        assert "100 seconds were spent on waiting" in call.failure.message
    assert len(notes.calls) == 3
    assert len(aws.requests) == asked


def test_waiting_for_a_slowed_bucket_is_paid_from_the_budget(aws: FakeAws, caller_of: Any) -> None:
    ticking = Ticking()
    caller, notes = caller_of(time=ticking.time(), retries=RetryPolicy(attempts=1, budget=3))
    aws.script["rds:DescribeDBInstances"] = xml_error("Throttling")
    for number in range(40):
        caller.call("rds", "DescribeDBInstances", Marker=str(number))
    codes = [call.failure.code for call in notes.calls]
    assert codes[0] == "Throttling"
    assert codes[-1] == "BudgetExceeded"
    assert len(aws.requests) == codes.count("Throttling") < 40
    assert ticking.at <= 3.0001


def test_what_waits_is_stopped_with_the_scan(aws: FakeAws, caller_of: Any) -> None:
    halt = threading.Event()

    def stop(_: threading.Event, _seconds: float) -> None:
        halt.set()

    caller, notes = caller_of(halt=halt, time=Time(lambda: 0.0, stop))
    for number in range(15):
        caller.call("backup", "GetBackupPlan", BackupPlanId=str(number))
    with pytest.raises(Halted):
        caller.call("backup", "GetBackupPlan", BackupPlanId="15")
    assert len(aws.requests) == len(notes.calls) == 15
