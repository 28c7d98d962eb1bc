"""Text of the command line, of files and of AWS cannot disguise what a command prints."""

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

import pytest
from rich.table import Table
from rich.text import Text
from typer.testing import CliRunner

from scanner.cli.commands import audit
from scanner.cli.console import Console, plain_json
from scanner.cli.logs import configure
from tests.fakes.aws import CALLER, FakeAws, error, serve

ROOT: Final = Path(__file__).parents[2]
HOSTILE: Final = "x\x1b[31m\x1b]0;title\x07\r\u202e\u2066\u200b\x9b1mz"
CONTROL: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
)
"""What no output may contain: everything but tabs and line ends that moves, colors, hides or turns around."""


@pytest.fixture(autouse=True)
def _plain_log() -> Iterator[None]:
    yield
    configure(None)


def run(*words: str, **variables: str) -> str:
    """Run a command that fails in this process, and return what it prints on both streams."""
    environment: dict[str, str | None] = {name: None for name in os.environ if name.startswith("AWS_")}
    done = CliRunner().invoke(audit, words, env=environment | variables)
    assert done.exit_code not in (0, 1), done.exception
    return done.stdout + done.stderr


def run_process(*words: str) -> str:
    """Run a command that fails as a shell does."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    done = subprocess.run(
        [sys.executable, "-m", "scanner", *words],
        env=environment | {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"},
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert done.returncode not in (0, 1), done.stderr
    return (done.stdout + done.stderr).decode()


@pytest.mark.parametrize(
    "words",
    [
        ("report", f"/nowhere/{HOSTILE}"),
        ("evaluate", f"/nowhere/{HOSTILE}", "--log-format", "text"),
        ("evaluate", f"/nowhere/{HOSTILE}", "--log-format", "json"),
        ("report", "/nowhere", "--format", HOSTILE),
        ("run", f"--{HOSTILE}"),
        ("run", "--fail-on", HOSTILE),
        (HOSTILE,),
        ("report", "a", "b", HOSTILE),
        ("evaluate", "/nowhere", "--config", HOSTILE),
        ("evaluate", "/nowhere", "--controls", HOSTILE),
        ("report", f"s3://{HOSTILE}/x"),
        ("query", f"/nowhere/{HOSTILE}", "SELECT 1"),
        ("explain", f"/nowhere/{HOSTILE}", HOSTILE),
    ],
)
def test_words_of_the_command_line_are_shown_without_their_codes(words: tuple[str, ...]) -> None:
    shown = run(*words)
    assert "z" in shown
    assert not CONTROL.search(shown), shown


@pytest.mark.parametrize("words", [("explain", f"/nowhere/{HOSTILE}", HOSTILE), ("run", f"--{HOSTILE}")])
def test_a_process_shows_what_a_command_shows(words: tuple[str, ...]) -> None:
    assert run_process(*words).replace("python -m scanner", "audit") == run(*words)


def test_a_line_end_in_a_path_starts_no_message() -> None:
    lines = run_process("report", "/nowhere/x\nerror: the scan was deleted").splitlines()
    assert [line for line in lines if line.startswith("error")] == [lines[0]]
    assert lines[1].startswith("  error: the scan")


@pytest.fixture
def aws() -> Iterator[tuple[FakeAws, dict[str, str]]]:
    with serve() as (fake, endpoint):
        settings = {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": f"AKIA{CALLER}",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        yield fake, settings


@pytest.mark.parametrize("more", [(), ("--debug",), ("--log-format", "json")])
def test_messages_of_aws_are_shown_without_their_codes(
    aws: tuple[FakeAws, dict[str, str]], tmp_path: Path, more: tuple[str, ...]
) -> None:
    fake, settings = aws
    fake.script["organizations:ListAccounts"] = error("NewError", message=json.dumps(HOSTILE)[1:-1])
    out = str(tmp_path / "scan")
    shown = run("collect", "--org", "--region", "eu-west-1", "--out", out, *more, **settings)
    assert "NewError" in shown
    assert "title" in shown
    assert not CONTROL.search(shown), shown


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_console_writes_no_codes_but_its_own(is_terminal: bool) -> None:  # noqa: FBT001 -- pytest's
    file = io.StringIO()
    colors: Literal["standard"] | None = "standard" if is_terminal else None
    console = Console(file=file, force_terminal=is_terminal, width=200, color_system=colors)
    table = Table(HOSTILE)
    table.add_row(f"[bold]{HOSTILE}[/]")
    for text in (HOSTILE, Text(HOSTILE), table):
        console.print(text)
    own = re.compile(r"\x1b\[[0-9;]*m")
    shown = file.getvalue()
    assert bool(own.search(shown)) is is_terminal
    assert "\x1b[31m" not in shown
    assert not CONTROL.search(own.sub("", shown))


def test_json_keeps_its_values() -> None:
    document = json.dumps({HOSTILE: [HOSTILE, "ä"]}, ensure_ascii=False)
    plain = plain_json(document)
    assert not CONTROL.search(plain)
    assert "ä" in plain
    assert json.loads(plain) == json.loads(document)


def test_commands_print_through_one_module() -> None:
    printing = re.compile(r"from rich\.console import [^\n]*\bConsole\b|typer\.echo\(|(?<![.\w])print\(")
    folder = ROOT / "scanner" / "cli"
    users = {path.stem for path in folder.rglob("*.py") if printing.search(path.read_text("utf-8"))}
    assert users == {"commands", "console"}  # `--version` has to load no rich
