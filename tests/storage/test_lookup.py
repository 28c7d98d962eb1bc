"""Single rows of Parquet tables, found by a column, and lists that are told without being read."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from scanner.errors import BundleError
from scanner.storage.lookup import Holding, Members, StoredTable, is_called, resembles
from scanner.storage.parquet import ParquetTable
from scanner.storage.table_files import table_files


@dataclass(frozen=True, slots=True)
class Line:
    subject: str
    name: str
    account: str
    region: str
    selected: tuple[str | None, ...]


def line(number: int, selected: tuple[str | None, ...] = ()) -> Line:
    return Line(f"arn:x:vol-{number:04d}", f"name {number}", f"{number % 3}", "r", selected)


@pytest.fixture
def table(tmp_path: Path) -> StoredTable:
    with ParquetTable(tmp_path, "line", Line, row_group=7) as writer:
        writer.write(line(number) for number in range(50))
        writer.write([line(50, ("a", "b", "c")), line(51, ("a", None))])
    return StoredTable(table_files(tmp_path, "line"))


def test_rows_are_found_in_any_row_group(table: StoredTable) -> None:
    wanted = ["arn:x:vol-0000", "arn:x:vol-0013", "arn:x:vol-0051", "arn:none"]
    assert [row["subject"] for row in table.rows("subject", wanted)] == wanted[:3]
    assert table.rows("subject", ()) == []


def test_rows_come_without_the_columns_not_wanted_and_no_more_than_asked(table: StoredTable) -> None:
    (row,) = table.rows("subject", ["arn:x:vol-0050"], without=("selected",))
    assert set(row) == {"subject", "name", "account", "region"}
    assert len(table.rows("account", ["1"], limit=4)) == 4
    assert table.count("account", "1") == 17


def test_a_list_is_counted_searched_and_cut(table: StoredTable) -> None:
    told = table.members("arn:x:vol-0050", "selected", asked="c", limit=2)
    assert told == Members(3, ("a", "b"), holds=True, complete=True)
    assert table.members("arn:x:vol-0051", "selected", asked="b") == Members(
        1, ("a",), holds=False, complete=False
    )
    assert table.members("arn:none", "selected").complete is False


def test_lists_tell_which_of_many_they_hold(table: StoredTable) -> None:
    wanted = ["arn:x:vol-0049", "arn:x:vol-0050", "arn:x:vol-0051", "arn:none"]
    assert table.holding("subject", wanted, "selected", {"b", "c", "z"}) == {
        "arn:x:vol-0049": Holding(0, frozenset(), complete=True),
        "arn:x:vol-0050": Holding(3, frozenset("bc"), complete=True),
        "arn:x:vol-0051": Holding(1, frozenset(), complete=False),
    }


def test_names_are_found_by_name_and_by_the_end_of_the_arn(table: StoredTable) -> None:
    for called in ("name 7", "vol-0007"):
        assert [row["subject"] for row in table.names(is_called(called), 9)] == ["arn:x:vol-0007"]
    assert [row["name"] for row in table.names(resembles("VOL-0007ZZ", narrow=True), 9)] == ["name 7"]


def test_a_table_that_is_missing_or_no_parquet_is_told(tmp_path: Path) -> None:
    (tmp_path / "broken.parquet").write_bytes(b"no parquet")
    for name in ("missing", "broken"):
        with pytest.raises(BundleError, match="Run audit evaluate"):
            StoredTable(table_files(tmp_path, name)).rows("subject", ["x"])


def test_a_column_that_an_older_version_did_not_write_is_told(table: StoredTable) -> None:
    with pytest.raises(BundleError, match="no plain column later"):
        table.rows("later", ["x"])
