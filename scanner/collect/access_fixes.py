"""What to do about a call that was refused or not answered: a command, or the policy statement to add.

AWS says which kind of policy denied a call: "with an explicit deny in a TYPE policy", or "because no TYPE
policy allows the ACTION action" (IAM User Guide, "Troubleshoot access denied error messages"). Not every
service does.
"""

import json
import re
from dataclasses import dataclass
from typing import Final

from scanner.collect.retry import EXPIRED_CODES, THROTTLING_CODES, TRANSIENT_STATUSES
from scanner.evidence.answers import error_kind
from scanner.evidence.writer import Failure
from scanner.model.access import AccessResult
from scanner.model.names import AccountId
from scanner.model.reading import GapKind
from scanner.services.base import Operation

_POLICY: Final = re.compile(
    r"(?P<how>explicit deny in an?|because no) (?P<type>service control|resource control|session|"
    r"identity-based|resource-based|role trust|VPC endpoint)? ?(?P<what>policy|permissions boundary)",
    re.IGNORECASE,
)
_GUARDRAILS: Final = frozenset({"service control policy", "resource control policy", "permissions boundary"})
_OF_SESSION: Final = frozenset({"session policy", "vpc endpoint policy"})

_EXPIRED: Final = "The credentials expired. Log in again, then run `audit check` again."
_UNANSWERED: Final = (
    "AWS did not answer, which says nothing about permissions. Check the network and the proxy, then run "
    "`audit check` again (with a lower --concurrency if calls were throttled)."
)
_TOO_LONG: Final = "DurationSeconds exceeds"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleSettings:
    """Who assumes the role, in which partition, and how the role is called."""

    caller: AccountId
    partition: str
    name: str
    has_external_id: bool

    def arn(self, account: AccountId) -> str:
        """Return the ARN of the role in an account."""
        return f"arn:{self.partition}:iam::{account}:role/{self.name}"


def result_of(failure: Failure) -> AccessResult:
    """Return what a failed call says of access: only a refusal of AWS is a denial.

    Throttling, a failure of AWS or of the network, and expired credentials say nothing about permissions.
    """
    if failure.code in EXPIRED_CODES or error_kind(failure.code) is not GapKind.REFUSED:
        return AccessResult.UNKNOWN
    return AccessResult.DENIED


def statement_for(operation: Operation, resource: str = "*") -> str:
    """Return the statement that allows an operation, as JSON."""
    document = {"Effect": "Allow", "Action": list(operation.actions), "Resource": resource}
    return json.dumps(document, separators=(", ", ": "))


def fix_for_read(failure: Failure, operation: Operation, principal: str) -> str:
    """Return what to do when `principal` (a role, or the caller) could not call an operation."""
    if result_of(failure) is not AccessResult.DENIED:
        return _fix_for_no_answer(failure)
    action = operation.action
    policy, is_explicit = _denying_policy(failure.message)
    if policy in _GUARDRAILS or is_explicit:
        return f"The {policy} denies {action} to {principal}. Allow it there."
    if policy in _OF_SESSION:
        return f"The {policy} does not allow {action}. Add the statement to it."
    return f"Add the statement to the policies of {principal}, or attach the whole policy: `audit policy`."


def fix_for_role(failure: Failure, account: AccountId, role: RoleSettings) -> str:
    """Return what to do when the role of an account could not be assumed."""
    if _TOO_LONG in failure.message:
        return "Ask for a shorter session (scope.session_seconds): 3600 at most where a role assumes a role."
    if result_of(failure) is not AccessResult.DENIED:
        return _fix_for_no_answer(failure)
    policy, is_explicit = _denying_policy(failure.message)
    if policy in _GUARDRAILS or (is_explicit and policy != "role trust policy"):
        return f"The {policy} denies sts:AssumeRole on {role.arn(account)}. Allow it there."
    if policy == "identity-based policy":
        return "Add the statement to the policies of the caller, or attach `audit policy --part caller`."
    external = ", and with the right --external-id" if role.has_external_id else ""
    command = f"audit policy --part trust --role-name {role.name} --trusted-principal {role.caller}"
    return (
        f"Check that {role.name} exists in {account} and trusts {role.caller}{external} (`{command}` prints "
        "its trust policy), and that the caller has the statement."
    )


def _fix_for_no_answer(failure: Failure) -> str:
    if failure.code in EXPIRED_CODES:
        return _EXPIRED
    if not failure.status or failure.code in THROTTLING_CODES or failure.status in TRANSIENT_STATUSES:
        return _UNANSWERED
    return "AWS answered with an error that is not about permissions: read its message."


def _denying_policy(message: str) -> tuple[str, bool]:
    """Return the kind of policy that AWS names, in lower case, and whether it denies explicitly."""
    match = _POLICY.search(message)
    if match is None:
        return "", False
    kind = f"{match['type'] or ''} {match['what']}".strip().lower()
    return kind, "explicit" in match["how"].lower()
