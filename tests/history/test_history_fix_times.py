"""How long failures were open: medians, and the estimate that counts those that were not fixed."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.history.fix_times import fix_times, half_days, median_days
from scanner.history.streaks import End
from scanner.model.finding import Severity
from tests.fakes.bundles import AS_OF

DAY = timedelta(days=1)


def end(days: int, number: int = 1, *, fixed: bool = True, severity: Severity = Severity.HIGH) -> End:
    return End(severity, AS_OF, AS_OF + days * DAY, 1, may_be_older=False, is_fixed=fixed, number=number)


def naive_half(ends: Sequence[End]) -> float | None:
    """Follow Kaplan and Meier day by day, failure by failure."""
    alone = [((each.at - AS_OF).days, each.is_fixed) for each in ends for _ in range(each.number)]
    unfixed = 1.0
    for day in range(max((days for days, _ in alone), default=-1) + 1):
        at_risk = sum(days >= day for days, _ in alone)
        fixed = sum(days == day and is_fixed for days, is_fixed in alone)
        unfixed *= 1 - fixed / at_risk
        if unfixed <= 0.5 + 1e-9:
            return float(day)
    return None


ENDS = st.lists(
    st.builds(end, st.integers(0, 12), st.integers(1, 4), fixed=st.booleans()), min_size=0, max_size=8
)


@settings(max_examples=60)
@given(ENDS)
def test_the_estimate_is_that_of_kaplan_and_meier(ends: list[End]) -> None:
    assert half_days(ends) == naive_half(ends)


@settings(max_examples=60)
@given(ENDS)
def test_the_median_is_the_lower_one_of_the_two_in_the_middle(ends: list[End]) -> None:
    alone = sorted((each.at - AS_OF).days for each in ends for _ in range(each.number))
    assert median_days(ends) == (alone[(len(alone) - 1) // 2] if alone else None)


def test_with_all_fixed_the_estimate_is_the_median() -> None:
    ends = [end(1), end(3, 2), end(9)]
    assert half_days(ends) == median_days(ends) == 3


@pytest.mark.parametrize(("still_open", "half"), [(2, 4), (3, None)])
def test_open_failures_raise_the_estimate(still_open: int, half: float | None) -> None:
    # Of three fixed and two open ones, three fifths are fixed in time; of six, half are not.
    fixed = [end(2), end(4, 1), end(4, 1)] if still_open == 2 else [end(2), end(4)]
    assert half_days([*fixed, end(30, still_open, fixed=False)]) == half
    assert median_days(fixed) is not None


def test_each_severity_and_all() -> None:
    ended = [
        end(7, 2),
        end(14, severity=Severity.LOW),
        End(Severity.HIGH, AS_OF, AS_OF + DAY, 1, may_be_older=True, is_fixed=False, number=3),
    ]
    rest = [
        End(Severity.HIGH, AS_OF, AS_OF + 21 * DAY, 4, may_be_older=True, is_fixed=False, number=5),
        # Last seen failing in an earlier scan: unknown in the last one.
        End(Severity.LOW, AS_OF, AS_OF + 14 * DAY, 3, may_be_older=False, is_fixed=False, number=1),
    ]
    every, high, low = fix_times(ended, rest, last=4)
    assert (every.severity, high.severity, low.severity) == (None, Severity.HIGH, Severity.LOW)
    assert (every.fixed, every.open, every.ended, every.at_least) == (3, 5, 4, 8)
    assert (high.fixed, high.median_days, high.open, high.open_days, high.ended) == (2, 7, 5, 21, 3)
    assert (low.fixed, low.median_days, low.open, low.open_days, low.ended) == (1, 14, 0, None, 1)
    assert (high.half_days, low.half_days) == (None, 14)


def test_nothing_ever_failed() -> None:
    assert fix_times([], [], last=3) == ()
