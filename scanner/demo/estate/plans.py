"""Backup plans, their rules and copy actions, and the selections that give them resources."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from scanner.demo.estate.site import Site
from scanner.demo.estate.vaults import Vault

FOR_EVER = None
"""A retention without an end."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy action: into which vault (ARN), kept how many days."""

    vault_arn: str
    days: int | None = FOR_EVER


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as it is planted: when it runs, where to, how many days it keeps."""

    name: str
    cron: str
    vault: Vault
    days: int | None
    copies: tuple[Copy, ...] = ()
    continuous: bool = False
    timezone: str = "Etc/UTC"
    cold_after: int | None = None
    """Days after which its backups go to cold storage."""


@dataclass(frozen=True, slots=True)
class PlannedRule:
    """A rule in its plan, as recovery points and jobs name it (`created_by` is RecoveryPointCreator)."""

    rule: Rule
    created_by: Mapping[str, str]
    role: str


@dataclass(frozen=True, slots=True)
class Plan:
    """A planted plan."""

    site: Site
    id: str
    arn: str
    role: str
    rules: Mapping[str, PlannedRule]


def plan(site: Site, name: str, role: str, *rules: Rule) -> Plan:
    """A backup plan with its rules; `role` is what its selections will use."""
    document = {"BackupPlanName": name, "Rules": [_rule(rule) for rule in rules]}
    answer = site.do("backup", "CreateBackupPlan", BackupPlan=document)
    # Read back, since AWS assigns the ids of rules that jobs and recovery points name.
    stored = site.do("backup", "GetBackupPlan", BackupPlanId=answer["BackupPlanId"])
    planned = {
        rule.name: PlannedRule(rule, _creator(stored, body), role)
        for rule, body in zip(rules, stored["BackupPlan"]["Rules"], strict=True)
    }
    return Plan(site, answer["BackupPlanId"], answer["BackupPlanArn"], role, planned)


def of_organization(planted: Plan) -> Plan:
    """The plan as one that a backup policy of the organisation made: its id begins with `orgs/`."""
    backend = planted.site.backup
    stored_plan = backend.plans.pop(planted.id)
    # Only AWS Backup itself makes such plans, so there is no call for it.
    stored_plan.backup_plan_id = f"orgs/{planted.id}"
    stored_plan.backup_plan_arn = planted.site.arn("backup", f"backup-plan:{stored_plan.backup_plan_id}")
    backend.plans[stored_plan.backup_plan_id] = stored_plan
    return replace(planted, id=stored_plan.backup_plan_id, arn=stored_plan.backup_plan_arn)


def select(planted: Plan, name: str, **body: Any) -> str:  # noqa: ANN401 - the API's own BackupSelection
    """A selection of the plan; `body` is the API's BackupSelection (Resources, ListOfTags, …). Its id."""
    selection = {"SelectionName": name, "IamRoleArn": planted.role, **body}
    answer = planted.site.do(
        "backup", "CreateBackupSelection", BackupPlanId=planted.id, BackupSelection=selection
    )
    return str(answer["SelectionId"])


def tagged(key: str, *values: str) -> list[dict[str, str]]:
    """ListOfTags: any of the values."""
    return [
        {"ConditionType": "STRINGEQUALS", "ConditionKey": key, "ConditionValue": value} for value in values
    ]


def condition(key: str, value: str) -> list[dict[str, str]]:
    """One list of Conditions: the tag and its value, which may hold `*` in the like operators."""
    return [{"ConditionKey": f"aws:ResourceTag/{key}", "ConditionValue": value}]


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "RuleName": rule.name,
        "TargetBackupVaultName": rule.vault.name,
        "ScheduleExpression": rule.cron,
        "ScheduleExpressionTimezone": rule.timezone,
        # The shortest window that AWS Backup takes: rules of one plan overlap only where the story wants it.
        "StartWindowMinutes": 60,
        "CompletionWindowMinutes": 360,
        "EnableContinuousBackup": rule.continuous,
        "Lifecycle": lifecycle(rule.days, rule.cold_after),
        "CopyActions": [
            {"DestinationBackupVaultArn": copy.vault_arn, "Lifecycle": lifecycle(copy.days)}
            for copy in rule.copies
        ],
    }


def lifecycle(days: int | None, cold_after: int | None = None) -> dict[str, int | bool]:
    """Return a lifecycle in days; for ever has no deletion, and most have no cold storage."""
    cold: dict[str, int | bool] = {}
    if cold_after is not None:
        # EBS goes to cold storage only with the opt-in to archive.
        cold = {"MoveToColdStorageAfterDays": cold_after, "OptInToArchiveForSupportedResources": True}
    return cold if days is FOR_EVER else {**cold, "DeleteAfterDays": days}


def _creator(stored: Mapping[str, Any], rule: Mapping[str, Any]) -> dict[str, str]:
    return {
        "BackupPlanId": stored["BackupPlanId"],
        "BackupPlanArn": stored["BackupPlanArn"],
        "BackupPlanName": stored["BackupPlan"]["BackupPlanName"],
        "BackupPlanVersion": stored["VersionId"],
        "BackupRuleId": rule["RuleId"],
        "BackupRuleName": rule["RuleName"],
        "BackupRuleCron": rule["ScheduleExpression"],
        "BackupRuleTimezone": rule["ScheduleExpressionTimezone"],
    }
