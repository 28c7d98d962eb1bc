"""What proves protection, holds it and governs it, as the API tells it of the simulated organisation."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from scanner.demo.story.accounts import CENTRAL, DEVELOPMENT, IRELAND, MANAGEMENT, PRODUCTION, VIRGINIA


def _answers(walk: Any, operation: str, account: str = PRODUCTION, region: str = IRELAND) -> list[Any]:
    return [
        answer
        for key, answer in walk.answers.items()
        if (key[0], key[1], key[3]) == (account, region, operation) and not isinstance(answer, str)
    ]


def _code(client: Any, operation: str, **parameters: Any) -> str:
    with pytest.raises(ClientError) as refused:
        client._make_api_call(operation, parameters)
    return str(refused.value.response["Error"]["Code"])


def test_lists_leave_out_what_their_details_tell(walk: Any) -> None:
    def keys(operation: str, items: str) -> set[str]:
        return {key for answer in _answers(walk, operation) for row in answer[items] for key in row}

    assert "RecoveryPointSelection" not in keys("ListRestoreTestingPlans", "RestoreTestingPlans")
    assert "ProtectedResourceArns" not in keys("ListRestoreTestingSelections", "RestoreTestingSelections")
    assert not {"RecoveryPointSelection", "CancelDescription"} & keys("ListLegalHolds", "LegalHolds")
    assert not {"FrameworkControls", "FrameworkStatus"} & keys("ListFrameworks", "Frameworks")
    assert "ResourceSelection" not in keys("ListTieringConfigurations", "TieringConfigurations")
    assert {"ReportSetting", "ReportDeliveryChannel"} <= keys("ListReportPlans", "ReportPlans")
    assert "MpaApprovalTeamArn" not in keys("ListBackupVaults", "BackupVaultList")


def test_holds_are_in_force_and_canceled(walk: Any) -> None:
    holds = [hold for answer in _answers(walk, "ListLegalHolds") for hold in answer["LegalHolds"]]
    assert sorted(hold["Status"] for hold in holds) == ["ACTIVE", "ACTIVE", "CANCELED"]
    points = [p for a in _answers(walk, "ListRecoveryPointsByLegalHold") for p in a["RecoveryPoints"]]
    assert {point["BackupVaultName"] for point in points} == {"production-gold", "production-standard"}


def test_air_gapped_vaults_are_locked_and_tell_their_team_only_when_described(walker: Any) -> None:
    client = walker.client(CENTRAL, "backup", IRELAND)
    listed = client.list_backup_vaults(ByVaultType="LOGICALLY_AIR_GAPPED_BACKUP_VAULT")["BackupVaultList"]
    assert [(one["BackupVaultName"], one["Locked"], one["EncryptionKeyType"]) for one in listed] == [
        ("central-air-gapped", True, "AWS_OWNED_KMS_KEY")
    ]
    described = client.describe_backup_vault(BackupVaultName="central-air-gapped")
    assert described["MpaApprovalTeamArn"].startswith("arn:aws:mpa:us-east-1:222222222222:approval-team/")


def test_roles_trust_backup_another_service_or_are_gone(walker: Any) -> None:
    roles = {
        role["RoleName"]: role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]
        for role in walker.every(DEVELOPMENT, VIRGINIA, "iam", "ListRoles", "Marker", "Marker", "Roles")
    }
    assert roles == {
        "AWSBackupDefaultServiceRole": {"Service": "backup.amazonaws.com"},
        "BackupRoleOfAnotherService": {"Service": "lambda.amazonaws.com"},
        "VaultproofReadOnly": {"AWS": f"arn:aws:iam::{MANAGEMENT}:root"},
    }
    listed = walker.client(PRODUCTION, "iam", VIRGINIA).list_roles(MaxItems=1000)
    assert "BackupRoleOfLastYear" not in {role["RoleName"] for role in listed["Roles"]}
    assert not {"Tags", "RoleLastUsed"} & {key for role in listed["Roles"] for key in role}


def test_the_organisations_backup_policies(walk: Any, walker: Any) -> None:
    where = MANAGEMENT, VIRGINIA
    (root,) = _answers(walk, "ListRoots", *where)[0]["Roots"]
    assert root["PolicyTypes"] == [{"Type": "BACKUP_POLICY", "Status": "ENABLED"}]
    policies = {one["Name"]: one for one in _answers(walk, "ListPolicies", *where)[0]["Policies"]}
    assert policies["draft"]["Type"] == "BACKUP_POLICY"
    assert "/backup_policy/p-" in policies["draft"]["Arn"]
    targets = [t["TargetId"] for a in _answers(walk, "ListTargetsForPolicy", *where) for t in a["Targets"]]
    assert targets == [PRODUCTION]
    organizations = walker.client(MANAGEMENT, "organizations", VIRGINIA)
    assert organizations.list_policies(Filter="TAG_POLICY")["Policies"] == []


def test_every_account_may_ask_for_its_own_effective_policy_and_the_management_account_for_any(
    walker: Any,
) -> None:
    asked = {"PolicyType": "BACKUP_POLICY"}
    own = walker.client(PRODUCTION, "organizations", IRELAND).describe_effective_policy(**asked)
    plan = json.loads(own["EffectivePolicy"]["PolicyContent"])["plans"]["organisation-nightly"]
    assert plan["regions"] == ["eu-west-1"]
    management = walker.client(MANAGEMENT, "organizations", IRELAND)
    assert (
        management.describe_effective_policy(**asked, TargetId=PRODUCTION)["EffectivePolicy"]
        == (own["EffectivePolicy"])
    )
    denied = walker.client(PRODUCTION, "organizations", IRELAND)
    operation = "DescribeEffectivePolicy"
    assert _code(denied, operation, **asked, TargetId=CENTRAL) == "AccessDeniedException"
    assert _code(management, operation, **asked, TargetId="ou-1234-12345678") == "InvalidInputException"
    assert _code(management, operation, **asked, TargetId="999999999999") == "TargetNotFoundException"
    assert _code(management, operation, PolicyType="TAG_POLICY") == "EffectivePolicyNotFoundException"
    assert _code(denied, "ListAccountsWithInvalidEffectivePolicy", **asked) == "AccessDeniedException"


def test_the_plan_of_a_backup_policy_has_a_slash_in_its_id(walk: Any, walker: Any) -> None:
    plans = [plan for answer in _answers(walk, "ListBackupPlans") for plan in answer["BackupPlansList"]]
    (governed,) = [plan for plan in plans if plan["BackupPlanName"] == "organisation-nightly"]
    assert governed["BackupPlanId"].startswith("orgs/")
    client = walker.client(PRODUCTION, "backup", IRELAND)
    listed = client.list_backup_selections(BackupPlanId=governed["BackupPlanId"])["BackupSelectionsList"]
    assert [selection["SelectionName"] for selection in listed] == ["by-tag"]
    which = {"BackupPlanId": governed["BackupPlanId"], "SelectionId": listed[0]["SelectionId"]}
    assert client.get_backup_selection(**which)["BackupSelection"]["SelectionName"] == "by-tag"


_WRONG: list[tuple[str, dict[str, Any], str]] = [
    (
        "CreateFramework",
        {"FrameworkName": "one", "FrameworkControls": [{"ControlName": "NO_SUCH_CONTROL"}]},
        "InvalidParameterValueException",
    ),
    ("CreateFramework", {"FrameworkName": "1", "FrameworkControls": []}, "InvalidParameterValueException"),
    (
        "CreateFramework",
        {"FrameworkName": "production", "FrameworkControls": []},
        "AlreadyExistsException",
    ),
    (
        "CreateRestoreTestingPlan",
        {
            "RestoreTestingPlan": {
                "RestoreTestingPlanName": "one",
                "ScheduleExpression": "cron(0 9 ? * SAT *)",
                "RecoveryPointSelection": {"Algorithm": "LATEST_WITHIN_WINDOW"},
            }
        },
        "InvalidParameterValueException",
    ),
    (
        "CreateRestoreTestingSelection",
        {
            "RestoreTestingPlanName": "weekly",
            "RestoreTestingSelection": {
                "RestoreTestingSelectionName": "volumes",
                "ProtectedResourceType": "EBS",
                "IamRoleArn": "arn:aws:iam::333333333333:role/r",
            },
        },
        "AlreadyExistsException",
    ),
    (
        "CreateTieringConfiguration",
        {
            "TieringConfiguration": {
                "TieringConfigurationName": "one",
                "BackupVaultName": "nowhere",
                "ResourceSelection": [],
            }
        },
        "ResourceNotFoundException",
    ),
    (
        "CreateTieringConfiguration",
        {
            "TieringConfiguration": {
                "TieringConfigurationName": "one",
                "BackupVaultName": "*",
                "ResourceSelection": [
                    {"Resources": ["*"], "TieringDownSettingsInDays": 36_501, "ResourceType": "S3"}
                ],
            }
        },
        "InvalidParameterValueException",
    ),
    (
        "CreateLogicallyAirGappedBackupVault",
        {"BackupVaultName": "one", "MinRetentionDays": 3, "MaxRetentionDays": 30},
        "InvalidParameterValueException",
    ),
    (
        "AssociateBackupVaultMpaApprovalTeam",
        {"BackupVaultName": "production-gold", "MpaApprovalTeamArn": "arn:aws:mpa:us-east-1:3:team/t"},
        "InvalidRequestException",
    ),
]


@pytest.mark.parametrize(("operation", "parameters", "code"), _WRONG)
def test_what_aws_backup_would_not_take_is_refused(
    walker: Any, operation: str, parameters: dict[str, Any], code: str
) -> None:
    client = walker.client(PRODUCTION, "backup", IRELAND)
    assert _code(client, operation, **parameters) == code


def test_a_canceled_hold_cannot_be_canceled_again(walk: Any, walker: Any) -> None:
    holds = [hold for answer in _answers(walk, "ListLegalHolds") for hold in answer["LegalHolds"]]
    gone = next(hold["LegalHoldId"] for hold in holds if hold["Status"] == "CANCELED")
    client = walker.client(PRODUCTION, "backup", IRELAND)
    which = {"LegalHoldId": gone, "CancelDescription": "again"}
    assert _code(client, "CancelLegalHold", **which) == "InvalidParameterValueException"


def test_a_restore_of_long_ago_is_told_by_the_resource_alone(walk: Any) -> None:
    result = {one["ResourceArn"]: one for one in _answers(walk, "DescribeProtectedResource")}
    bucket = "arn:aws:s3:::acme-production-documents"
    assert result[bucket]["LatestRestoreExecutionTimeMinutes"] == 340
    jobs = [job for answer in _answers(walk, "ListRestoreJobs") for job in answer["RestoreJobs"]]
    minutes = {job["SourceResourceArn"] for job in jobs}
    assert bucket not in minutes
    assert len(result) > len([arn for arn in result if arn not in minutes]) >= 1
    validated = [job["CreatedBy"] for job in jobs if job.get("ValidationStatus") == "SUCCESSFUL"]
    assert {key for origin in validated for key in origin} == {"RestoreTestingPlanArn"}
