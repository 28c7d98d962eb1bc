"""--resume and --out on the command line: which folder is taken, and what is said."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from scanner.cli.commands import audit
from scanner.cli.exits import INTERRUPTED, advising_to_resume, guarded
from scanner.errors import OutputError, UsageError
from tests.fakes.aws import FakeAws, error, xml_error

pytestmark = pytest.mark.slow

Audit = Callable[..., Result]


@pytest.fixture
def command(aws: FakeAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Audit:
    """Run the command in a folder of its own, on one account in one Region."""
    assert aws
    monkeypatch.chdir(tmp_path)
    for key in ("ssm-sap:ListDatabases", "cloudformation:DescribeStacks"):
        aws.script.setdefault(key, error("AccessDeniedException", 403))

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(audit, [*arguments])

    return run


def cut(folder: Path, lines: int) -> None:
    path = folder / "journal.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:lines]))


def test_from_the_first_call_to_a_finished_scan(command: Audit, aws: FakeAws, tmp_path: Path) -> None:
    scan = tmp_path / "scan"
    assert command("collect", "--region", "eu-west-1", "--out", "scan", "-q").exit_code == 0
    cut(scan, 3)
    (scan / "manifest.json").unlink()

    refused = command("collect", "--region", "eu-west-1", "--out", "scan")
    assert refused.exit_code == 2
    assert "audit run --resume scan" in refused.stderr

    asked = len(aws.requests)
    done = command("collect", "--resume", "scan")
    assert (done.exit_code, done.stdout) == (0, "scan\n")
    assert len(aws.requests) > asked
    assert "1 already read" in done.stderr

    asked = len(aws.requests)
    again = command("collect", "--resume", "scan", "--region", "eu-west-1")
    assert again.exit_code == 0
    assert "no calls were made" in again.stderr
    assert len(aws.requests) == asked


def test_a_manifest_that_was_written_is_kept(command: Audit, tmp_path: Path) -> None:
    scan = tmp_path / "scan"
    assert command("collect", "--region", "eu-west-1", "--out", "scan", "-q").exit_code == 0
    before = (scan / "manifest.json").read_bytes()
    judged = before.replace(b'"signature": null', b'"signature": "kept"')
    (scan / "manifest.json").write_bytes(judged)
    assert command("collect", "--resume", "scan", "-q").exit_code == 0
    assert (scan / "manifest.json").read_bytes() == judged
    (scan / "manifest.json").unlink()
    assert command("collect", "--resume", "scan", "-q").exit_code == 0
    assert (scan / "manifest.json").read_bytes() == before


def test_a_scan_that_ended_before_its_scope_was_known(command: Audit, aws: FakeAws, tmp_path: Path) -> None:
    ended = command("collect", "--org", "--ou", "ou-none", "--region", "eu-west-1", "--out", "scan")
    assert ended.exit_code != 0
    assert (tmp_path / "scan" / "journal.jsonl").exists()
    contradiction = command("collect", "--resume", "scan", "--ou", "ou-other")
    assert contradiction.exit_code == 2
    assert "which is ou-none" in contradiction.stderr
    # Whoever sees the mistake says it right, in the same folder; the organisation's evidence goes.
    assert command("collect", "--region", "eu-west-1", "--out", "scan", "-q").exit_code == 0
    assert not (tmp_path / "scan" / "evidence" / "org.jsonl.gz").exists()
    assert aws.requests


def test_credentials_that_ended(command: Audit, aws: FakeAws, tmp_path: Path) -> None:
    assert command("collect", "--region", "eu-west-1", "--out", "scan", "-q").exit_code == 0
    cut(tmp_path / "scan", 3)
    aws.script["sts:GetCallerIdentity"] = xml_error("ExpiredToken", 403, "It has expired.")
    ended = command("collect", "--resume", "scan")
    assert ended.exit_code == 2
    assert "Resume with: audit collect --resume scan" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--resume", "nowhere"), "There is no scan to resume in nowhere"),
        (("--resume", "a", "--out", "b"), "cannot be combined with --out"),
    ],
)
def test_what_cannot_be_resumed(command: Audit, arguments: tuple[str, ...], told: str) -> None:
    done = command("collect", *arguments)
    assert done.exit_code == 2
    assert told in done.stderr


def test_a_journal_of_another_version_is_in_the_way(command: Audit, tmp_path: Path) -> None:
    (tmp_path / "scan").mkdir()
    (tmp_path / "scan" / "journal.jsonl").write_text("{}\n")
    assert "--out" in command("collect", "--out", "scan").stderr
    assert command("collect", "--resume", "scan").exit_code == 6


@pytest.mark.parametrize(
    ("problem", "code", "told"),
    [
        (KeyboardInterrupt(), INTERRUPTED, "kept on disk. Resume with: audit run --resume "),
        (OutputError("The disk is full."), 5, "error: The disk is full. Resume with: audit run --resume "),
        (UsageError("Wrong."), 2, "error: Wrong.\n"),
    ],
)
def test_the_way_on_is_told(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    problem: BaseException,
    code: int,
    told: str,
) -> None:
    def fail() -> int:
        with advising_to_resume("run", tmp_path):
            raise problem

    (tmp_path / "journal.jsonl").touch()
    assert guarded(fail) == code
    assert told in capsys.readouterr().err


def test_nothing_is_promised_where_nothing_was_begun(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> int:
        with advising_to_resume("run", tmp_path):
            raise KeyboardInterrupt

    assert guarded(fail) == INTERRUPTED
    assert "--resume" not in capsys.readouterr().err
