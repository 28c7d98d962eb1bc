"""Whether the identity policies of a caller allow what it asks.

It is decided as IAM does (IAM User Guide, "Policy evaluation logic"): what no statement allows is not
allowed, and a Deny is the last word.

Moto's own enforcement fails the signature of REST-JSON services, and takes the operation's name for the
action's. Here `actions.json` says which action an operation asks for: what the Service Authorization
Reference says, and not what the scanner declares. An operation that is not in it is refused.

It reads the policies that moto keeps: a role's or user's inline and attached ones. A resource narrower
than `*` is understood for sts:AssumeRole, whose role is known; of other calls it allows none. Conditions
are understood in trust policies alone, and only the external id's; another one is never met.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from typing import Any, Final

from moto.iam.models import Role, User, iam_backends

from scanner.demo.wire.call import Call

NO_PERMISSION_NEEDED: Final = frozenset({"sts:GetCallerIdentity"})
"""AWS answers these to everybody, even against a Deny (AWS STS API reference)."""

_ASSUME_ROLE: Final = "sts:AssumeRole"
_PRINCIPAL: Final = re.compile(r"arn:aws:(?:iam::\d{12}:user|sts::\d{12}:assumed-role)/([\w+=,.@-]+)(?:/.*)?")
_EXTERNAL_ID: Final = {"StringEquals": "sts:ExternalId"}

Statement = Mapping[str, Any]
_enforced: list[None] = []


@contextmanager
def enforced() -> Iterator[None]:
    """Have every call authorised while the block runs. Like moto's state, it holds for the process."""
    _enforced.append(None)
    try:
        yield
    finally:
        _enforced.pop()


def is_allowed(call: Call) -> bool:
    """Whether the call may be made: always, unless permissions are enforced."""
    if not _enforced or f"{call.service}:{call.operation}" in NO_PERMISSION_NEEDED:
        return True
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
    """Whether the trust policy of a role lets the caller of sts:AssumeRole in; True if none is enforced."""
    if not _enforced:
        return True
    statements = _statements(role.assume_role_policy_document)
    mine = [one for one in statements if _names(one, call.account, call.caller) and _is_met(one, call)]
    return _decide(mine, _ASSUME_ROLE, "*")


def _names(statement: Statement, account: str, caller: str) -> bool:
    principal = statement.get("Principal", {})
    named = ["*"] if principal == "*" else _texts(principal.get("AWS", []))
    return any(name in ("*", account, f"arn:aws:iam::{account}:root", caller) for name in named)


def _is_met(statement: Statement, call: Call) -> bool:
    conditions = statement.get("Condition", {})
    asked = [(operator, key) for operator, keys in conditions.items() for key in keys]
    if any(_EXTERNAL_ID.get(operator) != key for operator, key in asked):
        return False
    return all(
        call.parameters.get("ExternalId") in _texts(conditions[operator][key]) for operator, key in asked
    )


def _statements_of(account: str, caller: str) -> tuple[Statement, ...]:
    """Return the statements of the identity policies of a caller's role or user; none if it is unknown."""
    found = _PRINCIPAL.fullmatch(caller)
    if not found:
        return ()
    backend = iam_backends[account]["aws"]
    known: Iterable[Role | User] = backend.users.values() if ":user/" in caller else backend.get_roles()
    documents = (text for one in known if one.name == found.group(1) for text in _documents(one))
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
    effects = {one["Effect"] for one in statements if _speaks_of(one, action, resource)}
    return effects == {"Allow"}


def _speaks_of(statement: Statement, action: str, resource: str) -> bool:
    """Whether a statement is about this action on this resource. A condition in it is never met."""
    if "NotAction" in statement:
        about = not _any(statement["NotAction"], action)
    else:
        about = _any(statement["Action"], action)
    if "Principal" in statement:  # a trust policy names no resource, and its conditions were asked
        return about
    return about and "Condition" not in statement and _any(statement.get("Resource", []), resource)


def _any(patterns: str | list[str], text: str) -> bool:
    return any(_pattern(one).fullmatch(text) for one in _texts(patterns))


@cache
def _pattern(text: str) -> re.Pattern[str]:
    """Compile a pattern of IAM: `*` any characters, `?` one; actions are matched in any case."""
    wild = re.escape(text).replace(r"\*", ".*").replace(r"\?", ".")
    return re.compile(wild, 0 if text.startswith("arn:") else re.IGNORECASE)


def _texts(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
