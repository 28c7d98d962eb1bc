"""Effective backup policies of accounts, which moto does not compute."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from moto.organizations.models import OrganizationsBackend, organizations_backends

from scanner.demo.clock import ago
from scanner.demo.server.authorization import denied
from scanner.demo.wire.answer import ApiError
from scanner.demo.wire.call import Call

Document = dict[str, Any]

BACKUP_POLICY: Final = "BACKUP_POLICY"
_PROTOCOL: Final = "json"
_ACCOUNT: Final = re.compile(r"[0-9]{12}")
_ASSIGN: Final = "@@assign"


def effective_policy(call: Call) -> Document:
    """DescribeEffectivePolicy: every account may ask about itself, the management account about any."""
    management, backend = _organization(call)
    target = str(call.parameters.get("TargetId") or call.account)
    # Delegated administrators are left out: AWS's pages do not say whether they may.
    if call.account not in (target, management):
        raise denied(call, _PROTOCOL)
    if not _ACCOUNT.fullmatch(target):
        raise ApiError("InvalidInputException", "You specified a target that is no account.")
    contents = list(_contents(backend, target)) if call.parameters["PolicyType"] == BACKUP_POLICY else []
    if not contents:
        raise ApiError(
            "EffectivePolicyNotFoundException", "The account doesn't have an effective policy of this type."
        )
    merged: Document = {}
    for content in contents:
        merged = _merge(merged, _settle(json.loads(content)))
    return {
        "EffectivePolicy": {
            "PolicyContent": json.dumps(merged),
            "LastUpdatedTimestamp": ago(days=360),
            "TargetId": target,
            "PolicyType": BACKUP_POLICY,
        }
    }


def invalid_accounts(call: Call) -> Document:
    """ListAccountsWithInvalidEffectivePolicy: none here; for the management account and its delegates."""
    management, backend = _organization(call)
    if call.account != management and call.account not in {admin.account.id for admin in backend.admins}:
        raise denied(call, _PROTOCOL)
    return {"Accounts": [], "PolicyType": call.parameters["PolicyType"]}


OWN_ANSWERS: Mapping[tuple[str, str], Callable[[Call], Document]] = {
    ("organizations", "DescribeEffectivePolicy"): effective_policy,
    ("organizations", "ListAccountsWithInvalidEffectivePolicy"): invalid_accounts,
}
"""Operations of a service of moto's that are answered here."""


def _organization(call: Call) -> tuple[str, OrganizationsBackend]:
    master = organizations_backends.master_accounts.get(call.account)
    management = str(master[0]) if master else call.account
    backend = organizations_backends[management]["aws"]
    if backend.org is None:
        raise ApiError(
            "AWSOrganizationsNotInUseException", "Your account is not a member of an organization."
        )
    return management, backend


def _contents(backend: OrganizationsBackend, account: str) -> Iterator[str]:
    """The backup policies on the way from the root to the account."""
    member = next((candidate for candidate in backend.accounts if candidate.id == account), None)
    if member is None:
        raise ApiError("TargetNotFoundException", "We can't find an account with the id that you specified.")
    way: list[Any] = [member]
    while parent := next((unit for unit in backend.ou if unit.id == way[0].parent_id), None):
        # From the root down, since the policy nearer to the account wins.
        way.insert(0, parent)
    for node in way:
        yield from (policy.content for policy in node.attached_policies if policy.type == BACKUP_POLICY)


def _settle(node: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return the values of a policy without the operator `@@assign`. The demo has no other operator."""
    if isinstance(node, dict):
        return node[_ASSIGN] if _ASSIGN in node else {key: _settle(value) for key, value in node.items()}
    return node


def _merge(above: Document, below: Document) -> Document:
    """Merge two policies; the one nearer to the account wins."""
    merged = dict(above)
    for key, value in below.items():
        former = merged.get(key)
        merged[key] = _merge(former, value) if isinstance(former, dict) and isinstance(value, dict) else value
    return merged
