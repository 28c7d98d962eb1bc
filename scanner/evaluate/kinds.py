"""Whether the two sides of a comparison are of one kind: DuckDB would cast quietly, and fail at some row."""

from collections.abc import Iterable
from typing import Final

import pyarrow as pa

_LITERALS: Final = {"STRING": "text", "INTEGER": "number", "NUMERIC": "number", "BOOLEAN": "boolean"}


def kind_of_literal(kind: str) -> str:
    """Give the kind of a literal as the parse tree names it; empty when it has none."""
    return _LITERALS.get(kind, "")


def kind_of_type(kind: pa.DataType | None) -> str:
    """Give the kind of a column; empty when its type is not known or is nested."""
    if kind is None:
        return ""
    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_string(kind):
        return "text"
    return "number" if pa.types.is_integer(kind) or pa.types.is_floating(kind) else ""


def kind_of_value(value: object) -> str:
    """Give the kind of a parameter by its default."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "text"
    return "number" if isinstance(value, int | float) else ""


def clash(kinds: Iterable[str]) -> str:
    """Say that values of several kinds are compared; empty when they are of one."""
    found = sorted(set(kinds) - {""})
    return f"a {found[0]} is compared with a {found[1]}" if len(found) > 1 else ""
