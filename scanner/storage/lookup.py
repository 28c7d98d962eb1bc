"""Single rows of large Parquet tables: read by row group, with the columns that decide read first.

A table of a million rows is never in memory: per row group the statistics are asked, then the one column
that is compared, and only where it matches the whole rows, a few thousand at a time.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from scanner.errors import BundleError

_BATCH: Final = 2_048
"""Rows that are decoded at once where a row group has a match."""


@dataclass(frozen=True, slots=True)
class Members:
    """A list of texts: how many it has, the first of them, and whether one that was asked for is in it.

    `complete` is False where the list ends with NULL: it may have members that were not seen.
    """

    count: int
    first: tuple[str, ...]
    holds: bool
    complete: bool


@dataclass(frozen=True, slots=True)
class Holding:
    """A list of texts: how many it has, those of them that were asked for, and whether that is all of it."""

    count: int
    held: frozenset[str]
    complete: bool


class StoredTable:
    """One table of a folder, `FOLDER/TABLE.parquet`. BundleError: it is missing or cannot be read."""

    def __init__(self, folder: Path, table: str) -> None:
        self.path = folder / f"{table}.parquet"

    @cached_property
    def _file(self) -> pq.ParquetFile:
        with self._told():
            return pq.ParquetFile(self.path)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (OSError, pa.ArrowException) as error:
            raise BundleError(
                f"{self.path} cannot be read: {error}. Run audit evaluate on the bundle again."
            ) from error

    @property
    def columns(self) -> tuple[str, ...]:
        """Give the names of its columns."""
        return tuple(self._file.schema_arrow.names)

    def rows(
        self, column: str, values: Collection[str], *, without: Collection[str] = (), limit: int | None = None
    ) -> list[dict[str, Any]]:
        """Give the rows whose `column` (a text) is one of `values`, without the columns not wanted."""
        found: list[dict[str, Any]] = []
        wanted = [name for name in self.columns if name not in without]
        for group, mask in self._matches(column, values):
            for batch in self._taken(group, mask, wanted):
                found += batch.to_pylist()
                if limit is not None and len(found) >= limit:
                    return found[:limit]
        return found

    def count(self, column: str, value: str) -> int:
        """Count the rows whose `column` is `value`."""
        return sum(pc.sum(mask).as_py() or 0 for _, mask in self._matches(column, (value,)))

    def members(self, subject: str, column: str, *, asked: str = "", limit: int = 20) -> Members:
        """Tell of a row's list of texts what fits on a page; the list itself stays where it is."""
        for group, mask in self._matches("subject", (subject,)):
            for batch in self._taken(group, mask, [column]):
                return _members(batch.column(0)[0].values, asked, limit)
        return Members(0, (), holds=False, complete=False)

    def holding(
        self, column: str, values: Collection[str], members: str, asked: Collection[str]
    ) -> dict[str, Holding]:
        """Tell, by subject, which of `asked` are in the list `members` of the rows with one of `values`."""
        wanted = pa.array(sorted(asked), pa.string())
        found: dict[str, Holding] = {}
        for group, mask in self._matches(column, values):
            for batch in self._taken(group, mask, ["subject", members]):
                for subject, content in zip(batch.column(0), batch.column(1), strict=True):
                    found[subject.as_py()] = _holding(content.values, wanted)
        return found

    def names(self, matching: Callable[[pa.Table], pa.Array], limit: int) -> list[dict[str, Any]]:
        """Give `subject`, `name`, `account`, `region` of the rows that an Arrow predicate picks."""
        found: list[dict[str, Any]] = []
        columns = ["subject", "name", "account", "region"]
        with self._told():
            for group in range(self._file.num_row_groups):
                table = self._file.read_row_group(group, columns=columns)
                found += table.filter(matching(table)).slice(0, limit - len(found)).to_pylist()
                if len(found) >= limit:
                    break
        return found

    def _matches(self, column: str, values: Collection[str]) -> Iterator[tuple[int, pa.Array]]:
        """Give the row groups that have a match, each with a mask of its rows."""
        wanted = pa.array(sorted(values), pa.string())
        with self._told():
            for group in range(self._file.num_row_groups if values else 0):
                if not self._may_hold(group, column, wanted):
                    continue
                read = self._file.read_row_group(group, columns=[column]).column(0)
                mask = pc.is_in(read, value_set=wanted)
                if pc.any(mask).as_py():
                    yield group, mask

    def _may_hold(self, group: int, column: str, wanted: pa.Array) -> bool:
        meta = self._file.metadata.row_group(group)
        for number in range(meta.num_columns):
            chunk = meta.column(number)
            if chunk.path_in_schema == column:
                stats = chunk.statistics
                if stats is None or not stats.has_min_max:
                    return True
                return any(stats.min <= value <= stats.max for value in wanted.to_pylist())
        raise BundleError(f"{self.path} has no plain column {column}.")

    def _taken(self, group: int, mask: pa.Array, columns: list[str]) -> Iterator[pa.RecordBatch]:
        """Give the rows of a row group that a mask picks, a batch at a time."""
        start, left = 0, pc.sum(mask).as_py()
        with self._told():
            for batch in self._file.iter_batches(_BATCH, row_groups=[group], columns=columns):
                picked = mask.slice(start, batch.num_rows)
                start += batch.num_rows
                if pc.any(picked).as_py():
                    taken = batch.filter(picked.combine_chunks())
                    yield taken
                    left -= taken.num_rows
                if not left:
                    return


def _members(values: pa.Array | None, asked: str, limit: int) -> Members:
    if values is None:
        return Members(0, (), holds=False, complete=False)
    known = values.drop_null()
    return Members(
        count=len(known),
        first=tuple(known.slice(0, limit).to_pylist()),
        holds=bool(asked) and pc.index(known, asked).as_py() >= 0,
        complete=len(known) == len(values),
    )


def _holding(values: pa.Array | None, wanted: pa.Array) -> Holding:
    if values is None:
        return Holding(0, frozenset(), complete=False)
    known = values.drop_null()
    held = known.filter(pc.is_in(known, value_set=wanted)).to_pylist()
    return Holding(len(known), frozenset(held), complete=len(known) == len(values))


def is_called(text: str) -> Callable[[pa.Table], pa.Array]:
    """Pick rows that people call `text`: by their name, or by the end of their ARN."""

    def matching(table: pa.Table) -> pa.Array:
        subject, name = table.column("subject"), table.column("name")
        mask = pc.or_(pc.equal(name, text), pc.ends_with(name, f" / {text}"))
        for mark in "/:#":
            mask = pc.or_(mask, pc.ends_with(subject, mark + text))
        return mask

    return matching


def resembles(text: str, *, narrow: bool) -> Callable[[pa.Table], pa.Array]:
    """Pick rows that may be meant by a misspelt `text`.

    `narrow`: those that differ in its first or last two characters; else those that have half of it.
    """
    ends = (text[:-2], text[2:]) if narrow else (text[: len(text) // 2], text[len(text) // 2 :])
    parts = [part for part in ends if part]

    def matching(table: pa.Table) -> pa.Array:
        mask = pa.array([False] * table.num_rows)
        for column in (table.column("name"), table.column("subject")):
            for part in parts:
                mask = pc.or_(mask, pc.match_substring(column, part, ignore_case=True))
        return mask

    return matching
