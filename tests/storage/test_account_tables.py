"""Tables in one file per account: cut by the account's rows alone, complete or not there."""

import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pyarrow.parquet as pq
import pytest

from scanner.errors import BundleError
from scanner.storage.account_tables import AccountTable
from scanner.storage.files import parts_of, replaced
from scanner.storage.parquet import StoredRows, encoded_rows, open_parquet
from scanner.storage.table_files import NoTableError, table_files


@dataclass(frozen=True, slots=True)
class Line:
    account: str
    number: int
    tags: tuple[str, ...] = ()


def lines(account: str, count: int) -> list[Line]:
    return [Line(account, number, ("a", "b")[: number % 3]) for number in range(count)]


def written(folder: Path, parts: Iterable[Sequence[Line]], *, encode: bool = False) -> dict[str, bytes]:
    with AccountTable(folder, "line", Line, row_group=4) as table:
        for rows in parts:
            if encode:
                table.write_encoded(encoded_rows(Line, rows))
            else:
                table.write(rows)
    return {path.name: path.read_bytes() for path in (folder / "line").iterdir()}


def test_each_account_has_a_file_and_an_account_without_rows_has_none(tmp_path: Path) -> None:
    rows = [*lines("1", 3), *lines("2", 5), *lines("", 1)]
    assert set(written(tmp_path, [rows])) == {"1.parquet", "2.parquet", "aws-organization.parquet"}
    assert open_parquet(tmp_path, "line", Line).to_table().num_rows == 9
    assert pq.read_table(tmp_path / "line" / "2.parquet").num_rows == 5


@pytest.mark.parametrize("encode", [False, True])
def test_the_bytes_depend_on_the_rows_of_the_account_alone(tmp_path: Path, *, encode: bool) -> None:
    one, two = lines("1", 7), lines("2", 9)
    whole = written(tmp_path / "whole", [[*one, *two]], encode=encode)
    parts = written(tmp_path / "parts", [one[:2], one[2:], two[:5], two[5:]])
    alone = written(tmp_path / "alone", [two], encode=encode)
    assert whole == parts
    assert whole["2.parquet"] == alone["2.parquet"]
    assert pq.read_metadata(tmp_path / "alone" / "line" / "2.parquet").num_row_groups == 3


def test_an_account_that_comes_again_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"line/1\.parquet is complete, but more rows of 1 arrived"):
        written(tmp_path, [lines("1", 1), lines("2", 1), lines("1", 1)])


@pytest.mark.parametrize("account", ["a/b", "../b", "/b", "."])
def test_an_account_that_leads_elsewhere_is_an_error(tmp_path: Path, account: str) -> None:
    with pytest.raises(ValueError, match="name of a file"):
        written(tmp_path, [lines(account, 1)])


def test_a_table_without_rows_is_there(tmp_path: Path) -> None:
    assert written(tmp_path, []) == {}
    assert open_parquet(tmp_path, "line", Line).count_rows() == 0
    assert open_parquet(tmp_path, "other", Line).count_rows() == 0  # what S3 makes of an empty folder
    with pytest.raises(NoTableError, match=r"line\.parquet .* missing"):
        table_files(tmp_path / "elsewhere", "line")


def test_files_are_read_in_the_order_of_accounts(tmp_path: Path) -> None:
    names = ("1", "1-b", "11", "2")
    written(tmp_path, [lines(name, 2) for name in names])
    rows = StoredRows(lambda table: table_files(tmp_path, table), "line", Line, ("account",))
    assert [row["account"] for row in rows] == [name for name in names for _ in range(2)]
    assert len(rows) == 8


def test_a_small_file_has_statistics_of_plain_columns(tmp_path: Path) -> None:
    written(tmp_path, [lines("1", 3)])
    group = pq.read_metadata(tmp_path / "line" / "1.parquet").row_group(0)
    columns = {group.column(number).path_in_schema: group.column(number) for number in range(3)}
    assert columns["account"].statistics.max == "1"
    assert columns["number"].statistics.max == 2
    assert not columns["tags.list.element"].is_stats_set
    assert {column.compression for column in columns.values()} == {"SNAPPY"}


@pytest.fixture
def facts(tmp_path: Path) -> Path:
    """Return a folder of facts as an earlier version left it."""
    folder = tmp_path / "facts"
    folder.mkdir()
    (folder / "line.parquet").write_bytes(b"old")
    return folder


def test_a_folder_is_replaced_as_a_whole(facts: Path) -> None:
    with replaced(facts) as part:
        written(part, [lines("1", 1)])
        assert [path.name for path in facts.iterdir()] == ["line.parquet"]
    assert [path.name for path in facts.rglob("*")] == ["line", "1.parquet"]
    assert [path.name for path in facts.parent.iterdir()] == ["facts"]


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_folder(facts: Path, failure: type[BaseException]) -> None:
    def broken() -> Iterator[list[Line]]:
        yield lines("1", 9)
        raise failure

    with pytest.raises(failure), replaced(facts) as part:
        written(part, broken())
    assert [path.name for path in facts.parent.rglob("*")] == ["facts", "line.parquet"]


def test_what_a_kill_left_is_removed_by_the_next(facts: Path) -> None:
    for left in parts_of(facts):
        (left / "line").mkdir(parents=True)
        (left / "line" / "9.parquet").write_bytes(b"half")
    with replaced(facts) as part:
        written(part, [lines("1", 1)])
    assert [path.name for path in facts.parent.rglob("*")] == ["facts", "line", "1.parquet"]


_FULL = """
    import resource, sys
    from pathlib import Path
    from scanner.errors import OutputError
    from scanner.storage.files import replaced
    from tests.storage.test_account_tables import AccountTable, Line, lines
    resource.setrlimit(resource.RLIMIT_FSIZE, (3_000, 3_000))
    try:
        with replaced(Path(sys.argv[1])) as part, AccountTable(part, "line", Line) as table:
            table.write(lines("1", 3))
            table.write(Line("2", number, (f"{hash(str(number))}",) * 9) for number in range(9_000))
    except OutputError as error:
        print(error)
        sys.exit(error.exit_code)
"""


def test_a_file_that_does_not_fit_is_named_and_nothing_half_is_left(facts: Path) -> None:
    command = [sys.executable, "-c", dedent(_FULL), str(facts)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 5, done.stderr
    assert "line/2.parquet could not be written" in done.stdout
    assert [path.name for path in facts.parent.rglob("*")] == ["facts", "line.parquet"]


def test_a_file_of_other_columns_is_named(tmp_path: Path) -> None:
    @dataclass(frozen=True, slots=True)
    class Narrow:
        account: str

    @dataclass(frozen=True, slots=True)
    class Odd:
        account: str
        number: str
        tags: tuple[str, ...] = ()

    for row, message in (
        (Narrow("3"), "lacks the columns number, tags"),
        (Odd("3", "x"), "number as string"),
    ):
        with suppress(FileNotFoundError):
            (tmp_path / "line" / "3.parquet").unlink()
        written(tmp_path, [lines("1", 1)])
        with AccountTable(tmp_path, "line", type(row)) as table:
            table.write([row])
        with pytest.raises(BundleError, match=rf"3\.parquet .*{message}"):
            open_parquet(tmp_path, "line", Line)
        rows = StoredRows(lambda table: table_files(tmp_path, table), "line", Line)
        with pytest.raises(BundleError, match=rf"3\.parquet .*{message}"):
            len(rows)
        with pytest.raises(BundleError, match=rf"3\.parquet .*{message}"):
            list(rows)
