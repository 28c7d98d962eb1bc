"""Large tables are judged where they lie, and give the findings that they give in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from scanner.evaluate.database import ORDER, POSITION, Limits, files_in_order, numbered, opened
from scanner.evaluate.engine import evaluate
from scanner.evaluate.queries import BATCH, UNWRITTEN
from scanner.model.facts import ResourceFacts, Row
from scanner.model.finding import Finding, Status
from scanner.storage.account_tables import AccountTable
from scanner.storage.parquet import arrow_table, open_parquet

AS_OF = datetime.fromisoformat("2026-11-22T18:00:00Z")
FILED = Limits(rows=0, threads=2)
KEY = ("account", "region", "subject")


def stored(rows: Sequence[Row], path: Path) -> ds.Dataset:
    pq.write_table(arrow_table("resource", rows), path, row_group_size=300)
    return ds.dataset(path)


def ordered(resource: Any, number: int) -> list[Row]:
    places = [(account, region) for account in ("111111111111", "2") for region in ("a", "b")]
    return [
        resource(
            f"arn:{at:05}",
            account=account,
            region=region,
            covered=(True, False, None)[at % 3],
            evidence=[{"about": "covered", "file": f"f{at % 7}", "line": at}],
        )
        for account, region in places
        for at in range(number // len(places))
    ]


def judged(table: Any, *controls: Any, limits: Limits | None = None) -> list[Finding]:
    return list(evaluate({"resource": table}, controls, as_of=AS_OF, limits=limits))


def test_the_findings_are_those_of_a_table_in_memory(resource: Any, control: Any, tmp_path: Path) -> None:
    rows = ordered(resource, 2_400)
    asked = [control(id="a", reason="{name} {covered}"), control(id="b", evidence=("tags",))]
    table = stored(rows, tmp_path / "it's.parquet")
    assert files_in_order(table, KEY, 0)
    assert judged(table, *asked, limits=FILED) == judged(arrow_table("resource", rows), *asked)


def test_a_file_in_another_order_is_sorted(resource: Any, control: Any, tmp_path: Path) -> None:
    rows = ordered(resource, 2_400)
    table = stored([*rows[1:], rows[0]], tmp_path / "r.parquet")
    found = judged(table, control(), limits=FILED)
    assert found == judged(arrow_table("resource", rows), control())


@pytest.mark.parametrize(
    ("first", "second", "fine"),
    [
        (("1", "a", "x"), ("1", "a", "y"), True),
        (("1", "a", "x"), ("1", "a", "x"), True),
        (("1", "a", "y"), ("1", "a", "x"), False),
        (("1", "b", "x"), ("1", "a", "y"), False),
        (("1", "b", "x"), ("2", "a", "a"), True),
        (("2", "a", "x"), ("1", "b", "y"), False),
        (("1", "a", "\uffee"), ("1", "a", "\U0001f600"), True),
        (("1", "a", "a"), ("1", "a", "Z"), False),
    ],
)
def test_the_order_is_looked_at_within_and_between_row_groups(
    resource: Any, tmp_path: Path, first: tuple[str, ...], second: tuple[str, ...], *, fine: bool
) -> None:
    rows = [resource(subject, account=account, region=region) for account, region, subject in (first, second)]
    for number in (1, 2):
        path = tmp_path / f"{number}.parquet"
        pq.write_table(arrow_table("resource", rows), path, row_group_size=number)
        assert bool(files_in_order(ds.dataset(path), KEY, 0)) is fine


def test_what_is_short_or_has_a_pattern_for_a_name_is_loaded(resource: Any, tmp_path: Path) -> None:
    rows = ordered(resource, 40)
    assert not files_in_order(stored(rows, tmp_path / "r.parquet"), KEY, 40)
    assert files_in_order(stored(rows, tmp_path / "r.parquet"), KEY, 39)
    assert not files_in_order(stored(rows, tmp_path / "r[1].parquet"), KEY, 0)
    assert not files_in_order(arrow_table("resource", rows), KEY, 0)


def test_no_other_file_is_in_reach(resource: Any, tmp_path: Path) -> None:
    table = stored(ordered(resource, 40), tmp_path / "r.parquet")
    other = tmp_path / "other.parquet"
    stored(ordered(resource, 40), other)
    with opened({"resource": table}, {"resource": KEY}, AS_OF, FILED) as connection:
        assert connection.execute("SELECT count(*) FROM resource").fetchall() == [(40,)]
        for path in (other, tmp_path / "*.parquet", Path("/etc/hostname")):
            with pytest.raises(duckdb.Error):
                connection.execute("SELECT * FROM read_blob($path)", {"path": str(path)}).fetchall()


@pytest.mark.parametrize(
    ("texts", "what"),
    [
        ({"reason": "{CAST(state AS INTEGER)}"}, "its reason"),
        ({"evidence": ("CAST(state AS INTEGER) as number",)}, "its details"),
    ],
)
def test_a_text_that_breaks_is_an_error_of_its_subject_alone(
    resource: Any, control: Any, texts: dict[str, Any], what: str
) -> None:
    row = resource(covered=False, state="1")
    rows = [replace(row, subject=f"arn:{at:06}") for at in range(BATCH + 3)]
    rows[-2] = replace(rows[-2], state="running")
    found = judged(arrow_table("resource", rows), control(**texts))
    assert [finding.subject for finding in found] == [row.subject for row in rows]
    assert {finding.status for finding in found if finding is not found[-2]} == {Status.FAIL}
    assert (found[-2].status, found[-2].reason) == (Status.ERROR, UNWRITTEN.format(what))


def test_the_order_of_findings_is_that_of_the_files() -> None:
    assert tuple(ORDER.split(", ")) == KEY


def by_account(rows: Sequence[Row], folder: Path) -> ds.Dataset:
    with AccountTable(folder, "resource", ResourceFacts) as table:
        table.write(rows)
    return open_parquet(folder, "resource", ResourceFacts)


@pytest.mark.parametrize("joined", [False, True])
def test_files_by_account_are_numbered_and_judged_as_one_table(
    resource: Any, control: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, joined: bool
) -> None:
    if joined:
        monkeypatch.setattr("scanner.evaluate.database._MANY", 1)
    rows = [
        resource(f"arn:{number:03}", account=f"{account:03}", region="r", covered=number % 2 == 0)
        for account in range(9)
        for number in range(account + 1)
    ]
    table = by_account(rows, tmp_path)
    assert len(files_in_order(table, KEY, 0)) == 9
    with opened({"resource": table}, {"resource": KEY}, AS_OF, FILED) as connection:
        found = connection.table(f'"{numbered("resource")}"').order(f'"{POSITION}"').fetchall()
        assert found == [(row.account, row.region, row.subject, at) for at, row in enumerate(rows)]
    asked = [control(id="a", reason="{name} {covered}"), control(id="b", evidence=("tags",))]
    in_memory = judged(arrow_table("resource", rows), *asked)
    assert judged(table, *asked, limits=FILED) == in_memory
    assert judged(table, *asked, limits=Limits(threads=2)) == in_memory
