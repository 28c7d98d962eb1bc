"""The ordinary commands against the simulated organisation: what is recorded, repeated and kept."""

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from scanner.demo.clock import DEMO_CLOCK
from scanner.demo.serve import DEFAULT_SEED, Demo, serve

pytestmark = pytest.mark.slow

ROOT: Final = Path(__file__).parents[2]
AS_OF: Final = DEMO_CLOCK.strftime("%Y-%m-%dT%H:%M:%SZ")
CONTROLS: Final = (
    "account-region-assessed",
    "copy-destination-exists",
    "resource-in-backup-plan",
    "vault-locked",
)
"""Controls of the whole scan: what is tested here depends on none, and all take seconds."""
NO_SOCKETS: Final = """
import sys
def refuse(event, arguments):
    if event.startswith("socket."):
        raise AssertionError("a socket was opened: " + event)
sys.addaudithook(refuse)
from scanner.cli import main
sys.argv[0] = "audit"
main()
"""


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    with serve(DEFAULT_SEED) as running:
        yield running


def command(*arguments: str | Path, demo: Demo | None, cwd: Path) -> "subprocess.Popen[str]":
    environment = demo.scrubbed(os.environ) if demo else dict(os.environ)
    return subprocess.Popen(
        [sys.executable, "-m", "scanner", *map(str, arguments)],
        cwd=cwd,
        env=environment | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    out, err = process.communicate(timeout=180)
    assert "Traceback" not in err
    return process.returncode, out, err


@pytest.fixture(scope="module")
def scan(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scan")
    code, _, err = finish(
        command(
            "run", "--org", "--role-name", demo.role_name, "--region", demo.regions[0], "--as-of", AS_OF,
            *(word for control in CONTROLS for word in ("--controls", control)),
            "--out", folder / "s", "--format", "json", demo=demo, cwd=folder,
        )
    )  # fmt: skip
    # One account of the demo organisation cannot be entered: that is said, and ends with 4.
    (line,) = (line for line in err.splitlines() if line.startswith("warning: "))
    assert (code, "Account 555555555555 could not be entered" in line) == (4, True), err
    assert "audit policy --part trust" in line
    return folder / "s"


def test_evaluate_gives_the_same_findings_without_a_socket(scan: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", NO_SOCKETS, "evaluate", scan, "--out", tmp_path, "--format", "html,json"],
        cwd=tmp_path,
        env=dict(os.environ) | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "findings.jsonl.gz").read_bytes() == (scan / "findings.jsonl.gz").read_bytes()
    source = json.loads((tmp_path / "manifest.json").read_bytes())["source"]
    assert len(source["manifest_sha256"]) == 64


def test_the_guard_against_sockets_can_fail(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", NO_SOCKETS, "run", "--out", tmp_path / "s"],
        env=dict(os.environ)
        | {"PYTHONPATH": str(ROOT), "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
        | {"AWS_DEFAULT_REGION": "eu-west-1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "a socket was opened" in done.stderr


def test_no_call_is_made_twice(scan: Path) -> None:
    for file in sorted((scan / "evidence").rglob("*.jsonl.gz")):
        calls = [json.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()]
        asked = [
            json.dumps([c["service"], c["operation"], c["parameters"], c.get("region")], sort_keys=True)
            for c in calls
        ]
        assert len(asked) == len(set(asked)), file


def test_reports_are_made_of_a_judged_scan(scan: Path, tmp_path: Path) -> None:
    code, out, _ = finish(command("report", scan, "--format", "markdown,csv", demo=None, cwd=tmp_path))
    assert code == 0
    assert (scan / "summary.md").is_file()
    assert "summary.md" in out


def test_collect_alone_judges_nothing(demo: Demo, tmp_path: Path) -> None:
    code, out, _ = finish(
        command(
            "collect", "--account", "222222222222", "--region", "eu-west-1", "--role-name", demo.role_name,
            "--out", "bundle", "--quiet", demo=demo, cwd=tmp_path,
        )
    )  # fmt: skip
    assert (code, out) == (0, "bundle\n")
    made = sorted(path.name for path in (tmp_path / "bundle").iterdir())
    assert made == ["evidence", "journal.jsonl", "manifest.json"]


def test_an_unknown_region_gets_a_suggestion(demo: Demo, tmp_path: Path) -> None:
    code, _, err = finish(
        command("run", "--org", "--region", "eu-wset-1", "--out", "s", demo=demo, cwd=tmp_path)
    )
    assert code == 2
    assert "eu-wset-1" in err
    assert "eu-west-1" in err
    assert not (tmp_path / "s" / "manifest.json").exists()


def test_nothing_in_scope(demo: Demo, tmp_path: Path) -> None:
    code, _, err = finish(
        command(
            "run", "--org", "--ou", "ou-none-12345678", "--region", "eu-west-1", "--out", "s",
            demo=demo, cwd=tmp_path,
        )
    )  # fmt: skip
    assert code in (2, 3)
    assert "ou-none-12345678" in err


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_keeps_what_was_collected(demo: Demo, tmp_path: Path, number: int, exit_code: int) -> None:
    running = command(
        "run", "--org", "--role-name", demo.role_name, "--out", "s", "--as-of", AS_OF,
        "--region", "eu-west-1", "--region", "us-east-1", "--region", "eu-central-1",
        "--concurrency", "1", "--format", "json", demo=demo, cwd=tmp_path,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not list((tmp_path / "s").glob("evidence/*/*.jsonl.gz")):
        time.sleep(0.02)
    running.send_signal(number)
    code, _, err = finish(running)
    assert code == exit_code
    assert "kept" in err
    assert "Resume with: audit run --resume s" in err
    manifest = json.loads((tmp_path / "s" / "manifest.json").read_bytes())
    assert manifest["shards"]

    code, _, err = finish(
        command(
            "evaluate", "s", "--controls", "vault-locked", "--format", "json", "--require-complete",
            demo=None, cwd=tmp_path,
        )
    )  # fmt: skip
    assert code == 4, err  # what was not collected is missing, and nothing worse
