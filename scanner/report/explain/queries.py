"""Finding the subject that a user names, and reading the rows that its tree refers to: few in any scan."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Final

from scanner.errors import UsageError
from scanner.graph.protection_graph import Relation
from scanner.report.explain.rows import Related, Row, SelectionRow, members, text
from scanner.report.explain.walks import group_of, walks_of
from scanner.report.wording import clip, visible
from scanner.storage.lookup import StoredTable, is_called, resembles
from scanner.storage.table_files import NoTableError, TableSource

_GROUPS: Final = "protection_groups"
_POLICY_SETTINGS: Final = "policy_settings"

_LONG: Final = ("covered_keys", "covered_types", "covered_supports", "selected")
"""Columns with an entry for each resource of a rule: nothing here needs them, and they may be long."""

_USERS: Final = 25
"""Number of rules, and of copy actions, that are shown of one vault."""
_SEARCHED: Final = ("resource", "vault", "plan", "rule", "selection", "copy_action")
_BY_NAME: Final = (
    ("resource",),
    ("vault", "plan", "rule", "selection", "copy_action"),
    ("account",),
    ("recovery_point",),
)
"""The tables that are searched for a name. A match in one group counts before those of the next."""
# Ids of accounts have twelve digits.
_PLACE: Final = re.compile(r"\d{12}(?P<region>/[a-z0-9-]+)?")
_SHOWN: Final = 10
_FEW: Final = 5_000  # names of a table that are compared one by one to find similar ones
_CLOSE: Final = 0.6
_LONGEST: Final = 2_048


class Facts:
    """The fact tables of a scan. `tables` returns the files of each; BundleError as of `StoredTable`.

    `inventory` returns those of the inventory; None: they are not at hand.
    """

    def __init__(self, tables: TableSource, inventory: TableSource | None = None) -> None:
        self._tables = tables
        self._inventory = inventory
        self._opened: dict[str, StoredTable] = {}

    def table(self, name: str) -> StoredTable:
        """Return a table; it is looked for once."""
        # Opening reads the footer of each file: with one file for each account, that takes longest.
        if name not in self._opened:
            self._opened[name] = StoredTable(self._tables(name))
        return self._opened[name]

    def rows(
        self, table: str, column: str, values: Iterable[str], limit: int | None = None
    ) -> dict[str, Row]:
        """Return the rows whose column is one of the values, by subject."""
        # An empty name is a missing reference, and would match rows without a value.
        wanted: Collection[str] = {value for value in values if value}
        if not wanted:
            return {}
        rows = self.table(table).rows(column, wanted, without=_LONG, limit=limit)
        return {text(row, "subject"): row for row in rows}

    def groups(self, resources: Iterable[Row]) -> dict[str, Row]:
        """Return the protection groups of resources by subject. Scans of earlier versions have none."""
        subjects = {text(row, "subject"): text(row, "account") for row in resources}
        if self._inventory is None or not subjects:
            return {}
        try:
            table = StoredTable(self._inventory(_GROUPS))
        # Scans of earlier versions have no protection groups: the walk is made of the rows then.
        except NoTableError:
            return {}
        return {**table.rows_with("account", set(subjects.values()), "resources", subjects)}

    def policy_settings(self, account: str) -> tuple[Row, ...]:
        """Return the settings of an account's effective backup policy; none in scans of earlier versions."""
        if self._inventory is None:
            return ()
        try:
            table = StoredTable(self._inventory(_POLICY_SETTINGS))
        except NoTableError:
            return ()
        return tuple(table.rows("account", (account,)))

    def count(self, table: str, column: str, value: str) -> int:
        """Count the rows whose column is a value."""
        return self.table(table).count(column, value)

    def selections(self, plans: Iterable[str]) -> dict[str, SelectionRow]:
        """Return the selections of plans by subject."""
        rows = self.rows("selection", "plan", plans)
        return {subject: self.selects(row) for subject, row in rows.items()}

    def selections_of(self, subjects: Collection[str], arns: Collection[str]) -> dict[str, SelectionRow]:
        """Return selections by subject, with those of `arns` that each selects."""
        holding = self.table("selection").holding("subject", subjects, "selected", arns) if subjects else {}
        return {
            subject: SelectionRow(row, held.count, selects=held.held, complete=held.complete)
            for subject, row in self.rows("selection", "subject", subjects).items()
            if (held := holding.get(subject)) is not None
        }

    def selects(self, row: Row) -> SelectionRow:
        """Return a selection with what fits on a page of its list of resources."""
        listed = self.table("selection").members(text(row, "subject"), "selected")
        return SelectionRow(row, listed.count, listed.first, complete=listed.complete)


@dataclass(frozen=True, slots=True)
class SubjectRow:
    """The row of a subject, and its fact table."""

    table: str
    row: Row


def related_rows(facts: Facts, subject: SubjectRow) -> Related:
    """Return the rows that the tree of a subject refers to."""
    # Resources are the other case: they are also read many at a time, for reports.
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
    # A selection may select the instance or the stack that contains the resource.
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
    # Copy actions into the vault are read from their own table, with more columns.
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
    "account": lambda facts, row: Related(policy_settings=facts.policy_settings(text(row, "account"))),
    "account_region": lambda _facts, _row: Related(),
}


def find_subject(facts: Facts, wanted: str) -> SubjectRow:
    """Return the row of the subject that `wanted` names. UsageError: no subject or several match."""
    # Arguments of a terminal may have lone surrogates, which cannot be encoded for a search.
    query = wanted.strip().encode(errors="replace").decode()
    if not query or len(query) > _LONGEST:
        raise UsageError("Name a subject: the ARN, name or id of a resource, vault, plan or the like.")
    # An exact match is one lookup; names need a search of several tables.
    subject = _exact(facts, _place_of(query) or query)
    if subject is not None:
        return subject
    called = _called(facts, query)
    if len(called) > 1:
        raise UsageError(_ambiguous(query, called))
    if not called:
        raise UsageError(f"The scan has no subject called {_quoted(query)}.{_nearest(facts, query)}")
    subject = _exact(facts, called[0])
    if subject is None:  # pragma: no cover -- the name was read from this table
        raise UsageError(f"The scan has no subject called {_quoted(query)}.")
    return subject


def _place_of(query: str) -> str:
    """Return the subject of an account id, or of `ACCOUNT/REGION`; empty: it is neither."""
    match = _PLACE.fullmatch(query)
    if match is None:
        return ""
    return f"aws:account-region:{query}" if match["region"] else f"aws:account:{query}"


def _exact(facts: Facts, query: str) -> SubjectRow | None:
    for table in _tables_of(query):
        for row in facts.table(table).rows("subject", (query,), without=("selected",), limit=1):
            return SubjectRow(table, row)
    return None


def _tables_of(query: str) -> tuple[str, ...]:
    """Return the tables that may contain an ARN or subject of that form, the most likely first."""
    if "->" in query:
        return ("copy_action",)
    if "#" in query:
        return ("rule", "selection")
    for mark, table in ((":backup-vault:", "vault"), (":backup-plan:", "plan")):
        if mark in query:
            return (table,)
    for mark, table in (("aws:account-region:", "account_region"), ("aws:account:", "account")):
        if query.startswith(mark):
            return (table,)
    return ("resource", "recovery_point") if query.startswith("arn:") else ()


def _called(facts: Facts, query: str) -> list[str]:
    """Return the subjects with that name or id: resources before plans, vaults and their parts."""
    for tables in _BY_NAME:
        subjects = {
            text(row, "subject"): None
            for table in tables
            # One more than is shown, to know whether there are more.
            for row in facts.table(table).names(is_called(query), _SHOWN + 1)
        }
        if subjects:
            return list(subjects)
    return []


def _ambiguous(query: str, called: list[str]) -> str:
    shown = "".join(f"\n  {visible(subject)}" for subject in called[:_SHOWN])
    more = "\n  ..." if len(called) > _SHOWN else ""
    return f"{_quoted(query)} matches several subjects. Name one by its ARN:{shown}{more}"


def _nearest(facts: Facts, query: str) -> str:
    """Return a sentence that suggests subjects with similar names."""
    short = query.rpartition(":")[2].rpartition("/")[2] or query
    names: dict[str, str] = {}
    for subject, name in _candidates(facts, short):
        names.setdefault(name, subject)
        names.setdefault(subject.rpartition(":")[2].rpartition("/")[2], subject)
    holding = [name for name in names if short.lower() in name.lower()]
    near = dict.fromkeys((*get_close_matches(short, names, 3, _CLOSE), *holding[:3]))
    meant = dict.fromkeys(names[name] for name in near)
    if not meant:
        return " `audit query SCAN_DIR --tables` lists the tables of a scan."
    return " Did you mean:" + "".join(f"\n  {visible(subject)}" for subject in list(meant)[:3])


def _candidates(facts: Facts, short: str) -> Iterator[tuple[str, str]]:
    """Yield subjects and their names that resemble a name; by a looser match where there are none."""
    # The loose match selects far more names, so it is used only if the narrow one has none.
    for narrow in (True, False):
        alike = resembles(short, narrow=narrow)
        rows = [row for table in _SEARCHED for row in facts.table(table).names(alike, _FEW)]
        yield from ((text(row, "subject"), text(row, "name")) for row in rows)
        if rows:
            return


def _quoted(query: str) -> str:
    return f"\u201c{clip(visible(query), 200)}\u201d"
