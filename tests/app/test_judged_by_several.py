"""`audit evaluate --jobs`: the same files whatever the number; nothing is left when it is cut short."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
BUNDLE: Final = ROOT / "sample_reports" / "bundle"
PATIENCE: Final = 120.0
CONTROLS: Final = ("resource-in-backup-plan", "vault-locked", "backup-jobs-succeed", "copy-arrives")
"""A few controls, of several tables: workers judge the account-Regions before any control is evaluated."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc"),
]


@contextmanager
def judging(tmp_path: Path, out: str, jobs: int) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the real command, in a session of its own, as a terminal does."""
    aside = tmp_path / "aside"
    aside.mkdir(exist_ok=True)
    words = ["evaluate", str(BUNDLE), "--out", str(tmp_path / out), "--format", "json", "--quiet"]
    words += [word for control in CONTROLS for word in ("--controls", control)]
    with subprocess.Popen(
        [sys.executable, "-m", "scanner", *words, "--jobs", str(jobs)],
        cwd=ROOT,
        env={**os.environ, "SQLITE_TMPDIR": str(aside)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        yield process


def told(process: "subprocess.Popen[bytes]") -> tuple[int, str]:
    _, err = process.communicate(timeout=PATIENCE)
    return process.returncode, err.decode()


def workers_of(session: int) -> list[int]:
    """Give the worker processes of a session; the tracker that Python adds is none."""
    return [pid for pid, command in commands_of(session).items() if b"spawn_main" in command]


def commands_of(session: int) -> dict[int, bytes]:
    found = {}
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and os.getsid(int(folder.name)) == session:
                found[int(folder.name)] = (folder / "cmdline").read_bytes()
        except OSError:
            continue  # it has ended meanwhile
    return {pid: command for pid, command in found.items() if command}


def wait_for_second_pass(process: "subprocess.Popen[bytes]", tmp_path: Path) -> list[int]:
    """Wait until workers judge: tables are being written, and what was put aside is complete."""
    until(lambda: any((tmp_path / "aside").glob("*/summaries.jsonl")) and two(process.pid))
    return workers_of(process.pid)


def two(session: int) -> bool:
    return len(workers_of(session)) == 2


def until(happens: "object") -> None:
    assert callable(happens)
    begun = time.monotonic()
    while not happens():
        assert time.monotonic() - begun < PATIENCE
        time.sleep(0.02)


def nothing_is_left(session: int, tmp_path: Path) -> None:
    until(lambda: not commands_of(session))
    assert not list((tmp_path / "aside").iterdir())
    assert not list(tmp_path.rglob("*.part"))


def files(folder: Path) -> dict[str, bytes]:
    kept = (*folder.glob("*/*.parquet"), folder / "findings.jsonl.gz", folder / "manifest.json")
    return {str(path.relative_to(folder)): path.read_bytes() for path in kept}


def test_the_files_are_the_same(tmp_path: Path) -> None:
    for jobs in (1, 3):
        with judging(tmp_path, str(jobs), jobs) as process:
            assert told(process) == (0, "")
            nothing_is_left(process.pid, tmp_path)
    assert files(tmp_path / "1") == files(tmp_path / "3")


def test_a_worker_that_is_killed_ends_the_command_with_advice(tmp_path: Path) -> None:
    with judging(tmp_path, "out", 2) as process:
        os.kill(wait_for_second_pass(process, tmp_path)[0], signal.SIGKILL)
        code, err = told(process)
    assert (code, "--jobs 1" in err, "Traceback" in err) == (1, True, False), err
    nothing_is_left(process.pid, tmp_path)


def test_ctrl_c_ends_all_processes_quietly(tmp_path: Path) -> None:
    with judging(tmp_path, "out", 2) as process:
        wait_for_second_pass(process, tmp_path)
        os.killpg(process.pid, signal.SIGINT)
        code, err = told(process)
    assert (code, "Traceback" in err) == (130, False), err
    nothing_is_left(process.pid, tmp_path)
    with judging(tmp_path, "out", 1) as again:
        code, err = told(again)
    assert (code, err) == (0, "")


def test_workers_clear_up_after_a_command_that_is_killed(tmp_path: Path) -> None:
    with judging(tmp_path, "out", 2) as process:
        wait_for_second_pass(process, tmp_path)
        process.kill()
        told(process)
    until(lambda: not commands_of(process.pid))
    assert not list((tmp_path / "aside").iterdir())
