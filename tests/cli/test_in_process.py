"""What the commands print, and how progress is told; run in this process, on the committed sample bundle."""

from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from scanner.cli.commands import audit
from scanner.cli.exits import BROKEN, INTERRUPTED, guarded
from scanner.cli.progress import LiveProgress, PlainProgress, QuietProgress, progress
from scanner.errors import BundleError
from scanner.model.inventory import ShardStatus
from scanner.model.manifest import ShardRecord
from scanner.model.names import AccountId, RegionName, Shard

BUNDLE = Path(__file__).parents[2] / "sample_reports" / "bundle"
SHARD = Shard(AccountId("111111111111"), RegionName("eu-west-1"))


def record(status: ShardStatus) -> ShardRecord:
    return ShardRecord(account=SHARD.account, region=SHARD.region, status=status)


def tell(watcher: QuietProgress) -> None:
    with watcher:
        watcher.shards_total(2)
        watcher.shard_started(SHARD)
        watcher.called(SHARD, "backup:ListBackupPlans", ok=True)
        watcher.called(SHARD, "rds:DescribeDBInstances", ok=False)
        watcher.retried(SHARD, "ec2:DescribeVolumes", "Throttling", 0.1)
        watcher.shard_finished(record(ShardStatus.PARTIAL))
        watcher.shard_finished(record(ShardStatus.FAILED))


def test_the_table_and_the_files_are_told(tmp_path: Path) -> None:
    done = CliRunner().invoke(
        audit, ["evaluate", str(BUNDLE), "--out", str(tmp_path / "o"), "--format", "json,csv"]
    )
    assert done.exit_code == 0
    assert "resource-in-backup-plan" in done.stdout
    assert "reads are missing" in done.stdout
    assert "findings.csv" in done.stdout
    assert {path.name for path in (tmp_path / "o").iterdir()} >= {"findings.json", "findings.csv"}

    again = CliRunner().invoke(audit, ["report", str(tmp_path / "o"), "--format", "csv"])
    assert again.exit_code == 0
    assert again.stdout.strip().endswith("findings.csv")


def test_no_path_of_this_machine_is_filed(tmp_path: Path) -> None:
    folder = tmp_path / "o"
    CliRunner().invoke(audit, ["evaluate", str(BUNDLE), "--out", str(folder), "--format", "html,csv", "-q"])
    for name in ("findings.json", "report.html", "findings.csv", "manifest.json"):
        text = (folder / name).read_text("utf-8")
        assert str(BUNDLE.parents[1]) not in text
        assert str(tmp_path) not in text


def test_plain_progress_says_what_was_read(capsys: pytest.CaptureFixture[str]) -> None:
    tell(PlainProgress())
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "Reading 2 account-Regions and global services ..."
    assert told[-1].startswith("2 of 2 read: 2 calls, ")
    assert told[-1].endswith("1 refused or failed, 1 tried again, 1 of them not reached")


def test_plain_progress_speaks_up_once_a_minute(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 0.0, 61.0, 61.0, 61.0, 62.0, 62.0, 63.0])
    monkeypatch.setattr("scanner.cli.progress.time.monotonic", lambda: next(clock))
    watcher = PlainProgress()
    watcher.shard_finished(record(ShardStatus.COMPLETE))
    watcher.shard_finished(record(ShardStatus.COMPLETE))
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_live_progress_draws_a_bar() -> None:
    console = Console(force_terminal=True, width=120, record=True, file=None, stderr=True)
    tell(LiveProgress(console))
    assert "Reading evidence" in console.export_text()


def test_quiet_progress_only_counts(capsys: pytest.CaptureFixture[str]) -> None:
    watcher = progress(quiet=True)
    tell(watcher)
    assert capsys.readouterr().err == ""
    assert (watcher.counts.calls, watcher.counts.errors, watcher.counts.shards) == (2, 1, 2)


def fail(problem: BaseException) -> int:
    raise problem


@pytest.mark.parametrize(
    ("problem", "code", "told"),
    [
        (BundleError("the bundle is cut off"), 6, "error: the bundle is cut off\n"),
        (KeyboardInterrupt(), INTERRUPTED, "Interrupted. What was collected so far is kept on disk.\n"),
    ],
)
def test_errors_are_one_sentence(
    capsys: pytest.CaptureFixture[str], problem: BaseException, code: int, told: str
) -> None:
    assert guarded(lambda: fail(problem)) == code
    assert capsys.readouterr().err == told


def test_our_own_mistakes_come_with_their_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded(lambda: fail(ZeroDivisionError("oops"))) == BROKEN
    told = capsys.readouterr().err
    assert "Traceback" in told
    assert told.endswith("Please report it with the lines above.\n")
