"""What changes of settings, roles and tags do to the answers of an account."""

from collections.abc import Mapping
from typing import Any

from scanner.model.planning.planned_change import PlannedChange, has_unknown
from scanner.what_if.shard_edits import (
    GLOBAL_SETTINGS,
    KEY_POLICY,
    REGION_SETTINGS,
    RESOURCES,
    ROLE,
    ROLES,
    NotJudgedError,
    ShardEdits,
    paths_of,
)
from scanner.what_if.shard_lines import Document, known_after_apply
from scanner.what_if.tag_edits import edit_tags


def put_region_settings(edits: ShardEdits, change: PlannedChange) -> None:
    """Change the settings of the Region. Those that the change does not name stay."""
    _put_settings(edits, REGION_SETTINGS, change, "settings of the Region")


def put_global_settings(edits: ShardEdits, change: PlannedChange) -> None:
    """Change the global settings. Those that the change does not name stay."""
    _put_settings(edits, GLOBAL_SETTINGS, change, "global settings")


def _put_settings(edits: ShardEdits, operation: str, change: PlannedChange, what: str) -> None:
    answer = next((line for line in edits.lines.of(operation) if line.get("response") is not None), None)
    if answer is None:
        raise NotJudgedError(f"The scan did not read the {what} of {edits.shard.account}.")
    parameters = answer["parameters"]
    # The evidence of the organization names the account in each line.
    extra = _place(answer)
    # One unknown value makes the whole answer unknown: the opt-in of every type is in the same answer.
    if has_unknown(change.document):
        outcome = known_after_apply(f"{paths_of(change.document)} of the {what}")
    else:
        merged = dict(answer["response"])
        for section, values in change.document.items():
            # UpdateRegionSettings changes the types that it names, and no others.
            merged[section] = {**(merged.get(section) or {}), **values}
        outcome = {"response": merged}
    edits.lines.put(operation, parameters, {**extra, **outcome}, edits.at)


def put_role(edits: ShardEdits, change: PlannedChange) -> None:
    """Create or change a role. A trust policy that is not known is left out, which is read as unknown."""
    # IAM identifies a role by its name alone: the path is no part of it.
    name = change.name.rpartition("/")[2]
    trust, path = (change.document.get(key) for key in ("AssumeRolePolicyDocument", "Path"))
    row = {"Arn": change.name, "RoleName": name, "Path": path if isinstance(path, str) else "/"}
    if not has_unknown(trust) and trust is not None:
        row["AssumeRolePolicyDocument"] = trust
    # A role of the same name is replaced: IAM takes a name only once in an account.
    remove_role(edits, change)
    edits.lines.edit_rows(ROLES, "Roles", lambda listed: listed, row)
    # Where roles could not be listed, the scan read those that selections name, one by one.
    if not edits.lines.is_read(ROLES):
        edits.put(ROLE, {"RoleName": name}, {"Role": row})


def remove_role(edits: ShardEdits, change: PlannedChange) -> None:
    """Remove a role. Whoever lists roles then finds none of this name."""
    name = change.name.rpartition("/")[2]
    edits.edit_rows(ROLES, "Roles", "Arn", change.name, None)
    edits.lines.remove(ROLE, RoleName=name)


def put_key_policy(edits: ShardEdits, change: PlannedChange) -> None:
    """Replace the policy of a KMS key whose policy the scan has read."""
    about = {"KeyId": change.name}
    line = next((line for line in edits.lines.of(KEY_POLICY, **about) if "response" in line), None)
    if line is None:
        raise NotJudgedError(f"The scan did not read the policy of {change.name}.")
    policy = change.document.get("Policy")
    is_known = isinstance(policy, str)
    outcome = {"response": {**line["response"], "Policy": policy}} if is_known else None
    what = f"The policy of {change.name}"
    edits.lines.put(KEY_POLICY, line["parameters"], outcome or known_after_apply(what), edits.at)


def put_tags(edits: ShardEdits, change: PlannedChange) -> None:
    """Change the tags of a resource, wherever an answer has them."""
    tags = change.document.get("Tags")
    if not isinstance(tags, Mapping) or has_unknown(tags):
        raise NotJudgedError(f"The tags of {change.name} are known only after the change is applied.")
    # A list that was not read cannot show which tags the resource has now.
    edits.require(RESOURCES, "the tags of resources")
    pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
    rows = edits.lines.rows(RESOURCES, "ResourceTagMappingList")
    is_listed = any(row.get("ResourceARN") == change.name for row in rows)
    # GetResources leaves out resources that never had tags.
    added = None if is_listed else {"ResourceARN": change.name, "Tags": pairs}
    edits.lines.edit_rows(
        RESOURCES,
        "ResourceTagMappingList",
        lambda row: {**row, "Tags": pairs} if row.get("ResourceARN") == change.name else row,
        added,
    )
    # The services' own lists have tags too, and win where they have them.
    edits.lines.edit_containing(*edit_tags(change.name, dict(tags)))


def _place(answer: Document) -> dict[str, Any]:
    """Return the account and the Region that lines about the organization have."""
    return {key: value for key, value in answer.items() if key in {"account", "region"}}
