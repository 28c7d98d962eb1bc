"""One backup policy as its settings, each with the operators that it has there.

Source: Organizations User Guide, "Inheritance operators" and "Backup policy syntax and examples".
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from scanner.model.text import mended_json

SettingPath = tuple[str, ...]
"""The keys from the top of a policy to a setting: `plans`, the plan's name, `regions`."""

Operand = str | tuple[str, ...]
"""The value of a setting: a text, or the members of a list."""

_PLAN_LEVEL: Final = 2  # `plans` and the name of the plan
_ADVANCED: Final = "advanced_backup_settings"
_CHILD_CONTROL: Final = "@@operators_allowed_for_child_policies"
_EVERYTHING: Final = "@@all"
_NOTHING: Final = "@@none"
LARGEST: Final = 10_000
"""The most characters that a backup policy may have (Organizations User Guide, "Quotas")."""


class Operator(StrEnum):
    """An operator that sets values."""

    ASSIGN = "@@assign"
    APPEND = "@@append"
    REMOVE = "@@remove"


ALL_OPERATORS: Final = frozenset(Operator)


@dataclass(frozen=True, slots=True)
class PolicyNode:
    """One key of a policy.

    `key`: the last key as it is written. `operations`: what it does to the inherited value. `allowed`: the
    operators that child policies may use here; None: the policy does not limit them. `fault`: why AWS would
    not accept it.
    """

    key: str
    operations: tuple[tuple[Operator, Operand], ...] = ()
    allowed: frozenset[Operator] | None = None
    fault: str = ""


PolicyNodes = Mapping[SettingPath, PolicyNode]
"""The keys of a policy, a parent before its children."""


def parse_policy(content: str) -> PolicyNodes | None:
    """Parse a policy; None: it is no JSON object, or repeats a key, which AWS rejects."""
    try:
        document = json.loads(mended_json(content), object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    nodes: dict[SettingPath, PolicyNode] = {}
    try:
        for path, node in _nodes((), document):
            # Identifiers are not case sensitive, so two of them may be one setting.
            twice = path in nodes
            nodes[path] = PolicyNode(node.key, fault=f"The policy has {node.key} twice.") if twice else node
    except RecursionError:
        return None
    return nodes


def canonical(path: SettingPath) -> SettingPath:
    """Return a path with its identifiers in lower case, as AWS shows them in effective policies.

    Names of rules, selections, copy actions and tags are not case sensitive. Names of plans stay as they are:
    AWS does not document whether two that differ in case are one.
    """
    below = path[_PLAN_LEVEL:]
    if path[:1] != ("plans",) or _ADVANCED in below[:1]:
        return path
    return (*path[:_PLAN_LEVEL], *(key.lower() for key in below))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        message = "a key is repeated"
        raise ValueError(message)
    return document


def _nodes(path: SettingPath, document: Mapping[str, Any]) -> Iterator[tuple[SettingPath, PolicyNode]]:
    for key, value in document.items():
        if key.startswith("@@"):
            continue
        inner = (*path, key)
        yield canonical(inner), _node(key, value)
        if isinstance(value, dict):
            yield from _nodes(inner, value)


def _node(key: str, value: object) -> PolicyNode:
    if not isinstance(value, dict):
        return PolicyNode(key, fault=f"{key} has a value without an operator.")
    operations: list[tuple[Operator, Operand]] = []
    allowed: frozenset[Operator] | None = None
    for name, operand in value.items():
        if name == _CHILD_CONTROL:
            allowed = _allowed(operand)
            if allowed is None:
                return PolicyNode(key, fault=f"{_CHILD_CONTROL} of {key} is not a list of operators.")
        elif name.startswith("@@"):
            operation = _operation(name, operand)
            if operation is None:
                return PolicyNode(key, fault=f"{name} of {key} is not an operator with a value of its type.")
            operations.append(operation)
    return PolicyNode(key, tuple(sorted(operations, key=lambda operation: operation[0])), allowed)


def _operation(name: str, operand: object) -> tuple[Operator, Operand] | None:
    """Return an operator and its operand; `@@append` and `@@remove` take lists only."""
    if name not in ALL_OPERATORS:
        return None
    operator = Operator(name)
    if isinstance(operand, list):
        members = [text for member in operand if (text := _scalar(member)) is not None]
        return (operator, tuple(dict.fromkeys(members))) if len(members) == len(operand) else None
    text = _scalar(operand)
    return (operator, text) if text is not None and operator is Operator.ASSIGN else None


def _scalar(value: object) -> str | None:
    """Return a text; numbers and booleans of a backup policy are texts as well."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else None


def _allowed(operand: object) -> frozenset[Operator] | None:
    names = [operand] if isinstance(operand, str) else operand
    if not isinstance(names, list) or not names:
        return None
    if names in ([_EVERYTHING], [_NOTHING]):
        return ALL_OPERATORS if names == [_EVERYTHING] else frozenset()
    if not all(isinstance(name, str) and name in ALL_OPERATORS for name in names):
        return None
    return frozenset(map(Operator, names))
