"""Commands as cron and systemd start them: signals, streams that are closed, lines for logs, environment."""

import io
import json
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

import pytest
from rich.console import Console
from typer.testing import CliRunner

from scanner.cli import logs
from scanner.cli.commands import audit
from scanner.cli.exits import guarded
from scanner.cli.logs import HIDDEN, LogFormat, configure, say, say_exception, without_credentials
from scanner.cli.progress import LiveProgress, PlainProgress
from scanner.model.names import AccountId, RegionName, Shard
from tests.fakes.bundles import BundleBuilder, rule, volume_arn

ROOT: Final = Path(__file__).parents[2]
SHARD: Final = Shard(AccountId("111111111111"), RegionName("eu-west-1"))
CANARY: Final = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


def process(*words: str | Path, **options: Any) -> "subprocess.Popen[str]":
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **options.pop("env", {})}
    command = [sys.executable, "-m", "scanner", *map(str, words)]
    return subprocess.Popen(command, env=environment, text=True, **options)


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Return the words that evaluate a bundle with a volume in no plan."""
    builder = BundleBuilder(tmp_path_factory.mktemp("bundle"))
    shard = builder.shard().settings().vault("main").volume("vol-1").volume("vol-2")
    shard.plan("daily", rules=[rule()], selections=[{"Resources": [volume_arn("vol-1")]}])
    folder = builder.record().write()
    return ("evaluate", str(folder), "--controls", "resource-in-backup-plan", "--format", "json")


@pytest.fixture(autouse=True)
def _plain_again() -> Any:
    yield
    configure(None)


# --- signals ------------------------------------------------------------------------------------------------

WAIT: Final = """
import sys, time
from scanner.cli import exits
exits.handle_termination()
def work():
    print("ready", flush=True)
    time.sleep(60)
sys.exit(exits.guarded(work))
"""


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)]
)
def test_a_signal_ends_a_command_as_ctrl_c_does(number: int, code: int) -> None:
    child = subprocess.Popen(
        # Whoever started the tests may ignore SIGHUP (nohup), and a child inherits that.
        [sys.executable, "-c", f"import signal; signal.signal(signal.SIGHUP, signal.SIG_DFL)\n{WAIT}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    child.send_signal(number)
    _, errors = child.communicate(timeout=30)
    assert (child.returncode, "Interrupted." in errors, "Traceback" in errors) == (code, True, False)


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    script = f"import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n{WAIT}"
    child = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    child.send_signal(signal.SIGHUP)
    time.sleep(0.2)
    assert child.poll() is None
    child.send_signal(signal.SIGTERM)
    child.communicate(timeout=30)
    assert child.returncode == 143


# --- streams ------------------------------------------------------------------------------------------------


def test_a_closed_stdout_and_stderr_change_nothing(words: tuple[str, ...], tmp_path: Path) -> None:
    def close() -> None:
        for number in (0, 1, 2):
            os.close(number)

    child = process(*words, "--out", tmp_path / "out", "--fail-on", "info", preexec_fn=close)
    assert child.wait(timeout=120) == 10
    document = json.loads((tmp_path / "out" / "findings.json").read_bytes())
    assert document["findings"]


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_nobody_reads_the_output(words: tuple[str, ...], tmp_path: Path, stream: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    other = {"stdout": "stderr", "stderr": "stdout"}[stream]
    streams: dict[str, Any] = {stream: writer, other: subprocess.PIPE}
    child = process(*words, "--out", tmp_path / "out", "--fail-on", "info", **streams)
    os.close(writer)
    out, err = child.communicate(timeout=120)
    assert (child.returncode, "Traceback" in (out or "") + (err or "")) == (10, False)
    assert (tmp_path / "out" / "manifest.json").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_a_summary_that_cannot_be_written_is_said(words: tuple[str, ...], tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        child = process(*words, "--out", tmp_path / "out", stdout=full, stderr=subprocess.PIPE)
        _, errors = child.communicate(timeout=120)
    assert (child.returncode, "summary could not be printed" in errors) == (0, True)


# --- one line -----------------------------------------------------------------------------------------------


def test_quiet_prints_counts_score_and_place_in_one_line(words: tuple[str, ...], tmp_path: Path) -> None:
    done = CliRunner().invoke(audit, [*words, "--out", str(tmp_path / "out"), "-q"])
    (line,) = done.stdout.splitlines()
    assert line.endswith(f"; {tmp_path / 'out'}")
    for part in ("pass, ", "fail, ", "unknown; score "):
        assert part in line


# --- logging ------------------------------------------------------------------------------------------------


def test_lines_of_json_have_time_level_and_message(capsys: pytest.CaptureFixture[str]) -> None:
    configure(LogFormat.JSON)
    say("warning: Account 1 was not read.")
    say("Reading 4 account-Regions ...")
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert (first["level"], first["message"]) == ("warning", "Account 1 was not read.")
    assert (second["level"], second["message"]) == ("info", "Reading 4 account-Regions ...")
    assert first["time"].endswith("Z")


def test_lines_of_text_have_a_time_and_plain_ones_have_none(capsys: pytest.CaptureFixture[str]) -> None:
    say("error: no")
    configure(LogFormat.TEXT)
    say("error: no")
    plain, timed = capsys.readouterr().err.splitlines()
    assert plain == "error: no"
    assert timed.endswith("Z ERROR no")


@pytest.mark.parametrize(
    ("options", "shown"),
    [({}, 0), ({"verbose": True}, 1), ({"debug": True}, 4)],
)
def test_details_are_shown_when_they_are_asked_for(
    capsys: pytest.CaptureFixture[str], options: dict[str, bool], shown: int
) -> None:
    from scanner.model.inventory import ShardStatus  # noqa: PLC0415
    from scanner.model.manifest import ShardRecord  # noqa: PLC0415

    configure(LogFormat.JSON, **options)
    with PlainProgress() as watcher:
        watcher.shard_started(SHARD)
        watcher.called(SHARD, "backup:ListBackupPlans", ok=True)
        watcher.retried(SHARD, "ec2:DescribeVolumes", "RequestLimitExceeded", 0.1)
        watcher.shard_finished(
            ShardRecord(account=SHARD.account, region=SHARD.region, status=ShardStatus.COMPLETE)
        )
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert len([line for line in lines if line["logger"] == "scanner.cli.progress"]) == shown


def test_boto_is_never_shown(capsys: pytest.CaptureFixture[str]) -> None:
    configure(LogFormat.TEXT, debug=True)
    logging.getLogger("botocore.auth").debug("Signature %s", CANARY)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("log_format", LogFormat)
def test_no_credential_is_logged(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, log_format: LogFormat
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "canary-session-token")
    configure(log_format, debug=True)
    try:
        raise ValueError(f"SecretAccessKey={CANARY} of ASIAIOSFODNN7EXAMPLE")  # noqa: TRY301
    except ValueError as problem:
        say_exception("error: canary-session-token", problem)
    logging.getLogger("scanner.anything").debug('"SessionToken": "%s"', CANARY)
    errors = capsys.readouterr().err
    assert HIDDEN in errors
    assert not [each for each in (CANARY, "ASIAIOSFODNN7EXAMPLE", "canary-session-token") if each in errors]


def test_what_is_no_credential_stays() -> None:
    text = "arn:aws:iam::111111111111:role/VaultproofReadOnly in eu-west-1: AccessDenied"
    assert without_credentials(text) == text


def test_an_internal_error_is_one_json_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure(LogFormat.JSON)

    def fail() -> int:
        raise RuntimeError("oh")

    assert guarded(fail) == 1
    (line,) = map(json.loads, capsys.readouterr().err.splitlines())
    assert ("internal error" in line["message"], "RuntimeError: oh" in line["exception"]) == (True, True)


def test_a_log_draws_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    from scanner.cli import progress as module  # noqa: PLC0415

    monkeypatch.setattr(module, "Console", lambda **_: Console(force_terminal=True, file=io.StringIO()))
    assert isinstance(module.progress(quiet=False), LiveProgress)
    configure(LogFormat.JSON)
    assert type(module.progress(quiet=False)) is PlainProgress
    assert logs.has_lines()


# --- options ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["VAULTPROOF_FAIL_ON", "VAULTPROOF_EVALUATE_FAIL_ON"])
def test_options_are_read_from_the_environment(words: tuple[str, ...], tmp_path: Path, name: str) -> None:
    command = [*words, "--out", str(tmp_path / "out"), "-q"]
    assert CliRunner().invoke(audit, command, env={name: "info"}).exit_code == 10
    assert CliRunner().invoke(audit, command, env={name: "bad"}).exit_code == 2


def test_the_command_line_wins_over_the_environment(words: tuple[str, ...], tmp_path: Path) -> None:
    chosen, other = tmp_path / "chosen", tmp_path / "other"
    done = CliRunner().invoke(audit, [*words, "-q", "--out", str(chosen)], env={"VAULTPROOF_OUT": str(other)})
    assert (done.exit_code, chosen.exists(), other.exists()) == (0, True, False)


def test_the_help_names_the_variables() -> None:
    done = CliRunner().invoke(audit, ["run", "-h"], env={"COLUMNS": "200"})
    assert done.exit_code == 0
    for name in ("VAULTPROOF_ORG", "VAULTPROOF_LOG_FORMAT", "VAULTPROOF_FAIL_ON"):
        assert f"[env var: {name}]" in " ".join(done.stdout.split())


def test_no_format_of_run_reaches_other_commands() -> None:
    done = CliRunner().invoke(audit, ["check", "-h"], env={"COLUMNS": "200"})
    assert "[env var: VAULTPROOF_CHECK_FORMAT;" in " ".join(done.stdout.split())


@pytest.mark.parametrize("word", ["-V", "--version"])
def test_the_version_has_a_short_option(word: str) -> None:
    done = CliRunner().invoke(audit, [word])
    assert (done.exit_code, done.stdout.startswith("vaultproof ")) == (0, True)


def test_no_color_is_passed_on(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "")
    CliRunner().invoke(audit, [*words, "--out", str(tmp_path / "out"), "--no-color", "-q"])
    assert os.environ["NO_COLOR"] == "1"
