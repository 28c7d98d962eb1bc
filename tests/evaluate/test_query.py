"""A query reads the tables of a scan: one SELECT, and whatever else it is made of is refused."""

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from scanner.errors import UsageError
from scanner.evaluate.database import Limits
from scanner.evaluate.query import answered, check_query

AS_OF = datetime(2026, 11, 22, 18, tzinfo=UTC)
VAULTS = pa.table(
    {
        "name": ["a", "b", "c"],
        "locked": [True, False, None],
        "keeps": [[{"days": 7}], [], [{"days": 35}, None]],
    }
)
PLANS = pa.table({"vault": ["a"], "plan": ["daily"]})
TABLES = {"vaults": VAULTS, "plans": PLANS}


def ask(sql: str, limits: Limits | None = None) -> list[tuple[object, ...]]:
    with answered(TABLES, check_query(sql, TABLES), as_of=AS_OF, limits=limits) as answer:
        return list(answer.rows)


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT name FROM vaults WHERE locked", [("a",)]),
        ("FROM plans", [("a", "daily")]),
        ("SELECT count(*) FROM vaults", [(3,)]),
        ("SELECT COUNT(*) FROM VAULTS WHERE Locked IS NULL", [(1,)]),
        ("SELECT v.name FROM vaults v JOIN plans p ON p.vault = v.name", [("a",)]),
        ("SELECT name FROM vaults JOIN (SELECT vault AS name FROM plans) USING (name)", [("a",)]),
        ("WITH open AS (SELECT * FROM vaults WHERE NOT locked) SELECT name FROM open", [("b",)]),
        ("SELECT name FROM vaults UNION SELECT plan FROM plans ORDER BY 1 LIMIT 2", [("a",), ("b",)]),
        ("SELECT sum(k.days) FROM (SELECT unnest(keeps) AS k FROM vaults)", [(42,)]),
        ("SELECT (SELECT max(plan) FROM plans)", [("daily",)]),
        ("SELECT n FROM range(2) t(n)", [(0,), (1,)]),
        ("SELECT any_of([k.days > 30 for k in keeps]) FROM vaults WHERE name = 'c'", [(True,)]),
        ("SELECT 1 + 1", [(2,)]),
        ("SELECT name FROM vaults -- the end", [("a",), ("b",), ("c",)]),
        ("SELECT ';' AS mark FROM plans", [(";",)]),
    ],
)
def test_what_a_query_may_be(sql: str, rows: list[tuple[object, ...]]) -> None:
    assert ask(sql) == rows


def test_describing_tells_all_columns() -> None:
    assert [row[0] for row in ask("DESCRIBE vaults")] == ["name", "locked", "keeps"]


@pytest.mark.parametrize(
    "sql",
    [
        "COPY vaults TO '{file}'",
        "COPY (SELECT 1) TO '{file}'",
        "SET memory_limit = '1TB'",
        "CREATE TABLE x AS SELECT 1",
        "ATTACH '{file}'",
        "PRAGMA database_list",
        "INSTALL httpfs",
        "LOAD httpfs",
        "EXPORT DATABASE '{file}'",
        "CALL pragma_version()",
        "INSERT INTO vaults VALUES (1)",
        "DROP TABLE vaults",
        "EXPLAIN SELECT 1",
        "SELECT 1; DROP TABLE vaults",
        "SELECT 1; SELECT 2",
        "BEGIN",
        "CHECKPOINT",
        "VACUUM",
        "SELECT * FROM read_csv('{file}')",
        "SELECT * FROM read_text('{file}')",
        "SELECT * FROM read_blob('{file}')",
        "SELECT * FROM glob('{file}')",
        "SELECT * FROM '{file}'",
        'SELECT * FROM "{file}"',
        "SELECT * FROM query('SELECT 1')",
        "SELECT * FROM duckdb_settings()",
        "SELECT * FROM pragma_version()",
        "SELECT * FROM information_schema.tables",
        "SELECT * FROM main.vaults",
        "SELECT * FROM vaults, LATERAL (SELECT * FROM read_text('{file}'))",
        "WITH x AS (SELECT * FROM parquet_scan('{file}')) SELECT * FROM x",
        "SELECT (SELECT content FROM read_text('{file}'))",
        "",
        "SELECT",
        "nonsense",
        "SELECT " + "1" * 100_001,
    ],
)
def test_what_is_refused(sql: str, tmp_path: Path) -> None:
    file = tmp_path / "secret.csv"
    file.write_text("secret\n")
    with pytest.raises(UsageError, match="The query is refused"):
        ask(sql.replace("{file}", str(file)))
    assert file.read_text() == "secret\n"


@pytest.mark.parametrize("call", ["read_text('{file}')", "getenv('PATH')", "pg_read_file('{file}')"])
def test_what_the_check_lets_through_still_reads_nothing(call: str, tmp_path: Path) -> None:
    file = tmp_path / "secret.csv"
    file.write_text("secret\n")
    with pytest.raises(UsageError, match="cannot be answered"):
        ask(f"SELECT {call.replace('{file}', str(file))}")


def test_a_misspelt_name_is_guessed() -> None:
    with pytest.raises(UsageError, match="did you mean vaults"):
        ask("SELECT * FROM vault")
    for sql in ("SELECT lockd FROM vaults", "SELECT v.lockd FROM vaults v"):
        with pytest.raises(UsageError, match=r"no column 'lockd'; did you mean locked or lock_date\?$"):
            ask(sql)


def test_what_takes_too_long_is_stopped() -> None:
    endless = "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range * b.range % 7 = 3"
    with pytest.raises(UsageError, match=r"took longer than 0\.2 s"):
        ask(endless, Limits(seconds=0.2, memory="200MB", threads=1))


def test_what_breaks_on_the_way_is_told() -> None:
    with pytest.raises(UsageError, match=r"cannot be answered: .*Could not convert"):
        ask("SELECT CAST(name AS INTEGER) FROM vaults")


def test_a_query_that_needs_too_much_memory_says_so_in_a_sentence() -> None:
    sql = "SELECT count(DISTINCT (a, b, c)) FROM range(3000) x(a), range(3000) y(b), range(3000) z(c)"
    with pytest.raises(UsageError, match=r"more than 8MB of memory|took longer than") as refused:
        ask(sql, Limits(memory="8MB", seconds=20, threads=1))
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize("sql", ["SELECT 1 / 0", "SELECT 0.0 / 0.0", "SELECT 5 % 0", "SELECT 1.5 // 0"])
def test_a_division_by_zero_is_not_known(sql: str) -> None:
    assert ask(sql) == [(None,)]


def test_no_row_is_selected_by_a_division_by_zero() -> None:
    assert ask("SELECT name FROM vaults WHERE 0.0 / 0.0 >= 0.9 OR 1 / 0 > 0") == []
