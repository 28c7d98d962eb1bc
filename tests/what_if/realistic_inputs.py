"""Inputs as public modules and sample templates produce them, written by hand after their documentation.

Terraform: modules that wrap AWS Backup use count and dynamic blocks, pass variables into the module, and join
names with splats. CloudFormation: the samples of AWS refer to keys, roles and vaults of the same template.
"""

from typing import Any

from tests.what_if.terraform_plans import ACCOUNT, PROVIDER, REGION, change, lifecycle, refers, resource, rule

_ASSUME = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow",'
    '"Principal":{"Service":"backup.amazonaws.com"},"Action":"sts:AssumeRole"}]}'
)


def in_module(entry: dict[str, Any], module: str, index: int | str | None = None) -> dict[str, Any]:
    """Return a resource change as one of a module."""
    suffix = "" if index is None else f"[{index!r}]".replace("'", '"')
    more = {} if index is None else {"index": index}
    return {**entry, "address": f"{module}.{entry['address']}{suffix}", "module_address": module, **more}


def plan_with_module(
    changes: list[dict[str, Any]], resources: list[dict[str, Any]], call: dict[str, Any]
) -> dict[str, Any]:
    """Return a plan whose root module calls the module `backup`."""
    assumed = {"role_arn": {"constant_value": f"arn:aws:iam::{ACCOUNT}:role/deploy"}}
    aws = {
        "name": "aws",
        "full_name": PROVIDER,
        "expressions": {"assume_role": [assumed], "region": {"constant_value": REGION}},
    }
    for entry in resources:
        entry.setdefault("provider_config_key", "aws")
    module = {"resources": resources, "variables": {}}
    calls = {"backup": {"source": "acme/backup/aws", "expressions": call, "module": module}}
    return {
        "format_version": "1.2",
        "terraform_version": "1.9.5",
        "planned_values": {"root_module": {}},
        "resource_changes": changes,
        "configuration": {"provider_config": {"aws": aws}, "root_module": {"module_calls": calls}},
    }


def count_module() -> dict[str, Any]:
    """A module that creates vault, plan, role and selections with count, and rules in a dynamic block."""
    rules = [rule(target_vault_name="shop", rule_name="daily", lifecycle=lifecycle(30))]
    module = "module.backup"
    changes = [
        change(
            "aws_backup_vault.this",
            ["create"],
            after={"name": "shop"},
            unknown={"arn": True, "kms_key_arn": True},
        ),
        change(
            "aws_backup_plan.this",
            ["create"],
            after={"name": "shop", "rule": rules, "advanced_backup_setting": []},
            unknown={"id": True, "arn": True, "rule": [{"lifecycle": [{}]}]},
        ),
        change(
            "aws_iam_role.this",
            ["create"],
            after={"name": "shop-backup", "path": "/", "assume_role_policy": _ASSUME},
            unknown={"arn": True},
        ),
        change(
            "aws_backup_selection.this",
            ["create"],
            after={
                "name": "by-tag",
                "resources": None,
                "selection_tag": [{"type": "STRINGEQUALS", "key": "team", "value": "shop"}],
            },
            unknown={"plan_id": True, "iam_role_arn": True, "condition": True, "not_resources": True},
        ),
    ]
    role = refers("var.iam_role_arn", "aws_iam_role.this[0].arn", "aws_iam_role.this[0]", "aws_iam_role.this")
    resources = [
        resource("aws_backup_vault.this", name=refers("var.vault_name")),
        resource("aws_backup_plan.this", name=refers("var.plan_name")),
        resource("aws_iam_role.this", name=refers("var.plan_name")),
        resource(
            "aws_backup_selection.this",
            name=refers("each.value"),
            plan_id=refers("aws_backup_plan.this[0].id", "aws_backup_plan.this[0]", "aws_backup_plan.this"),
            iam_role_arn=role,
        ),
    ]
    return plan_with_module([in_module(entry, module, 0) for entry in changes], resources, {})


def splat_module() -> dict[str, Any]:
    """A module that joins splats, and takes the role from a local value, which a plan does not show."""
    entries = count_module()
    selection = next(each for each in entries["resource_changes"] if each["type"] == "aws_backup_selection")
    selection["change"]["after"]["name"] = "splat"
    configured = entries["configuration"]["root_module"]["module_calls"]["backup"]["module"]["resources"]
    configured[-1]["expressions"] |= {
        "plan_id": refers("aws_backup_plan.this"),
        "iam_role_arn": refers("local.iam_role_arn"),
    }
    return entries


def variable_module() -> dict[str, Any]:
    """A module for selections that gets the plan's id and the role from the module that calls it."""
    created = count_module()
    parts = {entry["type"]: entry for entry in created["resource_changes"]}
    configured = created["configuration"]["root_module"]["module_calls"]["backup"]["module"]["resources"]
    root = [{**parts[kind]} for kind in ("aws_backup_vault", "aws_backup_plan", "aws_iam_role")]
    for entry in root:
        entry.pop("module_address")
        entry.pop("index")
        entry["address"] = f"{entry['type']}.{entry['name']}"
    selections = [
        {
            **parts["aws_backup_selection"],
            "address": f'module.chosen["{key}"].aws_backup_selection.this',
            "module_address": f'module.chosen["{key}"]',
        }
        for key in ("a.b", "c")
    ]
    for entry in selections:
        entry.pop("index")
    inner = resource(
        "aws_backup_selection.this", plan_id=refers("var.plan_id"), iam_role_arn=refers("var.role_arn")
    )
    call = {
        "expressions": {
            "plan_id": refers("aws_backup_plan.this.id", "aws_backup_plan.this"),
            "role_arn": refers("aws_iam_role.this.arn", "aws_iam_role.this"),
        },
        "for_each_expression": refers("var.teams"),
        "module": {"resources": [inner]},
    }
    created["resource_changes"] = [*root, *selections]
    created["configuration"]["root_module"] = {"resources": configured[:3], "module_calls": {"chosen": call}}
    return created


SAMPLE_TEMPLATE = """\
AWSTemplateFormatVersion: "2010-09-09"
Description: A vault, a plan and a selection by tag, with a table that the selection matches
Resources:
  Key:
    Type: AWS::KMS::Key
    Properties:
      EnableKeyRotation: true
      KeyPolicy: {Version: "2012-10-17", Statement: []}
  Vault:
    Type: AWS::Backup::BackupVault
    Properties:
      BackupVaultName: DailyVault
      EncryptionKeyArn: !GetAtt Key.Arn
  Plan:
    Type: AWS::Backup::BackupPlan
    Properties:
      BackupPlan:
        BackupPlanName: DailyPlan
        BackupPlanRule:
          - RuleName: RuleForDailyBackups
            TargetBackupVault: !Ref Vault
            ScheduleExpression: cron(0 5 ? * * *)
            Lifecycle: {DeleteAfterDays: "35"}
    DependsOn: Vault
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: TestTable
      BillingMode: PAY_PER_REQUEST
      Tags: [{Key: backup, Value: daily}]
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement:
          - {Effect: Allow, Principal: {Service: [backup.amazonaws.com]}, Action: ["sts:AssumeRole"]}
      ManagedPolicyArns: ["arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForBackup"]
  Selection:
    Type: AWS::Backup::BackupSelection
    Properties:
      BackupSelection:
        SelectionName: TagBased
        IamRoleArn: !GetAtt Role.Arn
        ListOfTags: [{ConditionType: STRINGEQUALS, ConditionKey: backup, ConditionValue: daily}]
      BackupPlanId: !Ref Plan
    DependsOn: Plan
"""

COPY_TEMPLATE = """\
AWSTemplateFormatVersion: "2010-09-09"
Parameters:
  Stage: {Type: String}
  CopyRegions: {Type: CommaDelimitedList}
Mappings:
  Retention: {live: {Days: 90}, test: {Days: 7}}
Conditions:
  IsLive: !Equals [!Ref Stage, live]
Resources:
  Plan:
    Type: AWS::Backup::BackupPlan
    Properties:
      BackupPlan:
        BackupPlanName: !Sub "${Stage}-copies"
        BackupPlanRule:
          - RuleName: daily
            TargetBackupVault: production-gold
            ScheduleExpression: cron(0 5 ? * * *)
            Lifecycle: {DeleteAfterDays: !FindInMap [Retention, !Ref Stage, Days]}
            CopyActions:
              - !If
                - IsLive
                - DestinationBackupVaultArn: !Join
                    - ":"
                    - - arn
                      - !Ref AWS::Partition
                      - backup
                      - !Select [0, !Split [",", !Ref CopyRegions]]
                      - !Ref AWS::AccountId
                      - backup-vault:production-disaster
                - !Ref AWS::NoValue
  Spare:
    Type: AWS::Backup::BackupVault
    Condition: IsTest
    Properties: {BackupVaultName: spare}
"""

MACRO_TEMPLATE = """\
Transform: [Company-Defaults]
Resources:
  Vault: {Type: "AWS::Backup::BackupVault", Properties: {BackupVaultName: plain}}
"""
