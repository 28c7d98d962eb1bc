"""The trees of vaults, plans, rules, selections, copy actions, recovery points and accounts."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from scanner.graph.protection_graph import Relation
from scanner.model.explanation import Node, NodeKind, Verdict, verdict_of
from scanner.model.known import EvidenceRef, all_of
from scanner.model.text import sentence
from scanner.report.explain.around import name_of, unknown_nodes
from scanner.report.explain.copies import reach
from scanner.report.explain.effective_policy import effective_policy_nodes
from scanner.report.explain.rows import (
    NO_ROW,
    Related,
    Row,
    SelectionRow,
    facts,
    members,
    number,
    reasons,
    references,
    ternary,
    text,
    texts,
)
from scanner.report.explain.vaults import target_node, vault_facts
from scanner.report.explain.walks import verdict_of_edge, walk_of
from scanner.report.wording import days, hours, place, short_name


def vault_node(row: Row, related: Related) -> Node:
    """Build the tree of a vault: lock, key, who can delete, and the rules and copy actions that use it."""
    return Node(
        kind=NodeKind.VAULT,
        label=name_of(row),
        subject=text(row, "subject"),
        facts=facts(("type", text(row, "vault_type")), ("in", place(text(row, "subject")))),
        evidence=references(row, ""),
        children=(*vault_facts(row), _points_in(row), *_filled_by(row, related)),
    )


def _points_in(row: Row) -> Node:
    # None also where only a part of the vault's list was read: there may be points in the rest.
    has = ternary(row, "has_recovery_points")
    words = {True: "It contains recovery points", False: "It contains no recovery points"}
    return Node(
        kind=NodeKind.RECOVERY_POINT,
        label="Recovery points" if has is None else words[has],
        verdict=Verdict.UNKNOWN if has is None else Verdict.STATED,
        because=reasons(row, "has_recovery_points"),
    )


def _filled_by(row: Row, related: Related) -> Iterator[Node]:
    """Yield what stores into the vault. If nothing was read and something is missing, it is unknown."""
    rules = [_filling(rule, NodeKind.RULE) for rule in related.rules.values()]
    copies = [_filling(copy, NodeKind.COPY) for copy in related.copy_actions.values()]
    if related.left_out:
        label = f"{related.left_out:,} more, left out here"
        copies.append(Node(kind=NodeKind.MORE, label=label))
    targeted = ternary(row, "targeted")
    # Rules that were read prove that it is used; only without any is it unknown.
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
        label=name_of(row),
        subject=text(row, "subject"),
        because=sentence(reach(row)),
        facts=facts(
            ("from", f"{text(row, 'account')} / {text(row, 'region')}"), ("retention", _retention(row))
        ),
        evidence=references(row, ""),
    )


def _retention(row: Row) -> str:
    return days(number(row, "retention_days"))


def plan_node(row: Row, related: Related) -> Node:
    """Build the tree of a plan: what its selections select, and its rules with their vaults."""
    # A list that may be incomplete ends with null, so that it never passes for a whole one.
    rules, complete = members(row.get("rules"))
    nodes = [_rule(related.rules.get(text(rule, "rule"), NO_ROW), rule, related) for rule in rules]
    if not complete:
        because = reasons(row, "rules") or "Its rules were not read."
        nodes.append(Node(kind=NodeKind.MORE, label="Rules", verdict=Verdict.UNKNOWN, because=because))
    # Such a plan cannot be changed in the account, which a reader must know first.
    owner = "an Organizations backup policy" if row.get("from_organization") is True else ""
    return Node(
        kind=NodeKind.PLAN,
        label=name_of(row),
        subject=text(row, "subject"),
        facts=facts(("created by", owner), *_settings(row)),
        evidence=references(row, ""),
        children=(*_selections(related), *nodes),
    )


def _settings(row: Row) -> tuple[tuple[str, str], ...]:
    """Return a plan's advanced backup settings and its malware scan settings."""
    options = (
        f"{text(setting, 'resource_type')} {text(setting, 'option')}={text(setting, 'value')}"
        for setting in members(row.get("advanced_settings"))[0]
    )
    scans = (
        f"{', '.join(texts(scan.get('resource_types'))[0])} with {text(scan, 'scanner')}"
        for scan in members(row.get("scan_settings"))[0]
    )
    return (("advanced settings", ", ".join(options)), ("scans for malware", "; ".join(scans)))


def _selections(related: Related) -> tuple[Node, ...]:
    """Return the selections of a plan: one that selects nothing protects nothing."""
    return tuple(
        Node(
            kind=NodeKind.SELECTION,
            label=text(selection.row, "name"),
            # AWS Backup accepts a selection that matches nothing, and reports no error.
            verdict=verdict_of(ternary(selection.row, "selects_resources")),
            subject=text(selection.row, "subject"),
            because=reasons(selection.row, "selects_resources"),
            facts=selection_facts(selection),
            evidence=references(selection.row, "selected"),
            children=role_nodes(selection.row, related),
        )
        for selection in related.selections.values()
    )


def _rule(row: Row, terms: Row, related: Related) -> Node:
    verdict, because = schedule_verdict(row)
    copies = tuple(
        copy_action_node(copy, related, alone=False)
        for copy in related.copy_actions.values()
        if text(copy, "rule") == text(row, "subject")
    )
    # Without the rule's row its vault is not known, but copy actions name their own.
    target = (target_node(row, terms, NO_ROW, related, copies),) if row else copies
    return Node(
        kind=NodeKind.RULE,
        label=text(terms, "name") or name_of(row),
        verdict=verdict,
        subject=text(row, "subject") or text(terms, "rule"),
        because=because,
        facts=rule_facts({**row, **terms}),
        evidence=references(row, ""),
        children=target,
    )


def rule_node(row: Row, related: Related) -> Node:
    """Build the tree of a rule: schedule, its plan's selections, target vault and copy actions."""
    node = _rule(row, NO_ROW, related)
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
    """Build the tree of a copy action: destination, whether it exists, and the keys that prevent copies."""
    exists = ternary(row, "destination_exists")
    blocked, _ = members(row.get("blocked"))
    keys = tuple(
        Node(
            kind=NodeKind.KEY,
            label=short_name(text(pair, "resource")),
            verdict=Verdict.BROKEN,
            subject=text(pair, "resource"),
            because=f"It cannot be copied to another account: its key is {text(pair, 'key')}.",
        )
        # A rule may cover thousands of resources under the same key.
        for pair in blocked[:20]
    )
    because = reasons(row, "destination_exists") if exists is None else ""
    # AWS Backup accepts a copy action to a missing vault; its jobs then fail.
    if exists is False:
        because = "The vault does not exist, so no copy can succeed."
    rule = related.rules.get(text(row, "rule"), NO_ROW)
    # Within the tree of its rule, the rule is above already.
    about_rule = (_rule_line(rule),) if alone and rule else ()
    return Node(
        kind=NodeKind.COPY,
        label=short_name(text(row, "destination")),
        # One false is enough to break the action; one unknown leaves it unknown otherwise.
        verdict=verdict_of(all_of((exists, not blocked))),
        subject=text(row, "subject"),
        because=because or ("Keys prevent some of its copies." if blocked else ""),
        facts=facts(
            ("goes to", reach(row)), ("in", place(text(row, "destination"))), ("retention", _retention(row))
        ),
        evidence=references(row, "", "destination_exists"),
        children=(*about_rule, *vault_facts(related.vaults.get(text(row, "destination"), NO_ROW)), *keys),
    )


def _rule_line(row: Row) -> Node:
    verdict, because = schedule_verdict(row)
    return Node(
        kind=NodeKind.RULE,
        label=name_of(row),
        verdict=verdict,
        subject=text(row, "subject"),
        because=because,
        facts=rule_facts(row),
        evidence=references(row, ""),
    )


def selection_subject(row: Row, related: Related) -> Node:
    """Build the tree of a selection: the selected resources, its role, and the rules of its plan."""
    # The query for a selection returns exactly one.
    (selection,) = related.selections.values()
    selected = tuple(
        Node(kind=NodeKind.RESOURCE, label=short_name(arn), subject=arn, verdict=Verdict.HOLDS)
        for arn in selection.first
    )
    left = selection.count - len(selection.first)
    more = (Node(kind=NodeKind.MORE, label=f"{left:,} more, left out here"),) if left else ()
    return Node(
        kind=NodeKind.SELECTION,
        label=name_of(row),
        verdict=verdict_of(ternary(row, "selects_resources")),
        subject=text(row, "subject"),
        because=reasons(row, "selects_resources", "selected"),
        facts=selection_facts(selection),
        evidence=references(row, "selected", ""),
        children=(
            *role_nodes(row, related),
            *((Node(kind=NodeKind.GROUP, label="Selects", children=(*selected, *more)),) if selected else ()),
            *(_rule(rule, NO_ROW, related) for rule in related.rules.values()),
        ),
    )


def point_subject(row: Row, related: Related) -> Node:
    """Build the tree of a recovery point: its resource, status, expiry, encryption and vault."""
    vault = related.vaults.get(text(row, "vault"), NO_ROW)
    usable = ternary(row, "usable")
    return Node(
        kind=NodeKind.RECOVERY_POINT,
        label=name_of(row),
        verdict=verdict_of(usable),
        subject=text(row, "subject"),
        # A status that this version does not know is neither usable nor unusable.
        because=reasons(row, "usable") or ("" if usable else f"Its status is {text(row, 'status')}."),
        facts=facts(
            ("status", text(row, "status")),
            ("created", text(row, "created_at")),
            ("age", hours(number(row, "age_hours"))),
            ("retention", _retention(row)),
            ("kind", "continuous" if row.get("continuous") is True else ""),
        ),
        evidence=references(row, ""),
        children=(_backup_of(row, related), _encryption(row), _held_by(row, vault)),
    )


def _backup_of(row: Row, related: Related) -> Node:
    arn = text(row, "resource")
    resource = related.resources.get(arn)
    # A recovery point outlives its resource, and may be the only copy of the data.
    gone = ternary(row, "orphaned")
    because = "The resource no longer exists." if gone else ""
    return Node(
        kind=NodeKind.RESOURCE,
        label=name_of(resource) if resource else short_name(arn),
        subject=arn,
        because=because or ("" if resource else "The scan does not contain this resource."),
        facts=facts(("type", text(row, "resource_type"))),
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


TreeBuilder = Callable[[Row, Related], Node]


def account_node(row: Row, related: Related) -> Node:
    """Build the node of an account or account-Region: each missing read leaves something unknown."""
    missing, _complete = members(row.get("missing_reads"))
    return Node(
        kind=NodeKind.GROUP,
        label=name_of(row),
        subject=text(row, "subject"),
        because=text(row, "not_applicable_because"),
        facts=facts(("status", text(row, "status"))),
        evidence=references(row, ""),
        children=(
            *map(_missing, missing),
            *unknown_nodes(row),
            *effective_policy_nodes(row, related.policy_settings),
        ),
    )


TREE_BUILDERS: Final[Mapping[str, TreeBuilder]] = {
    "vault": vault_node,
    "plan": plan_node,
    "rule": rule_node,
    "selection": selection_subject,
    "copy_action": copy_action_node,
    "recovery_point": point_subject,
    "account": account_node,
    "account_region": account_node,
}
"""The function that builds a subject's tree, by fact table."""


def _missing(read: Row) -> Node:
    # The column's name is part of the facts' schema.
    controls, _ = texts(read.get("blinds"))
    about = text(read, "about")
    return Node(
        kind=NodeKind.MORE,
        label=text(read, "operation") + (f" of {about}" if about else ""),
        verdict=Verdict.UNKNOWN,
        because=" ".join(filter(None, (text(read, "kind"), text(read, "code")))),
        facts=facts(("affected controls", ", ".join(controls))),
    )


def schedule_verdict(rule: Row) -> tuple[Verdict, str]:
    """Return whether a rule's schedule starts backups, and why not. Without a row it holds."""
    if ternary(rule, "schedule_valid") is False:
        because = sentence(text(rule, "schedule_reason"))
        return Verdict.BROKEN, f"{text(rule, 'schedule')} is not an AWS cron expression. {because}".rstrip()
    # Details of findings may lack the column, which says nothing about the schedule.
    if "schedule_valid" in rule and ternary(rule, "schedule_valid") is None:
        because = sentence(text(rule, "schedule_reason"))
        return (
            Verdict.UNKNOWN,
            f"Whether {text(rule, 'schedule')} ever starts is unknown. {because}".rstrip(),
        )
    if ternary(rule, "starts_within_a_year") is False:
        because = sentence(text(rule, "schedule_reason"))
        return Verdict.BROKEN, f"It does not start within a year. {because}".rstrip()
    return Verdict.HOLDS, ""


def rule_facts(row: Row) -> tuple[tuple[str, str], ...]:
    """Return a rule's settings, from its own row or from the terms that a resource's row repeats."""
    schedule = " ".join(filter(None, (text(row, "schedule"), text(row, "timezone"))))
    gap = number(row, "max_gap_hours")
    return facts(
        ("schedule", schedule),
        ("longest gap", hours(gap) if gap is not None else ""),
        ("next start", text(row, "next_start")),
        ("start window", _minutes(row, "start_window_minutes")),
        ("completion window", _minutes(row, "completion_window_minutes")),
        # A retention that is present and None is unknown; one that is absent was not recorded.
        ("retention", days(row["retention_days"]) if "retention_days" in row else ""),
        (
            "moves to cold storage",
            f"after {days(row.get('cold_after_days'))}" if row.get("moves_to_cold") else "",
        ),
        ("kind", "continuous" if row.get("continuous") is True else ""),
        ("indexes for search", ", ".join(texts(row.get("index_types"))[0])),
        ("scans for malware", ", ".join(map(_scan, members(row.get("scan_actions"))[0]))),
        ("tags on recovery points", ", ".join(map(_tag, members(row.get("recovery_point_tags"))[0]))),
    )


def _minutes(row: Row, column: str) -> str:
    """Return a window in hours; empty where the rule does not set it."""
    minutes = number(row, column)
    return hours(minutes / 60) if minutes else ""


def _scan(scan: Row) -> str:
    return f"{text(scan, 'scanner')} ({text(scan, 'mode')})"


def _tag(tag: Row) -> str:
    return f"{text(tag, 'key')}={text(tag, 'value')}"


def unnamed_selection_node(plan: str, rules: tuple[Node, ...], refs: tuple[EvidenceRef, ...]) -> Node:
    """Build the node for a selection of a plan (its name) where no row says which selection it is."""
    return Node(
        kind=NodeKind.SELECTION,
        label=f"A selection of {plan}",
        verdict=Verdict.HOLDS,
        evidence=refs,
        children=rules,
    )


def selecting_node(
    selections: Sequence[SelectionRow], arn: str, rules: tuple[Node, ...], related: Related
) -> Node:
    """Build the node of a plan's selections that select `arn`, with the covering rules."""
    roles = tuple(node for selection in selections for node in role_nodes(selection.row, related))
    first, *others = selections
    also = ", ".join(text(selection.row, "name") for selection in others)
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
            dict.fromkeys(
                ref for selection in selections for ref in references(selection.row, "selected", "")
            )
        ),
        children=(*roles, *rules),
    )


def selection_facts(selection: SelectionRow) -> tuple[tuple[str, str], ...]:
    """Return how many resources it selects, and whether a backup policy created its plan."""
    more = "" if selection.complete else " or more"
    from_organization = selection.row.get("from_organization") is True
    return facts(
        ("selects", f"{selection.count:,} resource{'' if selection.count == 1 else 's'}{more}"),
        ("plan created by", "an Organizations backup policy" if from_organization else ""),
    )


def role_nodes(selection: Row, related: Related) -> tuple[Node, ...]:
    """Return the role: if AWS Backup cannot assume it, nothing is backed up."""
    # Scans of earlier versions did not check the role.
    if "role_admits_backup" not in selection:
        return ()
    edge = walk_of(related).edge(text(selection, "subject"), Relation.PERFORMED_BY)
    verdict = verdict_of_edge(edge, Verdict.BROKEN)  # a selection that names no role has no edge
    return (
        Node(
            kind=NodeKind.LINK,
            label="AWS Backup can assume the role",
            verdict=verdict,
            because=sentence(text(selection, "role_reason")) if verdict is not Verdict.HOLDS else "",
            facts=facts(("role", text(selection, "role"))),
            evidence=references(selection, "role_exists", "role_admits_backup"),
        ),
    )
