"""IAM roles that selections name: ListRoles of the account, or GetRole for one.

A role is named by its ARN, and the ARN counts: a role of the same name under another path is another one,
and AWS Backup could not assume it by that ARN.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import unquote

from scanner.evidence.answers import Answer, Answers
from scanner.evidence.shape import Shape
from scanner.inventory.gaps import Gaps, rows
from scanner.model.inventory import Role
from scanner.model.names import AccountId, Arn, parse_arn
from scanner.model.reading import EvidenceRef, Gap, GapKind, Known, Reading, Unread

LIST_ROLES: Final = "iam:ListRoles"
GET_ROLE: Final = "iam:GetRole"
_TRUST: Final = "AssumeRolePolicyDocument"


def parse_roles(account: Answers, gaps: Gaps, names: Iterable[str]) -> Mapping[str, Reading[Role | None]]:
    """Look up the roles with these ARNs in the answers of an account's global services."""
    wanted = frozenset(names)
    book = _RoleBook(account, wanted)
    roles = {name: book.role(name) for name in sorted(wanted)}
    for reading in roles.values():
        if isinstance(reading, Unread):
            gaps.note(reading.gap)
    return roles


class _RoleBook:
    """Those roles of an account that are `wanted` and that some answer tells of, by ARN."""

    def __init__(self, account: Answers, wanted: frozenset[str]) -> None:
        self._account = account
        self._wanted = wanted
        self._told: dict[str, tuple[Role, EvidenceRef]] = {}
        for row, ref in rows(account, LIST_ROLES, "Roles"):
            self._tell(row, ref)
        for answer in account.every(GET_ROLE):
            for page in answer.pages:
                self._tell(page.need_child("Role"), page.ref)

    def _tell(self, row: Shape, ref: EvidenceRef) -> None:
        # An account may have thousands of roles, and is looked through once for each of its Regions.
        if (arn := row.need("Arn")) not in self._wanted:
            return
        role = Role(
            arn=Arn(arn),
            name=row.need("RoleName"),
            path=row.text("Path") or "/",
            trust_policy=_trust(row),
        )
        if role.trust_policy is not None or role.arn not in self._told:
            self._told[role.arn] = role, ref

    def role(self, arn: str) -> Reading[Role | None]:
        """Give the role; Known(None): an answer says that there is none."""
        if (told := self._told.get(arn)) is not None:
            return Known(told[0], (told[1],))
        parts = parse_arn(arn)
        owner = parts.account if parts is not None else self._account.shard.account
        if owner != self._account.shard.account:
            return Unread(self._never_asked(arn, owner))
        name = arn.rpartition("/")[2]
        answers = (self._account.one(GET_ROLE, arn, RoleName=name), self._listed())
        for answer in answers:
            if answer.gap is None:
                return Known(None, answer.refs)
        gaps = [answer.gap for answer in answers if answer.gap is not None]
        refused = (gap for gap in gaps if gap.kind is not GapKind.NEVER_ASKED)
        return Unread(next(refused, None) or self._never_asked("", owner))

    def _listed(self) -> Answer:
        """Give the list of all roles: one that was narrowed to a path leaves others out."""
        return self._account.one(LIST_ROLES)

    def _never_asked(self, about: str, owner: AccountId) -> Gap:
        gap = self._account.gap(LIST_ROLES, about, GapKind.NEVER_ASKED)
        return gap if owner == gap.account else Gap(owner, gap.region, gap.operation, about, gap.kind)


def _trust(row: Shape) -> str | None:
    """Return a trust policy as JSON text: boto3 decodes it, other programs may leave it as IAM sends it.

    What is neither a text nor an object is no policy; whoever parses the text finds that out.
    """
    value = row.data.get(_TRUST)
    if isinstance(value, str):
        return unquote(value) if value.startswith("%7B") else value
    return None if value is None else json.dumps(value)
