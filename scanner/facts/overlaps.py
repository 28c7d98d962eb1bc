"""Rules of one plan that get in each other's way: overlapping start windows, and different retentions.

Within the start windows AWS Backup makes one backup, under the rule that keeps it longer (AWS Backup
developer guide, "Backup plan options and configuration"; facts 2.1).
"""

from collections.abc import Iterable
from datetime import datetime

from scanner.facts.notes import Notes
from scanner.model.facts import RuleOverlap
from scanner.model.inventory import BackupRule
from scanner.protection.lifecycle import kept_days
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
            zones = f"{longer.timezone} and {shorter.timezone}"
            notes.unknown(
                "overlapping_rules",
                f"how the time zones {zones} of two rules stand to each other is not known",
            )
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


def _days(rule: BackupRule) -> int:
    return kept_days(rule.lifecycle)
