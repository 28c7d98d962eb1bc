"""The tree of a resource: selections, rules, vaults and copies, with the verdict of each."""

from collections.abc import Iterator
from typing import Final

from scanner.model.explanation import Node, NodeKind, Verdict, verdict_of
from scanner.model.known import Ternary
from scanner.protection.backup_content import CONTAINS, INCREMENTAL
from scanner.report.explain.around import further_nodes
from scanner.report.explain.copies import copy_nodes, job_facts
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
from scanner.report.wording import count_word, hours, short_name, type_word

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

Way = tuple[str, str, str]
"""A plan, what it covers the resource through, and the parent's ARN."""


def resource_node(row: Row, related: Related) -> Node:
    """Build the tree of one resource."""
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
    ways: dict[Way, list[str]] = {}
    for cover in members(row.get("covered_by"))[0]:
        rule = text(cover, "rule")
        key = (rule.partition("#")[0], text(cover, "via") or "selection", text(cover, "parent"))
        ways.setdefault(key, []).append(rule)
    terms = {text(rule, "rule"): rule for rule in members(row.get("rules"))[0]}
    selected_rules = {rule for rules in ways.values() for rule in rules}
    for rule in terms:
        if rule not in selected_rules:
            ways.setdefault((rule.partition("#")[0], "selection", ""), []).append(rule)
    shown: set[str] = set()
    for way, rules in ways.items():
        nodes = tuple(_rule(rule, terms.get(rule, NO_ROW), row, related, shown) for rule in rules)
        plan_name = text(terms.get(rules[0], NO_ROW), "plan")
        yield _through(way, plan_name, nodes, row, related)


def _through(way: Way, plan_name: str, rules: tuple[Node, ...], row: Row, related: Related) -> Node:
    plan, via, parent = way
    node = selecting_node(plan, parent or text(row, "subject"), related, rules)
    if node is None:
        node = unnamed_selection_node(plan_name or short_name(plan), rules, references(row, "covered_by"))
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
