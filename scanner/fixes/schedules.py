"""Schedules and retention that satisfy what failing controls require."""

from typing import Any, Final

from scanner.fixes.configuration import Document
from scanner.fixes.problem import Problem, Workbench
from scanner.model.facts import NEVER_HOURS
from scanner.protection.clock import clock_of
from scanner.protection.schedule import rhythm

DEFAULT_SCHEDULE: Final = "cron(0 5 ? * * *)"
DEFAULT_ZONE: Final = "Etc/UTC"
DEFAULT_DAYS: Final = 35
LONGEST_CONTINUOUS: Final = 35
"""Days: AWS Backup keeps continuous backups no longer."""
COLD_DAYS: Final = 90
"""Days that a backup must stay in cold storage."""
_DAY: Final = 24
_DAYS_OF: Final = ("min_days", "min_retention_days")
_HOURS_OF: Final = ("max_gap_hours", "max_interval_hours")
_FIELDS: Final = 6


def required_days(bench: Workbench, *controls: str) -> int:
    """Return the retention that satisfies some controls: the longest that one requires."""
    return int(max(bench.numbers(controls, *_DAYS_OF), default=DEFAULT_DAYS))


def required_hours(bench: Workbench, *controls: str) -> int:
    """Return how often a rule must start to satisfy some controls: the shortest interval, in hours."""
    return int(min(bench.numbers(controls, *_HOURS_OF), default=_DAY))


def gap_hours(bench: Workbench, rule: Document) -> float:
    """Return the longest wait between two starts of a rule, in hours; NEVER_HOURS: it is not known, too."""
    expression = str(rule.get("ScheduleExpression") or DEFAULT_SCHEDULE)
    zone = str(rule.get("ScheduleExpressionTimezone") or DEFAULT_ZONE)
    gap = rhythm(expression, clock_of(zone, bench.as_of)).max_gap_hours
    return NEVER_HOURS if gap is None else gap


def start_every(bench: Workbench, rule: Document, hours: int) -> None:
    """Let a rule start at least every so many hours, at the time of day that it has.

    Where daylight saving skips that time, the rule starts in UTC.
    """
    if gap_hours(bench, rule) <= hours:
        return
    rule["ScheduleExpression"] = _schedule(str(rule.get("ScheduleExpression") or ""), hours)
    if gap_hours(bench, rule) > hours:
        rule["ScheduleExpressionTimezone"] = DEFAULT_ZONE


def _schedule(present: str, hours: int) -> str:
    minute, hour = _time_of(present)
    if hours >= _DAY:
        return f"cron({minute} {hour} ? * * *)"
    # Steps restart at midnight, so only divisors of a day keep the interval.
    step = max(step for step in (1, 2, 3, 4, 6, 8, 12) if step <= max(hours, 1))
    return f"cron({minute} 0/{step} ? * * *)"


def _time_of(expression: str) -> tuple[int, int]:
    fields = expression.strip().removeprefix("cron(").removesuffix(")").split()
    if len(fields) == _FIELDS and fields[0].isdecimal() and fields[1].isdecimal():
        minute, hour = int(fields[0]), int(fields[1])
        if minute < 60 and hour < _DAY:  # noqa: PLR2004 -- minutes of an hour
            return minute, hour
    return 0, 5


def keep_for(terms: Document, days: int, *, most: int | None = None) -> None:
    """Let a rule or a copy action keep its backups for at least so many days, with valid cold storage."""
    lifecycle: dict[str, Any] = dict(terms.get("Lifecycle") or {})
    cold = lifecycle.get("MoveToColdStorageAfterDays")
    if isinstance(cold, int) and days < cold + COLD_DAYS:
        days = cold + COLD_DAYS
    lifecycle["DeleteAfterDays"] = days if most is None else min(days, most)
    terms["Lifecycle"] = lifecycle


def days_of(terms: Document) -> int | None:
    """Return the retention of a rule or a copy action; None: it has no expiry."""
    days = (terms.get("Lifecycle") or {}).get("DeleteAfterDays")
    return days if isinstance(days, int) else None


def is_continuous(rule: Document) -> bool:
    """Check whether a rule makes continuous backups."""
    return rule.get("EnableContinuousBackup") is True


def problem_days(bench: Workbench, problem: Problem) -> int:
    """Return the retention that the controls of a problem require."""
    return required_days(bench, *sorted(problem.controls))
