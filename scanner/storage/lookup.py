"""Lookup of single rows in large Parquet tables.

A table of a million rows does not fit into memory. The statistics of files and row groups are read first,
then the compared column, and the other columns only for matching rows, a few thousand at a time.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from re import compile as pattern
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from scanner.errors import BundleError
from scanner.storage.table_files import TableFiles, open_file, unreadable

_ACCOUNT: Final = pattern(r"\b\d{12}\b")

_BATCH: Final = 2_048
"""Rows decoded at once in a row group with a match."""


@dataclass(frozen=True, slots=True)
class Members:
    """The size of a list of texts, and its first members.

    `complete` is False where the list ends with NULL: it may have more members.
    """

    count: int
    first: tuple[str, ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class Holding:
    """The size of a list of texts, and which of certain texts it contains."""

    count: int
    held: frozenset[str]
    complete: bool


_Range = tuple[str, str] | None
"""The smallest and the largest text of a column in a row group; None: not stated."""

_OWN: Final = ("subject", "plan", "rule")
"""Columns with an ARN that usually names the row's own account, whose file is then searched first."""


class StoredTable:
    """One table of a scan, in one file or in one per account.

    The ranges of the plain columns of an opened file are cached, so that it is opened again only if it may
    have a match.

    Raises:
        BundleError: a file cannot be read, or lacks the column.
    """

    def __init__(self, files: TableFiles) -> None:
        self._files = files
        self._ranges: dict[Path, dict[str, list[_Range]]] = {}

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns; empty when no account has a row."""
        for path in self._files.paths[:1]:
            with self._opened(path) as file:
                return tuple(file.schema_arrow.names)
        return ()

    def rows(
        self, column: str, values: Collection[str], *, without: Collection[str] = (), limit: int | None = None
    ) -> list[dict[str, Any]]:
        """Return the rows whose `column` (a text) is one of `values`, less the columns in `without`.

        Files of accounts that `values` name are searched first. For a column whose ARN usually names the
        row's own account, the other files are searched only while a value is missing.
        """
        rows: list[dict[str, Any]] = []
        for match in self._matches(column, values):
            wanted = [name for name in match.file.schema_arrow.names if name not in without]
            for batch in match.batches(wanted):
                rows += batch.to_pylist()
                if limit is not None and len(rows) >= limit:
                    return rows[:limit]
        return rows

    def count(self, column: str, value: str) -> int:
        """Count the rows whose `column` is `value`."""
        return sum(pc.sum(match.mask).as_py() or 0 for match in self._matches(column, (value,)))

    def members(self, subject: str, column: str, *, limit: int = 20) -> Members:
        """Return the size and the first members of a row's list of texts."""
        for match in self._matches("subject", (subject,)):
            for batch in match.batches([column]):
                return _members(batch.column(0)[0].values, limit)
        return Members(0, (), complete=False)

    def holding(
        self, column: str, values: Collection[str], members: str, wanted: Collection[str]
    ) -> dict[str, Holding]:
        """Return, by subject, which of `wanted` the list column `members` contains."""
        texts = pa.array(sorted(wanted), pa.string())
        holdings: dict[str, Holding] = {}
        for match in self._matches(column, values):
            for batch in match.batches(["subject", members]):
                for subject, content in zip(batch.column(0), batch.column(1), strict=True):
                    holdings[subject.as_py()] = _holding(content.values, texts)
        return holdings

    def rows_with(
        self, column: str, values: Collection[str], members: str, wanted: Collection[str]
    ) -> dict[str, dict[str, Any]]:
        """Return, for each of `wanted`, the row whose list column `members` contains it, less that list.

        Texts of the same list have the same object. Only rows whose `column` is one of `values` are searched.
        """
        rows: dict[str, dict[str, Any]] = {}
        texts = pa.array(sorted(wanted), pa.string())
        for match in self._matches(column, values):
            for batch in match.batches(match.file.schema_arrow.names):
                lists = batch.column(members)
                numbers = pc.list_parent_indices(lists)
                is_wanted = pc.is_in(pc.list_flatten(lists), value_set=texts)
                members_wanted = pc.list_flatten(lists).filter(is_wanted).to_pylist()
                # Many texts may be in one list, whose row is converted once.
                row_of = cache(partial(_row_of, batch.drop_columns([members])))
                for text, number in zip(members_wanted, numbers.filter(is_wanted).to_pylist(), strict=True):
                    rows[text] = row_of(number)
        return rows

    def names(self, matching: Callable[[pa.Table], pa.Array], limit: int) -> list[dict[str, Any]]:
        """Return `subject`, `name`, `account` and `region` of the rows that `matching` selects."""
        names: list[dict[str, Any]] = []
        columns = ["subject", "name", "account", "region"]
        for path in self._files.paths:
            with self._opened(path) as file:
                for group in range(file.num_row_groups):
                    table = file.read_row_group(group, columns=columns)
                    names += table.filter(matching(table)).slice(0, limit - len(names)).to_pylist()
                    if len(names) >= limit:
                        return names
        return names

    def _matches(self, column: str, values: Collection[str]) -> Iterator["_Match"]:
        """Yield the row groups with a matching row."""
        missing = set(values)
        for path, is_named in self._in_turn(values) if values else ():
            # The files of the accounts that the values name had all of them.
            if not missing and column in _OWN and not is_named:
                return
            # A file that was opened before need not be opened again to see that it has no match.
            if path in self._ranges and not self._may_hold(path, column, values):
                continue
            with self._opened(path) as file:
                if not self._may_hold(path, column, values):
                    continue
                for match in self._in_file(path, file, column, values):
                    missing -= match.values
                    yield match

    def _in_turn(self, values: Collection[str]) -> Iterator[tuple[Path, bool]]:
        """Yield all files and whether a value names their account; those files come first."""
        accounts = {part for value in values for part in _ACCOUNT.findall(value)}
        named = [path for path in self._files.paths if path.stem in accounts]
        yield from ((path, True) for path in named)
        yield from ((path, False) for path in self._files.paths if path.stem not in accounts)

    def _in_file(
        self, path: Path, file: pq.ParquetFile, column: str, values: Collection[str]
    ) -> Iterator["_Match"]:
        wanted = pa.array(sorted(values), pa.string())
        for group, group_range in enumerate(self._ranges[path][column]):
            if _is_within(group_range, values):
                texts = file.read_row_group(group, columns=[column]).column(0)
                mask = pc.is_in(texts, value_set=wanted)
                if pc.any(mask).as_py():
                    yield _Match(file, group, mask, frozenset(texts.filter(mask).to_pylist()))

    def _may_hold(self, path: Path, column: str, values: Collection[str]) -> bool:
        """Return whether an opened file may have a row with one of the values."""
        if column not in self._ranges[path]:
            raise BundleError(f"{path} has no text column {column}.")
        return any(_is_within(group_range, values) for group_range in self._ranges[path][column])

    @contextmanager
    def _opened(self, path: Path) -> Iterator[pq.ParquetFile]:
        """Open a file and cache its ranges; errors of Arrow inside the block become BundleError.

        A file is checked against the manifest only when it is opened for the first time.
        """
        files = TableFiles(self._files.paths) if path in self._ranges else self._files
        with open_file(files, path) as file:
            try:
                if path not in self._ranges:
                    self._ranges[path] = _ranges_of(file.metadata)
                yield file
            # Arrow reads when rows are requested, so that errors occur inside the block.
            except (OSError, pa.ArrowException) as error:
                raise unreadable(path, error) from error


@dataclass(frozen=True, slots=True)
class _Match:
    """A row group, the mask of its matching rows, and the values that they have."""

    file: pq.ParquetFile
    group: int
    mask: pa.Array
    values: frozenset[str]

    def batches(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        """Yield the matching rows, a batch at a time."""
        start, left = 0, pc.sum(self.mask).as_py()
        for batch in self.file.iter_batches(_BATCH, row_groups=[self.group], columns=columns):
            picked = self.mask.slice(start, batch.num_rows)
            start += batch.num_rows
            if pc.any(picked).as_py():
                rows = batch.filter(picked.combine_chunks())
                yield rows
                left -= rows.num_rows
            # No further batch has a match.
            if not left:
                return


def _ranges_of(metadata: pq.FileMetaData) -> dict[str, list[_Range]]:
    """Return the ranges of plain text columns, by row group."""
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    columns = ((number, metadata.schema.column(number)) for number in range(metadata.num_columns))
    return {
        column.path: [_range_of(group.column(number).statistics) for group in groups]
        for number, column in columns
        # Nested columns are written without statistics (`parquet._writer_options`).
        if "." not in column.path and column.physical_type == "BYTE_ARRAY"
    }


def _range_of(statistics: pq.Statistics | None) -> _Range:
    if statistics is None or not statistics.has_min_max:
        return None
    return statistics.min, statistics.max


def _is_within(group_range: _Range, values: Collection[str]) -> bool:
    # Without statistics, the row group may have any value.
    return group_range is None or any(group_range[0] <= value <= group_range[1] for value in values)


def _row_of(batch: pa.RecordBatch, number: int) -> dict[str, Any]:
    row: dict[str, Any] = batch.slice(number, 1).to_pylist()[0]
    return row


def _members(values: pa.Array | None, limit: int) -> Members:
    if values is None:
        return Members(0, (), complete=False)
    texts = values.drop_null()
    return Members(
        count=len(texts),
        first=tuple(texts.slice(0, limit).to_pylist()),
        complete=len(texts) == len(values),
    )


def _holding(values: pa.Array | None, wanted: pa.Array) -> Holding:
    if values is None:
        return Holding(0, frozenset(), complete=False)
    texts = values.drop_null()
    held = texts.filter(pc.is_in(texts, value_set=wanted)).to_pylist()
    return Holding(len(texts), frozenset(held), complete=len(texts) == len(values))


def is_called(text: str) -> Callable[[pa.Table], pa.Array]:
    """Build a predicate for rows whose name, or the end of whose ARN, is `text`."""

    def matching(table: pa.Table) -> pa.Array:
        subject, name = table.column("subject"), table.column("name")
        mask = pc.or_(pc.equal(name, text), pc.ends_with(name, f" / {text}"))
        # What precedes the last part of an ARN, or the id of a rule (`PLAN_ARN#RULE_ID`).
        for mark in "/:#":
            mask = pc.or_(mask, pc.ends_with(subject, mark + text))
        return mask

    return matching


def resembles(text: str, *, narrow: bool) -> Callable[[pa.Table], pa.Array]:
    """Build a predicate for rows whose name or ARN resembles a misspelt `text`.

    `narrow`: only the first or last two characters may differ; otherwise half of the text has to match.
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
