"""Single rows of Parquet tables, found by a column, and lists that are told without being read."""

from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from scanner.errors import BundleError
from scanner.storage.account_tables import AccountTable
from scanner.storage.lookup import Holding, Members, StoredTable, is_called, resembles
from scanner.storage.parquet import ParquetTable
from scanner.storage.table_files import TableFiles, open_file, table_files


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


def test_a_list_is_counted_and_cut(table: StoredTable) -> None:
    assert table.members("arn:x:vol-0050", "selected", limit=2) == Members(3, ("a", "b"), complete=True)
    assert table.members("arn:x:vol-0051", "selected") == Members(1, ("a",), complete=False)
    assert table.members("arn:none", "selected").complete is False


def test_a_row_is_found_by_a_member_of_its_list(table: StoredTable) -> None:
    rows = table.rows_with("subject", ["arn:x:vol-0050", "arn:x:vol-0051"], "selected", ["c", "b", "none"])
    assert {text: row["subject"] for text, row in rows.items()} == dict.fromkeys("bc", "arn:x:vol-0050")
    assert rows["b"] is rows["c"]
    assert "selected" not in rows["b"]


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
    with pytest.raises(BundleError, match="no text column later"):
        table.rows("later", ["x"])


def accounts(tmp_path: Path, *names: str) -> tuple[StoredTable, list[str]]:
    """Return a table of a line per account, and the list of the files that are opened."""
    opened: list[str] = []
    with AccountTable(tmp_path, "line", Line) as table:
        for name in names:
            arn = f"arn:aws:ec2:r:{name}:volume/vol-{name}"
            table.write([Line(arn, f"name {name}", name, "r", ())])
    files = replace(table_files(tmp_path, "line"), verify=lambda path: opened.append(path.stem))
    return StoredTable(files), opened


ACCOUNTS = tuple(str(number) * 12 for number in range(1, 7))


def test_an_arn_is_looked_for_in_the_files_of_its_account(tmp_path: Path) -> None:
    table, opened = accounts(tmp_path, *ACCOUNTS)
    wanted = [f"arn:aws:ec2:r:{account}:volume/vol-{account}" for account in (ACCOUNTS[4], ACCOUNTS[1])]
    assert [row["account"] for row in table.rows("subject", wanted)] == [ACCOUNTS[1], ACCOUNTS[4]]
    assert set(opened) == {ACCOUNTS[1], ACCOUNTS[4]}


def test_an_arn_of_another_account_is_found_all_the_same(tmp_path: Path) -> None:
    table, opened = accounts(tmp_path, *ACCOUNTS)
    with AccountTable(tmp_path / "more", "line", Line) as more:
        more.write([Line(f"arn:aws:ec2:r:{ACCOUNTS[0]}:volume/shared", "shared", ACCOUNTS[5], "r", ())])
    (tmp_path / "more" / "line" / f"{ACCOUNTS[5]}.parquet").replace(
        tmp_path / "line" / f"{ACCOUNTS[5]}.parquet"
    )
    (row,) = table.rows("subject", [f"arn:aws:ec2:r:{ACCOUNTS[0]}:volume/shared"])
    assert row["account"] == ACCOUNTS[5]
    assert opened[0] == ACCOUNTS[0]


def test_a_file_is_opened_again_only_where_it_may_have_a_match(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, checked = accounts(tmp_path, *ACCOUNTS)
    assert table.rows("account", ["0"]) == []
    assert sorted(checked) == sorted(ACCOUNTS)
    opened: list[str] = []

    def open_and_note(files: TableFiles, path: Path) -> pq.ParquetFile:
        opened.append(path.stem)
        return open_file(files, path)

    monkeypatch.setattr("scanner.storage.lookup.open_file", open_and_note)
    assert table.count("account", ACCOUNTS[2]) == 1
    assert table.rows("account", ["0"]) == []
    assert opened == [ACCOUNTS[2]]
    assert len(checked) == len(ACCOUNTS)  # each once


def test_names_are_found_in_all_files(tmp_path: Path) -> None:
    table, _ = accounts(tmp_path, *ACCOUNTS)
    found = table.names(is_called(f"name {ACCOUNTS[3]}"), 9)
    assert [row["account"] for row in found] == [ACCOUNTS[3]]
    assert len(table.names(resembles("name", narrow=False), 4)) == 4


def test_a_table_that_no_account_has_rows_of_has_none(tmp_path: Path) -> None:
    table, _ = accounts(tmp_path)
    assert table.rows("subject", ["x"]) == []
    assert (table.columns, table.count("subject", "x")) == ((), 0)
