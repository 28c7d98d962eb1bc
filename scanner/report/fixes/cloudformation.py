"""Changes as CloudFormation templates: one for each account-Region that has something to create or import.

A template is written for a stack that owns its resources. Those that exist are imported into the stack first
(`DeletionPolicy: Retain`), with the file `....import.json`. CloudFormation has no resources for settings of
the Region or of the organisation, for tags and policies of what other stacks own: these are only in the AWS
CLI scripts.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from scanner.fixes.entries import plan_document
from scanner.model.planning.fix import FixChange
from scanner.model.planning.planned_change import VAULT_KINDS, ChangeKind
from scanner.report.fixes.commands import ROLE_POLICIES
from scanner.report.fixes.places import FixPlace
from scanner.report.wording import one_line

# CloudFormation has no resource types for these, or they belong to another stack.
_WITHOUT: Final = frozenset(
    {ChangeKind.REGION_SETTINGS, ChangeKind.GLOBAL_SETTINGS, ChangeKind.TAGS, ChangeKind.KEY_POLICY}
)
_RULE: Final = {"TargetBackupVaultName": "TargetBackupVault"}
_AIR_GAPPED: Final = "LOGICALLY_AIR_GAPPED_BACKUP_VAULT"


def templates(places: tuple[FixPlace, ...]) -> Iterator[tuple[str, str]]:
    """Yield the templates and the files of what they import, with their names."""
    for place in places:
        resources = _resources(place)
        if resources:
            yield f"cloudformation/{place.stem}.yaml", _template(place, resources)
        if imports := _imports(place, resources):
            yield f"cloudformation/{place.stem}.import.json", json.dumps(imports, indent=2) + "\n"


def _template(place: FixPlace, resources: Mapping[str, Any]) -> str:
    left_out = [change for change in place.changes if change.kind in _WITHOUT]
    lines = [
        f"# Changes of {place.title}, proposed by audit fix. README.md says what is proven.",
        *(
            f"# Not in this template (run the AWS CLI script): {one_line(change.title)}"
            for change in left_out
        ),
        'AWSTemplateFormatVersion: "2010-09-09"',
        f"Description: {_text(f'Changes of {place.title}, proposed by audit fix')}",
        "Resources:",
    ]
    for name, resource in resources.items():
        lines += [f"  {name}:", *_yaml(resource, "    ")]
    return "\n".join(lines) + "\n"


def _yaml(content: Mapping[str, Any], indent: str) -> list[str]:
    """Return a mapping in block style; texts are in double quotes, where YAML reads JSON's escapes."""
    lines = []
    for key, value in content.items():
        lines += _entry(f"{indent}{key if re.fullmatch('[A-Za-z]+', key) else _text(key)}:", value, indent)
    return lines


def _entry(start: str, value: Any, indent: str) -> list[str]:  # noqa: ANN401 -- JSON
    inner = indent + "  "
    if isinstance(value, Mapping) and value:
        return [start, *_yaml(value, inner)]
    if isinstance(value, list | tuple) and value:
        return [start, *(line for element in value for line in _member(element, inner))]
    return [f"{start} {_scalar(value)}"]


def _member(value: Any, indent: str) -> list[str]:  # noqa: ANN401 -- JSON
    if isinstance(value, Mapping) and value:
        lines = _yaml(value, indent + "  ")
        return [f"{indent}- {lines[0].strip()}", *lines[1:]]
    return [f"{indent}- {_scalar(value)}"]


def _scalar(value: Any) -> str:  # noqa: ANN401 -- JSON
    return _text(value) if isinstance(value, str) else json.dumps(value)


def _text(value: str) -> str:
    """Return a text in double quotes, with every character that YAML does not print as an escape."""
    quoted = json.dumps(value, ensure_ascii=False)
    return "".join(character if character.isprintable() else _escape(character) for character in quoted)


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004 -- the longest short form


def logical_id(kind: str, name: str) -> str:
    """Return the logical id of a resource: letters and digits, and unique."""
    words = re.sub(r"[^A-Za-z0-9]+", " ", name.rpartition(":")[2])[-60:].title().replace(" ", "")
    return f"{kind}{words}{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:6]}"


def _resources(place: FixPlace) -> dict[str, Any]:
    resources: dict[str, Any] = {}
    vaults: dict[str, list[FixChange]] = {}
    for change in place.changes:
        if change.kind in VAULT_KINDS:
            vaults.setdefault(change.name, []).append(change)
    for name, changes in vaults.items():
        if any(change.context.get("vault", {}).get("unread") for change in changes):
            continue  # the template would remove the parts that the scan did not read
        resources[logical_id("Vault", name)] = _vault(name, changes)
    for change in place.changes:
        if change.kind is ChangeKind.PLAN:
            resources[_plan_id(change.id, change.name)] = _retained(
                "AWS::Backup::BackupPlan", {"BackupPlan": _plan(change)}
            )
        elif change.kind is ChangeKind.SELECTION:
            resources[logical_id("Selection", f"{change.plan_id}{change.plan_name}{change.name}")] = (
                _selection(change)
            )
        elif change.kind is ChangeKind.ROLE:
            resources[logical_id("Role", change.name)] = _role(change)
    return resources


def _plan_id(identity: str, name: str) -> str:
    return logical_id("Plan", identity or name)


def _retained(kind: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Type": kind,
        "DeletionPolicy": "Retain",
        # Deleting the stack, or a replacement, must never delete a vault with its recovery points.
        "UpdateReplacePolicy": "Retain",
        "Properties": dict(properties),
    }


def _vault(name: str, changes: list[FixChange]) -> dict[str, Any]:
    """Return a vault with all its parts: a template has them together."""
    row: Mapping[str, Any] = next(
        (change.context["vault"] for change in changes if change.context.get("vault")), {}
    )
    properties: dict[str, Any] = {"BackupVaultName": name}
    if key := row.get("EncryptionKeyArn"):
        properties["EncryptionKeyArn"] = key
    # A property that is left out would be removed from the vault by the update.
    if row.get("Locked") and row.get("VaultType") != _AIR_GAPPED:
        present = {days: row[days] for days in ("MinRetentionDays", "MaxRetentionDays") if row.get(days)}
        properties["LockConfiguration"] = present
    properties |= {part: row[part] for part in ("AccessPolicy", "Notifications") if row.get(part)}
    for change in changes:
        match change.kind:
            case ChangeKind.VAULT:
                properties.update({key: change.document[key] for key in change.document})
            case ChangeKind.VAULT_POLICY:
                properties["AccessPolicy"] = dict(change.document)
            case ChangeKind.VAULT_LOCK:
                properties["LockConfiguration"] = {
                    key: days for key, days in change.document.items() if key != "ChangeableForDays"
                }
            case _:
                properties["Notifications"] = dict(change.document)
    kind = "AWS::Backup::BackupVault"
    if row.get("VaultType") == _AIR_GAPPED:
        kind = "AWS::Backup::LogicallyAirGappedBackupVault"
        properties |= {days: row[days] for days in ("MinRetentionDays", "MaxRetentionDays") if row.get(days)}
    return _retained(kind, properties)


def _plan(change: FixChange) -> dict[str, Any]:
    document = plan_document(change)
    rules = [{_RULE.get(key, key): value for key, value in rule.items()} for rule in document["Rules"]]
    others = {key: value for key, value in document.items() if key not in {"Rules", "BackupPlanName"}}
    return {"BackupPlanName": document["BackupPlanName"], "BackupPlanRule": rules, **others}


def _selection(change: FixChange) -> dict[str, Any]:
    # A reference also makes CloudFormation create the plan first.
    plan: Any = change.plan_id or {"Ref": _plan_id("", change.plan_name)}
    return {
        "Type": "AWS::Backup::BackupSelection",
        "Properties": {"BackupPlanId": plan, "BackupSelection": dict(change.document)},
    }


def _role(change: FixChange) -> dict[str, Any]:
    path, _, name = change.name.partition(":role/")[2].rpartition("/")
    partition = change.name.split(":")[1]
    properties: dict[str, Any] = {
        "RoleName": name,
        "Path": f"/{path}/" if path else "/",
        "AssumeRolePolicyDocument": change.document["AssumeRolePolicyDocument"],
    }
    if change.is_new:
        prefix = f"arn:{partition}:iam::aws:policy/service-role"
        properties["ManagedPolicyArns"] = [f"{prefix}/{policy}" for policy in ROLE_POLICIES]
    return _retained("AWS::IAM::Role", properties)


def _imports(place: FixPlace, resources: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what `aws cloudformation create-change-set --change-set-type IMPORT` needs."""
    new_vaults = {change.name for change in place.changes if change.kind is ChangeKind.VAULT}
    plans = {
        _plan_id(change.id, change.name): change.id
        for change in place.changes
        if change.kind is ChangeKind.PLAN
    }
    roles = {
        logical_id("Role", change.name): change for change in place.changes if change.kind is ChangeKind.ROLE
    }
    imports = []
    for name, resource in resources.items():
        identity: dict[str, str] = {}
        if "Vault" in resource["Type"] and resource["Properties"]["BackupVaultName"] not in new_vaults:
            identity = {"BackupVaultName": resource["Properties"]["BackupVaultName"]}
        elif plans.get(name):
            identity = {"BackupPlanId": plans[name]}
        elif name in roles and not roles[name].is_new:
            identity = {"RoleName": resource["Properties"]["RoleName"]}
        if identity:
            imports.append(
                {"ResourceType": resource["Type"], "LogicalResourceId": name, "ResourceIdentifier": identity}
            )
    return imports
