"""AWS Backup's own JSON: what the AWS CLI takes and returns.

Account and Region come from the options, or from an envelope that says what the JSON itself cannot:

    {"account": "111122223333", "region": "eu-west-1", "action": "remove", "change": {"BackupPlanId": "..."}}

A list of these is a set of changes. Without `action`, the thing is created, or replaced where it exists.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import orjson

from scanner.model.names import AWS_GLOBAL, ORG, parse_arn
from scanner.model.planning.planned_change import (
    Action,
    ChangeKind,
    ChangeSet,
    NotJudged,
    Origin,
    PlannedChange,
    PlanReference,
)
from scanner.what_if.changes import Defaults, unplaced
from scanner.what_if.shapes import MALFORMED

_ENVELOPE: Final = "change"
_LOCK: Final = ("MinRetentionDays", "MaxRetentionDays", "ChangeableForDays")
_ACTIONS: Final = {
    "create": Action.UPDATE,
    "replace": Action.UPDATE,
    "update": Action.UPDATE,
    "remove": Action.REMOVE,
}
"""Creating what exists already replaces it: the overlay finds out which of the two it is."""

Parts = tuple[ChangeKind, dict[str, Any]]
"""The kind of a change, and its fields."""


def backup_changes(document: object, file: str, defaults: Defaults) -> ChangeSet:
    """Parse a document, an envelope, or a list of them."""
    documents = document if isinstance(document, list) else [document]
    changes: list[PlannedChange] = []
    not_judged: list[NotJudged] = []
    for number, entry in enumerate(documents, start=1):
        origin = Origin(file, f"[{number}]" if isinstance(document, list) else "")
        for result in _results(entry, origin, defaults):
            if isinstance(result, NotJudged):
                not_judged.append(result)
            else:
                changes.append(result)
    return ChangeSet(tuple(changes), tuple(not_judged))


def is_backup_json(document: object) -> bool:
    """Check whether a document is one that `backup_changes` reads."""
    entries = document if isinstance(document, list) else [document]
    return bool(entries) and all(
        isinstance(entry, Mapping) and (_ENVELOPE in entry or any(_parts(entry))) for entry in entries
    )


def _results(
    entry: Any,  # noqa: ANN401 -- JSON
    origin: Origin,
    defaults: Defaults,
) -> tuple[PlannedChange | NotJudged, ...]:
    """Return the changes of an entry, or that it has members of other types than AWS Backup documents."""
    try:
        return tuple(_of_entry(entry, origin, defaults))
    # Parsers read members without checks: one place turns every wrong type into "not judged".
    except (AttributeError, KeyError, TypeError, ValueError):
        return (NotJudged(origin, MALFORMED.format("members have other types")),)


def _of_entry(entry: Any, origin: Origin, defaults: Defaults) -> Iterator[PlannedChange | NotJudged]:  # noqa: ANN401 -- JSON
    account, region, word, content = defaults.account, defaults.region, "replace", entry
    if isinstance(entry, Mapping) and _ENVELOPE in entry:
        account = str(entry.get("account") or account)
        region = str(entry.get("region") or region)
        word = str(entry.get("action") or word)
        content = entry[_ENVELOPE]
    action = _ACTIONS.get(word)
    if action is None:
        yield NotJudged(origin, f"The action {word[:40]!r} is none of {', '.join(_ACTIONS)}.")
        return
    parts = tuple(_parts(content)) if isinstance(content, Mapping) else ()
    if not parts:
        yield NotJudged(
            origin,
            "This is neither a backup plan, a selection, a vault, its policy or lock, settings, a role, the "
            "policy of a key nor tags, as the AWS CLI writes them.",
        )
    for kind, fields in parts:
        yield _placed(kind, fields, action, (account, region), origin)


def _placed(
    kind: ChangeKind, fields: Mapping[str, Any], action: Action, place: tuple[str, str], origin: Origin
) -> PlannedChange | NotJudged:
    """Return a change with its account and Region; an ARN in it decides."""
    # An ARN cannot contradict itself, while the options and the envelope may be meant for other entries.
    account, region = fields.get("place") or place
    # Global settings belong to the organization, whichever Region the file is for.
    region = ORG if kind is ChangeKind.GLOBAL_SETTINGS else region
    problem = fields.get("problem")
    if problem:
        return NotJudged(origin, problem)
    name = fields.get("name", "")
    where = unplaced(origin, f"the {kind.value} {name}".rstrip(), account, region)
    if where is not None:
        return where
    return PlannedChange(
        kind=kind,
        action=action,
        account=account,
        region=region,
        origin=origin,
        name=name,
        id=fields.get("id", ""),
        plan=fields.get("plan"),
        document={} if action is Action.REMOVE else fields.get("document", {}),
    )


def _parts(content: Mapping[str, Any]) -> Iterator[Parts]:
    """Yield what a document describes, by the members that only it has."""
    for parse in _PARSERS:
        if parts := tuple(parse(content)):
            yield from parts
            return


def _plan(content: Mapping[str, Any]) -> Iterator[Parts]:
    plan = content.get("BackupPlan", content if "Rules" in content else None)
    # An id alone is what DeleteBackupPlan takes. Together with a plan it is what UpdateBackupPlan takes.
    is_removed = "BackupPlanId" in content and set(content) <= {"BackupPlanId", "BackupPlanName"}
    if is_removed:
        yield (
            ChangeKind.PLAN,
            {"id": str(content["BackupPlanId"]), "name": str(content.get("BackupPlanName") or "")},
        )
    elif isinstance(plan, Mapping):
        name, place = str(plan.get("BackupPlanName") or ""), _place(content.get("BackupPlanArn"))
        fields = {
            "id": str(content.get("BackupPlanId") or ""),
            "name": name,
            "document": dict(plan),
            "place": place,
        }
        if not isinstance(plan.get("Rules"), list):
            fields["problem"] = f"The backup plan {name} has no list of Rules."
        yield ChangeKind.PLAN, fields


def _selection(content: Mapping[str, Any]) -> Iterator[Parts]:
    selection = content.get("BackupSelection", content if "IamRoleArn" in content else None)
    plan, identity = str(content.get("BackupPlanId") or ""), str(content.get("SelectionId") or "")
    if not isinstance(selection, Mapping) and not (identity and plan):
        return
    # A selection may be written flat, with the ids of its plan among its own members.
    terms = dict(selection) if isinstance(selection, Mapping) else {}
    terms = {
        key: value
        for key, value in terms.items()
        if key not in {"BackupPlanId", "BackupPlanName", "SelectionId"}
    }
    # A plan that the same file creates has no id yet, so the selection may name it.
    by_name = str(content.get("BackupPlanName") or "")
    fields: dict[str, Any] = {
        "id": identity,
        "name": str(terms.get("SelectionName") or ""),
        "document": terms,
    }
    fields["plan"] = PlanReference(id=plan, name=by_name)
    if not plan and not by_name:
        fields["problem"] = "A selection needs the BackupPlanId, or the BackupPlanName, of its plan."
    yield ChangeKind.SELECTION, fields


def _vault(content: Mapping[str, Any]) -> Iterator[Parts]:
    name = content.get("BackupVaultName")
    if not isinstance(name, str):
        return
    fields = {"name": name, "place": _place(content.get("BackupVaultArn"))}
    if "Policy" in content:
        policy = content["Policy"]
        # The API takes the policy as text. People write it as JSON in JSON, which means the same.
        text = policy if isinstance(policy, str) else orjson.dumps(policy).decode()
        yield ChangeKind.VAULT_POLICY, {**fields, "document": {"Policy": text}}
    if "SNSTopicArn" in content:
        notifications = {key: content.get(key) for key in ("SNSTopicArn", "BackupVaultEvents")}
        yield ChangeKind.VAULT_NOTIFICATIONS, {**fields, "document": notifications}
    if limits := {key: content[key] for key in _LOCK if content.get(key) is not None}:
        yield ChangeKind.VAULT_LOCK, {**fields, "document": limits}
    # Calls about parts of a vault name the vault too: they must not count as a change of the vault itself.
    if not {"Policy", "SNSTopicArn", *_LOCK} & set(content):
        document = {key: content[key] for key in ("BackupVaultName", "EncryptionKeyArn") if content.get(key)}
        yield ChangeKind.VAULT, {**fields, "document": document}


def _settings(content: Mapping[str, Any]) -> Iterator[Parts]:
    names = ("ResourceTypeOptInPreference", "ResourceTypeManagementPreference")
    if any(isinstance(content.get(name), Mapping) for name in names):
        document = {name: content[name] for name in names if isinstance(content.get(name), Mapping)}
        yield ChangeKind.REGION_SETTINGS, {"document": document}
    if isinstance(content.get("GlobalSettings"), Mapping):
        yield ChangeKind.GLOBAL_SETTINGS, {"document": {"GlobalSettings": content["GlobalSettings"]}}


def _tags(content: Mapping[str, Any]) -> Iterator[Parts]:
    arns = content.get("ResourceARNList") or [content.get("ResourceARN") or content.get("ResourceArn")]
    tags = content.get("Tags")
    # AWS Backup and the tagging API take a map of tags; most services take a list of Key and Value.
    if isinstance(tags, list):
        pairs = [tag for tag in tags if isinstance(tag, Mapping)]
        tags = {str(tag.get("Key")): str(tag.get("Value") or "") for tag in pairs}
    if not isinstance(tags, Mapping):
        return
    for arn in arns if isinstance(arns, list) else ():
        if isinstance(arn, str):
            yield ChangeKind.TAGS, {"name": arn, "document": {"Tags": dict(tags)}, "place": _place(arn)}


def _key_policy(content: Mapping[str, Any]) -> Iterator[Parts]:
    key, policy = content.get("KeyId"), content.get("Policy")
    # A vault's access policy has a member Policy as well.
    if not isinstance(key, str) or policy is None or "BackupVaultName" in content:
        return
    text = policy if isinstance(policy, str) else orjson.dumps(policy).decode()
    fields: dict[str, Any] = {"name": key, "document": {"Policy": text}, "place": _place(key)}
    # KMS accepts an id or an alias too, but neither says the account and the Region.
    if _place(key) is None:
        fields["problem"] = "The policy of a key needs the ARN of the key as KeyId."
    yield ChangeKind.KEY_POLICY, fields


def _role(content: Mapping[str, Any]) -> Iterator[Parts]:
    role = content.get("Role")
    if not isinstance(role, Mapping):
        return
    arn = str(role.get("Arn") or "")
    parts = parse_arn(arn)
    trust = role.get("AssumeRolePolicyDocument")
    if parts is None or not isinstance(trust, Mapping):
        yield ChangeKind.ROLE, {"problem": "A role needs its Arn and its AssumeRolePolicyDocument."}
        return
    document = {"AssumeRolePolicyDocument": dict(trust), "Path": role.get("Path", "/")}
    yield ChangeKind.ROLE, {"name": arn, "document": document, "place": (parts.account, AWS_GLOBAL)}


# The order decides: a selection may have the id of a plan, and policies and locks the name of a vault.
_PARSERS: Final[tuple[Callable[[Mapping[str, Any]], Iterator[Parts]], ...]] = (
    _role,
    _key_policy,
    _selection,
    _plan,
    _settings,
    _tags,
    _vault,
)


def _place(arn: object) -> tuple[str, str] | None:
    """Return the account and Region of an ARN; None: it does not name both."""
    parts = parse_arn(arn) if isinstance(arn, str) else None
    return (parts.account, parts.region) if parts is not None and parts.account and parts.region else None
