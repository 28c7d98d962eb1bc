"""CloudFormation change sets, as `describe-change-set --include-property-values` prints them.

Unlike a template, a change set says what the stack loses, and has the values that CloudFormation resolved.
What only the deployment decides is a placeholder there, and UNKNOWN here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import orjson

from scanner.model.names import parse_arn
from scanner.model.planned_change import (
    UNKNOWN,
    Action,
    ChangeKind,
    ChangeSet,
    NotJudged,
    Origin,
    PlannedChange,
)
from scanner.what_if.changes import Defaults, unplaced
from scanner.what_if.cloudformation import PREFIX, Result, resource_results
from scanner.what_if.intrinsics import Template
from scanner.what_if.terraform_references import objects

_PLACEHOLDER: Final = "{{changeSet:"
"""The beginning of `{{changeSet:KNOWN_AFTER_APPLY}}`."""
_REMOVED: Final = {
    "AWS::Backup::BackupPlan": ChangeKind.PLAN,
    "AWS::Backup::BackupVault": ChangeKind.VAULT,
    "AWS::Backup::LogicallyAirGappedBackupVault": ChangeKind.VAULT,
}


def is_change_set(document: object) -> bool:
    """Check whether a document is a described change set."""
    return isinstance(document, Mapping) and "ChangeSetName" in document and "Changes" in document


def change_set_changes(document: Mapping[str, Any], file: str, defaults: Defaults) -> ChangeSet:
    """Parse a change set. The account and Region are those of its stack."""
    stack = parse_arn(str(document.get("StackId") or ""))
    account, region = (stack.account, stack.region) if stack is not None else ("", "")
    template = Template(
        resources={}, parameters={}, account=account or defaults.account, region=region or defaults.region
    )
    changes: list[PlannedChange] = []
    not_judged: list[NotJudged] = []
    ignored = 0
    for entry in objects(document.get("Changes")):
        resource = entry.get("ResourceChange")
        results = tuple(_of_change(template, resource, file)) if isinstance(resource, Mapping) else ()
        ignored += not results
        for result in results:
            if isinstance(result, NotJudged):
                not_judged.append(result)
            else:
                changes.append(result)
    return ChangeSet(tuple(changes), tuple(not_judged), ignored)


def _of_change(template: Template, resource: Mapping[str, Any], file: str) -> Iterator[Result]:
    kind, logical_id = str(resource.get("ResourceType") or ""), str(resource.get("LogicalResourceId") or "")
    if not kind.startswith(PREFIX):
        return
    origin, action = Origin(file, logical_id), resource.get("Action")
    if action == "Remove":
        yield _removal(template, resource, kind, origin)
    elif action in {"Add", "Modify", "Import"}:
        yield from _after(template, resource, kind, origin)
    else:
        yield NotJudged(origin, f"What happens to it ({str(action)[:40]}) is known only when it is deployed.")


def _removal(template: Template, resource: Mapping[str, Any], kind: str, origin: Origin) -> Result:
    name = str(resource.get("PhysicalResourceId") or "")
    removed = _REMOVED.get(kind)
    if removed is None or not name:
        return NotJudged(origin, f"The removal of {kind} is not judged.")
    where = unplaced(origin, f"the {removed.value} {name}", template.account, template.region)
    if where is not None:
        return where
    return PlannedChange(
        kind=removed,
        action=Action.REMOVE,
        account=template.account,
        region=template.region,
        origin=origin,
        name=name if removed is ChangeKind.VAULT else "",
        id=name if removed is ChangeKind.PLAN else "",
    )


def _after(template: Template, resource: Mapping[str, Any], kind: str, origin: Origin) -> Iterator[Result]:
    properties = _properties(resource.get("AfterContext"))
    if properties is None:
        yield NotJudged(origin, "The change set has no values: describe it with --include-property-values.")
        return
    plan_id = str(resource.get("PhysicalResourceId") or "")
    for result in resource_results(
        template, origin.address, {"Type": kind, "Properties": properties}, origin
    ):
        is_plan = isinstance(result, PlannedChange) and result.kind is ChangeKind.PLAN
        yield replace(result, id=plan_id) if is_plan and isinstance(result, PlannedChange) else result


def _properties(context: object) -> Mapping[str, Any] | None:
    """Return the properties in a context, which is JSON in a text; None: there are none."""
    try:
        document = orjson.loads(context) if isinstance(context, str) else None
    except orjson.JSONDecodeError:
        return None
    properties = document.get("Properties") if isinstance(document, Mapping) else None
    return _without_placeholders(properties) if isinstance(properties, Mapping) else None


def _without_placeholders(value: Any) -> Any:  # noqa: ANN401 -- JSON
    if isinstance(value, Mapping):
        return {key: _without_placeholders(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_placeholders(item) for item in value]
    return UNKNOWN if isinstance(value, str) and _PLACEHOLDER in value else value
