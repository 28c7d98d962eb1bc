"""Terraform plans as `terraform show -json PLANFILE` prints them.

What is read: `resource_changes[].change` with `actions`, `before`, `after` and `after_unknown`;
`configuration` and `prior_state` for the account and Region of a provider, and for what unknown values refer
to. A plan of another major version of the format is refused, as HashiCorp asks of readers.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import zip_longest
from typing import Any, Final

from scanner.errors import UsageError
from scanner.model.planning.planned_change import (
    UNKNOWN,
    Action,
    ChangeSet,
    NotJudged,
    Origin,
    PlannedChange,
)
from scanner.what_if.changes import NO_CONTROL, Defaults, notes_about
from scanner.what_if.terraform import resources as parsers
from scanner.what_if.terraform.new import resource_changes
from scanner.what_if.terraform.places import Places
from scanner.what_if.terraform.policies import policy_attachment, policy_resource
from scanner.what_if.terraform.references import References, ResourceChange, objects, without_indexes
from scanner.what_if.terraform.resources import Resource, Result
from scanner.what_if.terraform.selections import selection_changes

_MAJOR: Final = "1"
# Data sources are read during the plan: they change nothing in AWS.
_NO_CHANGE: Final = (("no-op",), ("read",))
_ACTIONS: Final[Mapping[tuple[str, ...], Action]] = {
    ("create",): Action.CREATE,
    ("update",): Action.UPDATE,
    ("delete",): Action.REMOVE,
    ("delete", "create"): Action.REPLACE,
    # With create_before_destroy the order is reversed. The result is the same.
    ("create", "delete"): Action.REPLACE,
}
_PARSERS: Final[Mapping[str, Callable[[Resource], Iterator[Result]]]] = {
    "aws_backup_plan": parsers.plan_changes,
    "aws_backup_selection": selection_changes,
    "aws_backup_vault": parsers.vault_changes,
    "aws_backup_logically_air_gapped_vault": parsers.vault_changes,
    "aws_backup_vault_policy": parsers.policy_changes,
    "aws_backup_vault_lock_configuration": parsers.lock_changes,
    "aws_backup_vault_notifications": parsers.notification_changes,
    "aws_backup_region_settings": parsers.region_settings,
    "aws_backup_global_settings": parsers.global_settings,
    "aws_iam_role": parsers.role_changes,
    "aws_organizations_policy": policy_resource,
    "aws_organizations_policy_attachment": policy_attachment,
}
_BACKUP: Final = "aws_backup_"


def is_terraform(document: object) -> bool:
    """Check whether a document is a plan, or a state, of Terraform."""
    return isinstance(document, Mapping) and "format_version" in document


def terraform_changes(document: Mapping[str, Any], file: str, defaults: Defaults) -> ChangeSet:
    """Parse a plan.

    Raises:
        UsageError: it is a state, an incomplete plan, or of another version.
    """
    _check(document, file)
    entries = objects(document.get("resource_changes"))
    configurations = _configurations(document)
    # Unchanged resources are parsed as well: others refer to them.
    every = tuple(_resource_change(entry, configurations) for entry in entries if _is_managed(entry))
    places, references = Places(document, defaults), References(every, _root_module(document))
    changes: list[PlannedChange] = []
    not_judged: list[NotJudged] = []
    ignored = 0
    for change in every:
        if change.actions in _NO_CHANGE:
            continue
        results = _results(change, file, places, references)
        ignored += not results
        for result in results:
            if isinstance(result, NotJudged):
                not_judged.append(result)
            else:
                changes.append(result)
    # Older versions of Terraform have no such member, and defer nothing.
    if document.get("complete") is False:
        not_judged.append(
            NotJudged(Origin(file), "The plan is not complete: Terraform deferred some changes.")
        )
    changed = (change.type for change in every if change.actions not in _NO_CHANGE)
    return ChangeSet(tuple(changes), tuple(not_judged), ignored, notes_about(changed))


def _check(document: Mapping[str, Any], file: str) -> None:
    version = str(document.get("format_version"))
    if version.partition(".")[0] != _MAJOR:
        raise UsageError(
            f"{file} has format_version {version[:20]} of Terraform's plans; this version reads 1.x. Use the "
            "JSON of another version of Terraform."
        )
    if document.get("errored") is True:
        raise UsageError(
            f"{file}: terraform plan ended with an error, so the plan lacks changes. Plan again."
        )
    changes = document.get("resource_changes")
    # A plan without changes has no resource_changes at all, so their absence proves nothing.
    if changes is None and "planned_values" not in document:
        raise UsageError(
            f"{file} is a state of Terraform, not a plan. Run terraform plan -out FILE, and then "
            "terraform show -json FILE."
        )
    if not isinstance(changes or [], list):
        raise UsageError(f"{file}: resource_changes is not a list, so this is not a plan of Terraform.")


def _is_managed(entry: Mapping[str, Any]) -> bool:
    return entry.get("mode", "managed") == "managed" and isinstance(entry.get("change"), Mapping)


def _resource_change(
    entry: Mapping[str, Any], configurations: Mapping[tuple[str, str], Mapping[str, Any]]
) -> ResourceChange:
    change = entry["change"]
    module = str(entry.get("module_address") or "")
    kind, name = str(entry.get("type") or ""), str(entry.get("name") or "")
    after = with_unknown(change.get("after"), change.get("after_unknown"))
    return ResourceChange(
        address=str(entry.get("address") or f"{kind}.{name}"),
        module=module,
        type=kind,
        name=name,
        index=str(entry.get("index", "")),
        actions=tuple(map(str, actions if isinstance(actions := change.get("actions"), list) else ())),
        before=before if isinstance(before := change.get("before"), Mapping) else {},
        after=after if isinstance(after, Mapping) else {},
        configuration=configurations.get((without_indexes(module), f"{kind}.{name}"), {}),
    )


def with_unknown(value: Any, unknown: Any) -> Any:  # noqa: ANN401 -- JSON
    """Return a value of `after` with UNKNOWN in the places that `after_unknown` marks with true."""
    if unknown is True:
        return UNKNOWN
    if isinstance(unknown, Mapping) and (value is None or isinstance(value, Mapping)):
        values = value or {}
        keys = dict.fromkeys((*values, *(key for key, marked in unknown.items() if _marks(marked))))
        return {key: with_unknown(values.get(key), unknown.get(key)) for key in keys}
    if isinstance(unknown, list) and isinstance(value, list):
        # The shorter of the two ends early: what is not marked is known.
        return [with_unknown(item, marked) for item, marked in zip_longest(value, unknown)]
    return value


def _marks(unknown: object) -> bool:
    """Check whether `after_unknown` marks anything in a place: it has empty objects for what is known."""
    if isinstance(unknown, Mapping):
        return any(map(_marks, unknown.values()))
    if isinstance(unknown, list):
        return any(map(_marks, unknown))
    return unknown is True


def _configurations(document: Mapping[str, Any]) -> dict[tuple[str, str], Mapping[str, Any]]:
    """Return the configuration of each resource, by module (without indexes) and `type.name`."""
    root = _root_module(document)
    return {
        # The configuration has one entry for all instances of count and for_each.
        (module, f"{resource.get('type')}.{resource.get('name')}"): resource
        for module, resource in _configured(root, "")
        if resource.get("mode", "managed") == "managed"
    }


def _root_module(document: Mapping[str, Any]) -> Mapping[str, Any]:
    configuration = document.get("configuration")
    root = configuration.get("root_module") if isinstance(configuration, Mapping) else None
    return root if isinstance(root, Mapping) else {}


def _configured(module: object, address: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if not isinstance(module, Mapping):
        return
    for resource in objects(module.get("resources")):
        yield address, resource
    calls = module.get("module_calls")
    for name, call in calls.items() if isinstance(calls, Mapping) else ():
        inner = f"{address}.module.{name}" if address else f"module.{name}"
        yield from _configured(call.get("module") if isinstance(call, Mapping) else None, inner)


def _results(
    change: ResourceChange, file: str, places: Places, references: References
) -> tuple[PlannedChange | NotJudged, ...]:
    """Return what one resource change means, or that its values are not of the provider's types."""
    try:
        return tuple(_changes_of(change, file, places, references))
    except (AttributeError, KeyError, TypeError, ValueError):
        why = f"It does not have the arguments of {change.type}, as Terraform writes them."
        return (NotJudged(Origin(file, change.address), why),)


def _changes_of(
    change: ResourceChange, file: str, places: Places, references: References
) -> Iterator[PlannedChange | NotJudged]:
    """Yield what one resource change means for AWS Backup; nothing where it means nothing."""
    origin = Origin(file, change.address)
    # A `removed` block with destroy = false: the object stays, and only the state loses it.
    if "forget" in change.actions:
        if change.type.startswith(_BACKUP):
            yield NotJudged(origin, "Terraform forgets it: it stays in AWS as it is.")
        return
    action = _ACTIONS.get(change.actions)
    if action is None:
        yield NotJudged(
            origin, f"The actions {', '.join(change.actions)[:60]} are not known to this version."
        )
        return
    if (parse := _PARSERS.get(change.type)) is not None:
        yield from parse(Resource(change, action, origin, places, references))
    elif change.type in NO_CONTROL:
        return
    elif change.type.startswith(_BACKUP):
        yield NotJudged(origin, f"Changes of {change.type} are not judged.")
    else:
        yield from resource_changes(Resource(change, action, origin, places, references))
