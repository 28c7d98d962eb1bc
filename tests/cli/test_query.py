"""`audit query` on a judged scan, as a person types it."""

import csv
import io
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from scanner.app.criteria import Judgement
from scanner.app.judgement import evaluate
from scanner.cli.commands import audit
from scanner.evaluate.controls.loader import load_controls
from tests.fakes.bundles import BundleBuilder, rule


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scan")
    builder = BundleBuilder(folder)
    shard = builder.shard()
    shard.vault("main").plan("daily", rules=[rule()], selections=[{"Resources": ["*"]}])
    shard.volume("vol-1", {"Name": "=cmd|' /C calc'!A0", "team": "[red]\x1b[31mred"}).volume("vol-2")
    builder.write()
    evaluate(folder, folder, Judgement(controls=load_controls(("resource-in-backup-plan",))), ())
    return folder


def asked(*words: str, stdin: str = "") -> tuple[int, str, str]:
    result = CliRunner().invoke(audit, ["query", *words], input=stdin)
    return result.exit_code, result.stdout, result.stderr


def test_a_table(scan: Path) -> None:
    code, out, err = asked(str(scan), "SELECT name, covered, created_at FROM resource ORDER BY name")
    assert code == 0
    assert [line.split() for line in out.splitlines()] == [
        ["name", "covered", "created_at"],
        ["=cmd|'", "/C", "calc'!A0", "true", "-"],
        ["vol-2", "true", "-"],
    ]
    assert err == "2 rows\n"


def test_a_scan_that_collected_what_controls_need_says_so(tmp_path: Path) -> None:
    builder = BundleBuilder(tmp_path)
    builder.shard().volume("vol-1")
    builder.write()
    file = tmp_path / "manifest.json"
    reads = {"controls": ["plan-protects-something"], "formats": [], "operations": ["backup:ListBackupPlans"]}
    file.write_text(json.dumps({**json.loads(file.read_text("utf-8")), "reads": reads}), "utf-8")
    evaluate(tmp_path, tmp_path, Judgement(controls=load_controls(("resource-in-backup-plan",))), ())
    code, _, err = asked(str(tmp_path), "SELECT name FROM vault")
    assert code == 0
    assert "note: The scan collected only what its controls need (plan-protects-something)." in err
    assert "note" not in asked(str(tmp_path), "SELECT control FROM findings")[2]


def test_a_table_says_what_it_leaves_out(scan: Path) -> None:
    _, out, err = asked(str(scan), "SELECT name FROM resource", "--limit", "1")
    assert len(out.splitlines()) == 2
    assert err == "1 of 2 rows; --limit 0 shows all\n"


def test_csv_is_harmless(scan: Path) -> None:
    code, out, _ = asked(str(scan), "SELECT name, tags FROM resource ORDER BY name", "--format", "csv")
    rows = list(csv.reader(io.StringIO(out)))
    assert code == 0
    assert rows[1][0] == "'=cmd|' /C calc'!A0"
    assert "\x1b" not in out


def test_json_and_standard_input(scan: Path) -> None:
    sql = "SELECT control, status, count(*) AS n FROM findings GROUP BY ALL"
    code, out, _ = asked(str(scan), "-", "--format", "json", stdin=sql)
    assert code == 0
    assert json.loads(out) == [{"control": "resource-in-backup-plan", "status": "pass", "n": 2}]
    assert json.loads(asked(str(scan), "FROM vault WHERE false", "--format", "json")[1]) == []


def test_facts_inventory_and_findings_can_be_joined(scan: Path) -> None:
    sql = (
        "SELECT count(*) AS n FROM findings f "
        "JOIN resource r USING (subject) JOIN resources i ON i.arn = f.subject"
    )
    assert json.loads(asked(str(scan), sql, "--format", "json")[1]) == [{"n": 2}]


def test_the_tables_are_told(scan: Path) -> None:
    code, out, _ = asked("--tables")
    assert code == 0
    assert "Whether at least one rule covers it." in out
    code, out, _ = asked(str(scan), "--tables")
    assert code == 0
    assert "resource  2 rows" in out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "audit query SCAN_DIR"),
        (("{scan}",), 2, "audit query SCAN_DIR"),
        (("{scan}", "DROP TABLE resource"), 2, "not one SELECT"),
        (("{scan}/nowhere", "SELECT 1 FROM resource"), 6, "manifest.json"),
    ],
)
def test_mistakes(words: tuple[str, ...], code: int, said: str, scan: Path) -> None:
    found, out, err = asked(*(word.replace("{scan}", str(scan)) for word in words))
    assert (found, out) == (code, "")
    assert said in err
    assert "Traceback" not in err


def test_a_scan_that_was_not_judged(tmp_path: Path) -> None:
    builder = BundleBuilder(tmp_path)
    builder.shard()
    builder.write()
    code, _, err = asked(str(tmp_path), "SELECT 1 FROM resource")
    assert code == 6
    assert "audit evaluate" in err
