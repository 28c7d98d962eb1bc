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
_DOT: Final = re.compile(r"\.(?![^\[]*\])")
"""A dot, but not one in the key of an index."""
_DEEPEST: Final = 16
"""The most variables and outputs between an expression and a resource."""


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
    # A name that is an expression may be any rule's, so the block stays a candidate.
    constant = name.get("constant_value") if isinstance(name, Mapping) else None
    return rule_name is not None and constant is not None and constant != rule_name


def without_indexes(module: str) -> str:
    """Return the address of a module without the indexes of count and for_each: keys may contain dots."""
    characters, depth, quoted = [], 0, False
    for character in module:
        quoted ^= character == '"' and depth > 0
        depth += (character == "[") - (character == "]") if not quoted else 0
        if depth == 0 and character not in '[]"':
            characters.append(character)
    return "".join(characters)


def parent_of(module: str) -> str:
    """Return the address of the module that calls a module; empty: the root."""
    without = without_indexes(module)
    outer = without.rpartition(".module.")[0]
    position = len(module)
    while position > 0 and without_indexes(module[:position]) != outer:
        position -= 1
    return module[:position] if outer else ""


class References:
    """The resource changes of a plan by what expressions call them.

    `root`: the configuration of the root module, with the modules that it calls. Expressions may refer to a
    resource through variables and outputs of modules.
    """

    def __init__(self, changes: tuple[ResourceChange, ...], root: Mapping[str, Any] | None = None) -> None:
        self._root = root or {}
        self._by_name: dict[tuple[str, str], list[ResourceChange]] = {}
        self._modules: dict[str, dict[str, None]] = {}
        for change in changes:
            self._by_name.setdefault((change.module, f"{change.type}.{change.name}"), []).append(change)
            self._modules.setdefault(without_indexes(change.module), {})[change.module] = None

    def referred(
        self, change: ResourceChange, path: tuple[str, ...], rule_name: object = None
    ) -> tuple[ResourceChange, str] | None:
        """Return the one resource that expressions at a path refer to, and the attribute; None: unclear."""
        targets = self._targets(change, references_of(change, path, rule_name))
        # Of several resources an expression may use any, or combine them: a guess could be wrong.
        return next(iter(targets.values())) if len(targets) == 1 else None

    def all_referred(
        self, change: ResourceChange, path: tuple[str, ...]
    ) -> list[tuple[ResourceChange, str]] | None:
        """Return all resources that expressions at a path refer to; None: one refers to something else."""
        references = references_of(change, path)
        # A variable or a local among them adds ARNs that are not known.
        if any(not self._targets(change, (reference,)) for reference in references):
            return None
        return list((self._targets(change, references) or {}).values()) or None

    def _targets(
        self, change: ResourceChange, references: tuple[str, ...]
    ) -> dict[str, tuple[ResourceChange, str]]:
        targets: dict[str, tuple[ResourceChange, str]] = {}
        for reference in references:
            for candidate, attribute in self._resolved(change, change.module, reference, _DEEPEST):
                target = targets.get(candidate.address)
                # Terraform lists both `a.b.arn` and `a.b`: the one with the attribute says more.
                if target is None or not target[1]:
                    targets[candidate.address] = (candidate, attribute)
        return targets

    def _resolved(
        self, change: ResourceChange, module: str, reference: str, depth: int
    ) -> Iterator[tuple[ResourceChange, str]]:
        """Yield what a reference in a module means, through variables and outputs."""
        parts = _DOT.split(reference)
        if depth == 0 or len(parts) < 2:  # noqa: PLR2004 -- type and name
            return
        # The value of a variable in a module is what the calling module passes.
        if parts[0] == "var":
            call = self._call(module)
            expression = _mapping(call.get("expressions")).get(parts[1])
            yield from self._through(change, parent_of(module), expression, depth)
        elif parts[0] == "module":
            inner = f"{module}.module.{_INDEX.sub('', parts[1])}" if module else reference_module(parts[1])
            output = _INDEX.sub("", parts[2]) if len(parts) > 2 else ""  # noqa: PLR2004
            outputs = _mapping(_mapping(self._call(inner).get("module")).get("outputs"))
            # Outputs are expressions inside the module, so their references are resolved there.
            expression = _mapping(outputs.get(output)).get("expression")
            for instance in self._instances(inner, module, parts[1]):
                yield from self._through(change, instance, expression, depth)
        else:
            yield from self._candidates(change, module, reference)

    def _through(
        self, change: ResourceChange, module: str, expression: object, depth: int
    ) -> Iterator[tuple[ResourceChange, str]]:
        for reference in _list(_mapping(expression).get("references")):
            if isinstance(reference, str):
                yield from self._resolved(change, module, reference, depth - 1)

    def _call(self, module: str) -> Mapping[str, Any]:
        """Return the call of a module in the configuration, by the module's address; empty: the root."""
        call: Mapping[str, Any] = {}
        inner = self._root
        for name in without_indexes(module).split("module.")[1:]:
            call = _mapping(_mapping(inner.get("module_calls")).get(name.rstrip(".")))
            inner = _mapping(call.get("module"))
        return call

    def _instances(self, inner: str, outer: str, name: str) -> list[str]:
        """Return the addresses of the instances of a module that a reference in another may mean."""
        instances = self._modules.get(without_indexes(inner), {})
        index = _INDEX.search(name)
        wanted = f"{inner}{index[0]}" if index is not None else inner
        within = [
            instance for instance in instances if instance.startswith(f"{outer}." if outer else "module.")
        ]
        # An index that is an expression may mean any instance.
        return [instance for instance in within if instance == wanted] or within

    def _candidates(
        self, change: ResourceChange, module: str, reference: str
    ) -> Iterator[tuple[ResourceChange, str]]:
        """Yield the changes that `aws_backup_vault.dr[0].arn` may mean, with the attribute."""
        parts = _DOT.split(reference)
        name, index = _INDEX.sub("", parts[1]), _INDEX.search(parts[1])
        attribute = parts[2] if len(parts) > 2 else ""  # noqa: PLR2004
        changes = self._by_name.get((module, f"{parts[0]}.{name}"), [])
        if index is not None and index[0][1:-1].strip('"') not in {"each.key", "count.index"}:
            changes = [candidate for candidate in changes if candidate.index == index[0][1:-1].strip('"')]
        elif len(changes) > 1 and module == change.module:
            # One for each instance, as with for_each over the same keys.
            same = [candidate for candidate in changes if candidate.index == change.index]
            changes = same or changes
        for candidate in changes:
            yield candidate, attribute


def reference_module(name: str) -> str:
    """Return the address of a module that the root module calls, by its name in a reference."""
    return f"module.{_INDEX.sub('', name)}"


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
