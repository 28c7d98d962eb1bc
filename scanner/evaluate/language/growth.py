"""How large an expression becomes when DuckDB writes its macros out.

A macro's argument is put into every place of the body that names it, so calls within calls multiply: 20
levels of `any_of([any_of([...])])` are three billion parts, and binding them would not come to an end.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Final

from scanner.evaluate.language.macros import ALL_MACROS
from scanner.evaluate.language.tree import Node

MAX_PARTS: Final = 5_000
"""Nodes of an expression with all macros written out. Those of the packaged controls have less than 500."""

_LITERAL: Final = re.compile(r"'[^']*'")
_OTHER_CHILDREN: Final = ("left", "right", "input", "lower", "upper", "else_expr", "child", "expr")


def parts(node: Node) -> int:
    """Return the number of nodes of a checked expression with all macros written out.

    A lower bound: the macros' own nodes count as one. Counting stops above MAX_PARTS.
    """
    total = 1
    copies = _copies().get(str(node.get("function_name", "")), ())
    # An argument counts as often as the macro's body repeats it.
    for position, argument in enumerate(node.get("arguments", ())):
        total += parts(argument["expression"]) * (copies[position] if position < len(copies) else 1)
    children = [*(node[key] for key in _OTHER_CHILDREN if key in node), *node.get("children", ())]
    children += [check[key] for check in node.get("case_checks", ()) for key in ("when_expr", "then_expr")]
    # Capped: the product of nested calls would have thousands of digits.
    return min(total + sum(map(parts, children)), MAX_PARTS + 1)


@cache
def _copies() -> Mapping[str, tuple[int, ...]]:
    """Return how often each macro repeats each of its arguments, macros within its body included."""
    repeated: dict[str, tuple[int, ...]] = {}
    for macro in ALL_MACROS:  # those that others call come first
        # Names within literals are no calls.
        body = _LITERAL.sub("''", macro.sql)
        inner = max((max(repeated[name], default=1) for name in _called(body) & repeated.keys()), default=1)
        counts = (len(re.findall(rf"\b{name}\b", body)) * inner for name in macro.arguments)
        repeated[macro.name] = tuple(max(count, 1) for count in counts)
    return repeated


def _called(body: str) -> set[str]:
    return set(re.findall(r"\b(\w+)\(", body))
