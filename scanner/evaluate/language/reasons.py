"""Reasons: texts with SQL expressions in braces, rendered by DuckDB for people.

`{len(rules)}` is shown as a number without needless decimals, `{covered}` as yes or no, a moment as a date
and a time in UTC, a list of texts as "a, b and c"; what is not known is called so. `{{` and `}}` are braces.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from scanner.evaluate.problem import Problem, RefusedError

_NUMBERS: Final = frozenset(
    {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UBIGINT", "UINTEGER", "DOUBLE", "FLOAT"}
)

MAX_TEMPLATE: Final = 10_000
"""Characters of a template."""

MAX_PLACEHOLDERS: Final = 50
"""Expressions in braces of a template."""

_BRACE: Final = re.compile("[{}]")


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a template: words as they are, or an expression whose value is shown."""

    text: str
    is_expression: bool


def pieces(template: str) -> tuple[Piece, ...]:
    """Take a template apart.

    RefusedError: a brace is not closed, or one is empty, or the template is too long.
    """
    if len(template) > MAX_TEMPLATE:
        message = f"the text has {len(template):,} characters, {MAX_TEMPLATE:,} are allowed"
        raise RefusedError(Problem(message, "write less"))
    # Texts in YAML are wrapped over lines; in a finding they are one.
    parts = tuple(piece for piece in _pieces(" ".join(template.split())) if piece.text)
    placeholders = sum(piece.is_expression for piece in parts)
    if placeholders > MAX_PLACEHOLDERS:
        message = f"the text has {placeholders:,} expressions in braces, {MAX_PLACEHOLDERS} are allowed"
        raise RefusedError(Problem(message, "show less, or show it under `evidence`"))
    return parts


def _pieces(template: str) -> Iterator[Piece]:
    words: list[str] = []
    position = 0
    while position < len(template):
        here = template[position : position + 2]
        if here in ("{{", "}}"):
            words.append(here[0])
            position += 2
        elif here[0] == "{":
            end = _closing(template, position)
            yield Piece("".join(words), is_expression=False)
            yield Piece(_inside(template[position + 1 : end]), is_expression=True)
            words, position = [], end + 1
        elif here[0] == "}":
            raise RefusedError(Problem("a brace is closed that was not opened", "write }} for the character"))
        else:
            brace = _BRACE.search(template, position)
            end = brace.start() if brace else len(template)
            words.append(template[position:end])
            position = end
    yield Piece("".join(words), is_expression=False)


def _inside(text: str) -> str:
    if not text.strip():
        raise RefusedError(
            Problem("there is nothing between the braces", "write an expression: {len(rules)}")
        )
    return text


def _closing(template: str, start: int) -> int:
    """Find the brace that closes the one at `start`, past quotes and inner braces."""
    depth, quote = 0, ""
    for position in range(start, len(template)):
        character = template[position]
        # A brace within quotes is text.
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in "{}":
            depth += 1 if character == "{" else -1
            if not depth:
                return position
    raise RefusedError(Problem("a brace is not closed", "write {{ for the character"))


def literal(text: str) -> str:
    """Write a text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def shown(sql: str, sql_type: str) -> str:
    """Write the SQL that shows a value of a type to people; it never gives NULL."""
    if sql_type == "BOOLEAN":
        # Three branches, since NULL is neither.
        return f"CASE WHEN ({sql}) THEN 'yes' WHEN NOT ({sql}) THEN 'no' ELSE 'unknown' END"
    if sql_type in _NUMBERS or sql_type.startswith("DECIMAL"):
        return f"coalesce(shown_number({sql}), 'an unknown number')"
    if sql_type == "VARCHAR":
        return f"coalesce(shown_moment({sql}), 'unknown')"
    if sql_type == "VARCHAR[]":
        # Quoted, because `names` could be a column.
        return f'"names"({sql})'
    return f"coalesce(CAST(({sql}) AS VARCHAR), 'unknown')"


def joined(parts: list[str]) -> str:
    """Join the SQL of a template's pieces to one text, without control characters, on one line.

    A piece at the end that is empty leaves no blank behind.
    """
    # Names of resources may contain line breaks, which would break tables and terminals.
    return f"rtrim(regexp_replace({' || '.join(parts)}, '[\\x00-\\x1f\\x7f]+', ' ', 'g'))"
