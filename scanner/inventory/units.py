"""The organizational units by their names, and the place of each account among them."""

from collections.abc import Iterable, Mapping

from scanner.evidence.answers import Answers
from scanner.inventory.gaps import rows
from scanner.model.inventory import Account
from scanner.model.reading import Gap

TREE: frozenset[str] = frozenset(
    f"organizations:{each}"
    for each in ("ListRoots", "ListOrganizationalUnitsForParent", "ListAccountsForParent", "ListAccounts")
)
"""The reads that tell where accounts lie."""


def unit_names(answers: Answers) -> Mapping[str, str]:
    """Give the names of the roots and units that org.jsonl.gz tells of, by id."""
    found = {
        row.need("Id"): row.text("Name") or "" for row, _ in rows(answers, "organizations:ListRoots", "Roots")
    }
    for answer in answers.every("organizations:ListOrganizationalUnitsForParent"):
        for page in answer.pages:
            found |= {row.need("Id"): row.text("Name") or "" for row in page.children("OrganizationalUnits")}
    return {unit: name for unit, name in found.items() if name}


def unread(gaps: Iterable[Gap]) -> str:
    """Say which reads of the organization's tree are missing, as a sentence; empty: none is told."""
    texts = sorted(
        {f"{gap.operation}: {gap.code or gap.kind.value}" for gap in gaps if gap.operation in TREE}
    )
    return f"Not read: {', '.join(texts)}." if texts else ""


def paths(told: Iterable[Account], read: Iterable[Account]) -> Mapping[str, str]:
    """Give the path of each account whose place is known, from the manifest, else from the evidence."""
    found = {str(each.id): each.ou_path for each in (*read, *told) if each.ou_path}
    return {account: path for account, path in found.items() if path}
