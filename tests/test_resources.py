"""Controls and templates are found in the wheel as in the checkout."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from scanner import resources
from scanner.errors import VaultproofError

ROOT = Path(__file__).parents[1]
SHIPPED = ("controls", "templates")
UNWANTED = shutil.ignore_patterns("__pycache__", "*.pyc", "*.part")


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Build a wheel of a copy of the checkout; give the copy, and the wheel unpacked."""
    copy, out = tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    for name in ("scanner", *SHIPPED):
        shutil.copytree(ROOT / name, copy / name, ignore=UNWANTED)
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    subprocess.run(command, cwd=copy, check=True, capture_output=True)
    (built,) = out.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        archive.extractall(out / "unpacked")
    return copy, out / "unpacked"


def test_the_wheel_carries_all_that_the_checkout_has(wheel: tuple[Path, Path]) -> None:
    copy, unpacked = wheel
    for name in SHIPPED:
        assert files(unpacked / "scanner" / "_data" / name) == files(copy / name)
    code = {path for path in files(unpacked / "scanner") if not path.startswith("_data/")}
    assert code == files(copy / "scanner")


def test_an_installed_wheel_finds_its_own(wheel: tuple[Path, Path]) -> None:
    _, unpacked = wheel
    program = "from scanner import resources as r; print(r.controls_folder(), r.templates_folder())"
    command = [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(unpacked)!r}); {program}"]
    told = subprocess.run(command, cwd=unpacked, check=True, capture_output=True, text=True).stdout.split()
    assert told == [str(unpacked / "scanner" / "_data" / name) for name in SHIPPED]


def test_a_checkout_finds_its_root() -> None:
    assert resources.controls_folder() == ROOT / "controls"
    assert resources.templates_folder() == ROOT / "templates"


def test_the_packaged_folder_wins(tmp_path: Path) -> None:
    for folder in ("controls", "scanner/_data/controls"):
        (tmp_path / folder).mkdir(parents=True)
    assert resources._shipped("controls", tmp_path / "scanner") == tmp_path / "scanner/_data/controls"


def test_an_installation_without_them_is_told(tmp_path: Path) -> None:
    with pytest.raises(VaultproofError, match="install vaultproof again"):
        resources._shipped("controls", tmp_path / "scanner")
