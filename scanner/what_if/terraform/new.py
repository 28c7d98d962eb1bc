"""Resources that AWS Backup can back up in a Terraform plan: new, replaced, removed, or with other tags."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from scanner.model.planning.planned_change import (
    UNKNOWN,
    Action,
    ChangeKind,
    NotJudged,
    PlannedChange,
    has_unknown,
)
from scanner.what_if.new_resources import (
    NOT_JUDGED,
    PLACEHOLDER,
    PLACEHOLDER_NOTE,
    TERRAFORM,
    arn_of,
    document_of,
    family_of,
)
from scanner.what_if.terraform.references import ResourceChange
from scanner.what_if.terraform.resources import Resource, Result, tag_changes


def resource_changes(resource: Resource) -> Iterator[Result]:
    """Yield the change of a resource that AWS Backup could back up; nothing for resources of other types."""
    kind, action = resource.change.type, resource.action
    # Of an existing resource only the tags decide what backs it up, and any type may have them.
    if action is Action.UPDATE or kind not in {*TERRAFORM, *NOT_JUDGED}:
        yield from tag_changes(resource)
        return
    if kind in NOT_JUDGED:
        yield NotJudged(resource.origin, f"Changes of {kind} are not judged.")
        return
    arn_before = _arn_before(resource)
    document, arn = new_document(resource)
    # A resource that keeps its name keeps its ARN, and with it its recovery points and findings.
    if action in {Action.REMOVE, Action.REPLACE} and arn_before != arn:
        yield _removal(resource, arn_before)
        resource = replace(resource, action=Action.CREATE)
    if action is Action.REMOVE:
        return
    result = resource.change_of(ChangeKind.RESOURCE, document, name=arn)
    if isinstance(result, PlannedChange) and PLACEHOLDER in arn:
        result = replace(result, note=PLACEHOLDER_NOTE)
    yield result


def _arn_before(resource: Resource) -> str:
    arn = resource.change.before.get("arn")
    return arn if isinstance(arn, str) else ""


def _removal(resource: Resource, arn: str) -> Result:
    if not family_of(arn):
        return NotJudged(resource.origin, "The plan does not have the ARN of what it removes.")
    return replace(resource, action=Action.REMOVE).change_of(ChangeKind.RESOURCE, {}, name=arn)


def new_document(resource: Resource) -> tuple[dict[str, Any], str]:
    """Return the form of a resource after the change, and its ARN; both empty for a removal."""
    change = resource.change
    if not change.after:
        return {}, ""
    tags = tags_of(resource)
    document = document_of(TERRAFORM[change.type], change.after, tags, change.address)
    account, region = resource.places.of(change)
    return document, arn_of(document, account, region)


def tags_of(resource: Resource) -> Mapping[str, Any] | object:
    """Return the tags of a new resource; UNKNOWN where they are.

    `tags_all` of a resource without tags is known only after apply. Default tags of the provider are in it.
    """
    after = resource.change.after
    tags_all, tags = after.get("tags_all"), after.get("tags")
    if isinstance(tags_all, Mapping) and not has_unknown(tags_all):
        return tags_all
    if has_unknown(tags) or (has_unknown(tags_all) and resource.places.has_default_tags(resource.change)):
        return UNKNOWN
    return tags if isinstance(tags, Mapping) else {}


def arn_of_new(resource: Resource, change: ResourceChange) -> str:
    """Return the ARN of a resource that the plan creates, or of one that exists; empty: it has none here."""
    if isinstance(arn := (change.before or change.after).get("arn"), str):
        return arn
    if change.type not in TERRAFORM or not all(resource.places.of(change)):
        return ""
    return new_document(replace(resource, change=change))[1]
