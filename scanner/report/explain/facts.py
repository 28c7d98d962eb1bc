"""The fact tables of a scan, read for single rows: few, whatever the size of the scan."""

from collections.abc import Collection, Iterable
from typing import Final

from scanner.report.explain.rows import Row, SelectionRow, text
from scanner.storage.lookup import StoredTable
from scanner.storage.table_files import NoTableError, TableSource

_GROUPS: Final = "protection_groups"
_LONG: Final = ("covered_keys", "covered_types", "covered_supports", "selected")
"""Columns with an entry for each resource of a rule: nothing here needs them, and they may be long."""


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
        if name not in self._opened:
            self._opened[name] = StoredTable(self._tables(name))
        return self._opened[name]

    def rows(
        self, table: str, column: str, values: Iterable[str], limit: int | None = None
    ) -> dict[str, Row]:
        """Return the rows whose column is one of the values, by subject."""
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
        except NoTableError:
            return {}
        return {**table.rows_with("account", set(subjects.values()), "resources", subjects)}

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
