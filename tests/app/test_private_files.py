"""Files of a scan are readable for their owner alone, whatever the umask: temporary ones, too."""

import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from scanner.demo.clock import DEMO_CLOCK
from scanner.demo.serve import DEFAULT_SEED, Demo, serve
from scanner.model.formats import FORMATS

ROOT: Final = Path(__file__).parents[2]
AS_OF: Final = DEMO_CLOCK.strftime("%Y-%m-%dT%H:%M:%SZ")
OTHERS: Final = 0o077
CONTROLS: Final = ("resource-in-backup-plan", "backup-jobs-succeed", "vault-locked")


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    with serve(DEFAULT_SEED) as running:
        yield running


class Watch(threading.Thread):
    """Collects the modes of everything that appears below some folders until it is stopped."""

    def __init__(self, *folders: Path) -> None:
        super().__init__(daemon=True)
        self.folders, self.over = folders, threading.Event()
        self.modes: dict[str, set[int]] = {}

    def run(self) -> None:
        while not self.over.wait(0.005):
            self.look()

    def look(self) -> None:
        for folder in self.folders:
            for place, folders, files in os.walk(folder):
                for name in (*folders, *files):
                    path = os.path.join(place, name)  # noqa: PTH118 -- quick enough to see a file of a moment
                    try:
                        self.modes.setdefault(path, set()).add(stat.S_IMODE(os.lstat(path).st_mode))
                    except FileNotFoundError:
                        continue

    def stop(self) -> dict[str, set[int]]:
        self.over.set()
        self.join()
        self.look()
        return self.modes


def run(demo: Demo, tmp_path: Path, umask: int, out: Path, *words: str) -> dict[str, set[int]]:
    """Run the command with a umask, and return the modes of all files that it created."""
    temporary, cache = tmp_path / "temporary", tmp_path / "cache"
    temporary.mkdir()
    watch = Watch(temporary, cache, out)
    watch.start()
    done = subprocess.run(
        [sys.executable, "-m", "scanner", *words, "--out", out],
        cwd=tmp_path,
        env=demo.scrubbed(os.environ)
        | {"PYTHONPATH": str(ROOT), "TMPDIR": str(temporary), "VAULTPROOF_CACHE": str(cache / "own")},
        umask=umask,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    modes = watch.stop()
    assert done.returncode == 4, done.stderr  # one account of the demo organisation cannot be entered
    return modes


def scan_words(demo: Demo, formats: str) -> tuple[str, ...]:
    """Return the words of a small scan: what is written does not depend on how much of it there is."""
    controls = [word for control in CONTROLS for word in ("--controls", control)]
    role = ("--role-name", demo.role_name)
    return (
        "run",
        "--org",
        *role,
        "--region",
        demo.regions[0],
        *controls,
        "--as-of",
        AS_OF,
        "--format",
        formats,
        "--jobs",
        "2",
    )


@pytest.mark.parametrize(
    "umask",
    [pytest.param(0o000, marks=pytest.mark.slow), pytest.param(0o077, marks=pytest.mark.exhaustive)],
)
def test_no_file_of_a_run_is_readable_for_others(demo: Demo, tmp_path: Path, umask: int) -> None:
    formats = ",".join(FORMATS)
    modes = run(demo, tmp_path, umask, tmp_path / "new" / "scan", *scan_words(demo, formats))
    open_to_others = {path: modes for path, modes in modes.items() if any(mode & OTHERS for mode in modes)}
    assert open_to_others == {}

    scan = tmp_path / "new" / "scan"
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    names = {path.relative_to(scan).as_posix() for path in scan.rglob("*") if path.is_file()}
    assert names >= {
        "manifest.json",
        "journal.jsonl",
        "report.html",
        *json.loads((scan / "manifest.json").read_bytes())["files"],
    }
    for path in scan.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert any(path.endswith(".part") for path in modes), "the watch saw no file before it was renamed"
    assert any("/temporary/" in path for path in modes), "the watch saw no temporary file"
    assert any("/cache/own/" in path for path in modes)


@pytest.mark.slow
def test_a_folder_that_was_there_keeps_its_mode(demo: Demo, tmp_path: Path) -> None:
    out = tmp_path / "shared"
    out.mkdir()
    out.chmod(0o755)
    run(demo, tmp_path, 0o022, out, *scan_words(demo, "json"))
    assert stat.S_IMODE(out.stat().st_mode) == 0o755
    for path in out.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_a_stricter_umask_stays_in_force(tmp_path: Path) -> None:
    program = (
        "import os, pathlib\n"
        "from scanner.storage.files import keep_files_private, write_atomically\n"
        "os.umask(0o277)\n"
        "keep_files_private()\n"
        "pathlib.Path('a').touch()\n"
        "assert os.umask(0) == 0o277\n"
    )
    subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True
    )
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o400
