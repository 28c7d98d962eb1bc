"""Who calls, whether the identity policies of the caller allow it, and which calls are refused anyway.

The decision follows IAM (IAM User Guide, "Policy evaluation logic"): what no statement allows is denied, and
an explicit Deny wins.

Moto's own enforcement rejects the signatures of REST-JSON services, and uses the name of the operation as the
action. Here `actions.json` has the action of each operation according to the Service Authorization Reference,
not to the scanner's declarations. An operation that is not in it is refused.

The policies are those that moto stores: inline and attached ones of a role or user. A resource narrower than
`*` is only supported for sts:AssumeRole, whose role is known; for other calls it allows nothing. Conditions
are only supported in trust policies, and only the one on the external id; any other is never met.
"""

import base64
import itertools
import json
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any, Final

from moto.iam.models import Role, User, iam_backends

from scanner.demo.wire.answer import HTTP_BAD_REQUEST, HTTP_FORBIDDEN, ApiError
from scanner.demo.wire.call import Call

ROOT_ACCESS_KEY = "AKIAVAULTPROOFDEMO01"

AUDITOR = "auditor"
"""The user of the management account with the root keys."""
ROOT_SECRET_KEY = "simulated/organisation/on/this/machine00"  # nosec B105 # noqa: S105 - opens nothing but the simulation
_ROLE_ARN = re.compile(r"arn:aws:iam::(\d{12}):role/(?:.*/)?([\w+=,.@-]+)")
_SHORTEST, _LONGEST, _USUAL = 900, 43_200, 3_600  # seconds; API reference, AssumeRole, DurationSeconds

NO_PERMISSION_NEEDED: Final = frozenset({"sts:GetCallerIdentity"})
"""AWS allows these to all principals, even against a Deny (AWS STS API reference)."""
_ASSUME_ROLE: Final = "sts:AssumeRole"
_PRINCIPAL: Final = re.compile(r"arn:aws:(?:iam::\d{12}:user|sts::\d{12}:assumed-role)/([\w+=,.@-]+)(?:/.*)?")
_EXTERNAL_ID: Final = {"StringEquals": "sts:ExternalId"}
Statement = Mapping[str, Any]
_enforced: list[None] = []
EVERYWHERE = "*"
HTTP_UNAUTHORIZED = 401

_DENIED: Mapping[str, tuple[str, int]] = {
    "query": ("AccessDenied", HTTP_FORBIDDEN),
    # EC2 has a code of its own for a denial: scanners have to know all of these.
    "ec2": ("UnauthorizedOperation", HTTP_FORBIDDEN),
    "rest-xml": ("AccessDenied", HTTP_FORBIDDEN),
    "rest-json": ("AccessDeniedException", HTTP_FORBIDDEN),
    "json": ("AccessDeniedException", HTTP_BAD_REQUEST),
}

_UNKNOWN_KEY: Mapping[str, tuple[str, int]] = {
    "query": ("InvalidClientTokenId", HTTP_FORBIDDEN),
    "ec2": ("AuthFailure", HTTP_UNAUTHORIZED),
    "rest-xml": ("InvalidAccessKeyId", HTTP_FORBIDDEN),
    "rest-json": ("UnrecognizedClientException", HTTP_FORBIDDEN),
    "json": ("UnrecognizedClientException", HTTP_BAD_REQUEST),
}

_EXPIRED: Mapping[str, tuple[str, int]] = {
    "query": ("ExpiredToken", HTTP_FORBIDDEN),
    "ec2": ("RequestExpired", HTTP_BAD_REQUEST),
    "rest-xml": ("ExpiredToken", HTTP_BAD_REQUEST),
    "rest-json": ("ExpiredTokenException", HTTP_FORBIDDEN),
    "json": ("ExpiredTokenException", HTTP_BAD_REQUEST),
}


# Moto accepts every key and takes unknown ones for its default account. Here an unknown or expired key
# is refused, and a role is assumed only where it exists and its account is in reach. Expiry follows the
# real clock, since it is compared with the client's.
@dataclass(frozen=True, slots=True)
class Identity:
    """The identity of an access key; `expires` None means never."""

    account: str
    arn: str
    user_id: str
    expires: datetime | None = None


class Credentials:
    """The access keys of the simulation. Safe for threads."""

    def __init__(self, management_account: str) -> None:
        root = Identity(
            management_account, f"arn:aws:iam::{management_account}:user/{AUDITOR}", "AIDADEMOAUDITOR"
        )
        self._known = {ROOT_ACCESS_KEY: root}
        # Replaced as a whole, since other threads read it without a lock.
        self._closed: frozenset[str] = frozenset()
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def close(self, accounts: Iterable[str]) -> None:
        """Refuse to assume a role of these accounts (suspended, or without the role)."""
        self._closed = self._closed | frozenset(accounts)

    def identify(self, access_key: str) -> Identity | None:
        """Return the identity of a key; None: the key is unknown."""
        return self._known.get(access_key)

    def assume_role(self, call: Call) -> dict[str, Any]:
        """Return the answer of sts:AssumeRole. ApiError: the role cannot be assumed."""
        arn, session = call.parameters["RoleArn"], call.parameters["RoleSessionName"]
        match = _ROLE_ARN.fullmatch(arn)
        if not match:
            raise ApiError("ValidationError", f"{arn} is invalid")
        # The path is no part of the role's identity.
        account, role = match.groups()
        if account in self._closed or not _may_assume(account, role, call):
            raise ApiError(
                "AccessDenied",
                f"User: {call.caller} is not authorized to perform: sts:AssumeRole on resource: {arn}",
                HTTP_FORBIDDEN,
            )
        return self._open_session(account, role, session, _duration(call.parameters))

    def caller_identity(self, access_key: str) -> dict[str, Any]:
        """Return the answer of sts:GetCallerIdentity for a known key."""
        identity = self._known[access_key]
        return {"UserId": identity.user_id, "Account": identity.account, "Arn": identity.arn}

    def _open_session(self, account: str, role: str, session: str, seconds: int) -> dict[str, Any]:
        with self._lock:
            number = next(self._numbers)
        expires = (datetime.now(UTC) + timedelta(seconds=seconds)).replace(microsecond=0)
        arn = f"arn:aws:sts::{account}:assumed-role/{role}/{session}"
        user_id = f"AROADEMO{account}:{session}"
        access_key = "ASIA" + base64.b32encode(number.to_bytes(10, "big")).decode()
        self._known[access_key] = Identity(account, arn, user_id, expires)
        return {
            "Credentials": {
                "AccessKeyId": access_key,
                "SecretAccessKey": f"simulated-secret-{number}",
                "SessionToken": f"simulated-session-{number}",
                "Expiration": expires,
            },
            "AssumedRoleUser": {"AssumedRoleId": user_id, "Arn": arn},
        }


def _duration(parameters: Mapping[str, Any]) -> int:
    seconds = int(parameters.get("DurationSeconds", _USUAL))
    if not _SHORTEST <= seconds <= _LONGEST:
        raise ApiError("ValidationError", f"DurationSeconds must lie between {_SHORTEST} and {_LONGEST}.")
    return seconds


def _may_assume(account: str, role: str, call: Call) -> bool:
    """Check whether the role exists and trusts the caller."""
    roles = iam_backends[account]["aws"].get_roles()
    return any(candidate.name == role and trusts(candidate, call) for candidate in roles)


@contextmanager
def enforced() -> Iterator[None]:
    """Authorise every call while the block runs. Like moto's state, this affects the whole process."""
    _enforced.append(None)
    try:
        yield
    finally:
        _enforced.pop()


def is_allowed(call: Call) -> bool:
    """Check whether a call is allowed: always, unless permissions are enforced."""
    # Off by default: most tests are about answers, not about permissions.
    if not _enforced or f"{call.service}:{call.operation}" in NO_PERMISSION_NEEDED:
        return True
    # No known action is no permission: a call that the table lacks must not slip through.
    return bool(actions_of(call)) and not _lacking(call)


def refused_action(call: Call) -> str:
    """Return the action that a refusal names: the first that the caller lacks, or the first of the call."""
    return next(iter((*_lacking(call), *actions_of(call))), f"{call.service}:{call.operation}")


def _lacking(call: Call) -> tuple[str, ...]:
    granted = _statements_of(call.account, call.caller)
    resource = str(call.parameters.get("RoleArn", "*")) if call.service == "sts" else "*"
    return tuple(action for action in actions_of(call) if not _decide(granted, action, resource))


def actions_of(call: Call) -> tuple[str, ...]:
    """Return the IAM actions of a call; none if the table does not have the operation."""
    action = reference().get(f"{call.service}:{call.operation}", {}).get("action")
    if action is None:
        return ()
    if action == "cloudformation:DescribeStacks" and "StackName" not in call.parameters:
        # "This requires ListStacks and DescribeStacks permissions" (CloudFormation API, DescribeStacks).
        return (action, "cloudformation:ListStacks")
    return (action,)


@cache
def reference() -> Mapping[str, Mapping[str, str]]:
    """Return `action` and access `level` of operations, by `service:Operation` in boto3's names."""
    text = (files("scanner.demo") / "actions.json").read_text(encoding="utf-8")
    operations: Mapping[str, Mapping[str, str]] = json.loads(text)["operations"]
    return operations


def trusts(role: Role, call: Call) -> bool:
    """Check whether the trust policy of a role admits the caller; True if permissions are not enforced."""
    if not _enforced:
        return True
    statements = _statements(role.assume_role_policy_document)
    mine = [
        statement
        for statement in statements
        if _names(statement, call.account, call.caller) and _is_met(statement, call)
    ]
    return _decide(mine, _ASSUME_ROLE, "*")


def _names(statement: Statement, account: str, caller: str) -> bool:
    principal = statement.get("Principal", {})
    named = ["*"] if principal == "*" else _texts(principal.get("AWS", []))
    return any(name in ("*", account, f"arn:aws:iam::{account}:root", caller) for name in named)


def _is_met(statement: Statement, call: Call) -> bool:
    conditions = statement.get("Condition", {})
    pairs = [(operator, key) for operator, keys in conditions.items() for key in keys]
    # An unknown condition counts as not met, which can only refuse too much.
    if any(_EXTERNAL_ID.get(operator) != key for operator, key in pairs):
        return False
    return all(
        call.parameters.get("ExternalId") in _texts(conditions[operator][key]) for operator, key in pairs
    )


def _statements_of(account: str, caller: str) -> tuple[Statement, ...]:
    """Return the statements of the identity policies of a caller's role or user; none if it is unknown."""
    match = _PRINCIPAL.fullmatch(caller)
    if not match:
        return ()
    backend = iam_backends[account]["aws"]
    principals: Iterable[Role | User] = backend.users.values() if ":user/" in caller else backend.get_roles()
    documents = (
        text for principal in principals if principal.name == match.group(1) for text in _documents(principal)
    )
    return tuple(statement for text in documents for statement in _statements(text))


def _documents(principal: Role | User) -> Iterator[str]:
    yield from principal.policies.values()
    for attached in principal.managed_policies.values():
        yield from (version.document for version in attached.versions if version.is_default)


@cache
def _statements(document: str) -> tuple[Statement, ...]:
    statements = json.loads(document)["Statement"]
    return tuple([statements] if isinstance(statements, dict) else statements)


def _decide(statements: Iterable[Statement], action: str, resource: str) -> bool:
    effects = {statement["Effect"] for statement in statements if _applies_to(statement, action, resource)}
    # No statement is a denial too, and a single Deny wins.
    return effects == {"Allow"}


def _applies_to(statement: Statement, action: str, resource: str) -> bool:
    """Check whether a statement applies to an action on a resource. A condition is never met."""
    if "NotAction" in statement:
        about = not _any(statement["NotAction"], action)
    else:
        about = _any(statement["Action"], action)
    if "Principal" in statement:  # a trust policy names no resource, and its conditions were asked
        return about
    return about and "Condition" not in statement and _any(statement.get("Resource", []), resource)


def _any(patterns: str | list[str], text: str) -> bool:
    return any(_pattern(pattern).fullmatch(text) for pattern in _texts(patterns))


@cache
def _pattern(text: str) -> re.Pattern[str]:
    """Compile a pattern of IAM: `*` any characters, `?` one; actions are matched in any case."""
    wild = re.escape(text).replace(r"\*", ".*").replace(r"\?", ".")
    return re.compile(wild, 0 if text.startswith("arn:") else re.IGNORECASE)


def _texts(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


@dataclass(frozen=True, slots=True)
class Refusal:
    """One planted refusal. `parameters`: the call is refused only with these; empty means always."""

    account: str
    region: str
    service: str
    operation: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    def applies(self, call: Call) -> bool:
        """Check whether this refusal applies to a call."""
        return (
            (self.account, self.service, self.operation) == (call.account, call.service, call.operation)
            and self.region in (EVERYWHERE, call.region)
            and all(call.parameters.get(key) == value for key, value in self.parameters.items())
        )


def denied(call: Call, protocol: str) -> ApiError:
    """Return the error for a caller that lacks the permission."""
    code, status = _DENIED[protocol]
    action = refused_action(call)
    return ApiError(
        code,
        f"User: {call.caller} is not authorized to perform: {action} "
        "because no identity-based policy allows the action",
        status,
    )


def unknown_key(protocol: str) -> ApiError:
    """Return the error for an unknown access key."""
    code, status = _UNKNOWN_KEY[protocol]
    return ApiError(code, "The security token included in the request is invalid.", status)


def expired(protocol: str) -> ApiError:
    """Return the error for an expired session."""
    code, status = _EXPIRED[protocol]
    return ApiError(code, "The security token included in the request is expired", status)
