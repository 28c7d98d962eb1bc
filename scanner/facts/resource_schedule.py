"""The columns of a resource's schedule: how long it waits for a backup, and how many of them are continuous.

Both depend on the covering rules alone, and are made once for resources that the same rules cover.
"""

from dataclasses import dataclass
from datetime import datetime

from scanner.facts.notes import Notes
from scanner.graph.coverage import Coverage
from scanner.model.inventory import BackupRule, Resource
from scanner.model.ternary import Ternary
from scanner.protection.capabilities import Capability, capability
from scanner.protection.timetable import clocks_known, longest_wait_hours

_UNKNOWN_CLOCKS = "how the time zones of its covering rules stand to each other is not known"


@dataclass(frozen=True, slots=True)
class Schedules:
    """What the covering rules make together. More rules can only shorten the wait, so a doubt bounds it."""

    waits: tuple[float | None, ...]
    several_continuous: Ternary
    clocks_known: bool

    def note(self, notes: Notes) -> None:
        """Note why the wait may be shorter than it is told."""
        if not self.clocks_known:
            notes.unknown("longest_wait_hours", _UNKNOWN_CLOCKS)


class SchedulesOfRules:
    """Tells what covering rules make together, for each set of rules once."""

    def __init__(self, as_of: datetime) -> None:
        self._as_of = as_of
        self._known: dict[tuple[tuple[str, ...], bool], Schedules] = {}

    def of(self, coverage: Coverage) -> Schedules:
        """Give the columns of a coverage."""
        rules = coverage.rules
        likeness = (tuple(covering.subject for covering in rules), bool(coverage.doubts))
        if (known := self._known.get(likeness)) is None:
            made = tuple(covering.rule for covering in rules)
            known = self._known[likeness] = _schedules(made, self._as_of, complete=not coverage.doubts)
        return known


def _schedules(rules: tuple[BackupRule, ...], as_of: datetime, *, complete: bool) -> Schedules:
    wait = longest_wait_hours(rules, as_of)
    clocks = clocks_known(rules)
    several = sum(rule.continuous for rule in rules) > 1
    return Schedules(
        waits=(wait,) if complete and clocks else (wait, None),
        several_continuous=several if several or complete else None,
        clocks_known=clocks,
    )


def continuous_supported(resource: Resource, row: Capability | None) -> Ternary:
    """Whether AWS Backup makes continuous backups of a resource's type; `row`: what applies to it.

    No DynamoDB table has them, whichever features the Region settings, when they are read, give it.
    """
    if row is None and resource.capability == "DynamoDB":
        row = capability("DynamoDB_BASIC")
    return None if row is None else row.continuous
