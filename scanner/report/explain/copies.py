"""The copies of a resource: whether each can succeed, link by link, and the destination vault."""

from collections.abc import Iterable, Iterator

from scanner.graph.protection_graph import Relation
from scanner.model.explanation import Node, NodeKind, Verdict, verdict_of
from scanner.model.text import sentence
from scanner.report.explain.rows import (
    NO_ROW,
    Related,
    Row,
    facts,
    members,
    number,
    reasons,
    references,
    refs_of,
    ternary,
    text,
    texts,
)
from scanner.report.explain.vaults import newest_point_node, vault_facts
from scanner.report.explain.walks import copy_name, walk_of
from scanner.report.wording import days, hours, place, short_name

AIR_GAPPED = "air_gapped_target"


def copy_nodes(resource: Row, rule: str, related: Related) -> Iterator[Node]:
    """Yield the copies of one covering rule, with the verdict for this resource."""
    copies, complete = members(resource.get("copies"))
    by_action: dict[str, list[Row]] = {}
    for copy in copies:
        by_action.setdefault(copy_name(copy), []).append(copy)
    chains, walk = _chains(resource), walk_of(related)
    for edge in walk.copies(rule):
        destination = walk.edge(edge.target, Relation.COPIED_TO)
        # A copy action may have several outcomes: its rule covers the resource in several ways.
        for copy in by_action.get(edge.target, ()):
            chain = chains.get(_key(copy), NO_ROW)
            yield _copy(copy, destination.target if destination else "", chain, resource, related)
    if not complete and "copies" in resource and not copies:
        because = reasons(resource, "copies") or "Whether it has copies is unknown."
        yield Node(kind=NodeKind.MORE, label="Copies", verdict=Verdict.UNKNOWN, because=because)


def _chains(resource: Row) -> dict[tuple[str, str], Row]:
    """Return the copy chains by copy action and effect; the first of equal ones."""
    chains, _ = members(resource.get("copy_links"))
    # Reversed, because the last one wins in a mapping.
    return {_key(chain): chain for chain in reversed(chains)}


def _key(row: Row) -> tuple[str, str]:
    return text(row, "copy_action"), str(row.get("effective"))


def _copy(copy: Row, destination: str, chain: Row, resource: Row, related: Related) -> Node:
    vault = related.vaults.get(destination, NO_ROW)
    action = related.copy_actions.get(text(copy, "copy_action"), NO_ROW)
    effective = ternary(copy, "effective")
    links = tuple(_link(link) for link in members(chain.get("links"))[0])
    points = (newest_point_node(destination, resource, own=False),) if "places" in resource else ()
    jobs = tuple(_jobs(copy, resource))
    return Node(
        kind=NodeKind.COPY,
        label=short_name(destination),
        verdict=verdict_of(effective),
        subject=text(copy, "copy_action"),
        # A copy that works needs no reason; the links say what was checked.
        because="" if effective else sentence(text(copy, "reason")),
        facts=facts(
            ("goes to", reach(copy) or place(destination)),
            ("in", place(destination)),
            ("retention", days(number(action, "retention_days")) if action else ""),
            ("copied as", text(copy, "copied_as")),
            # The air-gapped target of a rule is recorded as a copy, without a copy action in the plan.
            ("kind", "air-gapped target" if text(copy, "kind") == AIR_GAPPED else ""),
        ),
        evidence=references(action, "") or references(resource, "copies"),
        children=(*links, *_notes(copy), *jobs, *points, *vault_facts(vault)),
    )


def reach(copy: Row) -> str:
    """Return how far a copy goes: `another account and another Region`; empty: neither, or unknown."""
    words = (("cross_account", "another account"), ("cross_region", "another Region"))
    return " and ".join(word for column, word in words if copy.get(column) is True)


def _notes(copy: Row) -> Iterator[Node]:
    """Yield what AWS documents about such copies; facts of earlier versions have no notes."""
    for note in texts(copy.get("notes"))[0]:
        yield Node(kind=NodeKind.LINK, label="AWS Backup documents", verdict=Verdict.STATED, because=note)


def _link(link: Row) -> Node:
    refs: Iterable[Row] = members(link.get("evidence"))[0]
    return Node(
        kind=NodeKind.LINK,
        label=text(link, "name")[:1].upper() + text(link, "name")[1:],
        verdict=verdict_of(ternary(link, "holds")),
        because=sentence(text(link, "reason")),
        evidence=refs_of(refs),
    )


def _jobs(copy: Row, resource: Row) -> Iterator[Node]:
    """Yield the result of the newest finished copy job of this copy action."""
    for job in members(resource.get("copy_jobs"))[0]:
        if (text(job, "rule"), text(job, "destination")) == (text(copy, "rule"), text(copy, "destination")):
            yield Node(
                kind=NodeKind.LINK,
                label=f"Its newest copy job ended as {text(job, 'state') or 'an unknown state'}",
                verdict=verdict_of(ternary(job, "succeeded")),
                facts=job_facts(job),
                evidence=references(resource, "copy_jobs"),
            )


def job_facts(job: Row) -> tuple[tuple[str, str], ...]:
    """Return how long ago a job was created, its BackupType, and what AWS reports of it."""
    reported = ": ".join(filter(None, (text(job, "category"), text(job, "message"))))
    return facts(
        ("backup type", text(job, "backup_type")),
        ("created", f"{hours(number(job, 'age_hours'))} ago"),
        ("AWS reports", reported),
    )
