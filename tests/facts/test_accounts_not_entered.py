"""An account whose role cannot be assumed: the row of its account-Regions says so, and so do reports."""

from pathlib import Path
from typing import Final

from scanner.app.criteria import Judgement
from scanner.app.judgement import evaluate
from scanner.evaluate.controls.loader import load_controls
from scanner.model.finding import Status
from tests.fakes.bundles import ACCOUNT, OTHER, REGION, BundleBuilder

ROLE: Final = f"arn:aws:iam::{OTHER}:role/Scan"
MESSAGE: Final = f"User: arn:aws:sts::{ACCOUNT}:assumed-role/a/b is not authorized to perform: sts:AssumeRole"
SENTENCE: Final = (
    f"Account {OTHER} could not be entered: sts:AssumeRole of {ROLE} was refused (AccessDenied: {MESSAGE})"
)


def test_an_account_that_could_not_be_entered_is_told_as_that_everywhere(tmp_path: Path) -> None:
    bundle = BundleBuilder(tmp_path / "bundle")
    bundle.shard().vault("main")
    lines = bundle.lines()
    bundle.shard(OTHER)
    line = {
        "service": "sts", "operation": "AssumeRole", "parameters": {"RoleArn": ROLE},
        "at": "2026-11-22T17:00:00.000Z",
        "error": {"code": "AccessDenied", "message": MESSAGE, "status": 403, "attempts": 1},
    }  # fmt: skip
    closed = {f"evidence/{OTHER}/{region}": [line] for region in ("aws-global", REGION)}
    out = tmp_path / "out"
    outcome = evaluate(
        bundle.write({**lines, **closed}), out, Judgement(controls=load_controls()), ("markdown", "sarif")
    )
    (found,) = (
        finding
        for finding in outcome.scan.findings
        if finding.control == "account-region-assessed" and finding.account == OTHER
    )
    assert found.status is Status.FAIL
    assert found.reason.startswith(f"{SENTENCE}. Nothing in this account and Region was read.")
    assert found.details["not_entered"] == SENTENCE
    (missing,) = found.details["missing_reads"]
    assert (missing["operation"], missing["about"], missing["code"]) == (
        "sts:AssumeRole",
        ROLE,
        "AccessDenied",
    )
    assert (missing["message"], "resource-in-backup-plan" in missing["blinds"]) == (MESSAGE, True)
    gaps = [gap for gap in outcome.scan.gaps if gap.account == OTHER]
    assert {gap.operation for gap in gaps} == {"sts:AssumeRole"}
    assert "1 account could not be entered" in next(out.glob("*.md")).read_text("utf-8")
    policy = next(
        each
        for each in outcome.scan.findings
        if each.control == "account-backup-policy" and each.account == OTHER
    )
    assert (policy.status, SENTENCE in policy.reason) == (Status.UNKNOWN, True)
