"""The fact table `plan`: a row for each backup plan, with the schedules and retentions of its rules."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from scanner.facts.copy_action import RuleReach
from scanner.facts.notes import Notes
from scanner.facts.rule import note_unknown_starts, rule_terms
from scanner.graph.coverage import Doubt
from scanner.graph.shard_graph import ShardGraph
from scanner.model.facts import BackupOption, PlanFacts, RuleOverlap, RuleTerms, ScanScope
from scanner.model.inventory import BackupPlan, BackupRule
from scanner.model.known import Known, Ternary, Unread
from scanner.protection.lifecycle import retention_days
from scanner.protection.schedule import rhythm_of
from scanner.protection.timetable import overlapping

_OF_RULES: Final = (
    "rules",
    "overlapping_rules",
    "covers_resources",
    "selects_resources",
    "advanced_settings",
    "scan_settings",
)
"""The columns that depend on the plan's rules."""


def plan_row(
    graph: ShardGraph, plan: BackupPlan, reach: RuleReach, as_of: datetime
) -> tuple[PlanFacts, Notes]:
    """Build the row of one plan. `reach`: what its rules back up."""
    notes = Notes()
    notes.evidence("", plan.refs)
    # NULL entries first: they stay if the rules were not read.
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
        # The advanced settings and scan settings come in the same GetBackupPlan answer as the rules.
        advanced_settings=(None,)
        if unread
        else tuple(
            BackupOption(setting.resource_type, setting.option, setting.value) for setting in plan.advanced
        ),
        scan_settings=(None,)
        if unread
        else tuple(ScanScope(scan.scanner, scan.resource_types, scan.role) for scan in plan.scans),
        selections=selected.selections,
        selects_resources=selects,
        selected_count=selected.selected_count,
        selected_unsupported=selected.unsupported,
        from_organization=plan.from_organization,
        not_known=notes.not_known,
        evidence=notes.references,
    )
    return facts, notes


# If the start windows of two rules of one plan overlap, AWS Backup makes one backup, under the rule with the
# longer retention (AWS Backup developer guide, "Backup plan options and configuration"; facts 2.1).
def overlaps_of(rules: Iterable[BackupRule], as_of: datetime, notes: Notes) -> tuple[RuleOverlap, ...]:
    """Return the pairs of a plan's rules with different retentions whose start windows overlap.

    Rules with equal retentions are left out, because no backup is lost.
    """
    overlaps = []
    for overlap in overlapping(rules, as_of):
        # The rule with the longer retention wins, so the one with the shorter makes no backup of its own.
        longer, shorter = sorted((overlap.first, overlap.second), key=_days, reverse=True)
        if _days(longer) == _days(shorter):
            continue
        if overlap.certain is None:
            _note_doubt((longer, shorter), as_of, notes)
        overlaps.append(
            RuleOverlap(
                longer=longer.name,
                longer_days=_days(longer),
                shorter=shorter.name,
                shorter_days=_days(shorter),
                certain=overlap.certain,
            )
        )
    return tuple(overlaps)


def _note_doubt(rules: tuple[BackupRule, BackupRule], as_of: datetime, notes: Notes) -> None:
    # The schedule itself is unknown, which explains more than the time zones would.
    if any(rhythm_of(rule, as_of).valid is None for rule in rules):
        note_unknown_starts(rules, "overlapping_rules", as_of, notes)
        return
    zones = " and ".join(rule.timezone for rule in rules)
    notes.unknown("overlapping_rules", f"how the time zones {zones} of two rules compare is unknown")


def _days(rule: BackupRule) -> int:
    return retention_days(rule.lifecycle)


@dataclass(frozen=True, slots=True)
class PlanSelections:
    """What a plan's selections select together; None: not known."""

    selections: int | None
    selects_resources: Ternary
    selected_count: int | None
    unsupported: tuple[str, ...]  # ARNs, sorted


def plan_selections(graph: ShardGraph, plan: BackupPlan, notes: Notes) -> PlanSelections:
    """Build the columns of one plan. A resource that two selections select counts once."""
    doubts: list[Doubt] = []
    if isinstance(plan.selections, Unread):
        because = "its backup selections were not read"
        notes.unknown("selections", because, plan.selections.gap)
        doubts.append(Doubt(plan.name, because, plan.selections.gap, plan.arn))
    # ListBackupSelections broke off: the listed ones are certain, their number is not.
    elif plan.unlisted_selections is not None:
        because = "not all its backup selections were listed"
        notes.unknown("selections", because, plan.unlisted_selections)
        doubts.append(Doubt(plan.name, because, plan.unlisted_selections, plan.arn))
    listed = plan.selections.value if isinstance(plan.selections, Known) else ()
    number = None if doubts else len(listed)
    arns: set[str] = set()
    unsupported: set[str] = set()
    for selection in listed:
        selected = graph.selected_by(plan, selection)
        # A set, because selections of a plan add up and often name the same resource twice.
        arns.update(resource.arn for resource in selected.resources)
        unsupported.update(resource.arn for resource in selected.unsupported)
        if isinstance(selection.terms, Known):
            notes.evidence("selects_resources", selection.terms.refs)
        if selected.doubt is not None:
            doubts.append(selected.doubt)
    for doubt in doubts[:1]:  # one reason is enough for a column that is a single value
        # One resource is enough for "selects any", so a doubt leaves only the number open.
        for column in ("selected_count", *(() if arns else ("selects_resources",))):
            notes.unknown(column, doubt.because, doubt.gap)
    return PlanSelections(
        number,
        bool(arns) or (None if doubts else False),
        None if doubts else len(arns),
        tuple(sorted(unsupported)),
    )
