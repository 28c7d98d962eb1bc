"""A rule's schedule and retention, as the tables `resource` and `plan` tell them."""

from collections.abc import Iterable
from datetime import datetime

from scanner.facts.notes import Notes, local_text
from scanner.model.facts import FOREVER_DAYS, NEVER_HOURS, RuleTerms
from scanner.model.inventory import BackupPlan, BackupRule
from scanner.model.names import rule_subject
from scanner.protection.lifecycle import kept_days
from scanner.protection.schedule import rhythm_of, schedule_of


def rule_terms(plan: BackupPlan, rule: BackupRule, as_of: datetime) -> RuleTerms:
    """Return when a rule starts and how long it keeps its recovery points."""
    days = kept_days(rule.lifecycle)
    rhythm = rhythm_of(rule, as_of)
    return RuleTerms(
        rule=rule_subject(plan.arn, rule.id),
        plan=plan.name,
        name=rule.name,
        vault=rule.target_vault,
        schedule=schedule_of(rule),
        timezone=rule.timezone,
        max_gap_hours=rhythm.max_gap_hours,
        seldom_because=rhythm.because if rhythm.max_gap_hours == NEVER_HOURS else "",
        skipped_start=local_text(rhythm.skipped),
        retention_days=days,
        keeps_forever=days == FOREVER_DAYS,
        continuous=rule.continuous,
    )


def note_unknown_starts(rules: Iterable[BackupRule], column: str, as_of: datetime, notes: Notes) -> None:
    """Note of which rules it is not known when they start, and why."""
    for rule in rules:
        if (rhythm := rhythm_of(rule, as_of)).max_gap_hours is None:
            because = f'when rule {rule.name} starts ("{schedule_of(rule)}") is unknown: {rhythm.because}'
            notes.unknown(column, because)
