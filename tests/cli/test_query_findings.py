"""The table `findings` of `audit query`: the same in scans of both schemas, without needless texts."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner

from scanner.app.judged import read_judged
from scanner.cli.commands import audit
from scanner.evaluate.database import Limits, opened
from scanner.findings.filed import Filed
from scanner.findings.queried import COLUMNS, FindingsTable
from scanner.model.finding import Status
from scanner.model.scan import Scan
from scanner.report.view.view import build
from tests.fakes.filed import RecordedWords, file_findings, read_filed, write_lines
from tests.report.conftest import CLOCK, made_scan

ORDER = "ORDER BY control, account, region, subject"
NOT_FILED = {Status.PASS, Status.NOT_APPLICABLE}


@pytest.fixture(scope="module")
def scan() -> Scan:
    return made_scan()


def written(scan: Scan, folder: Path) -> Path:
    write_lines(scan, folder)
    return folder


@pytest.fixture
def lines(scan: Scan, tmp_path: Path) -> Path:
    return written(scan, tmp_path / "schema 1")


@pytest.fixture
def words(scan: Scan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RecordedWords:
    folder = written(scan, tmp_path / "[schema] 2")
    words = file_findings(folder)
    monkeypatch.setattr(
        "scanner.cli.query.read_judged",
        lambda asked: read_filed(asked, words) if asked == folder else read_judged(asked),
    )
    return words


@pytest.fixture
def filed(words: RecordedWords, tmp_path: Path) -> Path:
    assert words.findings
    return tmp_path / "[schema] 2"


def asked(folder: Path, sql: str) -> list[dict[str, Any]]:
    result = CliRunner().invoke(audit, ["query", str(folder), sql, "--format", "json"])
    assert result.exit_code == 0, result.stderr
    rows: list[dict[str, Any]] = json.loads(result.stdout)
    return rows


def in_order(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(map(json.dumps, rows))


def test_every_column_is_the_same_in_both_schemas(lines: Path, filed: Path, scan: Scan) -> None:
    one, two = (asked(folder, f"FROM findings {ORDER}") for folder in (lines, filed))
    assert one == two
    assert len(one) == len(scan.findings)
    assert list(one[0]) == list(COLUMNS)


def test_the_columns_say_what_the_findings_say(filed: Path, scan: Scan) -> None:
    rows = asked(filed, f"FROM findings {ORDER}")
    names = {str(each.id): each.name for each in scan.manifest.accounts}
    for row, finding in zip(rows, scan.findings, strict=True):
        document = finding.document()
        for name in ("control", "status", "severity", "subject", "account", "region", "fingerprint"):
            assert row[name] == document[name]
        assert json.loads(row["frameworks"]) == document["frameworks"]
        assert row["evidence"] == " ".join(f"{ref.file}:{ref.line}" for ref in finding.evidence)
        assert (row["waiver"] and json.loads(row["waiver"])) == document["waiver"]
        assert row["account_name"] == (names.get(finding.account) or "")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT control, title, severity, frameworks, fingerprint, account_name, owner, tier FROM findings",
        "SELECT status, count(*) AS n FROM findings GROUP BY status ORDER BY status",
        "SELECT count(*) AS n FROM findings",
        "SELECT subject, reason FROM findings WHERE status = 'fail' AND severity = 'high'",
        (
            "SELECT f.reason, g.details FROM findings f JOIN findings g USING (subject) "
            "WHERE f.status IN ('fail', 'waived') AND 'unknown' = g.status"
        ),
    ],
)
def test_no_text_is_rendered_that_is_not_returned(
    sql: str, lines: Path, filed: Path, words: RecordedWords
) -> None:
    assert in_order(asked(lines, sql)) == in_order(asked(filed, sql))
    assert words.rendered == []


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT reason FROM findings WHERE status <> 'error'",
        "SELECT reason FROM findings WHERE status IN ('fail', 'pass')",
        "SELECT reason FROM findings WHERE status = 'fail' OR severity = 'low'",
        "SELECT evidence FROM findings WHERE status = severity OR true",
        "SELECT f.reason FROM findings f, findings g WHERE f.subject = g.subject AND g.status = 'fail'",
        "SELECT details FROM findings AS f(status, control) WHERE status = 'fail' OR f.subject > ''",
        (
            "WITH failed AS (SELECT subject FROM findings WHERE status = 'fail') "
            "SELECT reason FROM findings WHERE subject IN (FROM failed)"
        ),
        "SELECT * FROM (SUMMARIZE findings)",
    ],
)
def test_texts_of_passes_are_rendered_where_they_may_be_returned(
    sql: str, lines: Path, filed: Path, words: RecordedWords, scan: Scan
) -> None:
    assert in_order(asked(lines, sql)) == in_order(asked(filed, sql))
    assert len(words.rendered) == sum(each.status in NOT_FILED for each in scan.findings)


def test_the_query_of_the_sample_draws_it_again(filed: Path, words: RecordedWords) -> None:
    drawn = build(read_filed(filed, words)).sample
    # The texts of its findings are rendered here, not by the query.
    expected = [
        {"status": finding.status.value, "control": finding.control, "subject": finding.subject}
        for finding in drawn.findings
    ]
    words.rendered.clear()
    assert asked(filed, drawn.query) == expected
    assert words.rendered == []


def test_the_database_reaches_no_other_file(filed: Path, words: RecordedWords, lines: Path) -> None:
    table = FindingsTable(read_filed(filed, words))
    with (
        table.creating(("control", "title")) as creating,
        opened({}, {}, CLOCK, Limits(), (creating,)) as connection,
    ):
        assert len(connection.execute("FROM findings").fetchall()) == len(table)
        for path in (lines / "summary.json", filed / "manifest.json", "/etc/passwd"):
            with pytest.raises(duckdb.PermissionException):
                connection.execute(f"FROM read_text('{path}')")
        with pytest.raises(duckdb.Error, match="locked"):
            connection.execute("SET allowed_paths = ['/etc/passwd']")


def test_a_scan_without_findings(scan: Scan) -> None:
    table = FindingsTable(replace(scan, findings=Filed((), scan.controls)))
    with (
        table.creating(tuple(COLUMNS), passes=False) as creating,
        opened({}, {}, CLOCK, Limits(), (creating,)) as connection,
    ):
        assert connection.execute("FROM findings").fetchall() == []


def test_the_tables_are_described(filed: Path, scan: Scan) -> None:
    result = CliRunner().invoke(audit, ["query", str(filed), "--tables"])
    assert result.exit_code == 0
    assert f"findings  {len(scan.findings):,} rows" in result.stdout
    for name, doc in COLUMNS.items():
        assert name in result.stdout
        assert doc.split(":")[0] in result.stdout
