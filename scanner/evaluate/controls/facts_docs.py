"""Writes docs/facts.md: `python -m scanner.evaluate.controls.facts_docs [FILE]`.

A test holds the file against the model.
"""

import inspect
import sys
from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from scanner.evaluate.language.macros import REASON_MACROS, VERDICT_MACROS, Macro
from scanner.model.facts import TABLES, Column, Row, columns

FILE: Final = Path("docs/facts.md")

_HEAD: Final = """\
<!-- Made by `python -m scanner.evaluate.controls.facts_docs`. Change scanner/model/facts/ and make it again. -->
# Fact tables

Controls evaluate these tables, which have one row per subject. NULL always means "not known"; a value that is
known to be absent is represented by a value of its own. A list that may be incomplete ends with NULL. Columns
with "or NULL" may be not known; all other columns are always known.

"Reads" are the API operations that a column depends on. If one of them was denied, failed or was never called,
the column is NULL (or the list incomplete), and a control that needs the column is `unknown` for that subject.
"""  # noqa: E501 -- a comment of one line

_MACROS_HEAD: Final = """\
# Functions

`population` and `require` may use these functions, and those functions of DuckDB that return NULL for NULL.
"""

_REASONS_HEAD: Final = "Texts may also use these functions:\n"

_SIMPLE: Final = {str: "text", int: "integer", float: "number", bool: "boolean"}


def facts_document() -> str:
    """Give the text of docs/facts.md."""
    parts = [_HEAD, *(_table(name, row) for name, row in TABLES.items())]
    parts += [_MACROS_HEAD, _macros(VERDICT_MACROS), _REASONS_HEAD, _macros(REASON_MACROS)]
    return "\n".join(parts)


def _table(name: str, row: type[Row]) -> str:
    common = {field.name for field in fields(Row)} if name != next(iter(TABLES)) else set()
    told = [column for column in columns(name) if column.name not in common]
    lines = [f"## {name}", "", inspect.getdoc(row) or "", ""]
    if common:
        lines += ["All tables have the columns of the first one. This table also has:", ""]
    lines += ["| column | type | meaning | reads |", "|---|---|---|---|"]
    lines += [_column(column) for column in told]
    lines += ["", *_structs(told)]
    return "\n".join(lines)


def _column(column: Column) -> str:
    reads = ", ".join(column.reads) or "-"
    return f"| `{column.name}` | {type_name(column.type)} | {column.doc} | {reads} |"


def type_name(annotation: Any) -> str:  # noqa: ANN401 -- an annotation is of any type
    """Name a column's type for people."""
    if get_origin(annotation) in (Union, UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not NoneType]
        return f"{type_name(kinds[0])} or NULL"
    if get_origin(annotation) is tuple:
        member = type_name(get_args(annotation)[0])
        open_ended = f"list of {member.removesuffix(' or NULL')}, perhaps incomplete"
        return open_ended if member.endswith(" or NULL") else f"list of {member}"
    return _SIMPLE.get(annotation) or annotation.__name__


def _structs(told: Sequence[Column]) -> Iterator[str]:
    """Describe the rows that stand in the lists of a table."""
    found: dict[type, None] = {}
    for column in told:
        _gather(column.type, found)
    for struct in found:
        yield f"`{struct.__name__}`: {' '.join((inspect.getdoc(struct) or '').split())}"
        yield ""
        hints = get_type_hints(struct)
        yield from (f"- `{field.name}`: {type_name(hints[field.name])}" for field in fields(struct))
        yield ""


def _gather(annotation: Any, found: dict[type, None]) -> None:  # noqa: ANN401 -- as type_name
    for inner in get_args(annotation):
        _gather(inner, found)
    if isinstance(annotation, type) and is_dataclass(annotation) and annotation not in found:
        found[annotation] = None
        for hint in get_type_hints(annotation).values():
            _gather(hint, found)


def _macros(macros: Sequence[Macro]) -> str:
    lines = [f"- `{_call(macro)}`: {macro.doc}" for macro in macros]
    return "\n".join([*lines, ""])


def _call(macro: Macro) -> str:
    name = "len" if macro.name == "known_length" else macro.name
    return f"{name}({', '.join(macro.arguments)})"


def main(arguments: Sequence[str]) -> None:
    """Write the document to the file that is named, else to docs/facts.md."""
    file = Path(arguments[0]) if arguments else FILE
    file.write_text(facts_document(), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
