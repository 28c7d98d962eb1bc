"""The columns of a copy action about its copy jobs, and how far back these must be looked for (ruling 13)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from scanner.facts.copied import RuleReach
from scanner.facts.notes import Notes
from scanner.facts.resource_jobs import issues_of, message_of
from scanner.graph.jobs import HISTORY_DAYS, JobHistory, Outcomes
from scanner.model.facts import NEVER_HOURS, CopyJobsOf
from scanner.model.inventory import BackupPlan, BackupRule, CopyAction
from scanner.model.names import rule_subject
from scanner.model.ternary import Ternary
from scanner.protection.schedule import rhythm_of, schedule_of
from scanner.protection.timetable import copy_window_hours

_DAY: Final = 24  # hours


@dataclass(frozen=True, slots=True)
class CopyJobColumns:
    """The columns of a copy action that its copy jobs, and the schedule of its rule, decide."""

    copy_jobs: tuple[CopyJobsOf | None, ...]
    copy_window_hours: float | None
    completed_earlier: Ternary


def copy_job_columns(
    jobs: JobHistory,
    made_by: tuple[BackupPlan, BackupRule, CopyAction],
    reach: RuleReach,
    notes: Notes,
) -> CopyJobColumns:
    """Build the columns of one copy action, which is part of a plan and a rule."""
    plan, rule, copy = made_by
    window = copy_window_hours(rule, jobs.as_of)
    earlier = "" if window is None else _why_earlier(window)
    if window is None:
        rhythm = rhythm_of(rule, jobs.as_of)
        earlier = f'when its rule starts ("{schedule_of(rule)}") is unknown: {rhythm.because}'
        notes.unknown("copy_window_hours", earlier)
    if earlier:
        notes.unknown("completed_earlier", earlier)
    name = rule_subject(plan.arn, rule.id)
    return CopyJobColumns(
        copy_jobs=_copy_jobs(jobs, name, copy.destination, reach, notes),
        copy_window_hours=window,
        completed_earlier=None if earlier else False,
    )


def _why_earlier(window: float) -> str:
    """Return why a copy may have completed before the first listed job; empty: it would be listed."""
    if window <= HISTORY_DAYS * _DAY:
        return ""
    days = f"{window / _DAY:.1f}".removesuffix(".0")
    return (
        f"its rule copies at least once in {days} days, the longest gap of its schedule plus the start "
        f"window, and AWS Backup lists the copy jobs of {HISTORY_DAYS} days only"
    )


def _copy_jobs(
    jobs: JobHistory, rule: str, destination: str, reach: RuleReach, notes: Notes
) -> tuple[CopyJobsOf | None, ...]:
    """Tell how the finished copy jobs of the action fared, of each resource that the rule covers and has any.

    The list ends with None where the copy jobs were not read, or the rule may cover others.
    """
    found = [(resource.arn, jobs.copies(resource.arn, rule, destination)) for resource in reach.resources]
    told = tuple(_told(found, notes))
    unseen = dict.fromkeys((*jobs.unseen_copies, *(one for _, copies in found for one in copies.unseen)))
    for one in unseen:
        notes.unknown("copy_jobs", one.because, one.gap)
    if reach.doubt is not None:
        notes.unknown("copy_jobs", reach.doubt.because, reach.doubt.gap)
    return (*told, None) if unseen or reach.doubt is not None else told


def _told(found: Iterable[tuple[str, Outcomes]], notes: Notes) -> Iterator[CopyJobsOf]:
    for arn, copies in found:
        if any(copy.finished is not False for copy in copies.jobs):
            yield _of_resource(arn, copies)
            for copy in copies.jobs[:1]:
                notes.evidence("copy_jobs", copy.job.refs)
            if any(copy.newest is None for copy in copies.jobs) and not copies.unseen:
                notes.unknown("copy_jobs", f"AWS does not report the state or date of a copy job of {arn}")


def _of_resource(arn: str, copies: Outcomes) -> CopyJobsOf:
    newest = next((copy for copy in copies.jobs if copy.newest), None)
    completed = [copy.age_hours for copy in copies.jobs if copy.succeeded and copy.age_hours is not None]
    open_ones = bool(copies.unseen) or any(
        copy.succeeded is None or (copy.succeeded and copy.age_hours is None) for copy in copies.jobs
    )
    return CopyJobsOf(
        resource=arn,
        newest_age_hours=None if newest is None else newest.age_hours,
        newest_succeeded=None if newest is None else newest.succeeded,
        newest_state="" if newest is None else newest.job.state or "",
        completed_age_hours=min(completed) if completed else None if open_ones else NEVER_HOURS,
        category="" if newest is None else newest.job.message_category or "",
        message="" if newest is None else message_of(newest),
        issues="" if newest is None else issues_of(newest),
    )
