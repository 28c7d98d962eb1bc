"""Terraform's resources of backup policies of AWS Organizations. Other types of policies mean nothing here.

Source: documentation of the AWS provider, "Resource: aws_organizations_policy" and "..._attachment".
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from scanner.model.names import ORG
from scanner.model.planning.planned_change import UNKNOWN, Action, ChangeKind, NotJudged, PlannedChange
from scanner.what_if.terraform.references import ResourceChange
from scanner.what_if.terraform.resources import Resource, Result, id_before

POLICY: Final = "aws_organizations_policy"
_BACKUP: Final = "BACKUP_POLICY"


def policy_resource(resource: Resource) -> Iterator[Result]:
    """Yield the change of an `aws_organizations_policy` that is a backup policy."""
    if not _is_backup(resource.change):
        return
    after = resource.change.after
    # AWS assigns another id, so attachments of the old policy end with it.
    if resource.action is Action.REPLACE:
        yield _change(replace(resource, action=Action.REMOVE), {}, name=resource.text("name"))
        resource = replace(resource, action=Action.CREATE)
    name = after.get("name") if resource.action is not Action.REMOVE else None
    yield _change(
        resource,
        {"Content": after.get("content", UNKNOWN)},
        name=name if isinstance(name, str) else resource.text("name"),
    )


def policy_attachment(resource: Resource) -> Iterator[Result]:
    """Yield the changes of an `aws_organizations_policy_attachment`: of a detached and an attached target."""
    referred = resource.references.referred(resource.change, ("policy_id",))
    policy = referred[0] if referred is not None and referred[0].type == POLICY else None
    # The attachment does not say the type of its policy: only the policy in the same plan does.
    if policy is not None and not _is_backup(policy):
        return
    before, after = resource.change.before, resource.change.after
    if resource.action in {Action.REMOVE, Action.REPLACE} and before:
        yield _attachment(resource, before, Action.REMOVE, None)
    if resource.action is not Action.REMOVE:
        is_known = isinstance(after.get("policy_id"), str)
        if not is_known and policy is None:
            yield NotJudged(resource.origin, "Which policy it attaches is known only after apply.")
        else:
            yield _attachment(resource, after, Action.CREATE, None if is_known else policy)


def _is_backup(policy: ResourceChange) -> bool:
    # The default of the provider is SERVICE_CONTROL_POLICY, so absence is not a backup policy.
    return _BACKUP in {values.get("type") for values in (policy.before, policy.after)}


def _change(resource: Resource, document: Mapping[str, Any], name: str) -> PlannedChange:
    identity = id_before(resource) if resource.action is not Action.CREATE else ""
    return PlannedChange(
        kind=ChangeKind.BACKUP_POLICY,
        action=resource.action,
        account=resource.places.of(resource.change)[0],
        region=ORG,
        origin=resource.origin,
        name=name,
        id=identity,
        document={} if resource.action is Action.REMOVE else document,
    )


def _attachment(
    resource: Resource, values: Mapping[str, Any], action: Action, policy: ResourceChange | None
) -> PlannedChange:
    """Return the attachment of a policy by its id, or of one that the same plan creates by its address."""
    identity = values.get("policy_id")
    called = identity if policy is None else policy.address
    target = values.get("target_id", UNKNOWN)
    return PlannedChange(
        kind=ChangeKind.POLICY_ATTACHMENT,
        action=action,
        account=resource.places.of(resource.change)[0],
        region=ORG,
        origin=resource.origin,
        name=f"{called} to {target if isinstance(target, str) else 'a target'}",
        document={
            "TargetId": target,
            **({"PolicyId": identity} if policy is None else {"PolicyAddress": policy.address}),
        },
    )
