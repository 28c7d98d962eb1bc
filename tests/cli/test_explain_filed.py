"""`audit explain` says the same of a scan whose findings are filed by account."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from scanner.app.criteria import Judgement
from scanner.app.judgement import evaluate
from scanner.cli.commands import audit
from scanner.evaluate.controls.loader import load_controls
from tests.fakes.bundles import FAR, BundleBuilder, copy_to, plan_arn, rule, vault_arn, volume_arn
from tests.fakes.filed import file_findings

GONE = vault_arn("gone", region=FAR)


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Judge a bundle, and file the findings of a copy."""
    folder = tmp_path_factory.mktemp("explain")
    bundle = BundleBuilder(folder / "lines")
    shard = bundle.shard()
    shard.settings().vault("main")
    selection = {"Resources": [volume_arn("vol-1")], "SelectionName": "gold"}
    shard.plan("daily", rules=[rule(CopyActions=[copy_to(GONE)])], selections=[selection])
    shard.volume("vol-1").volume("vol-2")
    bundle.shard(region=FAR).settings()
    lines = bundle.write()
    evaluate(lines, lines, Judgement(controls=load_controls()), ())
    shutil.copytree(lines, folder / "filed")
    file_findings(folder / "filed")
    return lines, folder / "filed"


def explained(scan: Path, subject: str) -> dict[str, Any]:
    done = CliRunner().invoke(audit, ["explain", str(scan), subject, "--format", "json"])
    assert done.exit_code == 0, done.output
    document: dict[str, Any] = json.loads(done.stdout)
    return document


@pytest.mark.parametrize(
    "subject",
    [
        *(volume_arn("vol-1"), volume_arn("vol-2"), vault_arn("main"), plan_arn("daily")),
        *(f"{plan_arn('daily')}#rule-daily", f"{plan_arn('daily')}#rule-daily->{GONE}"),
        *("aws:account:111111111111", "aws:account-region:111111111111/eu-west-1"),
    ],
)
def test_the_explanation_is_the_same(scans: tuple[Path, Path], subject: str) -> None:
    lines, filed = (explained(scan, subject) for scan in scans)
    assert filed == lines
    assert subject != volume_arn("vol-2") or any(each["status"] == "fail" for each in filed["advice"])


def test_a_missing_part_is_named(scans: tuple[Path, Path], tmp_path: Path) -> None:
    shutil.copytree(scans[1], tmp_path / "scan")
    part = tmp_path / "scan" / "findings" / "111111111111.parquet"
    part.unlink()
    done = CliRunner().invoke(audit, ["explain", str(tmp_path / "scan"), volume_arn("vol-1")])
    assert done.exit_code == 6
    assert part.name in done.stderr
