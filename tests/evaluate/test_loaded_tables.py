"""Tables of a scan are loaded once, checked before, and answer queries together with the findings."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scanner.errors import BundleError
from scanner.evaluate.database import Limits
from scanner.evaluate.loaded_tables import LoadedTables, ScanTable, loaded_tables
from scanner.findings.filed import Filed
from scanner.findings.queried import FindingsTable
from scanner.model.finding import Finding, Severity, Status
from scanner.storage.table_files import TableFiles
from tests.fakes.filed import write_filed

SCHEMA = pa.schema([("subject", pa.string()), ("number", pa.int64()), ("named", pa.string())])
STATUSES = (Status.FAIL, Status.PASS, Status.UNKNOWN)
FINDINGS = [
    Finding(
        control="c",
        status=status,
        severity=Severity.LOW,
        subject=f"s{number}",
        subject_type="EBS",
        account="1" * 12,
        region="eu-west-1",
        reason="-",
    )
    for number, status in enumerate(STATUSES)
]


def written(folder: Path, rows: dict[str, list[Any]], schema: pa.Schema = SCHEMA) -> Path:
    path = folder / f"it's {len(list(folder.iterdir()))}.parquet"
    pq.write_table(pa.table(rows, schema), path)
    return path


@contextmanager
def opened(
    folder: Path, *paths: Path, files: TableFiles | None = None, table: ScanTable | None = None
) -> Iterator[LoadedTables]:
    (folder / "findings").mkdir()
    scan = cast("Any", SimpleNamespace(findings=Filed(write_filed(folder / "findings", FINDINGS), [])))
    tables = {"rule": table or ScanTable(files or TableFiles(paths), SCHEMA)}
    as_of = datetime(2026, 1, 1, tzinfo=UTC)
    with loaded_tables(tables, FindingsTable(scan), as_of=as_of, limits=Limits(threads=1)) as loaded:
        yield loaded


def test_findings_that_do_not_pass_are_joined_with_a_table(tmp_path: Path) -> None:
    path = written(
        tmp_path, {"subject": ["s0", "s1", "s2"], "number": [10, 11, 12], "named": ["a", "b", "c"]}
    )
    with opened(tmp_path, path) as loaded:
        answer = loaded.answer("SELECT subject, status, number FROM findings JOIN rule USING (subject)")
        assert answer.columns == ("subject", "status", "number")
        assert sorted(answer.rows) == [("s0", "fail", 10), ("s2", "unknown", 12)]


def test_columns_that_a_later_query_needs_are_loaded_then(tmp_path: Path) -> None:
    paths = [written(tmp_path, {"subject": [f"s{n}"], "number": [n], "named": [f"n{n}"]}) for n in range(2)]
    checked: list[Path] = []
    with opened(tmp_path, files=TableFiles(tuple(paths), verify=checked.append)) as loaded:
        assert not checked
        assert list(loaded.answer("SELECT sum(number) FROM rule").rows) == [(1,)]
        assert checked == paths
        assert list(loaded.answer("SELECT number, named FROM rule ORDER BY 1").rows) == [(0, "n0"), (1, "n1")]
        assert list(loaded.answer("SELECT count(subject) FROM rule").rows) == [(2,)]


def test_a_part_of_a_table_has_the_rows_of_its_accounts(tmp_path: Path) -> None:
    schema = pa.schema([("account", pa.string()), ("number", pa.int64()), ("named", pa.string())])
    accounts = ["", "1", "it's", "2"]
    path = written(tmp_path, {"account": accounts, "number": [*range(4)], "named": [*"abcd"]}, schema)
    table = ScanTable(TableFiles((path,)), schema, accounts=("", "it's"))
    with opened(tmp_path, table=table) as loaded:
        assert list(loaded.answer("SELECT number FROM rule ORDER BY 1").rows) == [(0,), (2,)]


def test_columns_that_are_named_first_are_loaded_once(tmp_path: Path) -> None:
    path = written(tmp_path, {"subject": ["s0"], "number": [1], "named": ["n"]})
    checked: list[Path] = []
    files = TableFiles((path,), verify=checked.append)
    with opened(tmp_path, table=ScanTable(files, SCHEMA, first=frozenset({"named"}))) as loaded:
        assert list(loaded.answer("SELECT number FROM rule").rows) == [(1,)]
        assert list(loaded.answer("SELECT number, named FROM rule").rows) == [(1, "n")]
    assert checked == [path]


def test_a_table_without_files_has_no_rows(tmp_path: Path) -> None:
    with opened(tmp_path) as loaded:
        assert list(loaded.answer("SELECT * FROM rule").rows) == []


def test_a_file_with_other_columns_is_not_of_the_scan(tmp_path: Path) -> None:
    path = written(tmp_path, {"subject": ["s0"]}, pa.schema([("subject", pa.string())]))
    with opened(tmp_path, path) as loaded, pytest.raises(BundleError, match="table rule of the scan cannot"):
        loaded.answer("SELECT number FROM rule")


def test_a_changed_file_is_not_read(tmp_path: Path) -> None:
    def refuse(path: Path) -> None:
        raise BundleError(f"{path} is not the file")

    path = written(tmp_path, {"subject": ["s0"], "number": [1], "named": [""]})
    files = TableFiles((path,), verify=refuse)
    with opened(tmp_path, files=files) as loaded, pytest.raises(BundleError, match="is not the file"):
        loaded.answer("SELECT number FROM rule")
