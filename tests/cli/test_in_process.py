"""What the commands print, and how progress is told; run in this process, on the committed sample bundle."""

import errno
import io
import os
import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from scanner.app.judged import read_judged
from scanner.cli.commands import audit
from scanner.cli.console import Console
from scanner.cli.exits import BROKEN, INTERRUPTED, guarded
from scanner.cli.progress import LiveProgress, PlainProgress, QuietProgress, Tally, duration, progress
from scanner.cli.scan.summary import CONTROLS, next_commands
from scanner.errors import BundleError, OutputError, UsageError
from scanner.model.inventory import ShardStatus
from scanner.model.known import Gap, GapKind
from scanner.model.manifest import Scope, ShardRecord
from scanner.model.names import AWS_GLOBAL, ORG, AccountId, RegionName, Shard
from scanner.report.view.counts import Counts
from scanner.report.view.view import build

BUNDLE = Path(__file__).parents[2] / "sample_reports" / "bundle"
SHARD = Shard(AccountId("111111111111"), RegionName("eu-west-1"))
GLOBAL = Shard(SHARD.account, AWS_GLOBAL)


SCOPE = Scope(accounts=(SHARD.account, AccountId("222222222222")), regions=(SHARD.region,))


def record(status: ShardStatus, shard: Shard = SHARD) -> ShardRecord:
    return ShardRecord(account=shard.account, region=shard.region, status=status)


def tell(watcher: QuietProgress, *kept: Shard) -> None:
    with watcher:
        watcher.scope_known(SCOPE, kept)
        watcher.shard_started(SHARD)
        watcher.called(SHARD, "backup:ListBackupPlans", ok=True)
        watcher.called(SHARD, "rds:DescribeDBInstances", ok=False)
        watcher.retried(SHARD, "ec2:DescribeVolumes", "RequestLimitExceeded", 0.1)
        watcher.retried(SHARD, "ec2:DescribeVolumes", "InternalError", 0.1)
        watcher.shard_finished(record(ShardStatus.PARTIAL))
        watcher.shard_finished(record(ShardStatus.FAILED, GLOBAL))


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """The folder of a judged sample bundle, and what the command said."""
    folder = tmp_path_factory.mktemp("judged") / "o"
    words = "evaluate", str(BUNDLE), "--out", str(folder), "--format", "json,html,csv"
    return folder, CliRunner().invoke(audit, words)


def test_the_table_and_the_files_are_told(judged: tuple[Path, Result]) -> None:
    folder, done = judged
    assert done.exit_code == 0
    assert "resource-in-backup-plan" in done.stdout
    assert "reads are missing" in done.stdout
    assert "findings.csv" in done.stdout
    assert {path.name for path in folder.iterdir()} >= {"findings.json", "findings.csv"}

    again = CliRunner().invoke(audit, ["report", str(folder), "--format", "csv"])
    assert again.exit_code == 0
    assert again.stdout.strip().endswith("findings.csv")


def test_the_summary_fits_a_screen_and_names_the_worst(judged: tuple[Path, Result]) -> None:
    lines = judged[1].stdout.splitlines()
    assert len(lines) <= 40
    assert re.match(r"\d+ of \d+ resources are in no backup plan, ", lines[1])
    assert "evaluated checks failed" in lines[2]
    start = [line.strip() for line in lines].index("Worst controls")
    names = [line.split()[0] for line in lines[start + 1 :] if line.strip()]
    assert names[0] == "control"
    assert names[CONTROLS + 1] == "and"  # how many more fail
    assert names[1].startswith("resource-")


def test_the_next_commands_can_be_typed(judged: tuple[Path, Result]) -> None:
    lines = judged[1].stdout.splitlines()
    commands = lines[lines.index("Next") + 1 :]
    assert len(commands) == 3
    for command in commands:
        name, *words = shlex.split(command)
        assert name == "audit"
        assert CliRunner().invoke(audit, words).exit_code == 0, command


def test_a_scan_in_s3_is_copied_before_it_is_explained(judged: tuple[Path, Result]) -> None:
    view = build(read_judged(judged[0]))
    copy, explain, query = next_commands(view, "s3://bucket/a scan")
    assert copy == "aws s3 cp --recursive 's3://bucket/a scan' scan"
    assert explain.startswith("audit explain scan arn:")
    assert query.startswith('audit query scan "SELECT')


def test_a_scan_without_failures_is_checked_and_shared(judged: tuple[Path, Result]) -> None:
    view = replace(build(read_judged(judged[0])), controls=(), counts=Counts(passed=2))
    assert tuple(next_commands(view, "scan")) == ("audit verify scan", "audit report scan --format summary")


def test_no_path_of_this_machine_is_filed(judged: tuple[Path, Result]) -> None:
    folder, _ = judged
    for name in ("findings.json", "report.html", "findings.csv", "manifest.json"):
        text = (folder / name).read_text("utf-8")
        assert str(BUNDLE.parents[1]) not in text
        assert str(folder.parent) not in text


def test_plain_progress_says_what_was_read(capsys: pytest.CaptureFixture[str]) -> None:
    tell(PlainProgress())
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "Reading 4 account-Regions in 2 accounts ..."
    assert told[-1].startswith("1 of 2 accounts, 2 of 4 account-Regions: 2 calls, ")
    assert told[-1].endswith("/s, 1 refused or failed, 1 throttled, 2 retried, 1 not reached")
    assert len(told) == 2


def test_progress_remembers_once_why_an_account_could_not_be_entered() -> None:
    role = f"arn:aws:iam::{SHARD.account}:role/Scan"
    refusal = Gap(SHARD.account, AWS_GLOBAL, "sts:AssumeRole", role, GapKind.REFUSED, "AccessDenied", "No.")
    with QuietProgress() as watcher:
        watcher.account_not_entered(refusal)
        watcher.account_not_entered(refusal)
    assert watcher.tally.refusals() == (refusal,)


def test_a_resumed_scan_counts_what_is_there_once(capsys: pytest.CaptureFixture[str]) -> None:
    tell(PlainProgress(), GLOBAL, Shard(SHARD.account, ORG))
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "Reading 4 account-Regions in 2 accounts; 1 already read ..."
    assert told[-1].startswith("1 of 2 accounts, 2 of 4 account-Regions: ")


def test_plain_progress_speaks_up_when_no_shard_ends(capsys: pytest.CaptureFixture[str]) -> None:
    told: list[str] = []
    with PlainProgress(interval=0.001):
        while len(told) < 3:  # however long it takes
            told += capsys.readouterr().err.splitlines()
    assert told[0].startswith("Reading the scope: 0 calls")


def test_nothing_is_summed_up_before_anything_was_known(capsys: pytest.CaptureFixture[str]) -> None:
    with PlainProgress():
        pass
    assert capsys.readouterr().err == ""


def test_live_progress_draws_a_bar() -> None:
    console = Console(force_terminal=True, width=200, record=True, file=io.StringIO())
    tell(LiveProgress(console))
    drawn = console.export_text()
    assert "Reading evidence" in drawn
    assert "1 of 2 accounts, 2 of 4 account-Regions: 2 calls" in drawn


def test_quiet_progress_only_counts(capsys: pytest.CaptureFixture[str]) -> None:
    watcher = progress(quiet=True)
    tell(watcher)
    assert capsys.readouterr().err == ""
    tally = watcher.tally
    assert (tally.calls, tally.errors, tally.throttles, tally.shards) == (2, 1, 1, 2)


def test_the_time_left_is_told_when_there_is_something_to_go_on() -> None:
    now = [0.0]
    tally = Tally(lambda: now[0])
    regions = tuple(RegionName(f"region-{number}") for number in range(9))
    account = SHARD.account
    tally.know(Scope(accounts=(account,), regions=regions), {Shard(account, regions[8])})
    for number in range(8):
        now[0] += 5.0
        assert (tally.seconds_left() is None) == (number < 6), number
        status = ShardStatus.SKIPPED if number == 0 else ShardStatus.COMPLETE
        tally.finish(record(status, Shard(account, regions[number])))
    # Seven shards in forty seconds; the global one is left, the skipped and the old one do not count.
    assert tally.seconds_left() == pytest.approx(40 / 7)
    assert tally.line().endswith("about 6 s left")


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.2, "1 s"), (59.4, "59 s"), (61, "1 min"), (3599, "60 min"), (5400, "1.5 h")]
)
def test_durations(seconds: float, told: str) -> None:
    assert duration(seconds) == told


def fail(problem: BaseException) -> int:
    raise problem


@pytest.mark.parametrize(
    ("problem", "code", "told"),
    [
        (BundleError("the bundle is cut off"), 6, "error: the bundle is cut off\n"),
        (KeyboardInterrupt(), INTERRUPTED, "Interrupted. Collected evidence is kept on disk.\n"),
        (RuntimeError("Query interrupted"), INTERRUPTED, "Interrupted.\n"),
    ],
)
def test_errors_are_one_sentence(
    capsys: pytest.CaptureFixture[str], problem: BaseException, code: int, told: str
) -> None:
    assert guarded(lambda: fail(problem)) == code
    assert capsys.readouterr().err == told


@pytest.mark.parametrize("number", [errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR])
def test_a_path_that_cannot_be_is_a_usage_error(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    problem = OSError(number, os.strerror(number), "x" * 5_000)
    assert guarded(lambda: fail(problem)) == UsageError.exit_code
    said = capsys.readouterr().err
    assert os.strerror(number) in said
    assert "Traceback" not in said
    assert len(said) < 300


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE])
def test_a_full_disk_is_no_internal_error(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    problem = OSError(number, os.strerror(number), "/scans/file")
    assert guarded(lambda: fail(problem)) == OutputError.exit_code
    said = capsys.readouterr().err
    assert f"error: /scans/file could not be written: {os.strerror(number)}." in said
    assert ("ulimit" in said) == (number == errno.EMFILE)
    assert "Traceback" not in said


def test_our_own_mistakes_come_with_their_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded(lambda: fail(ZeroDivisionError("oops"))) == BROKEN
    told = capsys.readouterr().err
    assert "Traceback" in told
    assert told.endswith("internal error (please report it with the lines above)\n")
