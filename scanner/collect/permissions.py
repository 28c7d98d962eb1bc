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

from scanner.collect.catalogue import OPERATIONS
from scanner.collect.operations import Operation

VERSION: Final = "2012-10-17"
MANAGED_POLICY_LIMIT: Final = 6144
"""Characters of a managed policy, white space not counted (IAM User Guide, "IAM and AWS STS quotas")."""

_ALWAYS_ALLOWED: Final = "sts:GetCallerIdentity"
_ASSUME_ROLE: Final = "sts:AssumeRole"
_ORGANIZATIONS: Final = "organizations"
# Settings of the organisation as a whole, which the management account or its delegate tells.
_ONCE_AN_ORGANIZATION: Final = frozenset({"backup:DescribeGlobalSettings"})
# Organizations answers every account about itself.
_OF_ONESELF: Final = frozenset({"organizations:DescribeEffectivePolicy"})


class Part(StrEnum):
    """Whose policy it is."""

    MEMBER = "member"
    CALLER = "caller"


@dataclass(frozen=True, slots=True)
class Statement:
    """An Allow: its Sid, the actions in order, and the one resource that they are allowed on."""

    sid: str
    actions: tuple[str, ...]
    resource: str = "*"


def statements(
    part: Part, role: str, operations: Iterable[Operation] = OPERATIONS.values()
) -> tuple[Statement, ...]:
    """Give what a part has to be allowed, by service. `role` is the ARN of the role in every account."""
    asked = tuple(operations)
    mine = (one for one in asked if part is Part.CALLER or is_asked_of_members(one))
    read = _by_service({action for one in mine for action in one.actions})
    if part is Part.CALLER and any(one.key == _ASSUME_ROLE for one in asked):
        return (*read, Statement("AssumeRole", (_ASSUME_ROLE,), role))
    return read


def is_asked_of_members(operation: Operation) -> bool:
    """Whether an operation is called in every account, rather than once for the organisation."""
    if operation.key in _OF_ONESELF:
        return True
    return operation.service != _ORGANIZATIONS and operation.key not in _ONCE_AN_ORGANIZATION


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
    """Give a policy as IAM takes it."""
    return {
        "Version": VERSION,
        "Statement": [
            {"Sid": one.sid, "Effect": "Allow", "Action": list(one.actions), "Resource": one.resource}
            for one in granted
        ],
    }


def trust_document(principal: str, external_id: str | None) -> dict[str, Any]:
    """Give the trust policy of the role. `principal`: an account's id, or the ARN of a user or role."""
    statement: dict[str, Any] = {
        "Sid": "Scan",
        "Effect": "Allow",
        "Principal": {"AWS": principal},
        "Action": _ASSUME_ROLE,
    }
    if external_id is not None:
        statement["Condition"] = {"StringEquals": {"sts:ExternalId": external_id}}
    return {"Version": VERSION, "Statement": [statement]}


def size(document: Mapping[str, Any]) -> int:
    """Count a policy's characters as IAM does."""
    return sum(not character.isspace() for character in json.dumps(document))
