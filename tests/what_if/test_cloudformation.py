"""CloudFormation templates: what each resource means for AWS Backup, and what stays unknown."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from scanner.errors import ConfigurationError
from scanner.model.planning.planned_change import UNKNOWN, Action, ChangeKind, ChangeSet, PlanReference
from scanner.what_if.changes import Defaults
from scanner.what_if.intrinsics import Template
from scanner.what_if.read import read_changes

ACCOUNT, REGION = "333333333333", "eu-west-1"

TEMPLATE = """\
AWSTemplateFormatVersion: 2010-09-09
Parameters:
  Days:
    Type: Number
    Default: 35
Conditions:
  IsProduction: !Equals [!Ref AWS::AccountId, "333333333333"]
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: 2012-10-17
        Statement:
          - {Effect: Allow, Principal: {Service: !Sub "backup.${AWS::URLSuffix}"}, Action: sts:AssumeRole}
  Vault:
    Type: AWS::Backup::BackupVault
    Properties:
      BackupVaultName: !Sub "${AWS::AccountId}-main"
      AccessPolicy:
        Version: 2012-10-17
        Statement: [{Effect: Deny, Principal: "*", Action: backup:DeleteRecoveryPoint, Resource: "*"}]
      LockConfiguration:
        MinRetentionDays: "7"
  Plan:
    Type: AWS::Backup::BackupPlan
    Properties:
      BackupPlan:
        BackupPlanName: daily
        BackupPlanRule:
          - RuleName: nightly
            TargetBackupVault: !Ref Vault
            ScheduleExpression: cron(0 2 ? * * *)
            Lifecycle:
              DeleteAfterDays: !Ref Days
            CopyActions:
              - DestinationBackupVaultArn: !Sub arn:aws:backup:eu-central-1:${AWS::AccountId}:backup-vault:dr
                Lifecycle: {DeleteAfterDays: 35}
  Selection:
    Type: AWS::Backup::BackupSelection
    Properties:
      BackupPlanId: !Ref Plan
      BackupSelection:
        SelectionName: gold
        IamRoleArn: !GetAtt Role.Arn
        ListOfTags: [{ConditionType: STRINGEQUALS, ConditionKey: tier, ConditionValue: gold}]
"""


def changes_of(folder: Path, text: str, **parameters: str) -> ChangeSet:
    file = folder / "template.yaml"
    file.write_text(text, "utf-8")
    return read_changes([file], Defaults(ACCOUNT, REGION, parameters))


def test_a_template(tmp_path: Path) -> None:
    changes = changes_of(tmp_path, TEMPLATE, Days="14")
    assert changes.not_judged == ()
    by_kind = {found.kind: found for found in changes.changes}
    assert {found.action for found in changes.changes} == {Action.UPDATE}
    plan, selection = by_kind[ChangeKind.PLAN], by_kind[ChangeKind.SELECTION]
    assert plan.document == {
        "BackupPlanName": "daily",
        "Rules": [
            {
                "RuleName": "nightly",
                "ScheduleExpression": "cron(0 2 ? * * *)",
                "TargetBackupVaultName": "333333333333-main",
                "Lifecycle": {"DeleteAfterDays": 14},
                "CopyActions": [
                    {
                        "DestinationBackupVaultArn": f"arn:aws:backup:eu-central-1:{ACCOUNT}:backup-vault:dr",
                        "Lifecycle": {"DeleteAfterDays": 35},
                    }
                ],
            }
        ],
    }
    assert selection.plan == PlanReference(name="daily", address="Plan")
    assert selection.document["IamRoleArn"] == "arn:aws:iam::333333333333:role/Role"
    assert by_kind[ChangeKind.VAULT].name == "333333333333-main"
    assert by_kind[ChangeKind.VAULT_LOCK].document == {"MinRetentionDays": 7}
    policy = orjson.loads(by_kind[ChangeKind.VAULT_POLICY].document["Policy"])
    assert policy["Statement"][0]["Effect"] == "Deny"
    statement = by_kind[ChangeKind.ROLE].document["AssumeRolePolicyDocument"]["Statement"][0]
    assert statement["Principal"] == {"Service": "backup.amazonaws.com"}


def test_lines_of_the_template(tmp_path: Path) -> None:
    changes = changes_of(tmp_path, TEMPLATE)
    lines = TEMPLATE.splitlines()
    for found in changes.changes:
        assert lines[found.origin.line - 1].strip() == f"{found.origin.address}:"


def test_a_default_may_be_overridden_and_is_unknown(tmp_path: Path) -> None:
    changes = changes_of(tmp_path, TEMPLATE)
    (plan,) = (found for found in changes.changes if found.kind is ChangeKind.PLAN)
    assert plan.document["Rules"][0]["Lifecycle"] == {"DeleteAfterDays": UNKNOWN}


def test_json_is_the_same(tmp_path: Path) -> None:
    template = {
        "Resources": {
            "Vault": {"Type": "AWS::Backup::BackupVault", "Properties": {"BackupVaultName": "main"}},
            "Plan": {
                "Type": "AWS::Backup::BackupPlan",
                "Properties": {
                    "BackupPlan": {
                        "BackupPlanName": "daily",
                        "BackupPlanRule": [
                            {
                                "RuleName": "r",
                                "TargetBackupVault": {"Fn::GetAtt": ["Vault", "BackupVaultName"]},
                            }
                        ],
                    }
                },
            },
        }
    }
    changes = changes_of(tmp_path, orjson.dumps(template).decode())
    assert changes.changes[1].document["Rules"] == [{"RuleName": "r", "TargetBackupVaultName": "main"}]


RESOURCES = {
    "Vault": {"Type": "AWS::Backup::BackupVault", "Properties": {"BackupVaultName": "main"}},
    "Perhaps": {"Type": "AWS::Backup::BackupVault", "Condition": "C", "Properties": {"BackupVaultName": "x"}},
    "Plan": {"Type": "AWS::Backup::BackupPlan", "Properties": {}},
    "Unnamed": {"Type": "AWS::IAM::Role", "Properties": {"Path": "/service/"}},
    "Key": {"Type": "AWS::KMS::Key"},
}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Ref": "AWS::AccountId"}, ACCOUNT),
        ({"Ref": "AWS::Region"}, REGION),
        ({"Ref": "AWS::Partition"}, "aws"),
        ({"Ref": "AWS::StackName"}, UNKNOWN),
        ({"Ref": "Given"}, "v"),
        ({"Ref": "NotGiven"}, UNKNOWN),
        ({"Ref": "Vault"}, "main"),
        ({"Ref": "Perhaps"}, UNKNOWN),
        ({"Ref": "Key"}, UNKNOWN),
        ({"Ref": ["x"]}, UNKNOWN),
        ({"Fn::GetAtt": ["Vault", "BackupVaultArn"]}, f"arn:aws:backup:{REGION}:{ACCOUNT}:backup-vault:main"),
        ({"Fn::GetAtt": "Vault.BackupVaultName"}, "main"),
        ({"Fn::GetAtt": ["Key", "Arn"]}, UNKNOWN),
        ({"Fn::GetAtt": ["Unnamed", "Arn"]}, f"arn:aws:iam::{ACCOUNT}:role/service/Unnamed"),
        ({"Fn::GetAtt": ["Vault"]}, UNKNOWN),
        ({"Fn::Sub": "${Given}-${AWS::Region}-${!Kept}"}, f"v-{REGION}-${{Kept}}"),
        ({"Fn::Sub": ["${A}-${Vault.BackupVaultName}", {"A": {"Ref": "Given"}}]}, "v-main"),
        ({"Fn::Sub": "${NotGiven}-x"}, UNKNOWN),
        ({"Fn::Sub": "${Key.Arn}"}, UNKNOWN),
        ({"Fn::Join": [":", ["a", {"Ref": "Given"}]]}, "a:v"),
        ({"Fn::Join": [":", ["a", {"Ref": "NotGiven"}]]}, UNKNOWN),
        ({"Fn::If": ["C", 1, 2]}, UNKNOWN),
        ({"Fn::ImportValue": "x"}, UNKNOWN),
        ({"Fn::FindInMap": ["a", "b", "c"]}, UNKNOWN),
        ({"a": {"Ref": "AWS::NoValue"}, "b": 1}, {"b": 1}),
        ([{"Ref": "AWS::NoValue"}, 1], [1]),
        ({"Ref": "x", "Other": 1}, {"Ref": "x", "Other": 1}),
    ],
)
def test_functions(value: Any, expected: Any) -> None:
    template = Template(resources=RESOURCES, parameters={"Given": "v"}, account=ACCOUNT, region=REGION)
    assert template.resolved(value) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            "Resources: {V: {Type: 'AWS::Backup::BackupVault', Condition: C, Properties: {}}}",
            "Whether it is created depends on the condition C, which is unknown.",
        ),
        (
            (
                "Transform: MyMacro\n"
                "Resources: {V: {Type: 'AWS::Backup::BackupVault', Properties: {BackupVaultName: a}}}"
            ),
            "The macro MyMacro may change it, so what it will be is unknown.",
        ),
        (
            "Resources: {V: {Type: 'AWS::Backup::BackupVault', Properties: {BackupVaultName: !Ref P}}}",
            "The name of this backup vault is known only when it is deployed.",
        ),
        (
            "Resources: {V: {Type: 'AWS::Backup::BackupVault', Properties: !If [C, {A: 1}, {}]}}",
            "Its properties are known only when the template is deployed.",
        ),
        (
            "Resources: {V: {Type: 'AWS::Backup::TieringConfiguration', Properties: {}}}",
            "Changes of AWS::Backup::TieringConfiguration are not judged.",
        ),
        (
            "Transform: AWS::LanguageExtensions\nResources: {'Fn::ForEach::Vaults': [N, [a, b], {}]}",
            "Fn::ForEach::Vaults makes resources that are known only when it is deployed.",
        ),
        (
            (
                "Resources: {S: {Type: 'AWS::Backup::BackupSelection', Properties: "
                "{BackupPlanId: !ImportValue p, BackupSelection: {SelectionName: gold, IamRoleArn: r}}}}"
            ),
            "The plan of the backup selection gold is unknown.",
        ),
    ],
)
def test_what_cannot_be_judged_says_so_in_one_sentence(tmp_path: Path, text: str, why: str) -> None:
    changes = changes_of(tmp_path, text)
    assert changes.changes == ()
    assert [problem.why for problem in changes.not_judged] == [why]


def test_transforms_of_aws_leave_backup_resources_as_they_are(tmp_path: Path) -> None:
    text = (
        "Transform: AWS::Serverless-2016-10-31\n"
        "Resources: {V: {Type: 'AWS::Backup::BackupVault', Properties: {BackupVaultName: a}}}"
    )
    assert [found.name for found in changes_of(tmp_path, text).changes] == ["a"]


def test_anchors_are_refused_with_their_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"template\.yaml:2: the anchor &x is not supported"):
        changes_of(tmp_path, "Resources:\n  V: &x {Type: 'AWS::Backup::BackupVault'}\n")
