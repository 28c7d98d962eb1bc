"""`scripts/setup.sh`, in a checkout whose virtual environment and package manager are stand-ins."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def script(file: Path, body: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    file.chmod(0o755)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout that is set up, but for the library that Playwright's Node.js needs."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "setup.sh", tmp_path / "scripts")
    for name in ("requirements.lock", "scripts/setup.lock", "pyproject.toml"):
        (tmp_path / name).write_text("", encoding="utf-8")
    binaries = tmp_path / ".venv" / "bin"
    script(binaries / "python", 'if [ "$1" = --version ]; then echo Python; fi')
    script(binaries / "playwright", "test -f libatomic.so.1")
    (tmp_path / ".venv" / "pyvenv.cfg").write_text(f"command = python -m venv {tmp_path}/.venv", "utf-8")
    stamp = subprocess.run(
        ["/usr/bin/env", "cksum"], input=b"Python\n", capture_output=True, check=True
    ).stdout
    (tmp_path / ".venv" / "installed.stamp").write_bytes(stamp)
    (tmp_path / ".venv" / "pdf.stamp").touch()
    return tmp_path


def set_up(checkout: Path, apt_get: str, chromium: str = "/usr/bin/chromium") -> str:
    """Return what `setup.sh browser` says where apt-get is this script."""
    script(checkout / "tools" / "apt-get", apt_get)
    script(checkout / "tools" / "sudo", 'shift; exec "$@"')
    environment = {"PATH": f"{checkout}/tools:{os.environ['PATH']}", "CHROMIUM": chromium}
    command = ["/bin/sh", "scripts/setup.sh", "browser"]
    result = subprocess.run(
        command, cwd=checkout, env=environment, capture_output=True, text=True, check=True
    )
    return result.stderr


def test_the_library_of_the_driver_is_installed_where_chromium_is_there(checkout: Path) -> None:
    message = set_up(checkout, 'echo "$@" >>calls; case "$*" in *libatomic1*) touch libatomic.so.1 ;; esac')
    assert len(message.splitlines()) == 1
    calls = (checkout / "calls").read_text(encoding="utf-8").splitlines()
    assert [call.rpartition("recommends ")[2] for call in calls if " install " in call] == ["libatomic1"]


def test_a_driver_that_starts_needs_nothing(checkout: Path) -> None:
    (checkout / "libatomic.so.1").touch()
    assert set_up(checkout, "touch calls") == ""
    assert not (checkout / "calls").exists()


def test_where_the_library_cannot_be_installed_one_line_says_what_to_do(checkout: Path) -> None:
    message = set_up(checkout, "exit 100").splitlines()
    assert len(message) == 2
    assert "apt-get install libatomic1" in message[1]
    assert "will be skipped" in message[1]


def test_uv_is_installed_from_its_lock_with_hashes(checkout: Path) -> None:
    binaries = checkout / ".venv" / "bin"
    (checkout / ".venv" / "installed.stamp").unlink()
    (checkout / "libatomic.so.1").touch()
    script(
        binaries / "python",
        'case "$*" in *"pip install"*) echo "$*" >>calls ;; --version) echo Python ;; esac',
    )
    script(binaries / "uv", 'echo "uv $*" >>calls')
    set_up(checkout, "exit 100")
    calls = (checkout / "calls").read_text(encoding="utf-8").splitlines()
    (of_pip,) = (call for call in calls if call.startswith("-m pip install "))
    assert of_pip.endswith("--require-hashes -r scripts/setup.lock")
    assert all("--require-hashes" in call or "--no-deps" in call for call in calls)


def test_the_lock_of_uv_names_one_version_with_hashes_and_no_place() -> None:
    lines = (ROOT / "scripts" / "setup.lock").read_text(encoding="utf-8").splitlines()
    names = [line.split()[0] for line in lines if line[:1].isalpha()]
    assert [name.partition("==")[0] for name in names] == ["uv"]
    assert names[0] in (ROOT / "deploy" / "build.lock").read_text(encoding="utf-8")
    hashes = [line for line in lines if "--hash=sha256:" in line]
    assert len(hashes) > 10, "the hashes of all platforms"
    assert not any("://" in line for line in lines)
