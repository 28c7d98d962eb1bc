"""What an expression of a Terraform plan refers to: a value known only after apply may still be named.

`terraform show -json` has for each value of a resource either a constant or the references of its expression
(developer.hashicorp.com/terraform/internals/json-format, "Expression Representation"). The ARN of a vault
that the same plan creates is unknown after apply, yet it follows from account, Region and name.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

_INDEX: Final = re.compile(r"\[[^\]]*\]$")


@dataclass(frozen=True, slots=True)
class ResourceChange:
    """An entry of `resource_changes`. `configuration`: of the resource, with its expressions, or empty."""

    address: str
    module: str
    type: str
    name: str
    index: str
    actions: tuple[str, ...]
    before: Mapping[str, Any]
    after: Mapping[str, Any]  # values that are not known are UNKNOWN
    configuration: Mapping[str, Any]


def references_of(change: ResourceChange, path: tuple[str, ...], rule_name: object = None) -> tuple[str, ...]:
    """Return the references of the expressions at a path, through blocks: `("rule", "copy_action", "...")`.

    A block with another constant `rule_name` is not the one. The order of blocks does not help: a plan writes
    a set of blocks in another order than the configuration.
    """
    expressions = change.configuration.get("expressions")
    blocks = [expressions] if isinstance(expressions, Mapping) else []
    for step in path[:-1]:
        inner = [block for outer in blocks for block in _as_blocks(outer.get(step))]
        blocks = [block for block in inner if not _is_another(block, rule_name)]
    expressions_there = (block.get(path[-1]) for block in blocks)
    return tuple(
        dict.fromkeys(
            reference
            for expression in expressions_there
            if isinstance(expression, Mapping)
            for reference in _list(expression.get("references"))
            if isinstance(reference, str)
        )
    )


def is_configured(change: ResourceChange, path: tuple[str, ...]) -> bool:
    """Check whether the configuration of a resource sets the argument at a path, through all its blocks."""
    expressions = change.configuration.get("expressions")
    blocks = [expressions] if isinstance(expressions, Mapping) else []
    for step in path[:-1]:
        blocks = [block for outer in blocks for block in _as_blocks(outer.get(step))]
    return any(path[-1] in block for block in blocks)


def objects(value: object) -> list[Mapping[str, Any]]:
    """Return the objects in a list of a plan; none where it is no list."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _as_blocks(value: object) -> list[Mapping[str, Any]]:
    blocks = value if isinstance(value, list) else [value]
    return [block for block in blocks if isinstance(block, Mapping)]


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _is_another(block: Mapping[str, Any], rule_name: object) -> bool:
    name = block.get("rule_name")
    constant = name.get("constant_value") if isinstance(name, Mapping) else None
    return rule_name is not None and constant is not None and constant != rule_name


class References:
    """The resource changes of a plan by what expressions call them."""

    def __init__(self, changes: tuple[ResourceChange, ...]) -> None:
        self._by_name: dict[tuple[str, str], list[ResourceChange]] = {}
        for change in changes:
            self._by_name.setdefault((change.module, f"{change.type}.{change.name}"), []).append(change)

    def referred(
        self, change: ResourceChange, path: tuple[str, ...], rule_name: object = None
    ) -> tuple[ResourceChange, str] | None:
        """Return the one resource that expressions at a path refer to, and the attribute; None: unclear."""
        targets: dict[str, tuple[ResourceChange, str]] = {}
        for reference in references_of(change, path, rule_name):
            for candidate, attribute in self._candidates(change, reference):
                target = targets.get(candidate.address)
                if target is None or not target[1]:
                    targets[candidate.address] = (candidate, attribute)
        return next(iter(targets.values())) if len(targets) == 1 else None

    def _candidates(self, change: ResourceChange, reference: str) -> Iterator[tuple[ResourceChange, str]]:
        """Yield the changes that `aws_backup_vault.dr[0].arn` may mean, with the attribute."""
        parts = reference.split(".")
        if len(parts) < 2:  # noqa: PLR2004 -- type and name
            return
        name, index = _INDEX.sub("", parts[1]), _INDEX.search(parts[1])
        attribute = parts[2] if len(parts) > 2 else ""  # noqa: PLR2004
        changes = self._by_name.get((change.module, f"{parts[0]}.{name}"), [])
        if index is not None and index[0][1:-1].strip('"') not in {"each.key", "count.index"}:
            changes = [candidate for candidate in changes if candidate.index == index[0][1:-1].strip('"')]
        elif len(changes) > 1:  # one for each instance, as with for_each over the same keys
            changes = [candidate for candidate in changes if candidate.index == change.index]
        for candidate in changes:
            yield candidate, attribute
