"""The fact table `plan`: one row a backup plan, with the rhythm and retention of its rules."""

from datetime import datetime

from scanner.facts.notes import Notes
from scanner.facts.rule import rule_terms
from scanner.model.facts import PlanFacts, RuleTerms
from scanner.model.inventory import BackupPlan
from scanner.model.reading import Unread


def plan_row(plan: BackupPlan, as_of: datetime) -> PlanFacts:
    """Make the row of one plan. Rules that were not read are one unknown rule."""
    notes = Notes()
    notes.evidence("", plan.refs)
    rules: tuple[RuleTerms | None, ...] = (None,)
    if isinstance(plan.rules, Unread):
        notes.unknown("rules", "its rules were not read", plan.rules.gap)
    else:
        rules = tuple(rule_terms(plan, rule, as_of) for rule in plan.rules.value)
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
