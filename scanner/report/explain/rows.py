"""Reading fact rows as mappings: columns of a Parquet row, or the details of findings, which are the same.

A row may lack columns: an earlier version wrote it, or a control's details contain only some of them. A
missing column is unknown; it never means that there is none.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from scanner.graph.protection_walk import ProtectionWalk
from scanner.model.known import EvidenceRef, Ternary

Row = Mapping[str, Any]
NO_ROW: Final[Row] = {}


@dataclass(frozen=True, slots=True)
class SelectionRow:
    """A selection's row, with a summary instead of its list of resources."""

    row: Row
    count: int = 0
    first: tuple[str, ...] = ()
    selects: frozenset[str] = frozenset()  # those of the tree's resource and its parents that it selects
    complete: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Related:
    """The rows that a subject's tree refers to, by their subjects. A row that is missing here is unknown."""

    resources: Mapping[str, Row] = field(default_factory=dict)
    plans: Mapping[str, Row] = field(default_factory=dict)
    rules: Mapping[str, Row] = field(default_factory=dict)
    copy_actions: Mapping[str, Row] = field(default_factory=dict)
    vaults: Mapping[str, Row] = field(default_factory=dict)
    selections: Mapping[str, SelectionRow] = field(default_factory=dict)
    walk: ProtectionWalk | None = None  # from the tree's resource; None: it is made of the rows
    policy_settings: tuple[Row, ...] = ()  # of the tree's account
    left_out: int = 0  # number of further rules and copy actions that use the vault


def members(content: object) -> tuple[list[Row], bool]:
    """Return the known members of a list of structs, and whether all of them are known."""
    if not isinstance(content, list | tuple):
        return [], False
    structs = [member for member in content if isinstance(member, Mapping)]
    return structs, len(structs) == len(content)


def texts(content: object) -> tuple[list[str], bool]:
    """Return the known members of a list of texts, and whether all of them are known."""
    if not isinstance(content, list | tuple):
        return [], False
    strings = [member for member in content if isinstance(member, str)]
    return strings, len(strings) == len(content)


def text(row: Row, column: str) -> str:
    """Return a text; empty where the row has none."""
    content = row.get(column)
    return content if isinstance(content, str) else ""


def ternary(row: Row, column: str) -> Ternary:
    """Return a three-valued answer; None where the row lacks the column."""
    content = row.get(column)
    return content if isinstance(content, bool) else None


def number(row: Row, column: str) -> float | None:
    """Return a number; None where the row has none."""
    content = row.get(column)
    is_number = isinstance(content, int | float) and not isinstance(content, bool)
    return content if is_number else None


def references(row: Row, *about: str) -> tuple[EvidenceRef, ...]:
    """Return the evidence lines of these columns of a row, without repetition ("": the row as a whole)."""
    recorded, _ = members(row.get("evidence"))
    return refs_of(reference for reference in recorded if reference.get("about") in about)


def refs_of(records: Iterable[Row]) -> tuple[EvidenceRef, ...]:
    """Parse the references of rows; each evidence line is returned once."""
    refs = (
        EvidenceRef(str(reference["file"]), int(reference["line"]))
        for reference in records
        if "file" in reference and "line" in reference
    )
    return tuple(dict.fromkeys(refs))


def reasons(row: Row, *about: str) -> str:
    """Return why these columns of a row are unknown, as one text; empty: the row has no reason."""
    unknown, _ = members(row.get("not_known"))
    distinct = dict.fromkeys(str(entry.get("reason")) for entry in unknown if entry.get("about") in about)
    return " ".join(distinct)


def facts(*pairs: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    """Return the pairs of name and value whose value is not empty."""
    return tuple((name, content) for name, content in pairs if content)
