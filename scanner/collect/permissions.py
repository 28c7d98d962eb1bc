"""The least-privilege IAM policies of a scan, made from what the collectors declare.

    member   the role that is assumed in each account: everything that is read there
    caller   who starts the scan: the same in its own account, the organisation, and assuming the role

sts:GetCallerIdentity is in neither: it needs no permission, and cannot even be denied (AWS STS API
reference, "GetCallerIdentity").

Every statement but that of the role is for all resources. Lists take no other (Service Authorization
Reference, "Resource types"). Descriptions would take ARNs, yet the scan is of everything in the account,
and of keys that other accounts share with it: a pattern that leaves nothing out is the star in more words.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import Any, Final

from scanner.services.base import Operation, Place
from scanner.services.catalogue import OPERATIONS

VERSION: Final = "2012-10-17"
MANAGED_POLICY_LIMIT: Final = 6144
"""Characters of a managed policy, white space not counted (IAM User Guide, "IAM and AWS STS quotas")."""

RESOURCE_ORGANIZATION: Final = "aws:ResourceOrgID"

_ALWAYS_ALLOWED: Final = "sts:GetCallerIdentity"
_ASSUME_ROLE: Final = "sts:AssumeRole"


class Part(StrEnum):
    """Whose policy it is."""

    MEMBER = "member"
    CALLER = "caller"


@dataclass(frozen=True, slots=True)
class Statement:
    """An Allow: its Sid, the actions in order, and the one resource that they are allowed on.

    `organization_id` limits it to resources of that organization (aws:ResourceOrgID).
    """

    sid: str
    actions: tuple[str, ...]
    resource: str = "*"
    organization_id: str | None = None


def statements(
    part: Part,
    role: str,
    operations: Iterable[Operation] = OPERATIONS.values(),
    *,
    organization_id: str | None = None,
) -> tuple[Statement, ...]:
    """Return the statements that a part needs, by service.

    `role` is the ARN of the role in every account. With `organization_id`, the caller may assume the role
    only in accounts of that organization.
    """
    asked = tuple(operations)
    mine = (one for one in asked if part is Part.CALLER or is_asked_of_members(one))
    read = _by_service({action for one in mine for action in one.actions})
    if part is Part.CALLER and any(one.key == _ASSUME_ROLE for one in asked):
        return (*read, Statement("AssumeRole", (_ASSUME_ROLE,), role, organization_id))
    return read


def is_asked_of_members(operation: Operation) -> bool:
    """Check whether an operation is called in every account, rather than once for the organization."""
    return operation.place is not Place.SCAN


def _by_service(actions: set[str]) -> tuple[Statement, ...]:
    listed = sorted(actions - {_ALWAYS_ALLOWED, _ASSUME_ROLE})
    return tuple(
        Statement(f"Read{_camel(service)}", tuple(group))
        for service, group in groupby(listed, key=lambda action: action.partition(":")[0])
    )


def _camel(service: str) -> str:
    """Give a Sid's form of a service's prefix: only letters and digits are allowed in it."""
    return "".join(word.capitalize() for word in service.split("-"))


def role_arn(role_name: str, partition: str = "aws") -> str:
    """Give the pattern of the role's ARN in every account."""
    return f"arn:{partition}:iam::*:role/{role_name}"


def policy_document(granted: Iterable[Statement]) -> dict[str, Any]:
    """Build a policy document."""
    return {"Version": VERSION, "Statement": [_allow(statement) for statement in granted]}


def _allow(statement: Statement) -> dict[str, Any]:
    document: dict[str, Any] = {
        "Sid": statement.sid,
        "Effect": "Allow",
        "Action": list(statement.actions),
        "Resource": statement.resource,
    }
    if statement.organization_id is not None:
        document["Condition"] = {"StringEquals": {RESOURCE_ORGANIZATION: statement.organization_id}}
    return document


def trust_document(
    principal: str, external_id: str | None, trusted_role: str | None = None
) -> dict[str, Any]:
    """Build the trust policy of the role.

    `principal` is the id of an account, or the ARN of a user or role. `trusted_role` limits an account to
    its role of that name. A condition does that, not the principal: AWS refuses a trust policy that names
    a role that does not exist yet, and breaks the trust when that role is created again (IAM User Guide,
    "AWS JSON policy elements: Principal").
    """
    statement: dict[str, Any] = {
        "Sid": "Scan",
        "Effect": "Allow",
        "Principal": {"AWS": principal},
        "Action": _ASSUME_ROLE,
    }
    condition: dict[str, Any] = {}
    if external_id is not None:
        condition["StringEquals"] = {"sts:ExternalId": external_id}
    if trusted_role is not None:
        condition["ArnLike"] = {"aws:PrincipalArn": role_arn(trusted_role, "*")}
    if condition:
        statement["Condition"] = condition
    return {"Version": VERSION, "Statement": [statement]}


def size(document: Mapping[str, Any]) -> int:
    """Count a policy's characters as IAM does."""
    return sum(not character.isspace() for character in json.dumps(document))
