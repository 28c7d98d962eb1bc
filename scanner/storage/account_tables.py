"""Tables in one Parquet file per account, `FOLDER/TABLE/ACCOUNT_ID.parquet`.

The bytes of a file depend on the rows of its account alone, so that they are the same whichever process
writes which accounts. An account without rows has no file.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc

from scanner.errors import OutputError
from scanner.storage.parquet import ROW_GROUP, ParquetTable, decoded_rows
from scanner.storage.table_files import ORGANIZATION


class AccountTable:
    """Writer for one table whose rows arrive account by account. Use it as a context manager.

    Raises:
        ValueError: an account comes again after its file was closed, or cannot name a file.
        OutputError: a file cannot be written (no room, no permission).
    """

    def __init__(self, folder: Path, table: str, row: type, *, row_group: int = ROW_GROUP) -> None:
        self.folder = folder / table
        self._row, self._row_group = row, row_group
        self._account = ""
        self._file: ParquetTable | None = None
        self._closed: set[str] = set()
        self.rows: Counter[str] = Counter()  # by account, as files are named

    def __enter__(self) -> Self:
        """Create the folder, even for a table without rows."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{self.folder} could not be created: {error.strerror}.") from error
        return self

    def write(self, rows: Iterable[object]) -> None:
        """Add rows, instances of the table's dataclass."""
        for account, group in groupby(rows, key=attrgetter("account")):
            account_rows = tuple(group)
            self._file_of(account).write(account_rows)
            self.rows[account or ORGANIZATION] += len(account_rows)

    def write_encoded(self, data: bytes) -> None:
        """Add rows that another process encoded with `encoded_rows`."""
        for account, account_rows in _by_account(decoded_rows(self._row, data)):
            self._file_of(account).append(account_rows)
            self.rows[account or ORGANIZATION] += account_rows.num_rows

    def _file_of(self, account: str) -> ParquetTable:
        if self._file is None or account != self._account:
            self._close()
            self._account, self._file = account, self._opened(account)
        return self._file

    def _opened(self, account: str) -> ParquetTable:
        name = account or ORGANIZATION
        if name in self._closed:
            raise ValueError(f"{self.folder / name}.parquet is complete, but more rows of {name} arrived")
        # The account of a row may come from evidence of other programs, and be anything.
        if Path(name).name != name:
            raise ValueError(f"{name!r} cannot be the name of a file")
        return ParquetTable(self.folder, name, self._row, row_group=self._row_group).__enter__()

    def _close(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            file.__exit__(None, None, None)
            self._closed.add(self._account or ORGANIZATION)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._close()
        elif self._file is not None:
            self._file.__exit__(kind, error, trace)


def _by_account(table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """Yield slices of consecutive rows with the same account."""
    # Arrow finds the runs of one account without a Python object per row.
    runs = pc.run_end_encode(table.column("account").combine_chunks())
    start = 0
    for end, account in zip(runs.run_ends.to_pylist(), runs.values.to_pylist(), strict=True):
        yield account, table.slice(start, end - start)
        start = end
