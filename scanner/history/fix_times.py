"""How long failures were open: medians of those that were fixed, and an estimate that counts all of them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final

from scanner.history.streaks import End
from scanner.model.finding import Severity
from scanner.model.timeline import FixTimes

_DAY: Final = timedelta(days=1)


def fix_times(ended: Sequence[End], still_open: Sequence[End], last: int) -> tuple[FixTimes, ...]:
    """Return the times of all failures, then those of each severity that has some, worst first.

    `last`: the number of the last scan. Failures in `still_open` that it does not show as failing are unknown
    in it.
    """
    severities = sorted({end.severity for end in (*ended, *still_open)}, key=lambda severity: severity.rank)
    groups: list[Severity | None] = [None, *severities] if severities else []
    return tuple(_of_severity(severity, ended, still_open, last) for severity in groups)


def _of_severity(
    severity: Severity | None, ended: Sequence[End], still_open: Sequence[End], last: int
) -> FixTimes:
    ends = [end for end in ended if severity in (None, end.severity)]
    rest = [end for end in still_open if severity in (None, end.severity)]
    fixed = [end for end in ends if end.is_fixed]
    failing = [end for end in rest if end.number_of_scan == last]
    return FixTimes(
        severity=severity,
        fixed=_number(fixed),
        median_days=median_days(fixed),
        open=_number(failing),
        open_days=median_days(failing),
        ended=_number(ends) + _number(rest) - _number(fixed) - _number(failing),
        at_least=_number(end for end in (*ends, *rest) if end.may_be_older),
        half_days=half_days((*ends, *rest)),
    )


def _number(ends: Iterable[End]) -> int:
    return sum(end.number for end in ends)


def median_days(ends: Iterable[End]) -> float | None:
    """Return the median duration in days: the lower one of the two in the middle. None: there are none."""
    durations: Counter[timedelta] = Counter()
    for end in ends:
        durations[end.at - end.began] += end.number
    middle, counted = (durations.total() + 1) // 2, 0
    for duration, number in sorted(durations.items()):
        counted += number
        if counted >= middle:
            return duration / _DAY
    return None


def half_days(ends: Iterable[End]) -> float | None:
    """Return the days after which half of all failures are fixed; None: fewer than half ever are.

    The estimate of Kaplan and Meier (Journal of the American Statistical Association 53, 1958, 457-481): what
    was not fixed counts among the failures that could have been until it was last seen failing.
    """
    fixed: Counter[timedelta] = Counter()
    left: Counter[timedelta] = Counter()
    for end in ends:
        left[end.at - end.began] += end.number
        if end.is_fixed:
            fixed[end.at - end.began] += end.number
    at_risk, unfixed = left.total(), 1.0
    for duration in sorted(left):
        # What was last seen failing at this age was at risk of a fix until then, so it leaves afterwards.
        unfixed *= 1 - fixed[duration] / at_risk
        at_risk -= left[duration]
        if unfixed <= _HALF:
            return duration / _DAY
    return None


_HALF: Final = 0.5 + 1e-9
"""One half, with the rounding of the products before it."""
