"""All fact rows of one shard, in the order in which they depend on each other."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from scanner.facts.account import AccountRows, account_region_row
from scanner.facts.copy_action import RuleReach, copy_action_row
from scanner.facts.plan import plan_row
from scanner.facts.recovery_point import recovery_point_row
from scanner.facts.resource import ResourceTable
from scanner.facts.resource_jobs import ShardHistory, shard_history
from scanner.facts.rule import rule_rows
from scanner.facts.selection import selection_row
from scanner.facts.vault import vault_row
from scanner.graph.control_plane import ControlPlane
from scanner.graph.coverage import Doubt
from scanner.graph.cross_shard import NO_ROWS, CrossShardRows
from scanner.graph.history import doubt_of, vaults_read
from scanner.graph.jobs import JobHistory
from scanner.graph.shard_graph import ShardGraph
from scanner.model.facts import CopyActionFacts, PlanFacts, ResourceFacts, Row, RuleFacts, SelectionFacts
from scanner.model.inventory import BackupPlan, BackupRule, ShardInventory
from scanner.model.known import Gap, Known, Unread
from scanner.model.names import ORG, Shard, rule_subject
from scanner.model.protection import ProtectionGroup


@dataclass(frozen=True, slots=True, kw_only=True)
class FactsRequest:
    """What the facts of a scan depend on, apart from the inventory."""

    as_of: datetime
    affected_controls: Mapping[str, tuple[str, ...]]  # operation -> selected controls that depend on it
    account_rows: AccountRows = field(default_factory=AccountRows)
    count_inherited_backup: bool = True


@dataclass(frozen=True, slots=True)
class ShardFacts:
    """The fact rows of one shard, by table. `groups`: its resources, grouped by how they are protected."""

    tables: Mapping[str, tuple[Row, ...]]
    needed: tuple[Gap, ...] = field(default=())  # gaps outside the shard that leave something unknown
    groups: tuple[ProtectionGroup, ...] = ()


def build_facts(
    inventory: ShardInventory,
    plane: ControlPlane,
    request: FactsRequest,
    cross_shard_rows: CrossShardRows = NO_ROWS,
) -> ShardFacts:
    """Build all fact rows of one shard. `cross_shard_rows`: what other shards contain of its resources."""
    graph = ShardGraph(inventory, plane, inherit=request.count_inherited_backup, as_of=request.as_of)
    past = shard_history(inventory, plane, request.as_of, cross_shard_rows)
    # A dict keeps the order of discovery and drops duplicates, so output is deterministic.
    needed: dict[Gap, None] = {}
    resources = ResourceTable(graph, past, request.as_of)
    tables = dict(_tables(graph, past, resources, request, needed))
    shard_gaps = set(inventory.gaps)
    member = plane.organization.accounts.get(inventory.shard.account)
    # Gaps of the shard itself are in its inventory already.
    own_gaps = tuple(gap for gap in needed if gap not in shard_gaps and _is_ours(gap, inventory.shard))
    # Last, because only now all gaps that leave a row unknown are known.
    tables["account_region"] = (
        account_region_row(
            inventory,
            member.name if member else "",
            (*own_gaps, *request.account_rows.gaps.get(inventory.shard.account, ())),
            request.affected_controls,
        ),
    )
    return ShardFacts(tables, own_gaps, tuple(resources.groups))


def _tables(
    graph: ShardGraph,
    past: ShardHistory,
    resources: ResourceTable,
    request: FactsRequest,
    needed: dict[Gap, None],
) -> Iterator[tuple[str, tuple[Row, ...]]]:
    """Yield each table but the account-Region's, by name; gaps that leave a row unknown go to `needed`."""
    inventory, as_of = graph.inventory, request.as_of
    yield "resource", tuple(_resources(graph, resources, needed))
    # Once for all tables below: rules, plans and copy actions read the same reach.
    reaches = dict(_reaches(graph))
    yield "plan", tuple(_plans(graph, reaches, as_of, needed))
    yield "rule", tuple(_rules(graph, reaches, as_of, needed))
    yield "selection", tuple(_selections(graph, needed))
    yield "copy_action", tuple(_copy_actions(graph, past.table.jobs, reaches, needed))
    # A vault counts as filled only on the evidence of a recovery point, not of the number that AWS reports.
    held = {point.vault for point in inventory.recovery_points}
    vaults = (
        vault_row(vault, graph.plane, holds_points=vault.arn in held, as_of=as_of)
        for vault in inventory.vaults
    )
    yield "vault", tuple(vaults)
    by_arn = {vault.arn: vault for vault in inventory.vaults}
    listed = vaults_read(inventory)
    points = (
        recovery_point_row(
            point,
            as_of,
            past.existence.exists(point),
            past.existence.gap(point),
            # A restore-access vault lists recovery points of another vault, so its points may not count.
            doubt_of(point.vault, by_arn.get(point.vault), listed),
        )
        for point in inventory.recovery_points
    )
    yield "recovery_point", tuple(points)


def _is_ours(gap: Gap, shard: Shard) -> bool:
    """Check whether a gap belongs here; a gap of another account-Region is reported there."""
    return gap.region == ORG or (gap.account, gap.region) == (shard.account, shard.region)


def _resources(graph: ShardGraph, table: ResourceTable, needed: dict[Gap, None]) -> Iterator[ResourceFacts]:
    for resource in graph.inventory.resources:
        row, notes = table.row(resource)
        # Only the missing reads of the notes stay in memory, not the notes of every row.
        needed.update(dict.fromkeys(notes.needed))
        yield row


def _reaches(graph: ShardGraph) -> Iterator[tuple[str, RuleReach]]:
    """Yield what each rule backs up, by the rule's name."""
    resources_by_rule = graph.rule_reach()
    for plan in graph.inventory.plans:
        doubt = graph.reach_doubt(plan)
        for rule in _rules_of(plan):
            subject = rule_subject(plan.arn, rule.id)
            yield subject, RuleReach(resources_by_rule.get(subject, ()), doubt)


def _reach_of(plan: BackupPlan, reaches: Mapping[str, RuleReach]) -> RuleReach:
    """Return what a plan backs up: all its rules back up the same resources."""
    if isinstance(plan.rules, Unread):
        return RuleReach((), Doubt(plan.name, "its rules were not read", plan.rules.gap, plan.arn))
    resources_by_rule = (reaches[rule_subject(plan.arn, rule.id)] for rule in plan.rules.value)
    # A plan without rules backs up nothing, whatever it selects.
    return next(resources_by_rule, RuleReach((), None))


def _plans(
    graph: ShardGraph, reaches: Mapping[str, RuleReach], as_of: datetime, needed: dict[Gap, None]
) -> Iterator[PlanFacts]:
    for plan in graph.inventory.plans:
        row, notes = plan_row(graph, plan, _reach_of(plan, reaches), as_of)
        needed.update(dict.fromkeys(notes.needed))
        yield row


def _rules_of(plan: BackupPlan) -> tuple[BackupRule, ...]:
    return plan.rules.value if isinstance(plan.rules, Known) else ()


def _rules(
    graph: ShardGraph, reaches: Mapping[str, RuleReach], as_of: datetime, needed: dict[Gap, None]
) -> Iterator[RuleFacts]:
    for plan in graph.inventory.plans:
        for rule in _rules_of(plan):
            reach = reaches[rule_subject(plan.arn, rule.id)]
            for row, notes in rule_rows(graph, plan, rule, reach, as_of):
                needed.update(dict.fromkeys(notes.needed))
                yield row


def _selections(graph: ShardGraph, needed: dict[Gap, None]) -> Iterator[SelectionFacts]:
    for plan in graph.inventory.plans:
        for selection in plan.selections.value if isinstance(plan.selections, Known) else ():
            row, notes = selection_row(graph, plan, selection)
            needed.update(dict.fromkeys(notes.needed))
            yield row


def _copy_actions(
    graph: ShardGraph, jobs: JobHistory, reaches: Mapping[str, RuleReach], needed: dict[Gap, None]
) -> Iterator[CopyActionFacts]:
    """Build the rows of all copy actions. Two equal actions of one rule are one subject."""
    for plan in graph.inventory.plans:
        for rule in _rules_of(plan):
            reach = reaches[rule_subject(plan.arn, rule.id)]
            for copy in {copy.destination: copy for copy in rule.copies}.values():
                row, notes = copy_action_row(graph, jobs, (plan, rule, copy), reach)
                needed.update(dict.fromkeys(notes.needed))
                yield row
