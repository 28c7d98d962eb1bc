"""The resources of AWS Backup in CloudFormation templates (YAML or JSON), as AWS Backup's own documents.

A template says what a stack will have, not what it has: things are matched with the scan by name. What the
stack loses cannot be seen in a template, and what macros make of a template is unknown.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import orjson

from scanner.model.names import AWS_GLOBAL, ORG
from scanner.model.planning.planned_change import (
    UNKNOWN,
    Action,
    ChangeKind,
    ChangeSet,
    NotJudged,
    Origin,
    PlannedChange,
    PlanReference,
    has_unknown,
)
from scanner.what_if.changes import NO_CONTROL, Defaults, notes_about, unplaced
from scanner.what_if.intrinsics import PlanOf, Template
from scanner.what_if.new_resources import CLOUDFORMATION, NOT_JUDGED
from scanner.what_if.stack_resources import stack_resource
from scanner.yamlfile import YamlDocument

Result = PlannedChange | NotJudged
PREFIX: Final = "AWS::Backup::"
_ROLE: Final = "AWS::IAM::Role"
_STACK: Final = "AWS::CloudFormation::Stack"
_HARMLESS: Final = frozenset(
    {"AWS::Serverless-2016-10-31", "AWS::LanguageExtensions", "AWS::SecretsManager-2020-07-23"}
)
"""AWS's own transforms, which leave resources of other types as they are written."""
# CloudFormation names these as the API does; the target vault and the rules themselves it does not.
_RULE: Final = ("RuleName", "ScheduleExpression", "ScheduleExpressionTimezone", "RecoveryPointTags")
_WINDOWS: Final = ("StartWindowMinutes", "CompletionWindowMinutes")
_DAYS: Final = ("DeleteAfterDays", "MoveToColdStorageAfterDays")


def is_template(document: object) -> bool:
    """Check whether a document is a CloudFormation template."""
    return isinstance(document, Mapping) and isinstance(document.get("Resources"), Mapping)


def template_changes(document: YamlDocument, file: str, defaults: Defaults) -> ChangeSet:
    """Parse a template. `document`: with the short forms of functions written out, and its lines."""
    data = document.data
    conditions, mappings = (data.get(name) for name in ("Conditions", "Mappings"))
    template = Template(
        resources=data["Resources"],
        conditions=conditions if isinstance(conditions, Mapping) else {},
        mappings=mappings if isinstance(mappings, Mapping) else {},
        parameters=defaults.parameters,
        account=defaults.account,
        region=defaults.region,
    )
    macros = _macros(data.get("Transform"))
    changes: list[PlannedChange] = []
    not_judged: list[NotJudged] = []
    ignored = 0
    for logical_id, resource in template.resources.items():
        origin = Origin(file, logical_id, document.line(("Resources", logical_id)))
        results = resource_results(template, logical_id, resource, origin, macros)
        ignored += not results
        for result in results:
            if isinstance(result, NotJudged):
                not_judged.append(result)
            else:
                changes.append(result)
    kinds = (str(body.get("Type")) for body in template.resources.values() if isinstance(body, Mapping))
    return ChangeSet(tuple(changes), tuple(not_judged), ignored, notes_about(kinds))


def _macros(transform: object) -> tuple[str, ...]:
    """Return the macros of a template that may change any of its resources."""
    entries = transform if isinstance(transform, list) else [transform] if transform else []
    names = (str(entry.get("Name")) if isinstance(entry, Mapping) else str(entry) for entry in entries)
    return tuple(name for name in names if name not in _HARMLESS)


def resource_results(
    template: Template,
    logical_id: str,
    resource: Any,  # noqa: ANN401 -- JSON
    origin: Origin,
    macros: tuple[str, ...] = (),
) -> tuple[Result, ...]:
    """Return what a resource means, or that its properties are not of the documented types."""
    try:
        return tuple(_of_resource(template, logical_id, resource, origin, macros))
    except (AttributeError, KeyError, TypeError, ValueError):
        return (NotJudged(origin, "Its properties are not of the types that CloudFormation documents."),)


def _of_resource(
    template: Template,
    logical_id: str,
    resource: Any,  # noqa: ANN401 -- JSON
    origin: Origin,
    macros: tuple[str, ...],
) -> Iterator[Result]:
    # Fn::ForEach (AWS::LanguageExtensions) has the place of a logical id.
    if logical_id.startswith("Fn::"):
        yield NotJudged(origin, f"{logical_id[:60]} makes resources that are known only when it is deployed.")
        return
    if not isinstance(resource, Mapping):
        return
    kind = str(resource.get("Type") or "")
    parse = _PARSERS.get(kind)
    if parse is None and kind not in CLOUDFORMATION:
        if problem := _of_another_type(kind):
            yield NotJudged(origin, problem)
        return
    problem = _unresolvable(template, resource, macros)
    if problem:
        # A role that may not be created concerns only the selections that refer to it: they are unknown.
        if kind != _ROLE:
            yield NotJudged(origin, problem)
        return
    # Unknown was handled above: only a condition that is certainly not met drops the resource silently.
    if template.is_created(resource) is False:
        return
    properties = template.resolved(resource.get("Properties") or {})
    if not isinstance(properties, Mapping):
        yield NotJudged(origin, "Its properties are known only when the template is deployed.")
        return
    if parse is not None:
        yield from parse(_Resource(template, logical_id, properties, origin))
    else:
        yield from stack_resource(template, kind, logical_id, properties, origin)


def _of_another_type(kind: str) -> str:
    """Return why a resource that is not read matters; empty: it does not."""
    if kind == _STACK:
        return "The resources of a nested stack are not in this template."
    is_needed = (kind.startswith(PREFIX) and kind not in NO_CONTROL) or kind in NOT_JUDGED
    return f"Changes of {kind} are not judged." if is_needed else ""


def _unresolvable(template: Template, resource: Mapping[str, Any], macros: tuple[str, ...]) -> str:
    if macros:
        return f"The macro {macros[0][:60]} may change it, so what it will be is unknown."
    if template.is_created(resource) is None:
        condition = str(resource["Condition"])[:60]
        return f"Whether it is created depends on the condition {condition}, which is unknown."
    return ""


class _Resource:
    """One resource of a template with its resolved properties."""

    def __init__(
        self, template: Template, logical_id: str, properties: Mapping[str, Any], origin: Origin
    ) -> None:
        self.template = template
        self.logical_id = logical_id
        self.properties = properties
        self.origin = origin

    def change_of(
        self,
        kind: ChangeKind,
        document: Mapping[str, Any],
        *,
        name: object,
        region: str = "",
        plan: PlanReference | None = None,
    ) -> Result:
        """Return the change with its account and Region, or why it has none."""
        if not isinstance(name, str) or not name:
            return NotJudged(self.origin, f"The name of this {kind.value} is known only when it is deployed.")
        account, own = self.template.account, self.template.region
        where = unplaced(self.origin, f"the {kind.value} {name}", account, own)
        if where is not None:
            return where
        return PlannedChange(
            kind=kind,
            # A template does not show what the stack has: whether this creates is decided by the scan.
            action=Action.UPDATE,
            account=account,
            region=region or own,
            origin=self.origin,
            name=name,
            plan=plan,
            document=document,
        )


def _organizations_policy(resource: _Resource) -> Iterator[Result]:
    """Yield the change of a policy of AWS Organizations that is a backup policy."""
    properties = resource.properties
    kind, name = properties.get("Type"), properties.get("Name")
    # AWS::Organizations::Policy is also the type of service control policies and tag policies.
    if isinstance(kind, str) and kind != "BACKUP_POLICY":
        return
    if not isinstance(kind, str) or not isinstance(name, str):
        yield NotJudged(resource.origin, "Its name and type are known only when the template is deployed.")
        return
    # CloudFormation takes the content as JSON; DescribePolicy returns it as text.
    content = properties.get("Content", UNKNOWN)
    if not isinstance(content, str):
        content = UNKNOWN if has_unknown(content) else orjson.dumps(content).decode()
    # Absent means attached to nothing: CloudFormation detaches what the property does not list.
    targets = properties.get("TargetIds", [])
    yield PlannedChange(
        kind=ChangeKind.BACKUP_POLICY,
        action=Action.UPDATE,
        account=resource.template.account,
        region=ORG,
        origin=resource.origin,
        name=name,
        document={"Content": content, "TargetIds": targets},
    )


def _plan(resource: _Resource) -> Iterator[Result]:
    plan = resource.properties.get("BackupPlan")
    if not isinstance(plan, Mapping):
        yield NotJudged(resource.origin, "Its BackupPlan is known only when the template is deployed.")
        return
    rules = plan.get("BackupPlanRule")
    document: dict[str, Any] = {
        "BackupPlanName": plan.get("BackupPlanName"),
        # A list that a function makes is unknown as a whole. An empty list would be a plan without rules.
        "Rules": [_rule(rule) for rule in rules] if isinstance(rules, list) else UNKNOWN,
    }
    if advanced := plan.get("AdvancedBackupSettings"):
        document["AdvancedBackupSettings"] = advanced
    yield resource.change_of(ChangeKind.PLAN, document, name=plan.get("BackupPlanName"))


def _rule(rule: Any) -> Any:  # noqa: ANN401 -- an object, or UNKNOWN
    if not isinstance(rule, Mapping):
        return UNKNOWN
    parsed = {name: rule[name] for name in _RULE if name in rule}
    # Templates often write numbers as text, and CloudFormation converts them.
    parsed |= {name: _integer(rule[name]) for name in _WINDOWS if name in rule}
    # CloudFormation calls it TargetBackupVault; the API, and so the evidence, TargetBackupVaultName.
    parsed["TargetBackupVaultName"] = rule.get("TargetBackupVault", UNKNOWN)
    if "EnableContinuousBackup" in rule:
        parsed["EnableContinuousBackup"] = _boolean(rule["EnableContinuousBackup"])
    if "Lifecycle" in rule:
        parsed["Lifecycle"] = _lifecycle(rule["Lifecycle"])
    if "TargetLogicallyAirGappedBackupVaultArn" in rule:
        parsed["TargetLogicallyAirGappedBackupVaultArn"] = rule["TargetLogicallyAirGappedBackupVaultArn"]
    copies = rule.get("CopyActions")
    if copies is not None:
        parsed["CopyActions"] = [_copy(copy) for copy in copies] if isinstance(copies, list) else UNKNOWN
    return parsed


def _copy(copy: Any) -> Any:  # noqa: ANN401 -- an object, or UNKNOWN
    if not isinstance(copy, Mapping):
        return UNKNOWN
    parsed = {"DestinationBackupVaultArn": copy.get("DestinationBackupVaultArn", UNKNOWN)}
    return {**parsed, "Lifecycle": _lifecycle(copy["Lifecycle"])} if "Lifecycle" in copy else parsed


def _lifecycle(lifecycle: Any) -> Any:  # noqa: ANN401 -- an object, or UNKNOWN
    if not isinstance(lifecycle, Mapping):
        return UNKNOWN
    parsed = {name: _integer(lifecycle[name]) for name in _DAYS if name in lifecycle}
    opt_in = "OptInToArchiveForSupportedResources"
    return {**parsed, opt_in: _boolean(lifecycle[opt_in])} if opt_in in lifecycle else parsed


def _integer(value: object) -> object:
    """Return a number that CloudFormation also takes as text; anything else is UNKNOWN."""
    if isinstance(value, str):
        return int(value) if value.isdecimal() else UNKNOWN
    return value


def _boolean(value: object) -> object:
    words = {"true": True, "false": False}
    return words.get(value.lower(), UNKNOWN) if isinstance(value, str) else value


def _selection(resource: _Resource) -> Iterator[Result]:
    selection, plan_id = resource.properties.get("BackupSelection"), resource.properties.get("BackupPlanId")
    if not isinstance(selection, Mapping):
        yield NotJudged(resource.origin, "Its BackupSelection is known only when the template is deployed.")
        return
    plan = _plan_reference(resource.template, plan_id)
    name = selection.get("SelectionName")
    if plan is None:
        yield NotJudged(
            resource.origin,
            f"The plan of the backup selection {name if isinstance(name, str) else ''} is unknown.",
        )
        return
    # The role is required, so one that is absent here comes from a function that gave no value.
    role = selection.get("IamRoleArn", UNKNOWN)
    yield resource.change_of(ChangeKind.SELECTION, {**selection, "IamRoleArn": role}, name=name, plan=plan)


def _plan_reference(template: Template, plan_id: object) -> PlanReference | None:
    if isinstance(plan_id, str):
        return PlanReference(id=plan_id)
    if not isinstance(plan_id, PlanOf):
        return None
    # AWS assigns the plan's id, so the plan is found by its name.
    plan = template.resolved(template.resources[plan_id.logical_id]).get("Properties", {}).get("BackupPlan")
    name = plan.get("BackupPlanName") if isinstance(plan, Mapping) else None
    return PlanReference(name=name, address=plan_id.logical_id) if isinstance(name, str) else None


def _vault(resource: _Resource) -> Iterator[Result]:
    """Yield a vault, and its policy, lock and notifications where the template has them."""
    properties = resource.properties
    name = properties.get("BackupVaultName")
    key = properties.get("EncryptionKeyArn")
    # Without a key AWS Backup uses aws/backup for a new vault; an existing vault keeps its key.
    document = {"BackupVaultName": name, **({"EncryptionKeyArn": key} if key is not None else {})}
    yield resource.change_of(ChangeKind.VAULT, document, name=name)
    if not isinstance(name, str):
        return
    if "AccessPolicy" in properties:
        text = _policy_text(properties["AccessPolicy"])
        yield resource.change_of(ChangeKind.VAULT_POLICY, {"Policy": text}, name=name)
    if "LockConfiguration" in properties:
        lock = properties["LockConfiguration"]
        limits = (
            {key: _integer(value) for key, value in lock.items()}
            if isinstance(lock, Mapping)
            # An unknown lock must not look like a lock without limits.
            else {"": UNKNOWN}
        )
        yield resource.change_of(ChangeKind.VAULT_LOCK, limits, name=name)
    if "Notifications" in properties:
        target = properties["Notifications"]
        content = dict(target) if isinstance(target, Mapping) else {"SNSTopicArn": UNKNOWN}
        yield resource.change_of(ChangeKind.VAULT_NOTIFICATIONS, content, name=name)


def _air_gapped(resource: _Resource) -> Iterator[Result]:
    properties = resource.properties
    name = properties.get("BackupVaultName")
    limits = {
        key: _integer(properties[key])
        for key in ("MinRetentionDays", "MaxRetentionDays")
        if key in properties
    }
    # The API has no LockConfiguration for these: they are locked from their creation, with these limits.
    kind = "LOGICALLY_AIR_GAPPED_BACKUP_VAULT"
    yield resource.change_of(
        ChangeKind.VAULT, {"BackupVaultName": name, "VaultType": kind, **limits}, name=name
    )
    if "AccessPolicy" in properties and isinstance(name, str):
        text = _policy_text(properties["AccessPolicy"])
        yield resource.change_of(ChangeKind.VAULT_POLICY, {"Policy": text}, name=name)


def _policy_text(policy: object) -> object:
    if isinstance(policy, str) or has_unknown(policy):
        return policy if isinstance(policy, str) else UNKNOWN
    return orjson.dumps(policy).decode()


def _role(resource: _Resource) -> Iterator[Result]:
    arn = resource.template.role_arn(resource.logical_id)
    if not isinstance(arn, str):
        return
    trust = resource.properties.get("AssumeRolePolicyDocument", UNKNOWN)
    document = {"AssumeRolePolicyDocument": trust, "Path": resource.properties.get("Path", "/")}
    yield resource.change_of(ChangeKind.ROLE, document, name=arn, region=AWS_GLOBAL)


_PARSERS: Final[Mapping[str, Callable[[_Resource], Iterator[Result]]]] = {
    "AWS::Backup::BackupPlan": _plan,
    "AWS::Backup::BackupSelection": _selection,
    "AWS::Backup::BackupVault": _vault,
    "AWS::Backup::LogicallyAirGappedBackupVault": _air_gapped,
    "AWS::IAM::Role": _role,
    "AWS::Organizations::Policy": _organizations_policy,
}
