"""AWS Backup: plans with their rules, and selections. Each plan and selection is described by one call."""

from collections.abc import Iterator
from typing import Final

from scanner.evidence.answers import Answers
from scanner.evidence.shape import Shape
from scanner.model.inventory import (
    AdvancedSetting,
    BackupPlan,
    BackupRule,
    BackupSelection,
    CopyAction,
    Lifecycle,
    ScanAction,
    ScanSetting,
    SelectionTerms,
    TagCondition,
)
from scanner.model.known import EvidenceRef, Gap, Known, Reading
from scanner.model.names import Arn, Shard, partition_of
from scanner.services.base import Gaps, Operation, distinct, rows, texts
from scanner.services.caller import Caller

_PAGE: Final = 1000  # the largest page (AWS Backup API Reference)

_EQUALS: Final = "StringEquals"

OPERATIONS: Final = (
    Operation(
        "backup",
        "ListBackupPlans",
        "backup:ListBackupPlans",
        _PAGE,
        own=("BackupPlansList[].BackupPlanArn",),
        identity=("BackupPlansList[].BackupPlanId",),
    ),
    Operation(
        "backup",
        "GetBackupPlan",
        "backup:GetBackupPlan",
        after=("backup:ListBackupPlans",),
        per="plan",
        own=("BackupPlanArn",),
        # An unknown member of a lifecycle could change what the known days mean.
        closed=("BackupPlan.Rules[].Lifecycle", "BackupPlan.Rules[].CopyActions[].Lifecycle"),
    ),
    Operation(
        "backup",
        "ListBackupSelections",
        "backup:ListBackupSelections",
        _PAGE,
        after=("backup:ListBackupPlans",),
        per="plan",
        identity=("BackupSelectionsList[].SelectionId",),
    ),
    Operation(
        "backup",
        "GetBackupSelection",
        "backup:GetBackupSelection",
        after=("backup:ListBackupSelections",),
        per="selection",
        # An unknown member may restrict the selection: without it, the plan would seem to select more.
        closed=("BackupSelection",),
    ),
)


def collect(caller: Caller) -> None:
    """Record plans with their selections."""
    plans = texts(caller.pages("backup", "ListBackupPlans"), "BackupPlansList", "BackupPlanId")
    caller.each(plans, _collect_plan)


def _collect_plan(caller: Caller, plan: str) -> tuple[str, ...]:
    # Without a VersionId, AWS returns the current version, which is the one that runs.
    caller.call("backup", "GetBackupPlan", BackupPlanId=plan)
    pages = caller.pages("backup", "ListBackupSelections", BackupPlanId=plan)
    for selection in texts(pages, "BackupSelectionsList", "SelectionId"):
        caller.call("backup", "GetBackupSelection", BackupPlanId=plan, SelectionId=selection)
    return ()


def parse_plans(answers: Answers, gaps: Gaps) -> tuple[BackupPlan, ...]:
    """Parse the shard's backup plans, without deleted ones (DeletionDate)."""
    plans = distinct(
        (
            (row, ref)
            for row, ref in rows(answers, "backup:ListBackupPlans", "BackupPlansList")
            # With IncludeDeleted, which other programs may use, the list also has deleted plans.
            if row.text("DeletionDate") is None
        ),
        "BackupPlanId",
    )
    return tuple(_plan(answers, gaps, row, ref) for _, (row, ref) in sorted(plans.items()))


def _plan(answers: Answers, gaps: Gaps, row: Shape, ref: EvidenceRef) -> BackupPlan:
    plan_id = row.need("BackupPlanId")
    shard = answers.shard
    selections, unlisted = _selections(answers, gaps, plan_id)
    return BackupPlan(
        arn=Arn(row.text("BackupPlanArn") or _plan_arn(shard, plan_id)),
        id=plan_id,
        name=row.text("BackupPlanName") or plan_id,
        account=shard.account,
        region=shard.region,
        rules=_rules(answers, gaps, plan_id),
        selections=selections,
        unlisted_selections=unlisted,
        advanced=tuple(_advanced(answers, plan_id)),
        scans=tuple(_scans(answers, plan_id)),
        refs=(ref,),
    )


def _plan_arn(shard: Shard, plan_id: str) -> str:
    return f"arn:{partition_of(shard.region)}:backup:{shard.region}:{shard.account}:backup-plan:{plan_id}"


def _rules(answers: Answers, gaps: Gaps, plan_id: str) -> Reading[tuple[BackupRule, ...]]:
    answer = answers.one("backup:GetBackupPlan", BackupPlanId=plan_id)
    rules = tuple(
        _rule(rule) for page in answer.pages for rule in page.need_child("BackupPlan").children("Rules")
    )
    return gaps.reading(rules, answer)


def _advanced(answers: Answers, plan_id: str) -> Iterator[AdvancedSetting]:
    """Yield AdvancedBackupSettings: options for EC2 and S3 (API reference, "AdvancedBackupSetting")."""
    for page in answers.one("backup:GetBackupPlan", BackupPlanId=plan_id).pages:
        for setting in page.need_child("BackupPlan").children("AdvancedBackupSettings"):
            for option, value in sorted(setting.mapping("BackupOptions", str).items()):
                yield AdvancedSetting(setting.text("ResourceType") or "", option, value)


def _scans(answers: Answers, plan_id: str) -> Iterator[ScanSetting]:
    for page in answers.one("backup:GetBackupPlan", BackupPlanId=plan_id).pages:
        for setting in page.need_child("BackupPlan").children("ScanSettings"):
            yield ScanSetting(
                scanner=setting.text("MalwareScanner") or "",
                resource_types=setting.texts("ResourceTypes"),
                role=setting.text("ScannerRoleArn") or "",
            )


def _rule(rule: Shape) -> BackupRule:
    copies = tuple(
        CopyAction(Arn(copy.need("DestinationBackupVaultArn")), _lifecycle(copy.child("Lifecycle")))
        for copy in rule.children("CopyActions")
    )
    # Types that AWS Backup does not fully manage reach this vault by a copy, with the lifecycle of the rule.
    if air_gapped := rule.text("TargetLogicallyAirGappedBackupVaultArn"):
        target = CopyAction(Arn(air_gapped), _lifecycle(rule.child("Lifecycle")), air_gapped=True)
        copies = (*copies, target)
    return BackupRule(
        id=rule.need("RuleId"),
        name=rule.text("RuleName") or "",
        target_vault=rule.need("TargetBackupVaultName"),
        schedule=rule.text("ScheduleExpression"),
        # "By default, ScheduleExpressions are in UTC" (API reference, "BackupRule").
        timezone=rule.text("ScheduleExpressionTimezone") or "Etc/UTC",
        start_window_minutes=rule.integer("StartWindowMinutes"),
        # Missing means snapshots (API reference, "BackupRule").
        continuous=rule.flag("EnableContinuousBackup") or False,
        lifecycle=_lifecycle(rule.child("Lifecycle")),
        copies=copies,
        completion_window_minutes=rule.integer("CompletionWindowMinutes"),
        recovery_point_tags=tuple(sorted(rule.mapping("RecoveryPointTags", str).items())),
        index_types=tuple(
            kind for action in rule.children("IndexActions") for kind in action.texts("ResourceTypes")
        ),
        scan_actions=tuple(
            ScanAction(action.text("MalwareScanner") or "", action.text("ScanMode") or "")
            for action in rule.children("ScanActions")
        ),
    )


def _lifecycle(lifecycle: Shape | None) -> Lifecycle:
    """Parse a lifecycle. -1 means the same as no value: keep forever, or never move.

    AWS Backup archives "if the value is true" (API reference, "Lifecycle"): a missing opt-in means false.
    """
    if lifecycle is None:
        return Lifecycle()
    return Lifecycle(
        delete_after_days=_days(lifecycle.integer("DeleteAfterDays")),
        move_to_cold_after_days=_days(lifecycle.integer("MoveToColdStorageAfterDays")),
        archive_opt_in=lifecycle.flag("OptInToArchiveForSupportedResources") or False,
    )


def _days(days: int | None) -> int | None:
    return None if days is None or days < 0 else days


def _selections(
    answers: Answers, gaps: Gaps, plan_id: str
) -> tuple[Reading[tuple[BackupSelection, ...]], Gap | None]:
    """Parse a plan's selections. Those on recorded pages count, even if further pages are missing."""
    answer = answers.one("backup:ListBackupSelections", BackupPlanId=plan_id)
    selections = {
        row.need("SelectionId"): row for page in answer.pages for row in page.children("BackupSelectionsList")
    }
    parsed = tuple(_selection(answers, gaps, plan_id, row) for _, row in sorted(selections.items()))
    if answer.gap is not None and answer.pages:
        gaps.note(answer.gap)
        return Known(parsed, answer.refs), answer.gap
    return gaps.reading(parsed, answer), None


def _selection(answers: Answers, gaps: Gaps, plan_id: str, row: Shape) -> BackupSelection:
    selection_id = row.need("SelectionId")
    answer = answers.one("backup:GetBackupSelection", BackupPlanId=plan_id, SelectionId=selection_id)
    terms = next((page.need_child("BackupSelection") for page in answer.pages), None)
    return BackupSelection(
        id=selection_id,
        name=row.text("SelectionName") or selection_id,
        terms=gaps.reading(_terms(terms), answer),
    )


def _terms(terms: Shape | None) -> SelectionTerms:
    if terms is None:
        return SelectionTerms((), (), (), (), None)
    conditions = terms.child("Conditions")
    return SelectionTerms(
        resources=terms.texts("Resources"),
        not_resources=terms.texts("NotResources"),
        list_of_tags=tuple(
            TagCondition(_tag_operator(tag), tag.need("ConditionKey"), tag.text("ConditionValue") or "")
            for tag in terms.children("ListOfTags")
        ),
        conditions=() if conditions is None else _conditions(conditions),
        role=terms.text("IamRoleArn"),
    )


def _tag_operator(tag: Shape) -> str:
    """Return the operator of a ListOfTags entry: always STRINGEQUALS (API reference, "Condition")."""
    operator = tag.text("ConditionType") or _EQUALS
    return _EQUALS if operator.upper() == _EQUALS.upper() else operator


def _conditions(conditions: Shape) -> tuple[TagCondition, ...]:
    """Parse all conditions. An operator that this version does not know also narrows the selection."""
    return tuple(
        TagCondition(operator, entry.need("ConditionKey"), entry.text("ConditionValue") or "")
        for operator in sorted(conditions.data)
        for entry in conditions.children(operator)
    )
