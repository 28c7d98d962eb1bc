"""The tree of a resource: a walk of the protection graph over selections, rules, vaults and copies.

The edges say what leads where, and in which state; the fact rows of the nodes add their settings, the reasons
of what is unknown, and the lines of evidence.
"""

from collections.abc import Collection, Iterator
from typing import Final

from scanner.model.explanation import Node, NodeKind, Verdict, verdict_of
from scanner.model.known import Ternary
from scanner.model.names import parse_arn
from scanner.protection.capabilities import CONTAINS, INCREMENTAL
from scanner.report.explain.around import further_nodes
from scanner.report.explain.copies import copy_nodes, job_facts
from scanner.report.explain.queries import Facts, related_to_resources
from scanner.report.explain.rows import (
    NO_ROW,
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
from scanner.report.explain.structures import (
    rule_facts,
    schedule_verdict,
    selecting_node,
    unnamed_selection_node,
)
from scanner.report.explain.vaults import has_points, recovery_point_node, target_node
from scanner.report.explain.walks import walk_of, walked
from scanner.report.wording import count_word, hours, short_name, size_word, type_word

_COVERAGE: Final = ("covered", "covered_by", "rules")

_SHOWN_NOT_KNOWN: Final = frozenset(
    (
        *_COVERAGE,
        "copies",
        "copy_links",
        "places",
        "newest_recovery_points",
        "newest_recovery_point",
        "key_kind",
    )
)
"""Columns that the tree shows itself, with the reasons why they are unknown."""

_AT_ONCE: Final = 1_000
"""Rows of resources in memory at once. Each takes some tens of kilobytes."""

_UNUSED: Final = ("nearest", "remedy", "restores", "tags", "type_restores")
"""Columns of resources that the chains of reports do not need and that take long to read."""

Way = tuple[str, str, str]
"""A plan, what it covers the resource through, and the parent's ARN."""


def resource_node(row: Row, related: Related) -> Node:
    """Build the tree of one resource."""
    related = walked(row, related)
    covered = coverage(row)
    name, subject = text(row, "name"), text(row, "subject")
    return Node(
        kind=NodeKind.RESOURCE,
        label=name or short_name(subject),
        verdict=verdict_of(covered),
        subject=subject,
        because=_why(row, covered),
        facts=facts(
            ("type", type_word(text(row, "subject_type"))),
            ("state", text(row, "state")),
            ("size", _size(row)),
            ("newest usable recovery point", _newest(row)),
        )
        + backup_facts(row),
        evidence=references(row, ""),
        children=(
            *_covering_selections(row, related),
            *_unread_rules(row, covered),
            *_other_recovery_points(row),
            *_newest_backup_job(row),
            *further_nodes(row),
        ),
    )


def coverage(row: Row) -> Ternary:
    """Return whether a rule covers it. Rows built from findings' details may lack the column `covered`."""
    if "covered" in row:
        return ternary(row, "covered")
    # A custom control may have one of the two only.
    lists = [members(row.get(column)) for column in ("covered_by", "rules") if column in row]
    if any(rules for rules, _ in lists):
        return True
    return False if lists and all(complete for _, complete in lists) else None


def _why(row: Row, covered: Ternary) -> str:
    if text(row, "not_applicable_because"):
        return text(row, "not_applicable_because")
    if covered is None:
        return reasons(row, *_COVERAGE) or "Whether a backup rule covers it is unknown."
    if covered is False:
        return "No backup rule covers it."
    rules, _ = members(row.get("rules"))
    return f"{count_word(len(rules), 'backup rule')} {'covers' if len(rules) == 1 else 'cover'} it."


def _size(row: Row) -> str:
    """Return its size with what it measures: `500 GiB provisioned`; empty: none is reported."""
    gib = number(row, "size_gib")
    return "" if gib is None else f"{size_word(gib)} {text(row, 'size_kind')}"


def _newest(row: Row) -> str:
    newest = row.get("newest_recovery_point")
    if not isinstance(newest, dict):
        return ""
    exists = ternary(newest, "exists")
    if exists is None:
        return "not known"
    age = number(newest, "age_hours")
    return f"{hours(age)} old, {text(newest, 'created_at')}" if exists else "none"


def _covering_selections(row: Row, related: Related) -> Iterator[Node]:
    """Yield the ways of coverage: a selection of a plan, perhaps of a parent, with the plan's rules."""
    # A volume may be covered through several instances by one rule.
    parents: dict[tuple[str, str], list[str]] = {}
    for cover in members(row.get("covered_by"))[0]:
        by_rule = parents.setdefault((text(cover, "rule"), text(cover, "via") or "selection"), [])
        by_rule.append(text(cover, "parent"))
    steps = {
        (covering.rule, parent, covering.via, covering.selection)
        for covering in walk_of(related).covering()
        for parent in parents.get((covering.rule, covering.via), [""])
    }
    ways: dict[Way, tuple[dict[str, None], dict[str, None]]] = {}
    for rule, parent, via, selection in sorted(steps):
        rules, selections = ways.setdefault((rule.partition("#")[0], via, parent), ({}, {}))
        rules[rule] = selections[selection] = None
    # What the resource's own row repeats of a rule is at hand even without the rule's row.
    terms = {text(rule, "rule"): rule for rule in members(row.get("rules"))[0]}
    shown: set[str] = set()
    for way, (rules, selections) in ways.items():
        nodes = tuple(_rule(rule, terms.get(rule, NO_ROW), row, related, shown) for rule in rules)
        plan_name = text(terms.get(next(iter(rules)), NO_ROW), "plan")
        yield _through(way, plan_name, nodes, tuple(selections), row, related)


def _through(  # noqa: PLR0913, PLR0917 -- the parts of one way of coverage
    way: Way, plan_name: str, rules: tuple[Node, ...], selections: tuple[str, ...], row: Row, related: Related
) -> Node:
    plan, via, parent = way
    arn = parent or text(row, "subject")
    rows = [related.selections[subject] for subject in selections if subject in related.selections]
    # A volume may be attached to several instances, each of which another selection of the plan selects.
    rows = [selection for selection in rows if arn in selection.selects] or rows
    node = (
        selecting_node(rows, arn, rules, related)
        if rows
        else unnamed_selection_node(plan_name or short_name(plan), rules, references(row, "covered_by"))
    )
    if not parent:
        return node
    return Node(
        kind=NodeKind.PARENT,
        label=short_name(parent),
        verdict=Verdict.HOLDS,
        subject=parent,
        because=f"It is backed up as part of its {via}.",
        children=(node,),
    )


def _rule(rule: str, terms: Row, row: Row, related: Related, shown: set[str]) -> Node:
    """Build the node of a covering rule. A rule that covers in several ways is shown in full once."""
    stored = related.rules.get(rule, NO_ROW)
    again = rule in shown
    shown.add(rule)
    verdict, because = schedule_verdict(stored)
    copies = tuple(copy_nodes(row, rule, related))
    below = (target_node(stored, terms, row, related, copies),) if text(terms, "vault") or stored else copies
    return Node(
        kind=NodeKind.RULE,
        label=text(terms, "name") or text(stored, "name") or short_name(rule),
        verdict=verdict,
        subject=rule,
        because="See above." if again else because,
        facts=() if again else rule_facts({**stored, **terms}),
        evidence=references(stored, "") or references(row, "rules"),
        children=() if again else below,
    )


def _unread_rules(row: Row, covered: Ternary) -> Iterator[Node]:
    """Yield that rules which could not be read may cover it, and the selections that are undecided."""
    lists = [row[column] for column in ("covered_by", "rules") if column in row]
    if covered is False and lists:
        because = "No rule of a backup plan covers it."
        yield Node(kind=NodeKind.RULE, label="none", verdict=Verdict.BROKEN, because=because)
    # Both lists are complete, so there are no rules that could not be read.
    if lists and all(members(rules)[1] for rules in lists):
        return
    because = reasons(row, *_COVERAGE) or "There may be rules that cover it and could not be read."
    uncertain, _ = texts(row.get("uncertain"))
    names = (("undecided selections", ", ".join(uncertain)),)
    label = "More rules" if covered else "Backup rule"
    yield Node(kind=NodeKind.MORE, label=label, verdict=Verdict.UNKNOWN, because=because, facts=facts(*names))


def _other_recovery_points(row: Row) -> Iterator[Node]:
    """Yield the recovery points in vaults that no covering rule stores into or copies to."""
    column = "places" if "places" in row else "newest_recovery_points"
    points, complete = members(row.get(column))
    left = [
        recovery_point_node(point, references(row, column)) for point in points if not _is_filled(point, row)
    ]
    if has_points(row) and not complete:
        because = reasons(row, column) or "There may be recovery points that were not read."
        left.append(
            Node(kind=NodeKind.MORE, label="More recovery points", verdict=Verdict.UNKNOWN, because=because)
        )
    if left:
        yield Node(kind=NodeKind.GROUP, label="Recovery points elsewhere", children=tuple(left))


def _newest_backup_job(row: Row) -> Iterator[Node]:
    """Yield the result of the newest finished backup job."""
    for job in members(row.get("backup_jobs"))[0]:
        if job.get("newest") is True:
            yield Node(
                kind=NodeKind.LINK,
                label=f"Its newest backup job ended as {text(job, 'state')}",
                verdict=verdict_of(ternary(job, "succeeded")),
                facts=job_facts(job),
                evidence=references(row, "backup_jobs"),
            )


def _is_filled(point: Row, row: Row) -> bool:
    """Return whether a rule or copy of the tree uses the vault. Rules use vaults of their own Region only."""
    arn = text(point, "vault")
    if arn in {text(copy, "destination") for copy in members(row.get("copies"))[0]}:
        return True
    # A vault of the same name in another Region is another vault.
    columns = ("account", "region")
    own = all(text(point, column) in ("", text(row, column)) for column in columns)
    return own and short_name(arn) in {text(rule, "vault") for rule in members(row.get("rules"))[0]}


def backup_facts(row: Row) -> tuple[tuple[str, str], ...]:
    """Return the notes on the backups of a resource; none where no control applies to it."""
    if text(row, "not_applicable_because"):
        return ()
    return facts(
        ("a backup contains", CONTAINS.get(text(row, "subject_type"), "")),
        ("backups left incomplete", "; ".join(texts(row.get("left_out"))[0])),
        ("full or incremental", INCREMENTAL.get(text(row, "incremental"), "")),
    )


def resource_chains(facts: Facts, subjects: Collection[str]) -> Iterator[tuple[str, Node]]:
    """Yield the trees of resources with their subjects; subjects that are not in the table are left out.

    Raises:
        BundleError: a table is missing or cannot be read.
    """
    wanted = sorted(subjects, key=_account)  # there is one file per account: read each file once
    for start in range(0, len(wanted), _AT_ONCE):
        part = wanted[start : start + _AT_ONCE]
        rows = facts.table("resource").rows("subject", part, without=_UNUSED)
        related = related_to_resources(facts, rows)
        for row in rows:
            yield text(row, "subject"), resource_node(row, related[text(row, "subject")])


def _account(subject: str) -> str:
    # Buckets have no account in their ARN: they sort first, and their files are found by subject.
    arn = parse_arn(subject)
    return arn.account if arn else ""
