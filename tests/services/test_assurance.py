"""Restore testing, legal holds, frameworks, report plans, tiering: lists, details, and what is missing."""

from datetime import UTC, datetime
from typing import Any

import pytest

from scanner.errors import BundleError
from scanner.model.assurance import (
    FrameworkControl,
    LegalHoldScope,
    RestoreTestingResources,
    RestoreTestingScope,
    TieringRule,
)
from scanner.model.inventory import ShardInventory
from scanner.model.known import GapKind, Known, Unread
from tests.fakes.bundles import ACCOUNT, REGION, ShardScript, parsed

ARN = f"arn:aws:backup:{REGION}:{ACCOUNT}"
LISTS = {
    "backup:ListRestoreTestingPlans": "RestoreTestingPlans",
    "backup:ListLegalHolds": "LegalHolds",
    "backup:ListFrameworks": "Frameworks",
    "backup:ListReportPlans": "ReportPlans",
    "backup:ListTieringConfigurations": "TieringConfigurations",
}


def shard() -> ShardScript:
    return ShardScript(ACCOUNT, REGION)


def gaps_of(inventory: ShardInventory) -> set[tuple[str, str, GapKind]]:
    return {(gap.operation, gap.about, gap.kind) for gap in inventory.gaps}


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({"error": "AccessDeniedException"}, GapKind.REFUSED),
        ({"error": "InternalFailure"}, GapKind.FAILED),
        ({"response": {"NextToken": "t"}}, GapKind.FAILED),
    ],
)
def test_a_list_that_failed_is_a_gap_and_no_empty_list(
    name: str, answer: dict[str, Any], kind: GapKind
) -> None:
    inventory = parsed(shard().call(name, **answer))
    assert gaps_of(inventory) == {(name, "", kind)}
    assert isinstance(inventory.lists[name], Unread)


@pytest.mark.parametrize("name", LISTS)
def test_a_list_that_was_read_is_known_to_be_empty(name: str) -> None:
    inventory = parsed(shard())
    assert isinstance(inventory.lists[name], Known)
    assert inventory.gaps == ()


@pytest.mark.parametrize(("name", "key"), LISTS.items())
def test_a_row_without_a_name_is_corrupt(name: str, key: str) -> None:
    with pytest.raises(BundleError, match=key):
        parsed(shard().call(name, {key: [{"CreationTime": "2026-01-01T00:00:00Z"}]}))


# Restore testing


def restore_testing(**row: Any) -> ShardScript:
    fields = {"RestoreTestingPlanName": "weekly", "RestoreTestingPlanArn": f"{ARN}:restore-testing-plan:w"}
    script = shard().listed("backup:ListRestoreTestingPlans", {**fields, **row})
    return script.listed("backup:ListRestoreTestingSelections", RestoreTestingPlanName="weekly")


def scope(script: ShardScript, **chosen: Any) -> ShardScript:
    plan = {"RestoreTestingPlan": {"RecoveryPointSelection": chosen}}
    return script.call("backup:GetRestoreTestingPlan", plan, RestoreTestingPlanName="weekly")


def chosen(script: ShardScript, name: str, **body: Any) -> ShardScript:
    row = {"RestoreTestingSelectionName": name, "ProtectedResourceType": "EBS", "IamRoleArn": "role"}
    script.listed("backup:ListRestoreTestingSelections", row, RestoreTestingPlanName="weekly")
    which = {"RestoreTestingPlanName": "weekly", "RestoreTestingSelectionName": name}
    return script.call("backup:GetRestoreTestingSelection", {"RestoreTestingSelection": body}, **which)


def test_a_restore_testing_plan_with_all_that_is_told() -> None:
    script = restore_testing(
        ScheduleExpression="cron(0 9 ? * SAT *)",
        ScheduleExpressionTimezone="Europe/Dublin",
        StartWindowHours=8,
        LastExecutionTime="2026-11-21T09:00:00Z",
    )
    scope(
        script,
        Algorithm="LATEST_WITHIN_WINDOW",
        IncludeVaults=["*"],
        ExcludeVaults=["arn:v"],
        RecoveryPointTypes=["SNAPSHOT"],
        SelectionWindowDays=7,
    )
    chosen(script, "b", ProtectedResourceArns=["*"], ValidationWindowHours=1)
    chosen(
        script,
        "a",
        ProtectedResourceConditions={
            "StringEquals": [{"Key": "aws:ResourceTag/tier", "Value": "gold"}],
            "StringNotEquals": [{"Key": "aws:ResourceTag/env", "Value": ""}],
        },
    )
    (plan,) = parsed(script).assurance.restore_testing_plans
    assert (plan.name, plan.schedule, plan.timezone) == ("weekly", "cron(0 9 ? * SAT *)", "Europe/Dublin")
    assert (plan.start_window_hours, plan.last_executed_at) == (8, datetime(2026, 11, 21, 9, tzinfo=UTC))
    assert isinstance(plan.scope, Known)
    assert plan.scope.value == RestoreTestingScope(
        "LATEST_WITHIN_WINDOW", ("*",), ("arn:v",), ("SNAPSHOT",), 7
    )
    assert isinstance(plan.selections, Known)
    resources = [one.resources for one in plan.selections.value]
    assert [one.value for one in resources if isinstance(one, Known)] == [
        RestoreTestingResources((), (("aws:ResourceTag/tier", "gold"),), (("aws:ResourceTag/env", ""),)),
        RestoreTestingResources(("*",), (), ()),
    ]


def test_a_plan_of_which_little_is_told() -> None:
    (plan,) = parsed(scope(restore_testing())).assurance.restore_testing_plans
    assert (plan.schedule, plan.timezone, plan.last_executed_at) == (None, "Etc/UTC", None)
    assert plan.scope == Known(
        RestoreTestingScope(None, (), (), (), None), plan.scope.refs if isinstance(plan.scope, Known) else ()
    )
    assert isinstance(plan.selections, Known)
    assert plan.selections.value == ()


def test_details_of_restore_testing_that_are_missing_are_gaps() -> None:
    script = restore_testing()
    row = {"RestoreTestingSelectionName": "a", "ProtectedResourceType": "EBS"}
    script.listed("backup:ListRestoreTestingSelections", row, RestoreTestingPlanName="weekly")
    script.call(
        "backup:GetRestoreTestingPlan", error="AccessDeniedException", RestoreTestingPlanName="weekly"
    )
    inventory = parsed(script)
    (plan,) = inventory.assurance.restore_testing_plans
    assert isinstance(plan.scope, Unread)
    assert isinstance(plan.selections, Known)
    assert isinstance(plan.selections.value[0].resources, Unread)
    assert gaps_of(inventory) == {
        ("backup:GetRestoreTestingPlan", "weekly", GapKind.REFUSED),
        ("backup:GetRestoreTestingSelection", "weekly a", GapKind.NEVER_ASKED),
    }


def test_selections_of_a_half_read_list_count_and_of_an_unread_one_nobody_knows() -> None:
    row = {"RestoreTestingPlanName": "weekly", "RestoreTestingPlanArn": "arn"}
    script = scope(shard().listed("backup:ListRestoreTestingPlans", row))
    unread = parsed(script).assurance.restore_testing_plans[0]
    assert isinstance(unread.selections, Unread)
    assert unread.unlisted_selections is None
    rows = {"RestoreTestingSelections": [{"RestoreTestingSelectionName": "a"}], "NextToken": "t"}
    script.call("backup:ListRestoreTestingSelections", rows, RestoreTestingPlanName="weekly")
    half = parsed(script).assurance.restore_testing_plans[0]
    assert isinstance(half.selections, Known)
    assert [one.name for one in half.selections.value] == ["a"]
    assert half.unlisted_selections is not None
    assert half.unlisted_selections.kind is GapKind.HALF_READ


# Legal holds


def held(status: str | None, **details: Any) -> ShardScript:
    row = {"LegalHoldId": "h", "LegalHoldArn": f"{ARN}:legal-hold:h", "Title": "Audit"}
    script = shard().listed("backup:ListLegalHolds", row | ({"Status": status} if status else {}))
    return script.call("backup:GetLegalHold", {"RecoveryPointSelection": details}, LegalHoldId="h")


def test_a_hold_in_force() -> None:
    span = {"FromDate": "2026-01-01T00:00:00Z", "ToDate": "2026-06-30T00:00:00Z"}
    script = held("ACTIVE", VaultNames=["main"], ResourceIdentifiers=["arn:r"], DateRange=span)
    (hold,) = parsed(script).assurance.legal_holds
    assert (hold.title, hold.status, hold.in_force, hold.canceled_at) == ("Audit", "ACTIVE", True, None)
    assert isinstance(hold.scope, Known)
    assert hold.scope.value == LegalHoldScope(
        ("main",),
        ("arn:r",),
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2026, 6, 30, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("status", "in_force"), [("CREATING", True), ("CANCELING", True), ("CANCELED", False), (None, None)]
)
def test_when_a_hold_is_in_force(status: str | None, in_force: bool | None) -> None:  # noqa: FBT001 -- a row
    (hold,) = parsed(held(status)).assurance.legal_holds
    assert hold.in_force is in_force
    assert isinstance(hold.scope, Known)
    assert hold.scope.value == LegalHoldScope((), (), None, None)


@pytest.mark.parametrize(("status", "missed"), [("ACTIVE", True), (None, True), ("CANCELED", False)])
def test_what_a_canceled_hold_held_is_not_missed(status: str | None, missed: bool) -> None:  # noqa: FBT001 -- a row
    row = {"LegalHoldId": "h"} | ({"Status": status} if status else {})
    inventory = parsed(shard().listed("backup:ListLegalHolds", row))
    expected = {("backup:GetLegalHold", "h", GapKind.NEVER_ASKED)} if missed else set()
    assert gaps_of(inventory) == expected
    (hold,) = inventory.assurance.legal_holds
    assert (hold.scope is None) is not missed
    assert (hold.arn, hold.title) == ("h", "h")


# Frameworks and reports


def test_a_framework_with_its_controls() -> None:
    row = {"FrameworkName": "f", "FrameworkArn": f"{ARN}:framework:f", "DeploymentStatus": "COMPLETED"}
    controls = [
        {
            "ControlName": "BACKUP_RECOVERY_POINT_MINIMUM_RETENTION_CHECK",
            "ControlInputParameters": [{"ParameterName": "requiredRetentionDays", "ParameterValue": "35"}],
            "ControlScope": {
                "ComplianceResourceIds": ["vol-1"],
                "ComplianceResourceTypes": ["EBS"],
                "Tags": {"tier": "gold"},
            },
        },
        {"ControlName": "BACKUP_RECOVERY_POINT_ENCRYPTED"},
    ]
    script = shard().listed("backup:ListFrameworks", row)
    described = {"FrameworkStatus": "PARTIALLY_ACTIVE", "FrameworkControls": controls}
    (framework,) = parsed(
        script.call("backup:DescribeFramework", described, FrameworkName="f")
    ).assurance.frameworks
    assert isinstance(framework.details, Known)
    assert (framework.deployment_status, framework.details.value.status) == ("COMPLETED", "PARTIALLY_ACTIVE")
    assert framework.details.value.controls == (
        FrameworkControl(
            "BACKUP_RECOVERY_POINT_MINIMUM_RETENTION_CHECK",
            (("requiredRetentionDays", "35"),),
            ("vol-1",),
            ("EBS",),
            (("tier", "gold"),),
        ),
        FrameworkControl("BACKUP_RECOVERY_POINT_ENCRYPTED", (), (), (), ()),
    )


def test_a_framework_that_may_not_be_described() -> None:
    script = shard().listed("backup:ListFrameworks", {"FrameworkName": "f"})
    inventory = parsed(
        script.call("backup:DescribeFramework", error="AccessDeniedException", FrameworkName="f")
    )
    (framework,) = inventory.assurance.frameworks
    assert isinstance(framework.details, Unread)
    assert framework.arn == f"{ARN}:framework:f"  # its own, as names are taken again elsewhere
    assert gaps_of(inventory) == {("backup:DescribeFramework", "f", GapKind.REFUSED)}


def test_report_plans_need_no_details() -> None:
    full = {
        "ReportPlanName": "a",
        "ReportPlanArn": f"{ARN}:report-plan:a",
        "ReportSetting": {
            "ReportTemplate": "RESOURCE_COMPLIANCE_REPORT",
            "FrameworkArns": ["arn:f"],
            "Accounts": ["1"],
            "OrganizationUnits": ["ou"],
            "Regions": ["*"],
        },
        "ReportDeliveryChannel": {"S3BucketName": "bucket", "S3KeyPrefix": "p"},
        "LastSuccessfulExecutionTime": "2026-11-20T03:00:00Z",
    }
    inventory = parsed(shard().listed("backup:ListReportPlans", {"ReportPlanName": "z"}, full))
    plan, bare = inventory.assurance.report_plans
    assert (plan.template, plan.frameworks, plan.accounts) == (
        "RESOURCE_COMPLIANCE_REPORT",
        ("arn:f",),
        ("1",),
    )
    assert (plan.organizational_units, plan.regions, plan.bucket, plan.prefix) == (
        ("ou",),
        ("*",),
        "bucket",
        "p",
    )
    assert plan.last_success_at == datetime(2026, 11, 20, 3, tzinfo=UTC)
    assert (bare.template, bare.frameworks, bare.bucket, bare.last_success_at) == (None, (), None, None)
    assert inventory.gaps == ()


# Tiering


def test_tiering_with_its_rules_and_without() -> None:
    script = shard().listed(
        "backup:ListTieringConfigurations",
        {"TieringConfigurationName": "a", "BackupVaultName": "*"},
        {"TieringConfigurationName": "b"},
    )
    rule = {"ResourceType": "S3", "Resources": ["*"], "TieringDownSettingsInDays": 60}
    result = {"TieringConfiguration": {"ResourceSelection": [rule, {}]}}
    script.call("backup:GetTieringConfiguration", result, TieringConfigurationName="a")
    inventory = parsed(script)
    first, second = inventory.assurance.tiering_configurations
    assert isinstance(first.rules, Known)
    assert first.rules.value == (TieringRule("S3", ("*",), 60), TieringRule("", (), None))
    assert (first.vault, second.vault) == ("*", "")
    assert isinstance(second.rules, Unread)
    assert gaps_of(inventory) == {("backup:GetTieringConfiguration", "b", GapKind.NEVER_ASKED)}
