"""Accounts that could not be read: a line on stderr for each, and exit 4 unless that is allowed."""

import json
from pathlib import Path
from typing import Any, Final

import pytest
from pypdf import PdfReader
from typer.testing import CliRunner, Result

from scanner.app.criteria import Judgement
from scanner.app.judgement import evaluate
from scanner.cli.commands import audit
from scanner.cli.exits import FINDINGS
from scanner.cli.judge_actions import conclude
from scanner.cli.options import JudgementOptions
from scanner.cli.progress import unread_lines
from scanner.evaluate.controls.loader import load_controls
from scanner.model.finding import Severity
from scanner.model.known import Gap, GapKind
from scanner.model.names import AWS_GLOBAL, AccountId
from tests.fakes.bundles import ACCOUNT, OTHER, REGION, BundleBuilder

ROLE: Final = f"arn:aws:iam::{OTHER}:role/Scan"


def gap(kind: GapKind = GapKind.REFUSED, code: str = "AccessDenied", **changes: Any) -> Gap:
    fields = {"account": AccountId(OTHER), "region": AWS_GLOBAL, "operation": "sts:AssumeRole", "about": ROLE}
    return Gap(**{**fields, "kind": kind, "code": code, **changes})


@pytest.mark.parametrize(
    ("why", "parts"),
    [
        (gap(), ("sts:AssumeRole of", "AccessDenied", "audit policy --part trust", "audit check --account")),
        (gap(GapKind.FAILED, "Throttling"), ("Throttling", "To try again", "audit run --resume scan")),
        (gap(code="ExpiredToken"), ("ExpiredToken", "Log in again, then run `audit run --resume scan`")),
        (
            gap(operation="backup:ListBackupPlans", about=""),
            ("nothing was answered", "backup:ListBackupPlans", "service control policy"),
        ),
        (None, ("the scan ended before", "audit run --resume scan")),
    ],
)
def test_a_line_says_which_account_why_and_what_to_do(why: Gap | None, parts: tuple[str, ...]) -> None:
    (line,) = unread_lines([AccountId(OTHER)], [why] if why else [], "scan")
    assert line.startswith("warning: Account " + OTHER)
    for part in parts:
        assert part in line


def test_the_role_is_the_reason_whatever_else_is_missing() -> None:
    gaps = [gap(operation="backup:ListBackupPlans", about=""), gap(), gap(account=AccountId(ACCOUNT))]
    (line,) = unread_lines([AccountId(OTHER)], gaps, "scan")
    assert "could not be entered" in line


def test_what_aws_said_cannot_break_the_line() -> None:
    (line,) = unread_lines([AccountId(OTHER)], [gap(message="No\u202e\x1b[2J\nway")], "scan")
    assert not {"\u202e", "\x1b", "\n"} & set(line)


def bundle(folder: Path, closed: int) -> Path:
    """Write a bundle of one account that was read, and some that could not be entered."""
    builder = BundleBuilder(folder)
    builder.shard().vault("main")
    lines = builder.lines()
    accounts = [str(222222222222 + number) for number in range(closed)]
    calls = len(lines[f"evidence/{ACCOUNT}/{REGION}"])
    records = [{"account": ACCOUNT, "region": REGION, "status": "complete", "calls": calls, "errors": 0}]
    for account in accounts:
        builder.shard(account)
        for region in ("aws-global", REGION):
            parameters = {"RoleArn": f"arn:aws:iam::{account}:role/Scan"}
            error = {"code": "AccessDenied", "message": "No.", "status": 403, "attempts": 1}
            line = {"service": "sts", "operation": "AssumeRole", "parameters": parameters, "error": error}
            lines[f"evidence/{account}/{region}"] = [{**line, "at": "2026-11-22T17:00:00.000Z"}]
            records.append(
                {"account": account, "region": region, "status": "failed", "calls": 1, "errors": 1}
            )
    builder.manifest["shards"] = records
    return builder.write(lines)


def evaluated(folder: Path, *words: str) -> Result:
    fixed = ("--controls", "account-region-assessed", "--force")
    arguments = ["evaluate", str(folder), *fixed, *words]
    return CliRunner().invoke(audit, arguments)


def test_evaluating_says_it_and_ends_with_4_only_when_asked_to(tmp_path: Path) -> None:
    folder = bundle(tmp_path / "bundle", closed=1)
    done = evaluated(folder, "--format", "json")
    (warning,) = done.stderr.splitlines()
    assert (done.exit_code, f"Account {OTHER} could not be entered" in warning) == (0, True)
    assert evaluated(folder, "--format", "json", "-q").stderr == ""
    assert evaluated(folder, "--format", "json", "-q", "--require-complete").exit_code == 4
    (tmp_path / "audit.yaml").write_text("require_complete: true\n")
    again = evaluated(folder, "--format", "json", "--config", str(tmp_path / "audit.yaml"))
    assert again.exit_code == 4
    assert "Of 2 accounts 1 could not be read at all." in again.stdout


def test_no_format_shows_a_score_of_less_than_half_of_the_scope(tmp_path: Path) -> None:
    out = tmp_path / "out"
    folder = bundle(tmp_path / "bundle", closed=2)
    done = evaluated(folder, "--format", "html,pdf,markdown", "--out", str(out))
    reason = "only 1 of 3 account-Regions in scope could be read"
    assert f"Score: none; {reason}." in done.stdout
    score = json.loads((out / "findings.json").read_bytes())["summary"]["score"]
    assert (score["withheld"], score["total"]["score"], score["total"]["judged"]) == (reason, None, 3)
    markdown = next(out.glob("*.md")).read_text("utf-8")
    page = (out / "report.html").read_text("utf-8")
    document = "".join(each.extract_text() for each in PdfReader(out / "report.pdf").pages)
    for text in (markdown, page, " ".join(document.split())):
        assert reason in text
        assert "of 100" not in text
    assert evaluated(folder, "--format", "json", "--out", str(out)).exit_code == 0
    read_back = CliRunner().invoke(audit, ["report", str(out), "--format", "markdown"])
    assert read_back.exit_code == 0
    assert f"No score: {reason}." in next(out.glob("*.md")).read_text("utf-8")


@pytest.mark.parametrize(("allowed", "code"), [(False, 4), (True, 0)])
def test_an_account_that_could_not_be_read_ends_a_run_with_4(
    tmp_path: Path, *, allowed: bool, code: int
) -> None:
    outcome = evaluate(
        bundle(tmp_path / "bundle", closed=1),
        tmp_path / "out",
        Judgement(controls=load_controls(("account-region-assessed",))),
        (),
    )
    judged = JudgementOptions(None, None, None, Severity.INFO, False, False, allow_partial=allowed)  # noqa: FBT003
    expected = code or FINDINGS
    assert conclude(outcome, str, judged, "scan", quiet=True) == expected
