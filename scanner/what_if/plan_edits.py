"""What changes of backup plans and selections do to the answers of an account-Region."""

from collections.abc import Iterable, Mapping
from typing import Any

from scanner.model.planning.planned_change import UNKNOWN, Action, PlannedChange, PlanReference, has_unknown
from scanner.what_if.new_resources import PLACEHOLDER
from scanner.what_if.shard_edits import (
    PLAN,
    PLANS,
    SELECTION,
    SELECTIONS,
    NotJudgedError,
    ShardEdits,
    paths_of,
)
from scanner.what_if.shard_lines import known_after_apply


def put_plan(edits: ShardEdits, change: PlannedChange) -> None:
    """Create or replace a plan. Rules keep their ids by their names."""
    edits.require(PLANS, "the list of backup plans")
    is_created = change.action is Action.CREATE
    # AWS allows several plans of one name, so a creation never becomes a replacement.
    plan_id = "" if is_created else edits.plan_id(change.id, change.name)
    if not plan_id and change.id and not is_created:
        raise NotJudgedError(f"The scan has no backup plan {change.id}: it was created since, or elsewhere.")
    is_new = not plan_id
    plan_id = plan_id or edits.new_id(change.origin.address or change.name, change.origin.file)
    # Selections of the same file refer to the plan by its address or its name.
    edits.plan_ids[change.origin.address] = edits.plan_ids[change.name or change.origin.address] = plan_id
    document = change.document
    arn, name = edits.plan_arn(plan_id), document.get("BackupPlanName")
    row = {"BackupPlanArn": arn, "BackupPlanId": plan_id}
    renamed = {"BackupPlanName": name} if isinstance(name, str) else {}
    if is_new:
        added = {**row, "CreationDate": edits.at, **renamed}
        edits.lines.edit_rows(PLANS, "BackupPlansList", lambda listed: listed, added)
        # An empty list, not a missing one: a new plan certainly has no selections.
        edits.put(SELECTIONS, {"BackupPlanId": plan_id}, {"BackupSelectionsList": []})
    else:
        edits.edit_rows(PLANS, "BackupPlansList", "BackupPlanId", plan_id, renamed)
    if has_unknown(document):
        # Without this, rules that exist now would be reported as removed by the change.
        edits.effects.unreadable.add(arn)
        what = f"{paths_of(document)} of the backup plan {change.name or plan_id}"
        edits.lines.put(PLAN, {"BackupPlanId": plan_id}, known_after_apply(what), edits.at)
        return
    body = {**document, "Rules": _rules(edits, plan_id, document["Rules"])}
    edits.put(PLAN, {"BackupPlanId": plan_id}, {**row, "BackupPlan": body})


def _rules(edits: ShardEdits, plan_id: str, rules: Iterable[Any]) -> list[dict[str, Any]]:
    """Return rules with their ids: those of the rules that have the same names now."""
    # Findings name a rule by its id: a new id would turn each finding into a new one.
    ids: dict[str, str] = {}
    for answer in edits.lines.of(PLAN, BackupPlanId=plan_id):
        plan = (answer.get("response") or {}).get("BackupPlan") or {}
        ids |= {str(rule["RuleName"]): str(rule["RuleId"]) for rule in _identified(plan.get("Rules"))}
    named = []
    for rule in rules:
        name = str(rule.get("RuleName") or "")
        named.append({**rule, "RuleId": rule.get("RuleId") or ids.get(name) or edits.new_id(plan_id, name)})
    return named


def remove_plan(edits: ShardEdits, change: PlannedChange) -> None:
    """Remove a plan with its selections."""
    edits.require(PLANS, "the list of backup plans")
    plan_id = edits.plan_id(change.id, change.name)
    if not plan_id:
        raise NotJudgedError(f"The scan has no backup plan {change.name or change.id} to remove.")
    edits.edit_rows(PLANS, "BackupPlansList", "BackupPlanId", plan_id, None)
    # AWS refuses to delete a plan that has selections; tools delete these first.
    for operation in (PLAN, SELECTIONS, SELECTION):
        edits.lines.remove(operation, BackupPlanId=plan_id)


def _plan_of(edits: ShardEdits, change: PlannedChange) -> str:
    plan = change.plan or PlanReference()
    edits.require(PLANS, "the list of backup plans")
    plan_id = edits.plan_id(plan.id, plan.name, plan.address)
    plan_id = plan_id or edits.plan_ids.get(plan.name, "")
    if not plan_id:
        raise NotJudgedError(
            f"The scan has no backup plan {plan.name or plan.id or plan.address} for the selection."
        )
    edits.require(SELECTIONS, f"the selections of backup plan {plan_id}", BackupPlanId=plan_id)
    return plan_id


def id_of_selection(edits: ShardEdits, change: PlannedChange, plan_id: str) -> str:
    """Return the id of the selection that a change is about, in a plan; empty: there is none."""
    rows = list(edits.lines.rows(SELECTIONS, "BackupSelectionsList", BackupPlanId=plan_id))
    ids = [str(row.get("SelectionId")) for row in rows]
    if change.id in ids:
        return change.id
    # An id that the plan does not have is no reason to take another selection of the same name.
    named = [str(row.get("SelectionId")) for row in rows if row.get("SelectionName") == change.name]
    return named[0] if named and not change.id else ""


def put_selection(edits: ShardEdits, change: PlannedChange) -> None:
    """Create or replace a selection."""
    plan_id = _plan_of(edits, change)
    selection_id = "" if change.action is Action.CREATE else id_of_selection(edits, change, plan_id)
    if not selection_id and change.id:
        raise NotJudgedError(f"The scan has no backup selection {change.id} in plan {plan_id}.")
    is_new = not selection_id
    selection_id = selection_id or edits.new_id(plan_id, change.name, change.origin.address)
    name, role = (change.document.get(key) for key in ("SelectionName", "IamRoleArn"))
    described = {"SelectionName": name, "IamRoleArn": role}
    summary = {key: value for key, value in described.items() if isinstance(value, str)}
    identity = {"SelectionId": selection_id, "BackupPlanId": plan_id}
    if is_new:
        added = {**identity, **summary, "CreationDate": edits.at}
        about = {"BackupPlanId": plan_id}
        edits.lines.edit_rows(SELECTIONS, "BackupSelectionsList", lambda row: row, added, about)
    else:
        edits.edit_rows(SELECTIONS, "BackupSelectionsList", "SelectionId", selection_id, summary, plan_id)
    document = _with_placeholder(edits, change.document)
    if has_unknown(document):
        what = f"{paths_of(change.document)} of the backup selection {change.name or selection_id}"
        edits.lines.put(SELECTION, identity, known_after_apply(what), edits.at)
    else:
        edits.put(SELECTION, identity, {**identity, "BackupSelection": document})


def _with_placeholder(edits: ShardEdits, document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a selection in which a role that is not known is one that no account has.

    What it selects is known all the same. Whether the role exists and can be assumed stays unknown, since the
    roles of no account were read.
    """
    # An empty account belongs to no shard, so the role is neither found nor reported as missing.
    placeholder = f"arn:{edits.partition}:iam:::role/{PLACEHOLDER}"
    role = document.get("IamRoleArn")
    return {**document, "IamRoleArn": placeholder} if role is UNKNOWN else dict(document)


def remove_selection(edits: ShardEdits, change: PlannedChange) -> None:
    """Remove a selection."""
    plan_id = _plan_of(edits, change)
    selection_id = id_of_selection(edits, change, plan_id)
    if not selection_id:
        raise NotJudgedError(f"The scan has no backup selection {change.name or change.id} to remove.")
    edits.edit_rows(SELECTIONS, "BackupSelectionsList", "SelectionId", selection_id, None, plan_id)
    edits.lines.remove(SELECTION, BackupPlanId=plan_id, SelectionId=selection_id)


def _identified(rules: object) -> list[Mapping[str, Any]]:
    """Return the rules of a recorded plan that have a name and an id."""
    rows = rules if isinstance(rules, list) else []
    return [rule for rule in rows if isinstance(rule, Mapping) and {"RuleName", "RuleId"} <= rule.keys()]
