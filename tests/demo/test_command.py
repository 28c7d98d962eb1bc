"""`audit demo` runs the ordinary command, in an environment that knows the simulation only."""

import json
import os
import sys
from pathlib import Path

import pytest

from scanner.demo.command import CONFIG, clear, is_demo_scan, run_scan, scan_arguments
from scanner.demo.serve import Demo
from scanner.demo.story.accounts import MANAGEMENT
from scanner.errors import UsageError


def _manifest(folder: Path, account: str) -> Path:
    folder.mkdir()
    manifest = {"schema": "backup-audit/manifest/1", "scope": {"management_account": account}}
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def test_the_ordinary_command_is_run(demo: Demo) -> None:
    assert scan_arguments(demo, Path("out"), "html,json", quiet=True) == [
        *(sys.executable, "-m", "scanner", "run", "--org", "--out", "out"),
        *("--role-name", "VaultproofReadOnly", "--config", str(CONFIG)),
        *("--region", "eu-west-1", "--region", "eu-central-1", "--region", "us-east-1"),
        *("--region", "eu-south-1"),
        *("--as-of", "2026-11-20T06:00:00Z", "--format", "html,json", "--quiet"),
    ]


def test_named_controls_are_passed_on_and_everything_is_collected(demo: Demo) -> None:
    arguments = scan_arguments(demo, Path("out"), None, ["dora", "vault-locked"], quiet=False)
    named = ["--controls", "dora", "--controls", "vault-locked", "--collect", "all"]
    assert arguments[-len(named) :] == named


def test_what_is_not_asked_for_is_not_passed_on(demo: Demo) -> None:
    arguments = scan_arguments(demo, Path("out"), None, quiet=False)
    assert "--format" not in arguments
    assert "--quiet" not in arguments


def test_an_earlier_demo_scan_is_replaced(tmp_path: Path) -> None:
    folder = _manifest(tmp_path / "demo-report", MANAGEMENT)
    clear(folder, tmp_path)
    assert not folder.exists()


@pytest.mark.parametrize(("account", "is_demo"), [(MANAGEMENT, True), ("123456789012", False), (None, False)])
def test_a_scan_that_was_killed_has_a_journal_only(
    tmp_path: Path, account: str | None, *, is_demo: bool
) -> None:
    (tmp_path / "journal.jsonl").write_text(json.dumps({"caller": {"account": account}}) + "\n{", "utf-8")
    assert is_demo_scan(tmp_path) is is_demo


def test_a_real_scan_is_not(tmp_path: Path) -> None:
    folder = _manifest(tmp_path / "real", "123456789012")
    with pytest.raises(UsageError, match="not the folder of an earlier demo scan"):
        clear(folder, tmp_path)
    assert (folder / "manifest.json").exists()


def test_nor_is_the_folder_that_one_stands_in(tmp_path: Path) -> None:
    folder = _manifest(tmp_path / "here", MANAGEMENT)
    with pytest.raises(UsageError):
        clear(folder, folder / "below")


@pytest.mark.parametrize("text", ["", "[]", '{"scope": 1}', '{"scope": {}, "caller": null}', "\xff"])
def test_a_manifest_that_is_none_is_no_demo_scan(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text, encoding="latin-1")
    assert not is_demo_scan(tmp_path)


def test_a_new_or_empty_folder_is_welcome(tmp_path: Path) -> None:
    clear(tmp_path / "new", tmp_path)
    (tmp_path / "empty").mkdir()
    clear(tmp_path / "empty", tmp_path)


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept", encoding="utf-8")
    with pytest.raises(UsageError):
        clear(tmp_path / "file", tmp_path)


def test_the_exit_code_and_the_environment_are_the_scans(demo: Demo) -> None:
    program = "import os, sys; sys.exit(10 if os.environ['AWS_ENDPOINT_URL'].startswith('http://127') else 1)"
    assert run_scan([sys.executable, "-c", program], demo.scrubbed(os.environ)) == 10


def test_an_interrupted_scan_counts_as_interrupted(demo: Demo) -> None:
    program = "import os, signal; signal.signal(2, signal.SIG_DFL); os.kill(os.getpid(), signal.SIGINT)"
    assert run_scan([sys.executable, "-c", program], demo.scrubbed(os.environ)) == 130
