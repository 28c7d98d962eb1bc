"""The fact table `plan`: one row a backup plan, with the rhythm and retention of its rules."""

from datetime import datetime

from scanner.facts.notes import Notes
from scanner.model.facts import FOREVER_DAYS, PlanFacts, PlanRule
from scanner.model.inventory import BackupPlan, BackupRule
from scanner.model.names import rule_subject
from scanner.model.reading import Unread
from scanner.protection.lifecycle import kept_days
from scanner.protection.schedule import rhythm_of, schedule_of


def plan_row(plan: BackupPlan, as_of: datetime) -> PlanFacts:
    """Make the row of one plan. Rules that were not read are one unknown rule."""
    notes = Notes()
    notes.evidence("", plan.refs)
    rules: tuple[PlanRule | None, ...] = (None,)
    if isinstance(plan.rules, Unread):
        notes.unknown("rules", "its rules were not read", plan.rules.gap)
    else:
        rules = tuple(_rule(plan, rule, as_of) for rule in plan.rules.value)
        notes.evidence("rules", plan.rules.refs)
    return PlanFacts(
        subject=plan.arn,
        subject_type="plan",
        account=plan.account,
        region=plan.region,
        name=plan.name,
        not_applicable_because="",
        rules=rules,
        from_organization=plan.from_organization,
        not_known=notes.not_known,
        evidence=notes.references,
    )


def _rule(plan: BackupPlan, rule: BackupRule, as_of: datetime) -> PlanRule:
    days = kept_days(rule.lifecycle)
    return PlanRule(
        rule=rule_subject(plan.arn, rule.id),
        name=rule.name,
        vault=rule.target_vault,
        schedule=schedule_of(rule),
        timezone=rule.timezone,
        max_gap_hours=rhythm_of(rule, as_of).max_gap_hours,
        retention_days=days,
        keeps_forever=days == FOREVER_DAYS,
        continuous=rule.continuous,
    )
