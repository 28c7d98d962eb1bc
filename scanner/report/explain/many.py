"""The trees of many resources at once. Each table is read once, however many there are."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from scanner.model.explanation import Node
from scanner.model.names import parse_arn
from scanner.report.explain.facts import Facts
from scanner.report.explain.resource import resource_node
from scanner.report.explain.rows import Related, Row, SelectionRow, members, text
from scanner.storage.lookup import Holding

_AT_ONCE: Final = 1_000
"""Rows of resources in memory at once. Each takes some tens of kilobytes."""

_UNUSED: Final = ("nearest", "remedy", "restores", "tags", "type_restores")
"""Columns of resources that no tree needs and that take long to read."""


def resource_chains(facts: Facts, subjects: Collection[str]) -> Iterator[tuple[str, Node]]:
    """Yield the trees of resources with their subjects; subjects that are not in the table are left out.

    Raises:
        BundleError: a table is missing or cannot be read.
    """
    wanted = sorted(subjects, key=_account)  # there is one file per account: read each file once
    for start in range(0, len(wanted), _AT_ONCE):
        part = wanted[start : start + _AT_ONCE]
        rows = facts.table("resource").rows("subject", part, without=_UNUSED)
        around = _around(facts, rows)
        for row in rows:
            yield text(row, "subject"), resource_node(row, around.of(row))


def _account(subject: str) -> str:
    arn = parse_arn(subject)
    return arn.account if arn else ""


@dataclass(frozen=True, slots=True)
class _Around:
    """The rows that the trees of some resources refer to."""

    related: Related
    selections: Mapping[str, list[tuple[Row, Holding]]]  # by plan

    def of(self, row: Row) -> Related:
        """Return the related rows of one resource: of the selections, those that select it or a parent."""
        covers = members(row.get("covered_by"))[0]
        arns = {text(row, "subject"), *(text(cover, "parent") for cover in covers)} - {""}
        plans = dict.fromkeys(text(cover, "rule").partition("#")[0] for cover in covers)
        selects = tuple(
            SelectionRow(row=selection, count=held.count, holds=True, complete=held.complete)
            for plan in plans
            for selection, held in self.selections.get(plan, ())
            if held.held & arns
        )
        return Related(
            plans=self.related.plans,
            rules=self.related.rules,
            copy_actions=self.related.copy_actions,
            vaults=self.related.vaults,
            selections=selects,
        )


def _around(facts: Facts, rows: Iterable[Row]) -> _Around:
    covers = [cover for row in rows for cover in members(row.get("covered_by"))[0]]
    copies = [copy for row in rows for copy in members(row.get("copies"))[0]]
    rules = facts.rows("rule", "subject", {text(cover, "rule") for cover in covers})
    plans = {text(rule, "plan") for rule in rules.values()} - {""}
    vaults = (*(text(rule, "target") for rule in rules.values()), *(text(c, "destination") for c in copies))
    arns = {text(row, "subject") for row in rows} | {text(cover, "parent") for cover in covers}
    return _Around(
        Related(
            plans=facts.rows("plan", "subject", plans),
            rules=rules,
            copy_actions=facts.rows("copy_action", "subject", {text(c, "copy_action") for c in copies}),
            vaults=facts.rows("vault", "subject", vaults),
        ),
        _selections(facts, plans, arns - {""}),
    )


def _selections(
    facts: Facts, plans: Collection[str], arns: Collection[str]
) -> dict[str, list[tuple[Row, Holding]]]:
    by_plan: dict[str, list[tuple[Row, Holding]]] = {}
    held = facts.holding(plans, arns)
    for subject, row in facts.rows("selection", "plan", plans).items():
        if held[subject].held:
            by_plan.setdefault(text(row, "plan"), []).append((row, held[subject]))
    return by_plan
