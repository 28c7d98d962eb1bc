"""Resources that AWS Backup can back up in CloudFormation templates and change sets."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from scanner.model.planning.planned_change import (
    UNKNOWN,
    Action,
    ChangeKind,
    NotJudged,
    Origin,
    PlannedChange,
)
from scanner.what_if.changes import unplaced
from scanner.what_if.intrinsics import Template
from scanner.what_if.new_resources import (
    CLOUDFORMATION,
    PLACEHOLDER,
    PLACEHOLDER_NOTE,
    arn_of,
    document_of,
)

_STACK_TAGS: Final = "Tags that the stack gives to its resources are not in a template: they are left out."
_TAGS: Final = ("Tags", "FileSystemTags")


def stack_resource(
    template: Template, kind: str, logical_id: str, properties: Mapping[str, Any], origin: Origin
) -> Iterator[PlannedChange | NotJudged]:
    """Yield a resource of a template, which creates it or has created it already: its name decides."""
    new = CLOUDFORMATION[kind]
    # Without a name, a template is the same before and after the stack exists.
    name = properties.get(new.name) if new.name else None
    if not isinstance(name, str) or not name:
        yield NotJudged(
            origin,
            "AWS assigns its name, so a template does not show whether it exists already: use a change set.",
        )
        return
    yield planned(template, kind, logical_id, properties, origin, action=Action.UPDATE, note=_STACK_TAGS)


def planned(  # noqa: PLR0913 -- what a resource of a stack has
    template: Template,
    kind: str,
    logical_id: str,
    properties: Mapping[str, Any],
    origin: Origin,
    *,
    action: Action,
    note: str = "",
    stack_tags: Iterable[Any] = (),
) -> PlannedChange | NotJudged:
    """Return the change of a resource. `stack_tags`: those that CloudFormation adds."""
    # In this order, as a resource's own tag wins over the stack's of the same key.
    tags = tags_of([*stack_tags, *_own_tags(properties)])
    document = document_of(CLOUDFORMATION[kind], _as_values(properties), tags, logical_id)
    account, region = template.account, template.region
    where = unplaced(origin, f"the resource {logical_id}", account, region)
    if where is not None:
        return where
    arn = arn_of(document, account, region)
    notes = (note, PLACEHOLDER_NOTE if PLACEHOLDER in arn else "")
    return PlannedChange(
        kind=ChangeKind.RESOURCE,
        action=action,
        account=account,
        region=region,
        origin=origin,
        name=arn,
        document={} if action is Action.REMOVE else document,
        note=" ".join(filter(None, notes)),
    )


def _own_tags(properties: Mapping[str, Any]) -> tuple[Any, ...]:
    tags: Any = next((properties[name] for name in _TAGS if name in properties), [])
    return tuple(tags) if isinstance(tags, list) else (UNKNOWN,)


def tags_of(pairs: Iterable[Any]) -> object:
    """Return tags by key; UNKNOWN where any of them is."""
    tags: dict[str, object] = {}
    for pair in pairs:
        if not isinstance(pair, Mapping) or not isinstance(pair.get("Key"), str):
            return UNKNOWN
        tags[pair["Key"]] = pair.get("Value", "")
    return tags


def _as_values(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return properties with flags as such: templates may write them as text."""
    words = {"true": True, "false": False}
    return {
        name: words.get(value.lower(), value) if isinstance(value, str) else value
        for name, value in properties.items()
    }
