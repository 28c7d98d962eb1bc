"""Rules of one plan that get in each other's way: overlapping start windows, and different retentions.

Within the start windows AWS Backup makes one backup, under the rule that keeps it longer (AWS Backup
developer guide, "Backup plan options and configuration"; facts 2.1).
"""

from collections.abc import Iterable
from datetime import datetime

from scanner.facts.notes import Notes
from scanner.facts.rule import note_unknown_starts
from scanner.model.facts import RuleOverlap
from scanner.model.inventory import BackupRule
from scanner.protection.lifecycle import kept_days
from scanner.protection.schedule import rhythm_of
from scanner.protection.timetable import overlapping


def overlaps_of(rules: Iterable[BackupRule], as_of: datetime, notes: Notes) -> tuple[RuleOverlap, ...]:
    """Give the pairs of a plan's rules that keep differently long and whose start windows overlap.

    Two rules that keep equally long lose nothing by it.
    """
    found = []
    for overlap in overlapping(rules, as_of):
        longer, shorter = sorted((overlap.one, overlap.other), key=_days, reverse=True)
        if _days(longer) == _days(shorter):
            continue
        if overlap.certain is None:
            _note_doubt((longer, shorter), as_of, notes)
        found.append(
            RuleOverlap(
                longer=longer.name,
                longer_days=_days(longer),
                shorter=shorter.name,
                shorter_days=_days(shorter),
                certain=overlap.certain,
            )
        )
    return tuple(found)


def _note_doubt(rules: tuple[BackupRule, BackupRule], as_of: datetime, notes: Notes) -> None:
    if any(rhythm_of(rule, as_of).valid is None for rule in rules):
        note_unknown_starts(rules, "overlapping_rules", as_of, notes)
        return
    zones = " and ".join(rule.timezone for rule in rules)
    notes.unknown("overlapping_rules", f"how the time zones {zones} of two rules compare is unknown")


def _days(rule: BackupRule) -> int:
    return kept_days(rule.lifecycle)
