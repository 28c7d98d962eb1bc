"""Accounts and account-Regions: what was not read of them, and what that blinds."""

from scanner.model.explanation import Node, NodeKind, Verdict
from scanner.report.explain.around import doubts, named
from scanner.report.explain.rows import Related, Row, facts, members, references, text, texts


def place_node(row: Row, _: Related) -> Node:
    """Tell an account, or one in one Region: each read that is missing keeps something unknown."""
    missing, _complete = members(row.get("missing_reads"))
    return Node(
        kind=NodeKind.GROUP,
        label=named(row),
        subject=text(row, "subject"),
        because=text(row, "not_applicable_because"),
        facts=facts(("status", text(row, "status"))),
        evidence=references(row, ""),
        children=(*map(_missing, missing), *doubts(row)),
    )


def _missing(read: Row) -> Node:
    blinds, _ = texts(read.get("blinds"))
    about = text(read, "about")
    return Node(
        kind=NodeKind.MORE,
        label=text(read, "operation") + (f" of {about}" if about else ""),
        verdict=Verdict.UNKNOWN,
        because=" ".join(filter(None, (text(read, "kind"), text(read, "code")))),
        facts=facts(("blinds", ", ".join(blinds))),
    )
