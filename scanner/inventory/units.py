"""The organizational units by their names, and the place of each account among them."""

from collections.abc import Iterable, Mapping
from typing import Final

from scanner.evidence.answers import Answers
from scanner.inventory.gaps import rows
from scanner.model.inventory import Account
from scanner.model.reading import GapKind

_ROOTS: Final = "organizations:ListRoots"
_UNITS: Final = "organizations:ListOrganizationalUnitsForParent"

TREE: Final = (_ROOTS, _UNITS, "organizations:ListAccountsForParent")
"""The reads that tell where accounts lie."""


def unit_names(answers: Answers) -> Mapping[str, str]:
    """Give the names of the roots and units that org.jsonl.gz tells of, by id."""
    found = {row.need("Id"): row.text("Name") or "" for row, _ in rows(answers, _ROOTS, "Roots")}
    for answer in answers.every(_UNITS):
        for page in answer.pages:
            found |= {row.need("Id"): row.text("Name") or "" for row in page.children("OrganizationalUnits")}
    return {unit: name for unit, name in found.items() if name}


def unread(answers: Answers) -> str:
    """Say which reads of the organization's tree are missing, as a sentence; empty: none."""
    found = {
        f"{operation} ({gap.code or gap.kind.value})"
        for operation in TREE
        for answer in answers.every(operation)
        if (gap := answer.gap) is not None
    }
    if not found and not any(True for _ in answers.every(_ROOTS)):
        found = {f"{_ROOTS} ({GapKind.NEVER_ASKED.value})"}
    return f"Not read: {', '.join(sorted(found))}." if found else ""


def paths(told: Iterable[Account], read: Iterable[Account]) -> Mapping[str, str]:
    """Give the path of each account whose place is known, from the manifest, else from the evidence."""
    found = {str(each.id): each.ou_path for each in (*read, *told) if each.ou_path}
    return {account: path for account, path in found.items() if path}
