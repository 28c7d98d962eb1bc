"""Reading the rows that a subject's tree refers to: few, however large the scan."""

from collections.abc import Callable, Mapping
from typing import Final

from scanner.report.explain.facts import Facts
from scanner.report.explain.find import SubjectRow
from scanner.report.explain.rows import Related, Row, SelectionRow, members, text

_USERS: Final = 25
"""Number of rules, and of copy actions, that are shown of one vault."""


def related_rows(facts: Facts, subject: SubjectRow) -> Related:
    """Return the rows that the tree of a subject refers to."""
    return _QUERIES.get(subject.table, _of_resource)(facts, subject.row)


def _of_resource(facts: Facts, row: Row) -> Related:
    covers, copies = members(row.get("covered_by"))[0], members(row.get("copies"))[0]
    rules = facts.rows("rule", "subject", (text(cover, "rule") for cover in covers))
    plans = {text(rule, "plan") for rule in rules.values()}
    vaults = (*(text(rule, "target") for rule in rules.values()), *(text(c, "destination") for c in copies))
    selections: dict[str, SelectionRow] = {}
    for arn in {text(row, "subject"), *(text(cover, "parent") for cover in covers)} - {""}:
        for selection in facts.selections(plans, arn):
            if selection.holds:
                selections.setdefault(text(selection.row, "subject"), selection)
    return Related(
        plans=facts.rows("plan", "subject", plans),
        rules=rules,
        copy_actions=facts.rows("copy_action", "subject", (text(copy, "copy_action") for copy in copies)),
        vaults=facts.rows("vault", "subject", vaults),
        selections=tuple(selections.values()),
    )


def _of_vault(facts: Facts, row: Row) -> Related:
    arn = text(row, "subject")
    rules = facts.rows("rule", "target", (arn,), _USERS)
    rules = {subject: rule for subject, rule in rules.items() if text(rule, "kind") == "rule"}
    copies = facts.rows("copy_action", "destination", (arn,), _USERS)
    # The rule table also has a row for each copy action.
    left = facts.count("rule", "target", arn) - len(rules) - len(copies)
    return Related(rules=rules, copy_actions=copies, left_out=max(0, left))


def _of_rules(
    facts: Facts, rules: dict[str, Row], plan: str, selections: tuple[SelectionRow, ...] | None = None
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
    return _of_rules(facts, rules, "", (facts.selects(row),))


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
