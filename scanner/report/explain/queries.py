"""Reading the rows that a subject's tree refers to: few, however large the scan."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final

from scanner.graph.protection_graph import Relation
from scanner.report.explain.facts import Facts
from scanner.report.explain.find import SubjectRow
from scanner.report.explain.rows import Related, Row, SelectionRow, members, text
from scanner.report.explain.walks import group_of, walks_of

_USERS: Final = 25
"""Number of rules, and of copy actions, that are shown of one vault."""


def related_rows(facts: Facts, subject: SubjectRow) -> Related:
    """Return the rows that the tree of a subject refers to."""
    if (query := _QUERIES.get(subject.table)) is not None:
        return query(facts, subject.row)
    return related_to_resources(facts, [subject.row])[text(subject.row, "subject")]


def related_to_resources(facts: Facts, rows: Iterable[Row]) -> dict[str, Related]:
    """Return the rows that the trees of resources refer to, by subject. Each table is read once."""
    by_subject = {text(row, "subject"): row for row in rows}
    if not by_subject:
        return {}
    groups = {subject: group_of(row, Related()) for subject, row in by_subject.items()}
    groups |= facts.groups(by_subject.values())
    scheduled = [backups for group in groups.values() for backups in group["scheduled"]]
    covers = [cover for row in by_subject.values() for cover in members(row.get("covered_by"))[0]]
    arns = {*by_subject, *(text(cover, "parent") for cover in covers)} - {""}
    rules = facts.rows("rule", "subject", (text(backups, "rule") for backups in scheduled))
    selections = facts.selections_of({text(backups, "selection") for backups in scheduled} - {""}, arns)
    # Resources that are protected alike share the object of their group, and so one walk.
    alike = {id(group): group for group in groups.values()}
    terms = [selection.row for selection in selections.values()]
    walks = dict(zip(alike, walks_of(alike.values(), rules.values(), terms), strict=True))
    copies = [copy for walk in walks.values() for copy in walk.edges(walk.group, Relation.COPIED_BY)]
    graph = next(iter(walks.values()))
    targets = [edge.target for rule in rules for edge in graph.edges(rule, Relation.STORED_IN)]
    targets += [edge.target for copy in copies for edge in graph.edges(copy.target, Relation.COPIED_TO)]
    related = Related(
        rules=rules,
        copy_actions=facts.rows("copy_action", "subject", (copy.target for copy in copies)),
        vaults=facts.rows("vault", "subject", targets),
        selections=selections,
    )
    return {subject: replace(related, walk=walks[id(group)]) for subject, group in groups.items()}


def _of_vault(facts: Facts, row: Row) -> Related:
    arn = text(row, "subject")
    rules = facts.rows("rule", "target", (arn,), _USERS)
    rules = {subject: rule for subject, rule in rules.items() if text(rule, "kind") == "rule"}
    copies = facts.rows("copy_action", "destination", (arn,), _USERS)
    # The rule table also has a row for each copy action.
    left = facts.count("rule", "target", arn) - len(rules) - len(copies)
    return Related(rules=rules, copy_actions=copies, left_out=max(0, left))


def _of_rules(
    facts: Facts, rules: dict[str, Row], plan: str, selections: dict[str, SelectionRow] | None = None
) -> Related:
    own = {subject: rule for subject, rule in rules.items() if text(rule, "kind") in ("rule", "")}
    copies = facts.rows("copy_action", "rule", own)
    targets = (text(rule, "target") for rule in own.values())
    destinations = (text(copy, "destination") for copy in copies.values())
    return Related(
        rules=own,
        copy_actions=copies,
        vaults=facts.rows("vault", "subject", (*targets, *destinations)),
        selections=facts.selections((plan,)) if selections is None else selections,
    )


def _of_plan(facts: Facts, row: Row) -> Related:
    plan = text(row, "subject")
    return _of_rules(facts, facts.rows("rule", "plan", (plan,)), plan)


def _of_selection(facts: Facts, row: Row) -> Related:
    rules = facts.rows("rule", "plan", (text(row, "plan"),))
    return _of_rules(facts, rules, "", {text(row, "subject"): facts.selects(row)})


def _of_rule(facts: Facts, row: Row) -> Related:
    return _of_rules(facts, {text(row, "subject"): row}, text(row, "plan"))


def _of_copy_action(facts: Facts, row: Row) -> Related:
    return Related(
        rules=facts.rows("rule", "subject", (text(row, "rule"),)),
        vaults=facts.rows("vault", "subject", (text(row, "destination"),)),
    )


def _of_point(facts: Facts, row: Row) -> Related:
    return Related(
        resources=facts.rows("resource", "subject", (text(row, "resource"),)),
        vaults=facts.rows("vault", "subject", (text(row, "vault"),)),
    )


_QUERIES: Final[Mapping[str, Callable[[Facts, Row], Related]]] = {
    "vault": _of_vault,
    "plan": _of_plan,
    "selection": _of_selection,
    "rule": _of_rule,
    "copy_action": _of_copy_action,
    "recovery_point": _of_point,
    "account": lambda _facts, _row: Related(),
    "account_region": lambda _facts, _row: Related(),
}
