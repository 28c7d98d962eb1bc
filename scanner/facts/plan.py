"""The fact table `plan`: one row a backup plan, with the rhythm and retention of its rules."""

from datetime import datetime
from typing import Final

from scanner.facts.copy_action import RuleReach
from scanner.facts.notes import Notes
from scanner.facts.overlaps import overlaps_of
from scanner.facts.plan_selections import plan_selections
from scanner.facts.rule import note_unknown_starts, rule_terms
from scanner.graph.shard_graph import ShardGraph
from scanner.model.facts import BackupOption, PlanFacts, RuleOverlap, RuleTerms, ScanScope
from scanner.model.inventory import BackupPlan
from scanner.model.reading import Unread

_OF_RULES: Final = (
    "rules",
    "overlapping_rules",
    "covers_resources",
    "selects_resources",
    "advanced_settings",
    "scan_settings",
)
"""The columns that come with the plan's rules."""


def plan_row(
    graph: ShardGraph, plan: BackupPlan, reach: RuleReach, as_of: datetime
) -> tuple[PlanFacts, Notes]:
    """Make the row of one plan. Rules that were not read are one unknown rule; `reach`: what they back up."""
    notes = Notes()
    notes.evidence("", plan.refs)
    rules: tuple[RuleTerms | None, ...] = (None,)
    overlaps: tuple[RuleOverlap | None, ...] = (None,)
    if isinstance(plan.rules, Unread):
        for column in _OF_RULES:
            notes.unknown(column, "its rules were not read", plan.rules.gap)
    else:
        rules = tuple(rule_terms(plan, rule, as_of) for rule in plan.rules.value)
        note_unknown_starts(plan.rules.value, "rules.max_gap_hours", as_of, notes)
        overlaps = overlaps_of(plan.rules.value, as_of, notes)
        for column in ("rules", "overlapping_rules"):
            notes.evidence(column, plan.rules.refs)
        if reach.reaches_any is None and reach.doubt is not None:
            notes.unknown("covers_resources", reach.doubt.because, reach.doubt.gap)
    selected = plan_selections(graph, plan, notes)
    unread = isinstance(plan.rules, Unread)
    selects = None if unread else selected.selects_resources
    facts = PlanFacts(
        subject=plan.arn,
        subject_type="plan",
        account=plan.account,
        region=plan.region,
        name=plan.name,
        not_applicable_because="",
        rules=rules,
        covers_resources=reach.reaches_any,
        overlapping_rules=overlaps,
        advanced_settings=(None,)
        if unread
        else tuple(BackupOption(one.resource_type, one.option, one.value) for one in plan.advanced),
        scan_settings=(None,)
        if unread
        else tuple(ScanScope(one.scanner, one.resource_types, one.role) for one in plan.scans),
        selections=selected.selections,
        selects_resources=selects,
        selected_count=selected.selected_count,
        selected_unsupported=selected.unsupported,
        from_organization=plan.from_organization,
        not_known=notes.not_known,
        evidence=notes.references,
    )
    return facts, notes
