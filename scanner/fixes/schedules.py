"""Schedules and retention that satisfy what failing controls require."""

from collections.abc import Iterable
from typing import Any, Final

from scanner.fixes.configuration import Document
from scanner.fixes.problem import Problem, Workbench
from scanner.model.facts import NEVER_HOURS
from scanner.model.inventory import BackupRule, Lifecycle
from scanner.protection.clock import clock_of
from scanner.protection.schedule import rhythm
from scanner.protection.timetable import windows_overlap

# AWS Backup's own defaults for a rule without a schedule or a time zone.
DEFAULT_SCHEDULE: Final = "cron(0 5 ? * * *)"
DEFAULT_ZONE: Final = "Etc/UTC"
# The default of AWS Backup Audit Manager's control on frequency and retention.
DEFAULT_DAYS: Final = 35
LONGEST_CONTINUOUS: Final = 35
"""Days: AWS Backup keeps continuous backups no longer."""
COLD_DAYS: Final = 90
"""Days that a backup must stay in cold storage."""
_DAY: Final = 24
_DAYS_OF: Final = ("min_days", "min_retention_days")
_HOURS_OF: Final = ("max_gap_hours", "max_interval_hours")
# Minute, hour, day of the month, month, day of the week, year (AWS Backup, "Cron expressions").
_FIELDS: Final = 6
_SHORTEST_MONTH: Final = 28


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
    # Unknown counts as too rare: a strategy then sets a schedule that is certain.
    return NEVER_HOURS if gap is None else gap


def starts_at_all(bench: Workbench, rule: Document) -> bool:
    """Check whether a rule starts within 400 days."""
    expression = str(rule.get("ScheduleExpression") or DEFAULT_SCHEDULE)
    zone = str(rule.get("ScheduleExpressionTimezone") or DEFAULT_ZONE)
    return bool(rhythm(expression, clock_of(zone, bench.as_of)).starts)


def start_every(bench: Workbench, rule: Document, hours: int, others: Iterable[Document] = ()) -> None:
    """Let a rule start at least every `hours` hours, at the time of day that it has.

    Where daylight saving skips that time, the rule starts in UTC. Where a start window of another rule of the
    plan is open then, it starts at another hour (`separate`).
    """
    if gap_hours(bench, rule) <= hours:
        return
    rule["ScheduleExpression"] = _schedule(str(rule.get("ScheduleExpression") or ""), hours)
    if gap_hours(bench, rule) > hours:
        # UTC has no daylight saving, which can skip a run (AWS Backup, "Plan options").
        rule["ScheduleExpressionTimezone"] = DEFAULT_ZONE
    separate(bench, rule, others)


def separate(bench: Workbench, rule: Document, others: Iterable[Document]) -> bool:
    """Move the start of a rule to the next hour at which it overlaps with no other rule of the plan.

    Return whether there is one. Rules with the same retention lose no backup by an overlap.
    """
    rivals = [rival for rival in others if rival is not rule and days_of(rival) != days_of(rule)]
    present = str(rule.get("ScheduleExpression") or DEFAULT_SCHEDULE)
    fields = present.removeprefix("cron(").removesuffix(")").split()
    if len(fields) != _FIELDS or not fields[1].isdecimal():
        return not _overlaps(bench, rule, rivals)
    # The first try is the present hour, so a rule that overlaps with none does not move.
    for shift in range(_DAY):
        hour = str((int(fields[1]) + shift) % _DAY)
        rule["ScheduleExpression"] = f"cron({' '.join([fields[0], hour, *fields[2:]])})"
        if not _overlaps(bench, rule, rivals):
            return True
    rule["ScheduleExpression"] = present
    return False


def _overlaps(bench: Workbench, rule: Document, others: Iterable[Document]) -> bool:
    own = _starts_of(rule)
    # Unknown counts as an overlap: the next hour may be certain.
    return any(windows_overlap(own, _starts_of(rival), bench.as_of) is not False for rival in others)


def _starts_of(rule: Document) -> BackupRule:
    """Return a rule as far as its starts need it."""
    # Overlaps are judged over the whole start window, eight hours by default (AWS Backup, "Plan options").
    window = rule.get("StartWindowMinutes")
    return BackupRule(
        id="",
        name="",
        target_vault="",
        schedule=str(rule.get("ScheduleExpression") or DEFAULT_SCHEDULE),
        timezone=str(rule.get("ScheduleExpressionTimezone") or DEFAULT_ZONE),
        start_window_minutes=window if isinstance(window, int) else None,
        continuous=False,
        lifecycle=Lifecycle(),
        copies=(),
    )


def last_day_of_month(present: str) -> str:
    """Return a schedule for a day that not every month has, on the last day of the month; else it stays."""
    fields = present.removeprefix("cron(").removesuffix(")").split()
    # Days 29 to 31: months without them have no start.
    is_late = len(fields) == _FIELDS and fields[2].isdecimal() and int(fields[2]) > _SHORTEST_MONTH
    return f"cron({' '.join([*fields[:2], 'L', *fields[3:]])})" if is_late else present


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
    # 05:00, as in the default schedule.
    return 0, 5


def keep_for(terms: Document, days: int, *, most: int | None = None) -> None:
    """Let a rule or a copy action keep its backups for at least `days` days, with valid cold storage."""
    lifecycle: dict[str, Any] = dict(terms.get("Lifecycle") or {})
    cold = lifecycle.get("MoveToColdStorageAfterDays")
    # AWS Backup refuses less than 90 days between the move to cold storage and the deletion.
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
