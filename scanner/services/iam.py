"""AWS IAM and AWS STS: the roles of an account, and the role that the scan assumes there.

A backup selection names a role by its ARN. A role with the same name under another path is a different role,
which AWS Backup cannot assume by that ARN.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final
from urllib.parse import unquote

from scanner.evidence.answers import Answer, Answers
from scanner.evidence.shape import Shape
from scanner.model.inventory import Role
from scanner.model.known import ENTRY, EvidenceRef, Gap, GapKind, Known, Reading, Unread
from scanner.model.names import AccountId, Arn, parse_arn
from scanner.services.base import CallScope, Gaps, Operation, rows
from scanner.services.caller import Caller

LIST_ROLES: Final = "iam:ListRoles"
GET_ROLE: Final = "iam:GetRole"
_TRUST: Final = "AssumeRolePolicyDocument"

OPERATIONS: Final = (
    # One list returns all roles that selections name, with their trust policies.
    Operation(
        "iam",
        "ListRoles",
        "iam:ListRoles",
        page=1000,
        scope=CallScope.ACCOUNT,
        optional="it is a gap of every role that a selection names",
        own=("Roles[].Arn",),
        identity=("Roles[].Arn",),
    ),
    Operation(
        "sts",
        "GetCallerIdentity",
        "sts:GetCallerIdentity",
        scope=CallScope.ACCOUNT,
        optional="without it, no scan begins",
        own=("Account", "Arn"),
    ),
    # Its answers are secrets and are never recorded; only `collect.credentials` calls it.
    Operation(
        "sts",
        "AssumeRole",
        "sts:AssumeRole",
        scope=CallScope.ACCOUNT,
        optional="its refusal is the gap of every list of the account",
    ),
)


def collect_account(caller: Caller) -> None:
    """Record the account's roles. IAM has one endpoint for all Regions of a partition."""
    for _ in caller.pages("iam", "ListRoles"):
        pass


def parse_roles(account: Answers, gaps: Gaps, names: Iterable[str]) -> Mapping[str, Reading[Role | None]]:
    """Return the roles with these ARNs, from the answers of an account's global services."""
    wanted = frozenset(names)
    described = _Roles(account, wanted)
    roles = {name: described.role(name) for name in sorted(wanted)}
    for reading in roles.values():
        if isinstance(reading, Unread):
            gaps.note(reading.gap)
    return roles


class _Roles:
    """The roles with the ARNs `wanted` that an answer describes, by ARN."""

    def __init__(self, account: Answers, wanted: frozenset[str]) -> None:
        self._account = account
        self._wanted = wanted
        self._roles: dict[str, tuple[Role, EvidenceRef]] = {}
        for row, ref in rows(account, LIST_ROLES, "Roles"):
            self._add(row, ref)
        for answer in account.every(GET_ROLE):
            for page in answer.pages:
                self._add(page.need_child("Role"), page.ref)

    def _add(self, row: Shape, ref: EvidenceRef) -> None:
        # An account may have thousands of roles, and this runs once for each of its Regions.
        if (arn := row.need("Arn")) not in self._wanted:
            return
        role = Role(
            arn=Arn(arn),
            name=row.need("RoleName"),
            path=row.text("Path") or "/",
            trust_policy=_trust(row),
        )
        # The list and GetRole may both describe a role, and one of them may lack the trust policy.
        if role.trust_policy is not None or role.arn not in self._roles:
            self._roles[role.arn] = role, ref

    def role(self, arn: str) -> Reading[Role | None]:
        """Return the role; Known(None): the account has no such role."""
        if (described := self._roles.get(arn)) is not None:
            return Known(described[0], (described[1],))
        parts = parse_arn(arn)
        owner = parts.account if parts is not None else self._account.shard.account
        # This account's answers cannot show that a role of another account does not exist.
        if owner != self._account.shard.account:
            return Unread(self._never_asked(arn, owner))
        # GetRole takes the name without the path: names are unique in an
        # account (IAM User Guide, "IAM identifiers").
        name = arn.rpartition("/")[2]
        answers = (self._account.one(GET_ROLE, arn, RoleName=name), self._listed())
        for answer in answers:
            if answer.gap is None:
                return Known(None, answer.refs)
        gaps = [answer.gap for answer in answers if answer.gap is not None]
        # A refusal says more than a call that was never made.
        refused = (gap for gap in gaps if gap.kind is not GapKind.NEVER_ASKED)
        return Unread(next(refused, None) or self._never_asked("", owner))

    def _listed(self) -> Answer:
        """Return the list of all roles, without calls that are limited to a path."""
        return self._account.one(LIST_ROLES)

    def _never_asked(self, about: str, owner: AccountId) -> Gap:
        gap = self._account.gap(LIST_ROLES, about, GapKind.NEVER_ASKED)
        return gap if owner == gap.account else Gap(owner, gap.region, gap.operation, about, gap.kind)


def _trust(row: Shape) -> str | None:
    """Return a trust policy as JSON text. boto3 decodes it; other programs may keep IAM's encoding.

    Other types of values are invalid policies, which parsing the text reports.
    """
    value = row.data.get(_TRUST)
    if isinstance(value, str):
        return unquote(value) if value.startswith("%7B") else value
    return None if value is None else json.dumps(value)


def entry_refusal(*read: Answers) -> Gap | None:
    """Return the refused AssumeRole call (about: the role's ARN) if that is why nothing was read.

    `read`: the answers of the account-Region, then those of the account's global services, which count if the
    first ones are empty. A refused attempt does not count if another one succeeded.
    """
    answers = next((candidate for candidate in read if candidate.operations), read[0])
    if len(answers.operations) != 1 or not answers.operations <= ENTRY:
        return None
    (operation,) = answers.operations
    refused = answers.every(operation)
    if any(answer.gap is None for answer in refused):
        return None
    last = refused[-1]
    role = last.parameters.get("RoleArn")
    return replace(last.gap, about=role if isinstance(role, str) else "") if last.gap else None
