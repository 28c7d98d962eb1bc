"""The columns of a resource's schedule: how long it waits for a backup, and how many of them are continuous.

Both depend on the covering rules alone, and are made once for resources that the same rules cover.
"""

from dataclasses import dataclass
from datetime import datetime

from scanner.facts.notes import Notes, local_text
from scanner.graph.coverage import Coverage
from scanner.model.facts import SkippedStart
from scanner.model.inventory import BackupRule, Resource
from scanner.model.ternary import Ternary
from scanner.protection.capabilities import Capability, capability
from scanner.protection.timetable import longest_wait


@dataclass(frozen=True, slots=True)
class Schedules:
    """What the covering rules make together. More rules can only shorten the wait, so a doubt bounds it."""

    waits: tuple[float | None, ...]
    skips: tuple[SkippedStart, ...]
    several_continuous: Ternary
    doubts: tuple[str, ...]

    def note(self, notes: Notes) -> None:
        """Note why the wait may be shorter than what the known starts leave."""
        for because in self.doubts:
            notes.unknown("longest_wait_hours", because)
            notes.unknown("rules.max_gap_hours", because)


class SchedulesOfRules:
    """Makes the columns for each set of covering rules once."""

    def __init__(self, as_of: datetime) -> None:
        self._as_of = as_of
        self._known: dict[tuple[tuple[str, ...], bool], Schedules] = {}

    def of(self, coverage: Coverage) -> Schedules:
        """Return the columns of a coverage."""
        rules = coverage.rules
        likeness = (tuple(covering.subject for covering in rules), bool(coverage.doubts))
        if (known := self._known.get(likeness)) is None:
            made = tuple(covering.rule for covering in rules)
            known = self._known[likeness] = _schedules(made, self._as_of, complete=not coverage.doubts)
        return known


def _schedules(rules: tuple[BackupRule, ...], as_of: datetime, *, complete: bool) -> Schedules:
    wait = longest_wait(rules, as_of)
    several = sum(rule.continuous for rule in rules) > 1
    return Schedules(
        waits=(wait.hours,) if complete and not wait.doubts else (wait.hours, None),
        skips=tuple(
            SkippedStart(skip.rule.name, local_text(skip.start), skip.rule.timezone) for skip in wait.skips
        ),
        several_continuous=several if several or complete else None,
        doubts=wait.doubts,
    )


def continuous_supported(resource: Resource, row: Capability | None) -> Ternary:
    """Check whether AWS Backup makes continuous backups of a resource's type; `row`: what applies to it.

    No DynamoDB table has them, whichever features the Region settings, when they are read, give it.
    """
    if row is None and resource.capability == "DynamoDB":
        row = capability("DynamoDB_BASIC")
    return None if row is None else row.continuous
