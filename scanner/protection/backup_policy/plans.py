"""A plan of an effective backup policy as AWS Backup makes it in an account-Region: plan and selections.

Source: Organizations User Guide, "Backup policy syntax and examples", which names the key of AWS Backup for
each key of a policy. All values of a policy are texts.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from scanner.model.planning.planned_change import UNKNOWN
from scanner.protection.backup_policy.inheritance import PolicySetting

Document = dict[str, Any]
_TEXTS: Final = {
    "schedule_expression": "ScheduleExpression",
    "schedule_expression_timezone": "ScheduleExpressionTimezone",
    "target_backup_vault_name": "TargetBackupVaultName",
    "target_logically_air_gapped_backup_vault_arn": "TargetLogicallyAirGappedBackupVaultArn",
}
_NUMBERS: Final = {
    "start_backup_window_minutes": "StartWindowMinutes",
    "complete_backup_window_minutes": "CompletionWindowMinutes",
}
_DAYS: Final = {
    "delete_after_days": "DeleteAfterDays",
    "move_to_cold_storage_after_days": "MoveToColdStorageAfterDays",
}
_OPT_IN: Final = "opt_in_to_archive_for_supported_resources"
_CONDITIONS: Final = {
    "string_equals": "StringEquals",
    "string_not_equals": "StringNotEquals",
    "string_like": "StringLike",
    "string_not_like": "StringNotLike",
}


@dataclass(frozen=True, slots=True)
class PolicyPlan:
    """A plan, and its selections by name, as AWS Backup documents them. What is not known is UNKNOWN."""

    plan: Document
    selections: Mapping[str, Document]


def plan_regions(settings: Mapping[tuple[str, ...], PolicySetting]) -> tuple[str, ...] | None:
    """Return the Regions of a plan; None: they are not known. `settings`: by their path below the plan."""
    setting = settings.get(("regions",))
    if setting is None:
        return ()
    return setting.value if isinstance(setting.value, tuple) else None


def policy_plan(
    name: str, settings: Mapping[tuple[str, ...], PolicySetting], account: str, region: str
) -> PolicyPlan:
    """Return a plan as AWS Backup makes it in an account-Region."""
    tree: Document = {}
    for path, setting in settings.items():
        _insert(tree, path, _value(setting, account, region))
    rules = tree.get("rules")
    rules = rules if isinstance(rules, dict) else {}
    selections = tree.get("selections")
    named: dict[str, Document] = {}
    for kind, group in (selections if isinstance(selections, dict) else {}).items():
        for selection, members in group.items() if isinstance(group, dict) else ():
            named[selection] = _selection(kind, selection, members)
    return PolicyPlan(
        plan={"BackupPlanName": name, "Rules": [_rule(rule, rules[rule]) for rule in sorted(rules)]},
        selections=named,
    )


def _value(setting: PolicySetting, account: str, region: str) -> object:
    if setting.value is None:
        return UNKNOWN
    if isinstance(setting.value, tuple):
        return [_replaced(member, account, region) for member in setting.value]
    return _replaced(setting.value, account, region)


def _replaced(text: str, account: str, region: str) -> str:
    return text.replace("$account", account).replace("$region", region)


def _insert(tree: Document, path: tuple[str, ...], value: object) -> None:
    for key in path[:-1]:
        inner = tree.setdefault(key, {})
        if not isinstance(inner, dict):
            return
        tree = inner
    tree[path[-1]] = value


def _rule(name: str, rule: Any) -> Any:  # noqa: ANN401 -- an object, or UNKNOWN
    if not isinstance(rule, dict):
        return UNKNOWN
    parsed: Document = {"RuleName": name}
    parsed |= {_TEXTS[key]: value for key, value in rule.items() if key in _TEXTS}
    parsed |= {_NUMBERS[key]: _number(value) for key, value in rule.items() if key in _NUMBERS}
    if "enable_continuous_backup" in rule:
        parsed["EnableContinuousBackup"] = _boolean(rule["enable_continuous_backup"])
    if "lifecycle" in rule:
        parsed["Lifecycle"] = _lifecycle(rule["lifecycle"])
    copies = rule.get("copy_actions")
    if isinstance(copies, dict):
        parsed["CopyActions"] = [_copy(key, copies[key]) for key in sorted(copies)]
    tags = rule.get("recovery_point_tags")
    if isinstance(tags, dict):
        parsed["RecoveryPointTags"] = dict(_tags(tags))
    return parsed


def _copy(key: str, copy: Any) -> Any:  # noqa: ANN401 -- an object, or UNKNOWN
    """Return a copy action. Without an ARN of its own, its vault is that of the key, in lower case."""
    if not isinstance(copy, dict):
        return UNKNOWN
    parsed: Document = {"DestinationBackupVaultArn": copy.get("target_backup_vault_arn", key)}
    return {**parsed, "Lifecycle": _lifecycle(copy["lifecycle"])} if "lifecycle" in copy else parsed


def _lifecycle(lifecycle: Any) -> Any:  # noqa: ANN401 -- an object, or UNKNOWN
    if not isinstance(lifecycle, dict):
        return UNKNOWN
    parsed = {_DAYS[key]: _number(value) for key, value in lifecycle.items() if key in _DAYS}
    if _OPT_IN in lifecycle:
        parsed["OptInToArchiveForSupportedResources"] = _boolean(lifecycle[_OPT_IN])
    return parsed


def _tags(tags: Document) -> Iterator[tuple[str, Any]]:
    for key, tag in tags.items():
        if isinstance(tag, dict):
            name = tag.get("tag_key", key)
            yield (name if isinstance(name, str) else key), tag.get("tag_value", UNKNOWN)


def _selection(kind: str, name: str, selection: Any) -> Document:  # noqa: ANN401 -- an object, or UNKNOWN
    if not isinstance(selection, dict):
        return {"SelectionName": name, "IamRoleArn": UNKNOWN}
    parsed: Document = {"SelectionName": name, "IamRoleArn": selection.get("iam_role_arn", UNKNOWN)}
    if kind == "tags":
        parsed["ListOfTags"] = _list_of_tags(selection)
    else:
        parsed["Resources"] = selection.get("resource_types", [])
        parsed["NotResources"] = selection.get("not_resource_types", [])
    conditions = selection.get("conditions")
    if conditions is not None:
        parsed["Conditions"] = _conditions(conditions)
    return parsed


def _list_of_tags(selection: Document) -> Any:  # noqa: ANN401 -- a list, or UNKNOWN
    key, values = selection.get("tag_key", UNKNOWN), selection.get("tag_value", UNKNOWN)
    values = [values] if isinstance(values, str) else values
    if not (isinstance(key, str) and isinstance(values, list)):
        return UNKNOWN
    return [
        {"ConditionType": "STRINGEQUALS", "ConditionKey": key, "ConditionValue": value} for value in values
    ]


def _conditions(conditions: Any) -> Any:  # noqa: ANN401 -- an object, or UNKNOWN
    if not isinstance(conditions, dict) or not set(conditions) <= set(_CONDITIONS):
        return UNKNOWN
    parsed: Document = {}
    for operator, members in conditions.items():
        entries = list(members.values()) if isinstance(members, dict) else [UNKNOWN]
        parsed[_CONDITIONS[operator]] = [
            {
                "ConditionKey": entry.get("condition_key", UNKNOWN),
                "ConditionValue": entry.get("condition_value", UNKNOWN),
            }
            if isinstance(entry, dict)
            else UNKNOWN
            for entry in entries
        ]
    return parsed


def _number(value: object) -> object:
    return int(value) if isinstance(value, str) and value.isdecimal() else UNKNOWN


def _boolean(value: object) -> object:
    return {"true": True, "false": False}.get(value.lower(), UNKNOWN) if isinstance(value, str) else UNKNOWN
