"""Plans of an effective policy as AWS Backup makes them: key by key, with UNKNOWN for what is not known."""

import json
from typing import Any

import pytest

from scanner.model.planning.planned_change import UNKNOWN
from scanner.protection.backup_policy.document import parse_policy
from scanner.protection.backup_policy.inheritance import AttachedPolicy, Level, PolicySetting, merged_policy
from scanner.protection.backup_policy.plans import PolicyPlan, plan_regions, policy_plan


def assign(value: Any) -> dict[str, Any]:
    return {"@@assign": value}


def settings(plan: dict[str, Any], *more: dict[str, Any]) -> dict[tuple[str, ...], PolicySetting]:
    """Return the settings of a plan. `more`: of further policies at the same node."""
    policies = []
    for number, document in enumerate((plan, *more)):
        nodes = parse_policy(json.dumps({"plans": {"daily": document}}))
        assert nodes is not None
        policies.append(AttachedPolicy(f"p-{number}", "p", nodes))
    merged = merged_policy([Level("r-1", tuple(policies))])
    return {setting.path[2:]: setting for setting in merged.settings}


def made(plan: dict[str, Any], *more: dict[str, Any]) -> PolicyPlan:
    return policy_plan("daily", settings(plan, *more), "111111111111", "eu-west-1")


def test_a_rule_has_the_keys_of_aws_backup() -> None:
    vault = "arn:aws:backup:us-west-2:$account:backup-vault:Far"
    rule = {
        "schedule_expression": assign("cron(0 5 ? * * *)"),
        "schedule_expression_timezone": assign("Etc/UTC"),
        "target_backup_vault_name": assign("main"),
        "target_logically_air_gapped_backup_vault_arn": assign("$region:$account:gap"),
        "start_backup_window_minutes": assign("60"),
        "complete_backup_window_minutes": assign("10080"),
        "enable_continuous_backup": assign("false"),
        "lifecycle": {
            "delete_after_days": assign("270"),
            "move_to_cold_storage_after_days": assign("180"),
            "opt_in_to_archive_for_supported_resources": assign("true"),
        },
        "copy_actions": {
            vault: {
                "target_backup_vault_arn": assign(vault),
                "lifecycle": {"delete_after_days": assign("90")},
            }
        },
        "recovery_point_tags": {"owner": {"tag_key": assign("Owner"), "tag_value": assign("Backup")}},
    }
    assert made({"rules": {"Nightly": rule}}).plan == {
        "BackupPlanName": "daily",
        "Rules": [
            {
                "RuleName": "nightly",
                "ScheduleExpression": "cron(0 5 ? * * *)",
                "ScheduleExpressionTimezone": "Etc/UTC",
                "TargetBackupVaultName": "main",
                "TargetLogicallyAirGappedBackupVaultArn": "eu-west-1:111111111111:gap",
                "StartWindowMinutes": 60,
                "CompletionWindowMinutes": 10080,
                "EnableContinuousBackup": False,
                "Lifecycle": {
                    "DeleteAfterDays": 270,
                    "MoveToColdStorageAfterDays": 180,
                    "OptInToArchiveForSupportedResources": True,
                },
                "CopyActions": [
                    {
                        "DestinationBackupVaultArn": "arn:aws:backup:us-west-2:111111111111:backup-vault:Far",
                        "Lifecycle": {"DeleteAfterDays": 90},
                    }
                ],
                "RecoveryPointTags": {"Owner": "Backup"},
            }
        ],
    }


def test_a_copy_action_without_an_arn_goes_to_that_of_its_key_in_lower_case() -> None:
    copies = {"arn:aws:backup:us-west-2:222222222222:backup-vault:Far": {"lifecycle": {}, "a": assign("b")}}
    (rule,) = made({"rules": {"r": {"copy_actions": copies}}}).plan["Rules"]
    (copy,) = rule["CopyActions"]
    assert copy["DestinationBackupVaultArn"] == "arn:aws:backup:us-west-2:222222222222:backup-vault:far"


def test_selections_by_tags_and_by_resources() -> None:
    role = assign("arn:aws:iam::$account:role/backup")
    condition = {"a": {"condition_key": assign("aws:ResourceTag/tier"), "condition_value": assign("gold")}}
    selections = {
        "tags": {
            "By-Tag": {"iam_role_arn": role, "tag_key": assign("data"), "tag_value": assign(["PII", "RED"])}
        },
        "resources": {
            "all": {
                "iam_role_arn": role,
                "resource_types": assign(["arn:aws:ec2:*:*:volume/*"]),
                "not_resource_types": assign(["arn:aws:ec2:*:*:instance/*"]),
                "conditions": {"string_equals": condition},
            }
        },
    }
    arn = "arn:aws:iam::111111111111:role/backup"
    assert made({"selections": selections}).selections == {
        "by-tag": {
            "SelectionName": "by-tag",
            "IamRoleArn": arn,
            "ListOfTags": [
                {"ConditionType": "STRINGEQUALS", "ConditionKey": "data", "ConditionValue": value}
                for value in ("PII", "RED")
            ],
        },
        "all": {
            "SelectionName": "all",
            "IamRoleArn": arn,
            "Resources": ["arn:aws:ec2:*:*:volume/*"],
            "NotResources": ["arn:aws:ec2:*:*:instance/*"],
            "Conditions": {
                "StringEquals": [{"ConditionKey": "aws:ResourceTag/tier", "ConditionValue": "gold"}]
            },
        },
    }


def test_what_is_not_known_or_no_number_is_unknown() -> None:
    one, two = ({"rules": {"r": {"target_backup_vault_name": assign(name)}}} for name in ("a", "b"))
    assert made(one, two).plan["Rules"] == [{"RuleName": "r", "TargetBackupVaultName": UNKNOWN}]
    odd = {"rules": {"r": {"lifecycle": {"delete_after_days": assign("soon")}}}}
    assert made(odd).plan["Rules"][0]["Lifecycle"] == {"DeleteAfterDays": UNKNOWN}
    selection = {"tags": {"t": {"tag_key": assign("k")}}}
    assert made({"selections": selection}).selections["t"]["ListOfTags"] is UNKNOWN
    odd_conditions = {"resources": {"t": {"conditions": {"numeric_equals": {"a": {"b": assign("c")}}}}}}
    assert made({"selections": odd_conditions}).selections["t"]["Conditions"] is UNKNOWN


@pytest.mark.parametrize(
    ("regions", "expected"),
    [
        ({}, ()),
        ({"regions": assign(["a", "b"])}, ("a", "b")),
        ({"regions": assign("a")}, None),
    ],
)
def test_regions(regions: dict[str, Any], expected: tuple[str, ...] | None) -> None:
    assert plan_regions(settings(regions)) == expected
