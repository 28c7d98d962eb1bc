"""What one account-Region has of another's resources reaches the other's verdicts, whoever is read first."""

from pathlib import Path

import pytest

from scanner.app.criteria import Judgement
from scanner.app.judgement import evaluate
from scanner.evaluate.controls.loader import load_controls
from scanner.model.finding import Status
from tests.fakes.bundles import (
    ACCOUNT,
    FAR,
    OTHER,
    REGION,
    BundleBuilder,
    Lines,
    admits,
    copy_to,
    refuse,
    rule,
    vault_arn,
    volume_arn,
)

VOLUME = volume_arn("vol-1")
ASKED = ("resource-in-air-gapped-vault", "recovery-point-not-orphaned", "restore-tested")


@pytest.fixture(params=[(ACCOUNT, OTHER), (OTHER, ACCOUNT)], ids=["its own first", "the other first"])
def bundle(request: pytest.FixtureRequest, tmp_path: Path) -> BundleBuilder:
    """Give a volume whose copy lies in the air-gapped vault of another account, and was restored there."""
    built = BundleBuilder(tmp_path / "bundle")
    for account in request.param:
        built.shard(account, REGION if account == ACCOUNT else FAR)
    away = vault_arn("away", OTHER, FAR)
    shard = built.shard(ACCOUNT, REGION).volume("vol-1").vault("main").point("main", VOLUME, arn="original")
    shard.plan("plan", rules=[rule(CopyActions=[copy_to(away)])], selections=[{"Resources": [VOLUME]}])
    there = built.shard(OTHER, FAR)
    there.vault("away", policy=admits(ACCOUNT), VaultType="LOGICALLY_AIR_GAPPED_BACKUP_VAULT")
    there.call("backup:DescribeBackupVault", {}, BackupVaultName="away")
    there.point("away", VOLUME, arn="copy").point("away", volume_arn("vol-2"), arn="copy of what is gone")
    told = {
        "RestoreJobId": "r",
        "Status": "COMPLETED",
        "SourceResourceArn": VOLUME,
        "RecoveryPointArn": "copy",
    }
    there.listed("backup:ListRestoreJobs", {**told, "CreationDate": "2026-11-20T00:00:00Z"})
    return built


def verdicts(bundle: BundleBuilder, out: Path, lines: Lines | None = None) -> dict[tuple[str, str], Status]:
    controls = tuple(control for control in load_controls() if control.id in ASKED)
    outcome = evaluate(bundle.write(lines), out, Judgement(controls=controls), ())
    return {(finding.control, finding.subject): finding.status for finding in outcome.scan.findings}


def test_what_another_account_has_is_judged_here(bundle: BundleBuilder, tmp_path: Path) -> None:
    assert verdicts(bundle, tmp_path / "out") == {
        ("resource-in-air-gapped-vault", VOLUME): Status.PASS,
        ("restore-tested", VOLUME): Status.PASS,
        ("recovery-point-not-orphaned", "original"): Status.PASS,
        ("recovery-point-not-orphaned", "copy"): Status.PASS,
        ("recovery-point-not-orphaned", "copy of what is gone"): Status.FAIL,
    }


@pytest.mark.slow
def test_what_was_not_read_there_is_unknown_here(bundle: BundleBuilder, tmp_path: Path) -> None:
    lines, there = bundle.lines(), f"evidence/{OTHER}/{FAR}"
    for operation in ("backup:ListRecoveryPointsByBackupVault", "backup:ListRestoreJobs"):
        lines[there] = refuse({there: lines[there]}, operation)[there]
    found = verdicts(bundle, tmp_path / "out", lines)
    assert found["resource-in-air-gapped-vault", VOLUME] is Status.UNKNOWN
    assert found["restore-tested", VOLUME] is Status.UNKNOWN
    lines = refuse(bundle.lines(), "ec2:DescribeVolumes")
    found = verdicts(bundle, tmp_path / "again", lines)
    orphans = {status for (control, _), status in found.items() if control == "recovery-point-not-orphaned"}
    assert orphans == {Status.UNKNOWN}
