"""Commands whose output is lost end with 5 and one sentence: the device is full, or stdout is closed."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from scanner.app.criteria import Judgement
from scanner.app.judgement import evaluate
from scanner.cli.commands import COMMANDS
from scanner.evaluate.controls.loader import load_controls
from tests.fakes.bundles import BundleBuilder, rule, volume_arn

ROOT = Path(__file__).parents[2]
FULL = Path("/dev/full")
RESULTS = {
    "controls": ("controls", "list"),
    "policy": ("policy",),
    "query": ("query", "SCAN", "SELECT 1"),
    "explain": ("explain", "SCAN", volume_arn("vol-1"), "--out", "-"),
    "blast-radius": ("blast-radius", "SCAN"),
    "graph": ("graph", "SCAN"),
    "diff": ("diff", "SCAN", "OTHER"),
    "verify": ("verify", "SCAN"),
    "init": ("init", "--out", "NEW"),
    "fix": ("fix", "SCAN"),
    "version": ("--version",),
    "help": ("run", "--help"),
}
"""Commands whose result is what they print. SCAN, OTHER and NEW are replaced by paths."""

WITHOUT_PRINTED_RESULT = {"check", "status", "notify", "sign", "what-if"}
"""Commands that call AWS, or write files: the table cannot run them."""


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folders = {}
    for name in ("SCAN", "OTHER"):
        bundle = BundleBuilder(tmp_path_factory.mktemp(name.lower()))
        shard = bundle.shard().settings().vault("main").volume("vol-1")
        shard.plan("daily", rules=[rule()], selections=[{"Resources": [volume_arn("vol-1")]}])
        folder = bundle.write()
        evaluate(folder, folder, Judgement(controls=load_controls(("resource-in-backup-plan",))), ())
        folders[name] = str(folder)
    return folders


def run(
    words: tuple[str, ...],
    scans: dict[str, str],
    tmp_path: Path,
    *,
    stdout: int,
    prepare: Callable[[], None] | None = None,
) -> tuple[int, str]:
    places = scans | {"NEW": str(tmp_path / "audit.yaml")}
    done = subprocess.run(
        [sys.executable, "-m", "scanner", *(places.get(word, word) for word in words)],
        env=dict(os.environ) | {"PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=120,
        preexec_fn=prepare,
    )
    return done.returncode, done.stderr


@pytest.mark.skipif(not FULL.exists(), reason="this system has no device that is always full")
@pytest.mark.parametrize("name", RESULTS)
def test_a_full_device(name: str, scans: dict[str, str], tmp_path: Path) -> None:
    with FULL.open("w") as full:
        code, errors = run(RESULTS[name], scans, tmp_path, stdout=full.fileno())
    assert (code, "Traceback" in errors) == (5, False)
    (sentence,) = [line for line in errors.splitlines() if line.startswith("error: ")]
    assert sentence.startswith("error: The output could not be written: No space left on device.")


@pytest.mark.parametrize("name", ["policy", "query", "version"])
def test_a_closed_standard_output(name: str, scans: dict[str, str], tmp_path: Path) -> None:
    code, errors = run(RESULTS[name], scans, tmp_path, stdout=subprocess.DEVNULL, prepare=lambda: os.close(1))
    assert code == 5
    assert errors.startswith("error: Standard output is closed")
    assert len(errors.splitlines()) == 1


def test_reports_are_not_written_to_standard_output(scans: dict[str, str], tmp_path: Path) -> None:
    words = ("report", "SCAN", "--format", "csv", "--out", "-")
    code, errors = run(words, scans, tmp_path, stdout=subprocess.DEVNULL)
    assert code == 2
    assert errors.startswith("error: --out - is not a folder")
    assert not (tmp_path / "-").exists()


def test_every_command_is_in_the_table_or_prints_no_result() -> None:
    assert set(COMMANDS) <= {*RESULTS, *WITHOUT_PRINTED_RESULT}
