"""The fact table `rule`: a row for each rule and each of its copy actions: both keep backups in a vault."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from scanner.facts.copy_action import RuleReach
from scanner.facts.notes import Notes, local_text
from scanner.graph.shard_graph import ShardGraph
from scanner.model.facts import FOREVER_DAYS, NEVER_HOURS, CoveredType, MalwareScan, RuleFacts, RuleTerms, Tag
from scanner.model.inventory import BackupPlan, BackupRule, CopyAction, Lifecycle, Resource
from scanner.model.known import Answer, Known, Ternary
from scanner.model.names import Arn, copy_action_subject, partition_of, rule_subject, vault_arn
from scanner.protection.capabilities import capability_of, cold_supported, needs_archive_opt_in
from scanner.protection.clock import clock_of
from scanner.protection.copies import Destination
from scanner.protection.lifecycle import copy_retention_days, lock_admits, retention_days
from scanner.protection.schedule import Rhythm, rhythm_of, schedule_of, starts_within

_YEAR = timedelta(days=365)


@dataclass(frozen=True, slots=True, kw_only=True)
class _RetentionTarget:
    """A vault and retention: of a rule and its target, or of a copy action and its destination."""

    subject: str
    subject_type: str
    kind: str
    name: str
    vault: Arn
    days: int
    lifecycle: Lifecycle


@dataclass(frozen=True, slots=True)
class _Starts:
    """How often a rule starts, and when it starts next, in the local time of its time zone."""

    rhythm: Rhythm
    now: datetime
    next: datetime | None

    @classmethod
    def of(cls, rule: BackupRule, as_of: datetime) -> "_Starts":
        """Return the starts of a rule."""
        clock = clock_of(rule.timezone, as_of)
        # The search is bounded to 400 days, so a schedule that never starts ends it, too.
        starts = starts_within(schedule_of(rule), clock)
        return cls(rhythm_of(rule, as_of), clock.now, starts[0] if starts else None)

    @property
    def within_a_year(self) -> Ternary:
        """Whether the rule starts within 365 days."""
        # An unreadable schedule is unknown, while one that never starts is a certain no.
        if self.rhythm.valid is None:
            return None
        return self.next is not None and self.next <= self.now + _YEAR

    def note(self, notes: Notes) -> None:
        """Note why the columns of the schedule are unknown."""
        if self.rhythm.valid is None:
            for column in ("schedule_valid", "next_start", "starts_within_a_year"):
                notes.unknown(column, self.rhythm.because)
        if self.rhythm.max_gap_hours is None:
            notes.unknown("max_gap_hours", self.rhythm.because)


def rule_rows(
    graph: ShardGraph, plan: BackupPlan, rule: BackupRule, reach: RuleReach, as_of: datetime
) -> Iterator[tuple[RuleFacts, Notes]]:
    """Build the rows of one rule and its copy actions. Two equal actions of one rule are one subject."""
    shard = graph.inventory.shard
    subject = rule_subject(plan.arn, rule.id)
    # A rule names its vault, which must be in the plan's own account and Region; copies name an ARN.
    target = vault_arn(partition_of(shard.region), shard, rule.target_vault)
    name = f"{plan.name} / {rule.name}"
    own = _RetentionTarget(
        subject=subject,
        subject_type="rule",
        kind="rule",
        name=name,
        vault=target,
        days=retention_days(rule.lifecycle),
        lifecycle=rule.lifecycle,
    )
    yield _row(graph, (plan, rule), own, reach, as_of)
    # A rule may contain two copy actions into one vault; they would have the same subject.
    for copy in {copy.destination: copy for copy in rule.copies}.values():
        yield _row(graph, (plan, rule), _copy_target(copy, rule, subject, name), reach, as_of)


def _copy_target(copy: CopyAction, rule: BackupRule, subject: str, name: str) -> _RetentionTarget:
    return _RetentionTarget(
        subject=copy_action_subject(subject, copy.destination),
        subject_type="copy_action",
        kind="air_gapped_target" if copy.air_gapped else "copy_action",
        name=f"{name} -> {copy.destination.rpartition(':')[2]}",
        vault=copy.destination,
        days=copy_retention_days(rule, copy),
        lifecycle=copy.lifecycle,
    )


def _row(
    graph: ShardGraph,
    plan_and_rule: tuple[BackupPlan, BackupRule],
    stored: _RetentionTarget,
    reach: RuleReach,
    as_of: datetime,
) -> tuple[RuleFacts, Notes]:
    plan, rule = plan_and_rule
    notes = Notes()
    notes.evidence("", plan.rules.refs if isinstance(plan.rules, Known) else plan.refs)
    shard = graph.inventory.shard
    target = graph.plane.destination(stored.vault)
    within = _within_lock(target, stored.days, notes)
    starts = _Starts.of(rule, as_of)
    # Starts are the rule's own even in the row of a copy, which runs when the backup completes.
    starts.note(notes)
    cold = stored.lifecycle.move_to_cold_after_days
    facts = RuleFacts(
        subject=stored.subject,
        subject_type=stored.subject_type,
        account=shard.account,
        region=shard.region,
        name=stored.name,
        not_applicable_because="",
        plan=plan.arn,
        plan_name=plan.name,
        kind=stored.kind,
        schedule=schedule_of(rule),
        timezone=rule.timezone,
        schedule_valid=starts.rhythm.valid,
        schedule_reason=starts.rhythm.because,
        # Empty: no start is known to follow; NULL: whether one follows is unknown.
        next_start=None if starts.rhythm.valid is None else local_text(starts.next),
        max_gap_hours=starts.rhythm.max_gap_hours,
        starts_within_a_year=starts.within_a_year,
        # Zero: the plan leaves the window to AWS Backup's default.
        start_window_minutes=rule.start_window_minutes or 0,
        completion_window_minutes=rule.completion_window_minutes or 0,
        recovery_point_tags=tuple(Tag(key, value) for key, value in rule.recovery_point_tags),
        index_types=rule.index_types,
        scan_actions=tuple(MalwareScan(action.scanner, action.mode) for action in rule.scan_actions),
        continuous=rule.continuous,
        retention_days=stored.days,
        keeps_forever=stored.days == FOREVER_DAYS,
        moves_to_cold=cold is not None,
        cold_after_days=cold or 0,
        archive_opt_in=stored.lifecycle.archive_opt_in,
        target=stored.vault,
        target_exists=_exists(target, notes),
        within_lock=within.value,
        lock_reason="" if within.value else within.because,
        covers_resources=_covers(reach, notes),
        # Without a transition to cold storage there is nothing to support.
        covered_types=() if cold is None else _covered_types(graph, reach, stored.lifecycle, notes),
        not_known=notes.not_known,
        evidence=notes.references,
    )
    return facts, notes


def _exists(target: Destination, notes: Notes) -> Ternary:
    if target.vault is not None:
        notes.evidence("target_exists", target.vault.refs)
    if target.exists.value is None:
        notes.unknown("target_exists", target.exists.because, target.gap)
    return target.exists.value


def _within_lock(target: Destination, days: int, notes: Notes) -> Answer:
    """Check the retention against the vault's lock; a vault that does not exist has none."""
    if target.vault is None:
        # The control of missing vaults reports it; a second failure for the same cause would mislead.
        if target.exists.value is False:
            return Answer(value=True)
        notes.unknown("within_lock", target.exists.because, target.gap)
        return Answer(None, target.exists.because)
    notes.evidence("within_lock", target.vault.refs)
    answer = lock_admits(target.vault, days)
    if answer.value is None:
        notes.unknown("within_lock", answer.because)
    return answer


def _covers(reach: RuleReach, notes: Notes) -> Ternary:
    if reach.reaches_any is None and reach.doubt is not None:
        notes.unknown("covers_resources", reach.doubt.because, reach.doubt.gap)
    return reach.reaches_any


def _covered_types(
    graph: ShardGraph, reach: RuleReach, lifecycle: Lifecycle, notes: Notes
) -> tuple[CoveredType | None, ...]:
    types = tuple(_covered_type(graph, resource, lifecycle, notes) for resource in reach.resources)
    if reach.doubt is None:
        return types
    notes.unknown("covered_types", reach.doubt.because, reach.doubt.gap)
    return (*types, None)


def _covered_type(graph: ShardGraph, resource: Resource, lifecycle: Lifecycle, notes: Notes) -> CoveredType:
    row = capability_of(resource, graph.inventory.settings)
    # Without the Region settings, several rows of the capabilities may apply, which may differ in this.
    cold = None if row is None else cold_supported(row, lifecycle)
    if cold is None:
        notes.unknown("covered_types", f"whether {resource.arn} supports cold storage is unknown")
    return CoveredType(
        resource=resource.arn,
        capability=resource.capability if row is None else row.key,
        cold=cold,
        # AWS Backup archives EBS snapshots only with OptInToArchiveForSupportedResources (API reference,
        # Lifecycle).
        needs_archive_opt_in=row is not None and needs_archive_opt_in(row, lifecycle),
    )


def rule_terms(plan: BackupPlan, rule: BackupRule, as_of: datetime) -> RuleTerms:
    """Return when a rule starts and how long it keeps its recovery points."""
    days = retention_days(rule.lifecycle)
    rhythm = rhythm_of(rule, as_of)
    return RuleTerms(
        rule=rule_subject(plan.arn, rule.id),
        plan=plan.name,
        name=rule.name,
        vault=rule.target_vault,
        schedule=schedule_of(rule),
        timezone=rule.timezone,
        max_gap_hours=rhythm.max_gap_hours,
        # Only rules that seldom or never start carry a reason: for others the figure says it all.
        seldom_because=rhythm.because if rhythm.max_gap_hours == NEVER_HOURS else "",
        skipped_start=local_text(rhythm.skipped),
        retention_days=days,
        keeps_forever=days == FOREVER_DAYS,
        continuous=rule.continuous,
    )


def note_unknown_starts(rules: Iterable[BackupRule], column: str, as_of: datetime, notes: Notes) -> None:
    """Note the rules of which it is unknown when they start, and why."""
    for rule in rules:
        # NEVER_HOURS is a figure; only an unknown schedule has none.
        if (rhythm := rhythm_of(rule, as_of)).max_gap_hours is None:
            because = f'when rule {rule.name} starts ("{schedule_of(rule)}") is unknown: {rhythm.because}'
            notes.unknown(column, because)
