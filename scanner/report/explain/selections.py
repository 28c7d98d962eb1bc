"""A backup selection within a chain: what it selects, and the role that it acts by."""

from scanner.model.explanation import Node, NodeKind, Verdict, verdict_of
from scanner.model.reading import EvidenceRef
from scanner.model.sentences import sentence
from scanner.report.explain.rows import Related, Row, Selects, facts, references, ternary, text
from scanner.report.words import short_name


def selecting(plan: str, arn: str, related: Related, rules: tuple[Node, ...]) -> Node | None:
    """Tell the selections of a plan that select `arn`, and the rules that then cover it; None: none does."""
    found = [each for each in related.selections if text(each.row, "plan") == plan and each.holds]
    return _selecting(found, arn, rules) if found else None


def unnamed(plan: str, rules: tuple[Node, ...], refs: tuple[EvidenceRef, ...]) -> Node:
    """Tell that some selection of a plan (its name) selects it, where no row says which."""
    return Node(
        kind=NodeKind.SELECTION,
        label=f"A selection of {plan}",
        verdict=Verdict.HOLDS,
        evidence=refs,
        children=rules,
    )


def _selecting(found: list[Selects], arn: str, rules: tuple[Node, ...]) -> Node:
    roles = tuple(node for each in found for node in role_nodes(each.row))
    first, *others = found
    also = ", ".join(text(each.row, "name") for each in others)
    return Node(
        kind=NodeKind.SELECTION,
        label=text(first.row, "name"),
        verdict=Verdict.HOLDS,
        subject=text(first.row, "subject"),
        because=f"It selects {short_name(arn)}."
        if not also
        else f"It selects {short_name(arn)}, as does {also}.",
        facts=selection_facts(first),
        evidence=tuple(dict.fromkeys(ref for each in found for ref in references(each.row, "selected", ""))),
        children=(*roles, *rules),
    )


def selection_facts(selection: Selects) -> tuple[tuple[str, str], ...]:
    """Tell how much it selects, and whose plan it is."""
    more = "" if selection.complete else " or more"
    from_organization = selection.row.get("from_organization") is True
    return facts(
        ("selects", f"{selection.count:,} resource{'' if selection.count == 1 else 's'}{more}"),
        ("plan of", "an Organizations backup policy" if from_organization else ""),
    )


def role_nodes(selection: Row) -> tuple[Node, ...]:
    """Tell the role: AWS Backup must be able to assume it, or nothing is backed up."""
    if "role_admits_backup" not in selection:
        return ()
    admits = ternary(selection, "role_admits_backup")
    role = text(selection, "role")
    return (
        Node(
            kind=NodeKind.LINK,
            label="AWS Backup can assume the role",
            verdict=verdict_of(admits),
            because=sentence(text(selection, "role_reason")) if admits is not True else "",
            facts=facts(("role", role)),
            evidence=references(selection, "role_exists", "role_admits_backup"),
        ),
    )
