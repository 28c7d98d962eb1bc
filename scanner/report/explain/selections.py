"""A backup selection within a chain: what it selects, and the role that it acts by."""

from scanner.model.explanation import Node, NodeKind, Verdict, verdict_of
from scanner.model.reading import EvidenceRef
from scanner.report.explain.rows import Related, Row, Selects, facts, references, sentence, ternary, text
from scanner.report.words import short_name


def selection_node(
    plan: str, arn: str, related: Related, rules: tuple[Node, ...], refs: tuple[EvidenceRef, ...]
) -> Node:
    """Tell the selections of a plan that select `arn`, with the rules that then cover it."""
    selecting = [each for each in related.selections if text(each.row, "plan") == plan and each.holds]
    roles = tuple(node for each in selecting for node in role_nodes(each.row))
    if not selecting:
        return Node(
            kind=NodeKind.SELECTION,
            label=f"A selection of {plan_name(plan, related)}",
            verdict=Verdict.HOLDS,
            evidence=refs,
            children=rules,
        )
    first, *others = selecting
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
        evidence=tuple(
            dict.fromkeys(ref for each in selecting for ref in references(each.row, "selected", ""))
        ),
        children=(*roles, *rules),
    )


def plan_name(plan: str, related: Related) -> str:
    """Name a plan as people do; without its row, by its id."""
    row = related.plans.get(plan)
    return (text(row, "name") if row else "") or short_name(plan)


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
