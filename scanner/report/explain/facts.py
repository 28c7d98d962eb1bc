"""The fact tables of a scan, read for single rows: few, whatever the size of the scan."""

from collections.abc import Collection, Iterable
from typing import Final

from scanner.report.explain.rows import Row, SelectionRow, text
from scanner.storage.lookup import Holding, StoredTable
from scanner.storage.table_files import TableSource

_LONG: Final = ("covered_keys", "covered_types", "covered_supports", "selected")
"""Columns with an entry for each resource of a rule: nothing here needs them, and they may be long."""


class Facts:
    """The fact tables of a scan. `tables` returns the files of each; BundleError as of `StoredTable`."""

    def __init__(self, tables: TableSource) -> None:
        self._tables = tables
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

    def count(self, table: str, column: str, value: str) -> int:
        """Count the rows whose column is a value."""
        return self.table(table).count(column, value)

    def selections(self, plans: Iterable[str], arn: str = "") -> tuple[SelectionRow, ...]:
        """Return the selections of plans, and whether each selects `arn`."""
        return tuple(self.selects(row, arn) for row in self.rows("selection", "plan", plans).values())

    def holding(self, plans: Collection[str], arns: Collection[str]) -> dict[str, Holding]:
        """Return which of `arns` the selections of plans select, by the selections' subjects."""
        return self.table("selection").holding("plan", plans, "selected", arns)

    def selects(self, row: Row, arn: str = "") -> SelectionRow:
        """Return a selection with what fits on a page of its list of resources."""
        listed = self.table("selection").members(text(row, "subject"), "selected", wanted=arn)
        return SelectionRow(row, listed.count, listed.first, listed.holds, listed.complete)
