"""The chain of a resource: resource, selection, rule, vault, copies; and what is known of them."""

from collections.abc import Iterator
from typing import Final

from scanner.model.explanation import Node, NodeKind, Verdict, verdict_of
from scanner.model.ternary import Ternary
from scanner.protection.backup_content import CONTAINS, INCREMENTAL
from scanner.report.explain.around import around
from scanner.report.explain.copies import copy_nodes, job_facts
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
from scanner.report.explain.structures import rule_facts, selecting, standing, unnamed
from scanner.report.explain.vaults import has_points, target_node, told_point
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
"""Columns whose doubts stand where the tree tells the column itself."""

Way = tuple[str, str, str]
"""A plan, through what it covers, and the parent's ARN."""


def resource_node(row: Row, related: Related) -> Node:
    """Tell the chain of one resource."""
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
            *_ways(row, related),
            *_open(row, covered),
            *_places_left(row),
            *_newest_backup_job(row),
            *around(row),
        ),
    )


def coverage(row: Row) -> Ternary:
    """Say whether a rule covers it; rows made of findings' details need not have the column."""
    if "covered" in row:
        return ternary(row, "covered")
    told = [members(row.get(column)) for column in ("covered_by", "rules") if column in row]
    if any(known for known, _ in told):
        return True
    return False if told and all(complete for _, complete in told) else None


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


def _ways(row: Row, related: Related) -> Iterator[Node]:
    """Tell the ways of coverage: a selection of a plan, perhaps through a parent, and the plan's rules."""
    ways: dict[Way, list[str]] = {}
    for cover in members(row.get("covered_by"))[0]:
        rule = text(cover, "rule")
        key = (rule.partition("#")[0], text(cover, "via") or "selection", text(cover, "parent"))
        ways.setdefault(key, []).append(rule)
    terms = {text(rule, "rule"): rule for rule in members(row.get("rules"))[0]}
    told = {rule for rules in ways.values() for rule in rules}
    for rule in terms:
        if rule not in told:
            ways.setdefault((rule.partition("#")[0], "selection", ""), []).append(rule)
    told_once: set[str] = set()
    for way, rules in ways.items():
        nodes = tuple(_rule(rule, terms.get(rule, NOTHING), row, related, told_once) for rule in rules)
        called = text(terms.get(rules[0], NOTHING), "plan")
        yield _through(way, called, nodes, row, related)


def _through(way: Way, called: str, rules: tuple[Node, ...], row: Row, related: Related) -> Node:
    plan, via, parent = way
    node = selecting(plan, parent or text(row, "subject"), related, rules)
    if node is None:
        node = unnamed(called or short_name(plan), rules, references(row, "covered_by"))
    if not parent:
        return node
    return Node(
        kind=NodeKind.PARENT,
        label=short_name(parent),
        verdict=Verdict.HOLDS,
        subject=parent,
        because=f"It is backed up through the {via} that it belongs to.",
        children=(node,),
    )


def _rule(rule: str, terms: Row, row: Row, related: Related, told: set[str]) -> Node:
    """Tell a covering rule; one that covers in several ways is told in full the first time."""
    stored = related.rules.get(rule, NOTHING)
    again = rule in told
    told.add(rule)
    verdict, because = standing(stored)
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


def _open(row: Row, covered: Ternary) -> Iterator[Node]:
    """Tell that rules may cover it which could not be read, and which selections keep that open."""
    told = [row[column] for column in ("covered_by", "rules") if column in row]
    if covered is False and told:
        because = "No rule of a backup plan covers it."
        yield Node(kind=NodeKind.RULE, label="none", verdict=Verdict.BROKEN, because=because)
    if told and all(members(each)[1] for each in told):
        return
    because = reasons(row, *_COVERAGE) or "There may be rules that cover it and could not be read."
    uncertain, _ = texts(row.get("uncertain"))
    names = (("selections in doubt", ", ".join(uncertain)),)
    label = "More rules" if covered else "Backup rule"
    yield Node(kind=NodeKind.MORE, label=label, verdict=Verdict.UNKNOWN, because=because, facts=facts(*names))


def _places_left(row: Row) -> Iterator[Node]:
    """Tell recovery points in vaults that no covering rule fills, and no copy of it goes to."""
    column = "places" if "places" in row else "newest_recovery_points"
    points, complete = members(row.get(column))
    left = [told_point(point, references(row, column)) for point in points if not _is_filled(point, row)]
    if has_points(row) and not complete:
        because = reasons(row, column) or "There may be recovery points that were not read."
        left.append(Node(kind=NodeKind.MORE, label="More places", verdict=Verdict.UNKNOWN, because=because))
    if left:
        yield Node(kind=NodeKind.GROUP, label="Recovery points elsewhere", children=tuple(left))


def _newest_backup_job(row: Row) -> Iterator[Node]:
    """Return how the newest finished backup job ended."""
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
    """Whether the chain tells of the vault: rules name those of the own account and Region, copies any."""
    arn = text(point, "vault")
    if arn in {text(copy, "destination") for copy in members(row.get("copies"))[0]}:
        return True
    whereabouts = ("account", "region")
    own = all(text(point, each) in ("", text(row, each)) for each in whereabouts)
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
