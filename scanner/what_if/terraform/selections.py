"""The backup selections of a Terraform plan as AWS Backup's own documents."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from scanner.model.planning.planned_change import (
    UNKNOWN,
    Action,
    ChangeKind,
    NotJudged,
    PlannedChange,
    PlanReference,
)
from scanner.what_if.terraform.new import arn_of_new
from scanner.what_if.terraform.resources import Resource, Result, blocks_of, id_before, present

_NO_CONDITIONS: Final = (
    "The conditions of the backup selection {} are known only after apply, and the configuration shows none: "
    "it is judged without conditions."
)
_REFERRED: Final = (
    "The resources of the backup selection {} are known only after apply: it is judged with those that its "
    "expression refers to. Constants in the same list are not in the plan."
)
_CONDITIONS: Final = {
    "string_equals": "StringEquals",
    "string_like": "StringLike",
    "string_not_equals": "StringNotEquals",
    "string_not_like": "StringNotLike",
}


def selection_changes(resource: Resource) -> Iterator[Result]:
    """Yield the change of an `aws_backup_selection`."""
    after = resource.change.after
    # The argument is optional and computed. `terraform show` leaves its blocks out of the configuration, so
    # only a dynamic block whose number is not known could be behind it.
    conditions = resource.if_configured(after.get("condition"), "condition")
    is_without = conditions is None and after.get("condition") is UNKNOWN
    resources = _resources(resource)
    is_referred = resources is not UNKNOWN and after.get("resources") is UNKNOWN
    notes = (_NO_CONDITIONS if is_without else "", _REFERRED if is_referred else "")
    note = " ".join(filter(None, notes))
    document = {
        "SelectionName": after.get("name"),
        "IamRoleArn": resource.role_arn(after.get("iam_role_arn")),
        **present(
            Resources=resources,
            NotResources=resource.if_configured(after.get("not_resources"), "not_resources"),
            ListOfTags=blocks_of(after.get("selection_tag"), _selection_tag),
            Conditions=_selection_conditions(conditions),
        ),
    }
    name = resource.text("name")
    plan = _plan_of(resource)
    if plan is None:
        yield NotJudged(
            resource.origin, f"The plan of the backup selection {name} is known only after apply."
        )
        return
    identity, before = id_before(resource), resource.change.before.get("plan_id")
    # A selection cannot move: in another plan it is a new one, with a new id.
    if resource.action is Action.REPLACE and isinstance(before, str) and before != plan.id:
        removal = replace(resource, action=Action.REMOVE)
        old = PlanReference(id=before)
        yield removal.change_of(ChangeKind.SELECTION, {}, name=name, identity=identity, plan=old)
        resource, identity = replace(resource, action=Action.CREATE), ""
    change = resource.change_of(ChangeKind.SELECTION, document, name=name, identity=identity, plan=plan)
    yield replace(change, note=note.format(name)) if isinstance(change, PlannedChange) and note else change


def _plan_of(resource: Resource) -> PlanReference | None:
    """Return the plan of a selection: that of the change that creates it where its id is unknown."""
    after = resource.change.before if resource.action is Action.REMOVE else resource.change.after
    plan_id = after.get("plan_id")
    if isinstance(plan_id, str):
        return PlanReference(id=plan_id)
    referred = resource.references.referred(resource.change, ("plan_id",))
    if referred is None or referred[0].type != "aws_backup_plan":
        return None
    identity = referred[0].before.get("id")
    return PlanReference(id=identity if isinstance(identity, str) else "", address=referred[0].address)


def _selection_tag(tag: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "ConditionType": tag.get("type"),
        "ConditionKey": tag.get("key"),
        "ConditionValue": tag.get("value"),
    }


def _selection_conditions(blocks: object) -> object:
    conditions = blocks_of(blocks, lambda block: block)
    if not isinstance(conditions, list):
        return conditions
    merged: dict[str, Any] = {}
    for block in conditions:
        # Conditions are combined by AND: one that is unknown can exclude anything.
        if block is UNKNOWN:
            return UNKNOWN
        for name, operator in _CONDITIONS.items():
            entries = blocks_of(block.get(name), _condition)
            if entries is UNKNOWN:
                return UNKNOWN
            merged.setdefault(operator, []).extend(entries or ())
    # The four operators may come in several blocks, all of which are combined by AND.
    return {operator: entries for operator, entries in merged.items() if entries} or None


def _condition(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {"ConditionKey": entry.get("key"), "ConditionValue": entry.get("value")}


def _resources(resource: Resource) -> object:
    """Return the ARNs of a selection. Those of resources that the plan creates follow from references.

    In a selection that exists, constants of the list look like what was removed: UNKNOWN.
    """
    resources = resource.change.after.get("resources")
    if resources is not UNKNOWN or resource.action is not Action.CREATE:
        return resources
    # ARNs that AWS assigns get the same placeholder as the resources themselves, so they match.
    referred = resource.references.all_referred(resource.change, ("resources",))
    arns = [arn_of_new(resource, change) for change, attribute in referred or () if attribute in {"arn", ""}]
    is_complete = referred and len(arns) == len(referred) and all(arns)
    return sorted(set(arns)) if is_complete else UNKNOWN
