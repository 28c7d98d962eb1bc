"""The chains of what is no resource: vaults, plans, rules, selections, copy actions, recovery points."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from scanner.model.explanation import Node, NodeKind, Verdict, verdict_of
from scanner.model.sentences import sentence
from scanner.model.ternary import all_of
from scanner.report.explain.accounts import place_node
from scanner.report.explain.around import named
from scanner.report.explain.copies import reach
from scanner.report.explain.rows import (
    NOTHING,
    Related,
    Row,
    facts,
    members,
    number,
    reasons,
    references,
    ternary,
    text,
    texts,
)
from scanner.report.explain.rules import rule_facts, standing
from scanner.report.explain.selections import role_nodes, selection_facts
from scanner.report.explain.vaults import target_node, vault_facts
from scanner.report.words import days, hours, place, short_name


def vault_node(row: Row, related: Related) -> Node:
    """Tell a vault: its lock, key and guard, and the rules and copy actions that fill it."""
    return Node(
        kind=NodeKind.VAULT,
        label=named(row),
        subject=text(row, "subject"),
        facts=facts(("type", text(row, "vault_type")), ("in", place(text(row, "subject")))),
        evidence=references(row, ""),
        children=(*vault_facts(row), _points_in(row), *_filled_by(row, related)),
    )


def _points_in(row: Row) -> Node:
    has = ternary(row, "has_recovery_points")
    words = {True: "It contains recovery points", False: "It contains no recovery points"}
    return Node(
        kind=NodeKind.RECOVERY_POINT,
        label="Recovery points" if has is None else words[has],
        verdict=Verdict.UNKNOWN if has is None else Verdict.STATED,
        because=reasons(row, "has_recovery_points"),
    )


def _filled_by(row: Row, related: Related) -> Iterator[Node]:
    """Tell who fills it. None that was read, and one that was not: that is not known."""
    rules = [_filling(rule, NodeKind.RULE) for rule in related.rules.values()]
    copies = [_filling(copy, NodeKind.COPY) for copy in related.copy_actions.values()]
    if related.left_out:
        label = f"{related.left_out:,} more, left out here"
        copies.append(Node(kind=NodeKind.MORE, label=label))
    targeted = ternary(row, "targeted")
    if targeted is None and not rules and not copies:
        because = reasons(row, "targeted") or "Whether a rule or copy action uses it is unknown."
        yield Node(kind=NodeKind.MORE, label="Used by", verdict=Verdict.UNKNOWN, because=because)
    elif rules or copies:
        yield Node(kind=NodeKind.GROUP, label="Used by", children=(*rules, *copies))
    else:
        because = "No rule of a scanned account targets it or copies into it."
        yield Node(kind=NodeKind.GROUP, label="Not used", because=because)


def _filling(row: Row, kind: NodeKind) -> Node:
    return Node(
        kind=kind,
        label=named(row),
        subject=text(row, "subject"),
        because=sentence(reach(row)),
        facts=facts(("from", f"{text(row, 'account')} / {text(row, 'region')}"), ("keeps", _kept(row))),
        evidence=references(row, ""),
    )


def _kept(row: Row) -> str:
    return days(number(row, "retention_days"))


def plan_node(row: Row, related: Related) -> Node:
    """Tell a plan: what its selections select, and its rules with the vaults that they fill."""
    rules, complete = members(row.get("rules"))
    nodes = [_rule(related.rules.get(text(rule, "rule"), NOTHING), rule, related) for rule in rules]
    if not complete:
        because = reasons(row, "rules") or "Its rules were not read."
        nodes.append(Node(kind=NodeKind.MORE, label="Rules", verdict=Verdict.UNKNOWN, because=because))
    owner = "an Organizations backup policy" if row.get("from_organization") is True else ""
    return Node(
        kind=NodeKind.PLAN,
        label=named(row),
        subject=text(row, "subject"),
        facts=facts(("made by", owner), *_settings(row)),
        evidence=references(row, ""),
        children=(*_selections(related), *nodes),
    )


def _settings(row: Row) -> tuple[tuple[str, str], ...]:
    """Return a plan's advanced backup settings, and what it scans for malware."""
    options = (
        f"{text(one, 'resource_type')} {text(one, 'option')}={text(one, 'value')}"
        for one in members(row.get("advanced_settings"))[0]
    )
    scans = (
        f"{', '.join(texts(one.get('resource_types'))[0])} with {text(one, 'scanner')}"
        for one in members(row.get("scan_settings"))[0]
    )
    return (("advanced settings", ", ".join(options)), ("scans for malware", "; ".join(scans)))


def _selections(related: Related) -> tuple[Node, ...]:
    """Tell the selections of a plan: one that selects nothing protects nothing."""
    return tuple(
        Node(
            kind=NodeKind.SELECTION,
            label=text(each.row, "name"),
            verdict=verdict_of(ternary(each.row, "selects_resources")),
            subject=text(each.row, "subject"),
            because=reasons(each.row, "selects_resources"),
            facts=selection_facts(each),
            evidence=references(each.row, "selected"),
            children=role_nodes(each.row),
        )
        for each in related.selections
    )


def _rule(row: Row, terms: Row, related: Related) -> Node:
    verdict, because = standing(row)
    copies = tuple(
        copy_action_node(copy, related, alone=False)
        for copy in related.copy_actions.values()
        if text(copy, "rule") == text(row, "subject")
    )
    target = (target_node(row, terms, NOTHING, related, copies),) if row else copies
    return Node(
        kind=NodeKind.RULE,
        label=text(terms, "name") or named(row),
        verdict=verdict,
        subject=text(row, "subject") or text(terms, "rule"),
        because=because,
        facts=rule_facts({**row, **terms}),
        evidence=references(row, ""),
        children=target,
    )


def rule_node(row: Row, related: Related) -> Node:
    """Tell a rule: when it starts, what its plan selects, which vault it fills and where it copies to."""
    node = _rule(row, NOTHING, related)
    return Node(
        kind=NodeKind.RULE,
        label=node.label,
        verdict=node.verdict,
        subject=node.subject,
        because=node.because,
        facts=node.facts,
        evidence=node.evidence,
        children=(*_selections(related), *node.children),
    )


def copy_action_node(row: Row, related: Related, *, alone: bool = True) -> Node:
    """Tell a copy action: where it goes, whether that is there, and which keys are in its way."""
    exists = ternary(row, "destination_exists")
    blocked, _ = members(row.get("blocked"))
    keys = tuple(
        Node(
            kind=NodeKind.KEY,
            label=short_name(text(each, "resource")),
            verdict=Verdict.BROKEN,
            subject=text(each, "resource"),
            because=f"It cannot be copied to another account: its key is {text(each, 'key')}.",
        )
        for each in blocked[:20]
    )
    because = reasons(row, "destination_exists") if exists is None else ""
    if exists is False:
        because = "The vault does not exist, so no copy can succeed."
    rule = related.rules.get(text(row, "rule"), NOTHING)
    about_rule = (_rule_line(rule),) if alone and rule else ()
    return Node(
        kind=NodeKind.COPY,
        label=short_name(text(row, "destination")),
        verdict=verdict_of(all_of((exists, not blocked))),
        subject=text(row, "subject"),
        because=because or ("Keys prevent some of its copies." if blocked else ""),
        facts=facts(("goes to", reach(row)), ("in", place(text(row, "destination"))), ("kept", _kept(row))),
        evidence=references(row, "", "destination_exists"),
        children=(*about_rule, *vault_facts(related.vaults.get(text(row, "destination"), NOTHING)), *keys),
    )


def _rule_line(row: Row) -> Node:
    verdict, because = standing(row)
    return Node(
        kind=NodeKind.RULE,
        label=named(row),
        verdict=verdict,
        subject=text(row, "subject"),
        because=because,
        facts=rule_facts(row),
        evidence=references(row, ""),
    )


def selection_subject(row: Row, related: Related) -> Node:
    """Tell a selection: what it selects, the role that it acts by, and the rules of its plan."""
    each = related.selections[0]
    selected = tuple(
        Node(kind=NodeKind.RESOURCE, label=short_name(arn), subject=arn, verdict=Verdict.HOLDS)
        for arn in each.first
    )
    left = each.count - len(each.first)
    more = (Node(kind=NodeKind.MORE, label=f"{left:,} more, left out here"),) if left else ()
    return Node(
        kind=NodeKind.SELECTION,
        label=named(row),
        verdict=verdict_of(ternary(row, "selects_resources")),
        subject=text(row, "subject"),
        because=reasons(row, "selects_resources", "selected"),
        facts=selection_facts(each),
        evidence=references(row, "selected", ""),
        children=(
            *role_nodes(row),
            *((Node(kind=NodeKind.GROUP, label="Selects", children=(*selected, *more)),) if selected else ()),
            *(_rule(rule, NOTHING, related) for rule in related.rules.values()),
        ),
    )


def point_subject(row: Row, related: Related) -> Node:
    """Tell a recovery point: of what, whether it is usable, when it expires, and the vault that holds it."""
    vault = related.vaults.get(text(row, "vault"), NOTHING)
    usable = ternary(row, "usable")
    return Node(
        kind=NodeKind.RECOVERY_POINT,
        label=named(row),
        verdict=verdict_of(usable),
        subject=text(row, "subject"),
        because=reasons(row, "usable") or ("" if usable else f"Its status is {text(row, 'status')}."),
        facts=facts(
            ("status", text(row, "status")),
            ("made", text(row, "created_at")),
            ("age", hours(number(row, "age_hours"))),
            ("keeps", _kept(row)),
            ("kind", "continuous" if row.get("continuous") is True else ""),
        ),
        evidence=references(row, ""),
        children=(_backup_of(row, related), _encryption(row), _held_by(row, vault)),
    )


def _backup_of(row: Row, related: Related) -> Node:
    arn = text(row, "resource")
    resource = related.resources.get(arn)
    gone = ternary(row, "orphaned")
    because = "The resource no longer exists; this is what remains." if gone else ""
    return Node(
        kind=NodeKind.RESOURCE,
        label=named(resource) if resource else short_name(arn),
        subject=arn,
        because=because or ("" if resource else "The scan has no resource with that name."),
        facts=facts(("backup of", text(row, "resource_type"))),
        evidence=references(resource, "") if resource else (),
    )


def _encryption(row: Row) -> Node:
    encrypted = ternary(row, "encrypted")
    words = {True: "Encrypted", False: "Not encrypted", None: "Encryption"}
    return Node(
        kind=NodeKind.KEY,
        label=words[encrypted],
        verdict=verdict_of(encrypted),
        because=reasons(row, "encrypted"),
    )


def _held_by(row: Row, vault: Row) -> Node:
    return Node(
        kind=NodeKind.VAULT,
        label=short_name(text(row, "vault")),
        subject=text(row, "vault"),
        evidence=references(vault, ""),
        children=vault_facts(vault),
    )


Teller = Callable[[Row, Related], Node]
STRUCTURES: Final[Mapping[str, Teller]] = {
    "vault": vault_node,
    "plan": plan_node,
    "rule": rule_node,
    "selection": selection_subject,
    "copy_action": copy_action_node,
    "recovery_point": point_subject,
    "account": place_node,
    "account_region": place_node,
}
"""How a subject is told, by its fact table."""
