"""What changes of backup policies do to the answers about the organization, and to those of its accounts."""

from collections.abc import Mapping
from typing import Any, Final

from scanner.model.planning.planned_change import UNKNOWN, Action, ChangeKind, PlannedChange
from scanner.what_if.shard_edits import NotJudgedError, ShardEdits
from scanner.what_if.shard_lines import known_after_apply

POLICIES: Final = "organizations:ListPolicies"
POLICY: Final = "organizations:DescribePolicy"
TARGETS: Final = "organizations:ListTargetsForPolicy"
EFFECTIVE: Final = "organizations:DescribeEffectivePolicy"
POLICY_OPERATIONS: Final = frozenset({POLICIES, POLICY, TARGETS, EFFECTIVE})
_BACKUP: Final = {"PolicyType": "BACKUP_POLICY"}
# ListPolicies is called once for each type of policy, with the type as its filter.
_OF_TYPE: Final = {"Filter": "BACKUP_POLICY"}
_LARGEST: Final = 10_000
"""The most characters that a backup policy may have (Organizations User Guide, "Quotas")."""


def put_backup_policy(edits: ShardEdits, change: PlannedChange) -> None:
    """Create or change a backup policy, and its targets where the change names them."""
    edits.require(POLICIES, "the list of backup policies", **_OF_TYPE)
    content = change.document.get("Content")
    # AWS Organizations would refuse the change, so it has no effect that could be judged.
    if isinstance(content, str) and len(content) > _LARGEST:
        raise NotJudgedError(
            f"Its content has {len(content)} characters. AWS Organizations takes at most {_LARGEST}."
        )
    policy = policy_id(edits, change)
    row = {"Id": policy, "Name": change.name or policy, "Type": "BACKUP_POLICY"}
    if any(listed.get("Id") == policy for listed in _policies(edits)):
        edits.edit_rows(POLICIES, "Policies", "Id", policy, {"Name": row["Name"]})
    else:
        edits.lines.edit_rows(POLICIES, "Policies", lambda listed: listed, row, _OF_TYPE)
        # A new policy is attached to nothing until an attachment says so.
        edits.lines.put(TARGETS, {"PolicyId": policy}, _outcome(edits, {"Targets": []}), edits.at)
    if content is UNKNOWN:
        what = f"The content of backup policy {row['Name']}"
        outcome = {**_place(edits), **known_after_apply(what)}
    else:
        outcome = _outcome(edits, {"Policy": {"PolicySummary": row, "Content": content}})
    edits.lines.put(POLICY, {"PolicyId": policy}, outcome, edits.at)
    # None: the source has attachments as resources of their own (Terraform), so the targets stay.
    if (targets := change.document.get("TargetIds")) is not None:
        _put_targets(edits, policy, targets)


def remove_backup_policy(edits: ShardEdits, change: PlannedChange) -> None:
    """Remove a backup policy with its attachments."""
    edits.require(POLICIES, "the list of backup policies", **_OF_TYPE)
    policy = policy_id(edits, change)
    if not any(listed.get("Id") == policy for listed in _policies(edits)):
        raise NotJudgedError(f"The scan has no backup policy {change.name or change.id} to remove.")
    edits.edit_rows(POLICIES, "Policies", "Id", policy, None)
    for operation in (POLICY, TARGETS):
        edits.lines.remove(operation, PolicyId=policy)


def attach(edits: ShardEdits, change: PlannedChange) -> None:
    """Attach a policy to a target. A target that is not known makes the list of targets a failed read."""
    policy = _attached_policy(edits, change)
    target = change.document.get("TargetId")
    if not isinstance(target, str):
        _put_targets(edits, policy, UNKNOWN)
        return
    rows = list(edits.lines.rows(TARGETS, "Targets", PolicyId=policy))
    if all(row.get("TargetId") != target for row in rows):
        added, about = {"TargetId": target}, {"PolicyId": policy}
        edits.lines.edit_rows(TARGETS, "Targets", lambda row: row, added, about)


def detach(edits: ShardEdits, change: PlannedChange) -> None:
    """Detach a policy from a target."""
    policy = policy_id(edits, change)
    target = change.document.get("TargetId")
    edits.lines.edit_rows(
        TARGETS,
        "Targets",
        lambda row: None if row.get("TargetId") == target else row,
        about={"PolicyId": policy},
        identity="TargetId",
    )


def put_effective_policy(edits: ShardEdits, change: PlannedChange) -> None:
    """Record what AWS would describe as the account's effective policy."""
    content = change.document.get("PolicyContent")
    if content is UNKNOWN:
        edits.lines.put(EFFECTIVE, _BACKUP, known_after_apply("The effective backup policy"), edits.at)
        return
    effective = {"PolicyContent": content, "TargetId": edits.shard.account, **_BACKUP}
    edits.put(EFFECTIVE, _BACKUP, {"EffectivePolicy": effective})


def remove_effective_policy(edits: ShardEdits, _: PlannedChange) -> None:
    """Record that no backup policy reaches the account, which AWS answers with an error."""
    # AWS has no empty effective policy: DescribeEffectivePolicy answers with this error.
    error = {
        "code": "EffectivePolicyNotFoundException",
        "message": "No backup policy reaches the account after the change.",
        "status": 400,
        "attempts": 1,
    }
    edits.lines.put(EFFECTIVE, _BACKUP, {"error": error}, edits.at)


def policy_id(edits: ShardEdits, change: PlannedChange) -> str:
    """Return the id of the policy of a change: its own, that of its name, or one that AWS would assign."""
    address = str(change.document.get("PolicyAddress") or change.origin.address)
    identity = change.id or str(change.document.get("PolicyId") or "")
    if identity or address in edits.plan_ids:
        return identity or edits.plan_ids[address]
    # The name of an attachment is not that of a policy.
    is_policy = change.kind is ChangeKind.BACKUP_POLICY
    named = [str(row["Id"]) for row in _policies(edits) if is_policy and row.get("Name") == change.name]
    is_new = change.action is Action.CREATE or not named
    new = f"p-{edits.new_id(address or change.name, change.origin.file).replace('-', '')}"
    edits.plan_ids[address] = new if is_new else named[0]
    return edits.plan_ids[address]


def _attached_policy(edits: ShardEdits, change: PlannedChange) -> str:
    edits.require(POLICIES, "the list of backup policies", **_OF_TYPE)
    policy = policy_id(edits, change)
    if not any(listed.get("Id") == policy for listed in _policies(edits)):
        raise NotJudgedError(f"The scan has no backup policy {policy} to attach.")
    edits.require(TARGETS, f"the targets of backup policy {policy}", PolicyId=policy)
    return policy


def _put_targets(edits: ShardEdits, policy: str, targets: object) -> None:
    # One unknown target makes the list unknown: which accounts the policy reaches depends on all.
    if not isinstance(targets, list) or not all(isinstance(target, str) for target in targets):
        what = f"What backup policy {policy} is attached to"
        edits.lines.put(TARGETS, {"PolicyId": policy}, {**_place(edits), **known_after_apply(what)}, edits.at)
        return
    rows = [{"TargetId": target} for target in targets]
    edits.lines.put(TARGETS, {"PolicyId": policy}, _outcome(edits, {"Targets": rows}), edits.at)


def _policies(edits: ShardEdits) -> list[dict[str, Any]]:
    return list(edits.lines.rows(POLICIES, "Policies", **_OF_TYPE))


def _outcome(edits: ShardEdits, response: Mapping[str, Any]) -> dict[str, Any]:
    return {**_place(edits), "response": dict(response)}


def _place(edits: ShardEdits) -> dict[str, str]:
    """Return the account and the Region that lines about the organization have."""
    # Lines about the organization carry their account, since their file is not named after one.
    line = next(iter(edits.lines.of(POLICIES)), {})
    return {key: value for key, value in line.items() if key in {"account", "region"}}
