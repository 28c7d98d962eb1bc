"""AWS Backup: legal holds, Audit Manager frameworks, report plans and tiering configurations."""

from collections.abc import Iterator
from typing import Final

from scanner.evidence.answers import Answers
from scanner.evidence.shape import Shape
from scanner.model.assurance import (
    Assurance,
    Framework,
    FrameworkControl,
    FrameworkDetails,
    LegalHold,
    LegalHoldScope,
    ReportPlan,
    TieringConfiguration,
    TieringRule,
)
from scanner.model.known import EvidenceRef, Known, Reading
from scanner.model.names import Shard, partition_of
from scanner.services.backup.restore_testing import parse_restore_testing
from scanner.services.base import Gaps, Operation, objects, rows, text, texts
from scanner.services.caller import Caller, record_all

_PAGE: Final = 1000  # the largest page (AWS Backup API Reference)

OPERATIONS: Final = (
    Operation(
        "backup",
        "ListLegalHolds",
        "backup:ListLegalHolds",
        _PAGE,
        own=("LegalHolds[].LegalHoldArn",),
        identity=("LegalHolds[].LegalHoldId",),
    ),
    Operation(
        "backup",
        "GetLegalHold",
        "backup:GetLegalHold",
        after=("backup:ListLegalHolds",),
        per="legal hold",
        own=("LegalHoldArn",),
    ),
    Operation(
        "backup",
        "ListFrameworks",
        "backup:ListFrameworks",
        _PAGE,
        own=("Frameworks[].FrameworkArn",),
        identity=("Frameworks[].FrameworkName",),
    ),
    Operation(
        "backup",
        "DescribeFramework",
        "backup:DescribeFramework",
        after=("backup:ListFrameworks",),
        per="framework",
        own=("FrameworkArn",),
    ),
    Operation(
        "backup",
        "ListReportPlans",
        "backup:ListReportPlans",
        _PAGE,
        own=("ReportPlans[].ReportPlanArn",),
        identity=("ReportPlans[].ReportPlanName",),
    ),
    Operation(
        "backup",
        "ListTieringConfigurations",
        "backup:ListTieringConfigurations",
        _PAGE,
        own=("TieringConfigurations[].TieringConfigurationArn",),
        identity=("TieringConfigurations[].TieringConfigurationName",),
    ),
    Operation(
        "backup",
        "GetTieringConfiguration",
        "backup:GetTieringConfiguration",
        after=("backup:ListTieringConfigurations",),
        per="tiering configuration",
        own=("TieringConfiguration.TieringConfigurationArn",),
    ),
)

_CANCELED: Final = "CANCELED"


def collect(caller: Caller) -> set[str]:
    """Record legal holds, frameworks, report plans and tiering configurations, in parallel."""
    return caller.in_parallel(
        _collect_legal_holds, _collect_frameworks, _collect_report_plans, _collect_tiering
    )


def _collect_legal_holds(caller: Caller) -> None:
    """Record legal holds; a canceled one is not described, since it no longer protects anything."""
    pages = caller.pages("backup", "ListLegalHolds")
    holds = (row for answer in pages for row in objects(answer, "LegalHolds"))
    ids = (text(row, "LegalHoldId") for row in holds if row.get("Status") != _CANCELED)
    caller.each([hold for hold in ids if hold], _describe_legal_hold)


def _describe_legal_hold(caller: Caller, hold: str) -> tuple[str, ...]:
    caller.call("backup", "GetLegalHold", LegalHoldId=hold)
    return ()


def _collect_frameworks(caller: Caller) -> None:
    names = texts(caller.pages("backup", "ListFrameworks"), "Frameworks", "FrameworkName")
    caller.each(names, _describe_framework)


def _describe_framework(caller: Caller, name: str) -> tuple[str, ...]:
    caller.call("backup", "DescribeFramework", FrameworkName=name)
    return ()


def _collect_report_plans(caller: Caller) -> None:
    record_all(caller.pages("backup", "ListReportPlans"))


def _collect_tiering(caller: Caller) -> None:
    pages = caller.pages("backup", "ListTieringConfigurations")
    caller.each(
        texts(pages, "TieringConfigurations", "TieringConfigurationName"), _describe_tiering_configuration
    )


def _describe_tiering_configuration(caller: Caller, name: str) -> tuple[str, ...]:
    caller.call("backup", "GetTieringConfiguration", TieringConfigurationName=name)
    return ()


def parse_assurance(answers: Answers, gaps: Gaps) -> Assurance:
    """Parse restore testing plans, legal holds, frameworks, report plans and tiering configurations."""
    holds = {hold.arn: hold for hold in _legal_holds(answers, gaps)}
    frameworks = {framework.arn: framework for framework in _frameworks(answers, gaps)}
    reports = {plan.arn: plan for plan in _report_plans(answers)}
    tiering = {configuration.arn: configuration for configuration in _tiering(answers, gaps)}
    return Assurance(
        restore_testing_plans=parse_restore_testing(answers, gaps),
        legal_holds=tuple(holds[arn] for arn in sorted(holds)),
        frameworks=tuple(frameworks[arn] for arn in sorted(frameworks)),
        report_plans=tuple(reports[arn] for arn in sorted(reports)),
        tiering_configurations=tuple(tiering[arn] for arn in sorted(tiering)),
    )


def _legal_holds(answers: Answers, gaps: Gaps) -> Iterator[LegalHold]:
    for row, ref in rows(answers, "backup:ListLegalHolds", "LegalHolds"):
        status = row.text("Status")
        hold_id = row.need("LegalHoldId")
        yield LegalHold(
            arn=row.text("LegalHoldArn") or hold_id,
            id=hold_id,
            title=row.text("Title") or hold_id,
            account=answers.shard.account,
            region=answers.shard.region,
            status=status,
            created_at=row.instant("CreationDate"),
            canceled_at=row.instant("CancellationDate"),
            scope=_legal_hold_scope(answers, gaps, hold_id, is_canceled=status == _CANCELED),
            refs=(ref,),
        )


def _legal_hold_scope(
    answers: Answers, gaps: Gaps, hold_id: str, *, is_canceled: bool
) -> Reading[LegalHoldScope] | None:
    answer = answers.one("backup:GetLegalHold", LegalHoldId=hold_id)
    if is_canceled:  # only a bundle of another program has an answer for it
        return None if answer.gap is not None else Known(_hold_scope(answer.pages), answer.refs)
    return gaps.reading(_hold_scope(answer.pages), answer)


def _hold_scope(pages: tuple[Shape, ...]) -> LegalHoldScope:
    selection = next((child for page in pages if (child := page.child("RecoveryPointSelection"))), _EMPTY)
    dates = selection.child("DateRange") or _EMPTY
    return LegalHoldScope(
        vaults=selection.texts("VaultNames"),
        resources=selection.texts("ResourceIdentifiers"),
        from_date=dates.instant("FromDate"),
        to_date=dates.instant("ToDate"),
    )


# A missing object has no members. Where a whole description is missing, its gap is returned instead.
_EMPTY: Final = Shape({}, "nothing", EvidenceRef("", 0))


def _frameworks(answers: Answers, gaps: Gaps) -> Iterator[Framework]:
    for row, ref in rows(answers, "backup:ListFrameworks", "Frameworks"):
        name = row.need("FrameworkName")
        answer = answers.one("backup:DescribeFramework", FrameworkName=name)
        described = next(iter(answer.pages), _EMPTY)
        details = FrameworkDetails(
            # Shows whether AWS Config records what the controls need (API reference, "DescribeFramework").
            status=described.text("FrameworkStatus"),
            controls=tuple(_control(control) for control in described.children("FrameworkControls")),
        )
        yield Framework(
            arn=row.text("FrameworkArn") or _framework_arn(answers.shard, name),
            name=name,
            account=answers.shard.account,
            region=answers.shard.region,
            deployment_status=row.text("DeploymentStatus"),
            details=gaps.reading(details, answer),
            refs=(ref,),
        )


def _framework_arn(shard: Shard, name: str) -> str:
    """Build the ARN of a framework whose row has none; its name is unique within a shard only."""
    return f"arn:{partition_of(shard.region)}:backup:{shard.region}:{shard.account}:framework:{name}"


def _control(control: Shape) -> FrameworkControl:
    # Without a scope, a control evaluates everything that it can (docs/assumptions.md).
    scope = control.child("ControlScope") or _EMPTY
    return FrameworkControl(
        name=control.need("ControlName"),
        parameters=tuple(
            (parameter.text("ParameterName") or "", parameter.text("ParameterValue") or "")
            for parameter in control.children("ControlInputParameters")
        ),
        resource_ids=scope.texts("ComplianceResourceIds"),
        resource_types=scope.texts("ComplianceResourceTypes"),
        tags=tuple(sorted(scope.mapping("Tags", str).items())),
    )


def _report_plans(answers: Answers) -> Iterator[ReportPlan]:
    for row, ref in rows(answers, "backup:ListReportPlans", "ReportPlans"):
        setting = row.child("ReportSetting") or _EMPTY
        channel = row.child("ReportDeliveryChannel") or _EMPTY
        name = row.need("ReportPlanName")
        yield ReportPlan(
            arn=row.text("ReportPlanArn") or name,
            name=name,
            account=answers.shard.account,
            region=answers.shard.region,
            template=setting.text("ReportTemplate"),
            frameworks=setting.texts("FrameworkArns"),
            # For reports across accounts and Regions only (API reference, "ReportSetting").
            accounts=setting.texts("Accounts"),
            organizational_units=setting.texts("OrganizationUnits"),
            regions=setting.texts("Regions"),
            bucket=channel.text("S3BucketName"),
            prefix=channel.text("S3KeyPrefix"),
            deployment_status=row.text("DeploymentStatus"),
            last_attempt_at=row.instant("LastAttemptedExecutionTime"),
            last_success_at=row.instant("LastSuccessfulExecutionTime"),
            refs=(ref,),
        )


def _tiering(answers: Answers, gaps: Gaps) -> Iterator[TieringConfiguration]:
    for row, ref in rows(answers, "backup:ListTieringConfigurations", "TieringConfigurations"):
        name = row.need("TieringConfigurationName")
        answer = answers.one("backup:GetTieringConfiguration", TieringConfigurationName=name)
        described = (page.need_child("TieringConfiguration") for page in answer.pages)
        rules = tuple(
            _rule(rule) for configuration in described for rule in configuration.children("ResourceSelection")
        )
        yield TieringConfiguration(
            arn=row.text("TieringConfigurationArn") or name,
            name=name,
            account=answers.shard.account,
            region=answers.shard.region,
            vault=row.text("BackupVaultName") or "",
            rules=gaps.reading(rules, answer),
            refs=(ref,),
        )


def _rule(rule: Shape) -> TieringRule:
    return TieringRule(
        resource_type=rule.text("ResourceType") or "",
        resources=rule.texts("Resources"),
        after_days=rule.integer("TieringDownSettingsInDays"),
    )
