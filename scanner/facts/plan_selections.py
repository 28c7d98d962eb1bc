"""Columns of the table `plan`: what its backup selections select."""

from dataclasses import dataclass

from scanner.facts.notes import Notes
from scanner.graph.coverage import Doubt
from scanner.graph.shard_graph import ShardGraph
from scanner.model.inventory import BackupPlan
from scanner.model.reading import Known, Unread
from scanner.model.ternary import Ternary


@dataclass(frozen=True, slots=True)
class PlanSelections:
    """How much a plan's selections select together; None: not known."""

    selections: int | None
    selects_resources: Ternary
    selected_count: int | None
    unsupported: tuple[str, ...]  # ARNs, sorted


def plan_selections(graph: ShardGraph, plan: BackupPlan, notes: Notes) -> PlanSelections:
    """Make the columns of one plan. What two selections select counts once."""
    doubts: list[Doubt] = []
    if isinstance(plan.selections, Unread):
        because = "its backup selections were not read"
        notes.unknown("selections", because, plan.selections.gap)
        doubts.append(Doubt(plan.name, because, plan.selections.gap, plan.arn))
    elif plan.unlisted_selections is not None:
        because = "not all its backup selections were listed"
        notes.unknown("selections", because, plan.unlisted_selections)
        doubts.append(Doubt(plan.name, because, plan.unlisted_selections, plan.arn))
    listed = plan.selections.value if isinstance(plan.selections, Known) else ()
    number = None if doubts else len(listed)
    found: set[str] = set()
    unsupported: set[str] = set()
    for selection in listed:
        selected = graph.selected_by(plan, selection)
        found.update(resource.arn for resource in selected.resources)
        unsupported.update(resource.arn for resource in selected.unsupported)
        if isinstance(selection.terms, Known):
            notes.evidence("selects_resources", selection.terms.refs)
        if selected.doubt is not None:
            doubts.append(selected.doubt)
    for doubt in doubts[:1]:
        for column in ("selected_count", *(() if found else ("selects_resources",))):
            notes.unknown(column, doubt.because, doubt.gap)
    return PlanSelections(
        number,
        bool(found) or (None if doubts else False),
        None if doubts else len(found),
        tuple(sorted(unsupported)),
    )
