"""A rule's schedule and retention, as the tables `resource` and `plan` tell them."""

from datetime import datetime

from scanner.model.facts import FOREVER_DAYS, RuleTerms
from scanner.model.inventory import BackupPlan, BackupRule
from scanner.model.names import rule_subject
from scanner.protection.lifecycle import kept_days
from scanner.protection.schedule import rhythm_of, schedule_of


def rule_terms(plan: BackupPlan, rule: BackupRule, as_of: datetime) -> RuleTerms:
    """Tell when a rule starts and how long it keeps its recovery points."""
    days = kept_days(rule.lifecycle)
    return RuleTerms(
        rule=rule_subject(plan.arn, rule.id),
        plan=plan.name,
        name=rule.name,
        vault=rule.target_vault,
        schedule=schedule_of(rule),
        timezone=rule.timezone,
        max_gap_hours=rhythm_of(rule, as_of).max_gap_hours,
        retention_days=days,
        keeps_forever=days == FOREVER_DAYS,
        continuous=rule.continuous,
    )
