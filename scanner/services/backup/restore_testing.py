"""AWS Backup: restore testing plans and selections. Each is described by one call."""

from collections.abc import Iterator
from typing import Final

from scanner.evidence.answers import Answers
from scanner.evidence.shape import Shape
from scanner.model.assurance import (
    RestoreTestingPlan,
    RestoreTestingResources,
    RestoreTestingScope,
    RestoreTestingSelection,
)
from scanner.model.known import EvidenceRef, Gap, Known, Reading
from scanner.model.names import Arn
from scanner.services.base import Gaps, Operation, distinct, rows, texts
from scanner.services.caller import Caller

_PAGE: Final = 1000  # the largest page (AWS Backup API Reference)

_LIST: Final = "backup:ListRestoreTestingPlans"
_SELECTIONS: Final = "backup:ListRestoreTestingSelections"

OPERATIONS: Final = (
    Operation(
        "backup",
        "ListRestoreTestingPlans",
        "backup:ListRestoreTestingPlans",
        _PAGE,
        own=("RestoreTestingPlans[].RestoreTestingPlanArn",),
        identity=("RestoreTestingPlans[].RestoreTestingPlanName",),
    ),
    Operation(
        "backup",
        "GetRestoreTestingPlan",
        "backup:GetRestoreTestingPlan",
        after=("backup:ListRestoreTestingPlans",),
        per="restore testing plan",
        own=("RestoreTestingPlan.RestoreTestingPlanArn",),
    ),
    Operation(
        "backup",
        "ListRestoreTestingSelections",
        "backup:ListRestoreTestingSelections",
        _PAGE,
        after=("backup:ListRestoreTestingPlans",),
        per="restore testing plan",
        identity=("RestoreTestingSelections[].RestoreTestingSelectionName",),
    ),
    Operation(
        "backup",
        "GetRestoreTestingSelection",
        "backup:GetRestoreTestingSelection",
        # AWS marks it as sensitive: restore metadata may contain the password of a directory.
        secrets=("RestoreTestingSelection.RestoreMetadataOverrides",),
        after=("backup:ListRestoreTestingSelections",),
        per="restore testing selection",
    ),
)


def collect(caller: Caller) -> None:
    """Record restore testing plans with their selections."""
    pages = caller.pages("backup", "ListRestoreTestingPlans")
    caller.each(texts(pages, "RestoreTestingPlans", "RestoreTestingPlanName"), _collect_plan)


def _collect_plan(caller: Caller, plan: str) -> tuple[str, ...]:
    caller.call("backup", "GetRestoreTestingPlan", RestoreTestingPlanName=plan)
    pages = caller.pages("backup", "ListRestoreTestingSelections", RestoreTestingPlanName=plan)
    for selection in texts(pages, "RestoreTestingSelections", "RestoreTestingSelectionName"):
        parameters = {"RestoreTestingPlanName": plan, "RestoreTestingSelectionName": selection}
        caller.call("backup", "GetRestoreTestingSelection", **parameters)
    return ()


def parse_restore_testing(answers: Answers, gaps: Gaps) -> tuple[RestoreTestingPlan, ...]:
    """Parse the shard's restore testing plans, by name."""
    plans = distinct(rows(answers, _LIST, "RestoreTestingPlans"), "RestoreTestingPlanName")
    return tuple(_plan(answers, gaps, row, ref) for _, (row, ref) in sorted(plans.items()))


def _plan(answers: Answers, gaps: Gaps, row: Shape, ref: EvidenceRef) -> RestoreTestingPlan:
    name = row.need("RestoreTestingPlanName")
    selections, unlisted = _selections(answers, gaps, name)
    return RestoreTestingPlan(
        arn=Arn(row.need("RestoreTestingPlanArn")),
        name=name,
        account=answers.shard.account,
        region=answers.shard.region,
        schedule=row.text("ScheduleExpression"),
        # Schedules are in UTC unless they name a time zone (API reference).
        timezone=row.text("ScheduleExpressionTimezone") or "Etc/UTC",
        start_window_hours=row.integer("StartWindowHours"),
        last_executed_at=row.instant("LastExecutionTime"),
        scope=_scope(answers, gaps, name),
        selections=selections,
        unlisted_selections=unlisted,
        refs=(ref,),
    )


def _scope(answers: Answers, gaps: Gaps, plan: str) -> Reading[RestoreTestingScope]:
    answer = answers.one("backup:GetRestoreTestingPlan", RestoreTestingPlanName=plan)
    selection = next(
        (page.need_child("RestoreTestingPlan").need_child("RecoveryPointSelection") for page in answer.pages),
        # The empty shape is for answers with a gap, which is returned in its place.
        Shape({}, "RecoveryPointSelection", EvidenceRef("", 0)),
    )
    scope = RestoreTestingScope(
        algorithm=selection.text("Algorithm"),
        include_vaults=selection.texts("IncludeVaults"),
        exclude_vaults=selection.texts("ExcludeVaults"),
        point_types=selection.texts("RecoveryPointTypes"),
        window_days=selection.integer("SelectionWindowDays"),
    )
    return gaps.reading(scope, answer)


def _selections(
    answers: Answers, gaps: Gaps, plan: str
) -> tuple[Reading[tuple[RestoreTestingSelection, ...]], Gap | None]:
    """Parse a plan's selections. Those on recorded pages count, even if further pages are missing."""
    answer = answers.one(_SELECTIONS, RestoreTestingPlanName=plan)
    listed = {
        row.need("RestoreTestingSelectionName"): row
        for page in answer.pages
        for row in page.children("RestoreTestingSelections")
    }
    parsed = tuple(_selection(answers, gaps, plan, row) for _, row in sorted(listed.items()))
    if answer.gap is not None and answer.pages:
        gaps.note(answer.gap)
        return Known(parsed, answer.refs), answer.gap
    return gaps.reading(parsed, answer), None


def _selection(answers: Answers, gaps: Gaps, plan: str, row: Shape) -> RestoreTestingSelection:
    name = row.need("RestoreTestingSelectionName")
    answer = answers.one(
        "backup:GetRestoreTestingSelection", RestoreTestingPlanName=plan, RestoreTestingSelectionName=name
    )
    described = next((page.need_child("RestoreTestingSelection") for page in answer.pages), None)
    return RestoreTestingSelection(
        name=name,
        resource_type=row.text("ProtectedResourceType") or "",
        role=row.text("IamRoleArn"),
        validation_window_hours=row.integer("ValidationWindowHours"),
        resources=gaps.reading(_resources(described), answer),
    )


def _resources(selection: Shape | None) -> RestoreTestingResources:
    if selection is None:
        return RestoreTestingResources((), (), ())
    conditions = selection.child("ProtectedResourceConditions")
    return RestoreTestingResources(
        arns=selection.texts("ProtectedResourceArns"),
        equals=tuple(_pairs(conditions, "StringEquals")),
        not_equals=tuple(_pairs(conditions, "StringNotEquals")),
    )


def _pairs(conditions: Shape | None, key: str) -> Iterator[tuple[str, str]]:
    for pair in conditions.children(key) if conditions is not None else ():
        yield pair.need("Key"), pair.text("Value") or ""
