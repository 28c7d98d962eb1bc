"""Reading fact rows as mappings: columns of a Parquet row, or details of findings, which are the same.

A row may lack columns: it was made by an earlier version, or is what a control's details tell. What is
missing is not told, and never taken for "there is none".
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from scanner.model.reading import EvidenceRef
from scanner.model.ternary import Ternary

Row = Mapping[str, Any]
NOTHING: Final[Row] = {}


@dataclass(frozen=True, slots=True)
class Selects:
    """A selection's row without its list of resources, and what is told of that list."""

    row: Row
    count: int = 0
    first: tuple[str, ...] = ()
    holds: bool = False  # whether the resource in question is in it
    complete: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Related:
    """The rows that a subject's chain names, by their subjects; what is not there is not told."""

    resources: Mapping[str, Row] = field(default_factory=dict)
    plans: Mapping[str, Row] = field(default_factory=dict)
    rules: Mapping[str, Row] = field(default_factory=dict)
    copy_actions: Mapping[str, Row] = field(default_factory=dict)
    vaults: Mapping[str, Row] = field(default_factory=dict)
    selections: tuple[Selects, ...] = ()
    left_out: int = 0  # rules and copy actions that fill a vault, beyond those given


def members(content: object) -> tuple[list[Row], bool]:
    """Give the known members of a list of structs, and whether all of them are known."""
    if not isinstance(content, list | tuple):
        return [], False
    known = [member for member in content if isinstance(member, Mapping)]
    return known, len(known) == len(content)


def texts(content: object) -> tuple[list[str], bool]:
    """Give the known members of a list of texts, and whether all of them are known."""
    if not isinstance(content, list | tuple):
        return [], False
    known = [member for member in content if isinstance(member, str)]
    return known, len(known) == len(content)


def text(row: Row, column: str) -> str:
    """Give a text; empty where the row does not tell it."""
    content = row.get(column)
    return content if isinstance(content, str) else ""


def ternary(row: Row, column: str) -> Ternary:
    """Give a three-valued answer; a column that the row lacks is not known."""
    content = row.get(column)
    return content if isinstance(content, bool) else None


def number(row: Row, column: str) -> float | None:
    """Give a number, None where the row does not tell it."""
    content = row.get(column)
    is_number = isinstance(content, int | float) and not isinstance(content, bool)
    return content if is_number else None


def references(row: Row, *about: str) -> tuple[EvidenceRef, ...]:
    """Give the evidence lines of these columns of a row, each once ("": the row as a whole)."""
    told, _ = members(row.get("evidence"))
    return refs_of(each for each in told if each.get("about") in about)


def refs_of(told: Iterable[Row]) -> tuple[EvidenceRef, ...]:
    """Turn references, as rows tell them, into evidence lines, each once."""
    refs = (
        EvidenceRef(str(each["file"]), int(each["line"]))
        for each in told
        if "file" in each and "line" in each
    )
    return tuple(dict.fromkeys(refs))


def reasons(row: Row, *about: str) -> str:
    """Say why these columns of a row are not known, in one text; empty: the row does not say."""
    told, _ = members(row.get("not_known"))
    found = dict.fromkeys(str(each.get("reason")) for each in told if each.get("about") in about)
    return " ".join(found)


def facts(*pairs: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    """Give the pairs of name and value that tell something."""
    return tuple((name, content) for name, content in pairs if content)
