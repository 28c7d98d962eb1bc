"""CloudFormation change sets, as `describe-change-set --include-property-values` prints them.

Unlike a template, a change set says what the stack loses, and has the values that CloudFormation resolved.
What only the deployment decides is a placeholder there, and UNKNOWN here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import orjson

from scanner.model.names import parse_arn
from scanner.model.planning.planned_change import (
    UNKNOWN,
    Action,
    ChangeKind,
    ChangeSet,
    NotJudged,
    Origin,
    PlannedChange,
)
from scanner.what_if.changes import NO_CONTROL, Defaults, notes_about, unplaced
from scanner.what_if.cloudformation import PREFIX, Result, resource_results
from scanner.what_if.intrinsics import Template
from scanner.what_if.new_resources import CLOUDFORMATION, NOT_JUDGED, PHYSICAL_ID
from scanner.what_if.stack_resources import planned
from scanner.what_if.terraform.references import objects

_PLACEHOLDER: Final = "{{changeSet:"
"""The beginning of `{{changeSet:KNOWN_AFTER_APPLY}}`."""
# The physical id of these types is all that a removal needs: a plan's id, a vault's name.
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
        resources={},
        parameters={},
        account=account or defaults.account,
        region=region or defaults.region,
        stack_tags=tuple(objects(document.get("Tags"))),
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
    entries = (entry.get("ResourceChange") for entry in objects(document.get("Changes")))
    kinds = (str(entry.get("ResourceType")) for entry in entries if isinstance(entry, Mapping))
    return ChangeSet(tuple(changes), tuple(not_judged), ignored, notes_about(kinds))


def _of_change(template: Template, resource: Mapping[str, Any], file: str) -> Iterator[Result]:
    kind, logical_id = str(resource.get("ResourceType") or ""), str(resource.get("LogicalResourceId") or "")
    origin, action = Origin(file, logical_id), resource.get("Action")
    # Types that AWS Backup backs up come first: their removal needs the physical id, not the properties.
    if kind in CLOUDFORMATION:
        yield from _of_resource(template, resource, kind, origin)
        return
    if not kind.startswith(PREFIX) or kind in NO_CONTROL:
        if kind in NOT_JUDGED:
            yield NotJudged(origin, f"Changes of {kind} are not judged.")
        elif kind == "AWS::CloudFormation::Stack":
            yield NotJudged(origin, "The changes of a nested stack are in a change set of its own.")
        return
    if action == "Remove":
        yield _removal(template, resource, kind, origin)
    elif action in {"Add", "Modify", "Import"}:
        yield from _after(template, resource, kind, origin)
    else:
        yield NotJudged(origin, f"What happens to it ({str(action)[:40]}) is known only when it is deployed.")


def _of_resource(
    template: Template, resource: Mapping[str, Any], kind: str, origin: Origin
) -> Iterator[Result]:
    """Yield what happens to a resource that AWS Backup can back up."""
    action, physical = resource.get("Action"), str(resource.get("PhysicalResourceId") or "")
    # "Conditional" counts as an update: whether the resource is replaced is known only when it is deployed.
    replaced = action == "Modify" and resource.get("Replacement") == "True"
    if action not in {"Add", "Import", "Modify", "Remove"} or (not physical and action != "Add"):
        yield NotJudged(origin, f"What happens to it ({str(action)[:40]}) is known only when it is deployed.")
        return
    if action == "Remove" or replaced:
        yield planned(template, kind, origin.address, _named(kind, physical), origin, action=Action.REMOVE)
    if action == "Remove":
        return
    properties = _properties(resource.get("AfterContext"))
    if properties is None:
        yield NotJudged(origin, "The change set has no values: describe it with --include-property-values.")
        return
    is_new = action == "Add" or replaced
    # The name of an existing resource may be one that CloudFormation generated, so it is not in a property.
    named = properties if is_new else {**properties, **_named(kind, physical)}
    yield planned(
        template,
        kind,
        origin.address,
        named,
        origin,
        action=Action.CREATE if is_new else Action.UPDATE,
        stack_tags=template.stack_tags,
    )


def _named(kind: str, physical: str) -> dict[str, Any]:
    """Return the properties of a resource of which only the id is known."""
    return {CLOUDFORMATION[kind].name or PHYSICAL_ID: physical}


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
        # Ref returns the id of a plan, but the name of a vault.
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
        # With the id, a plan that the change renames is still the same plan.
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
    # The placeholder may be only a part of a text, like an ARN: the whole text is unknown then.
    return UNKNOWN if isinstance(value, str) and _PLACEHOLDER in value else value
