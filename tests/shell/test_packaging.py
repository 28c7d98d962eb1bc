"""What the package says of itself, and what users are told to install."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
NAMED = re.compile(r"(?:(?:pip|pipx|uv|uv tool)\s(?:install|run|inject)|uvx)(?:\s-\S+)*\s['\"]?vaultproof\b")


def test_the_extra_all_has_what_scans_and_reports_can_use() -> None:
    extras = PROJECT["optional-dependencies"]
    assert sorted(extras["all"]) == sorted(extras["pdf"] + extras["sign"] + extras["xlsx"])


def test_the_matrix_has_the_versions_that_the_package_states() -> None:
    stated = re.findall(r":: (3\.\d+)$", "\n".join(PROJECT["classifiers"]), re.MULTILINE)
    matrix = re.search(r"VERSIONS = \((.*)\)", (ROOT / "noxfile.py").read_text("utf-8"))
    assert matrix
    assert re.findall(r"\d\.\d+", matrix[1]) == stated
    assert PROJECT["requires-python"] == f">={stated[0]}"


@pytest.mark.parametrize(
    ("text", "is_named"),
    [
        ("pip install 'vaultproof[pdf]'", True),
        ("pipx install vaultproof", True),
        ("pip install --quiet vaultproof", True),
        ("uvx --from './dist/vaultproof.whl' vaultproof --help", False),
        ("pip install './vaultproof[pdf]'", False),
        ("pipx install './dist/vaultproof-0.1.0-py3-none-any.whl[all]'", False),
    ],
)
def test_a_name_at_a_package_index_is_recognised(text: str, is_named: bool) -> None:  # noqa: FBT001
    assert bool(NAMED.search(text)) is is_named


def test_nothing_tells_people_to_install_a_name_that_no_index_has() -> None:
    listed = subprocess.run(
        ["/usr/bin/env", "git", "ls-files", "README.md", "docs", "scanner", "deploy"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    files = [ROOT / name for name in listed if name.endswith((".md", ".py", ".yaml", ".yml"))]
    assert [file.name for file in files if NAMED.search(file.read_text("utf-8"))] == []


def test_the_first_screen_of_the_readme_shows_a_finding() -> None:
    first = (ROOT / "README.md").read_text("utf-8").partition("\n## ")[0]
    assert "fail critical" in first
    assert "Root cause" in first


def test_the_readme_goes_from_the_role_to_the_schedule() -> None:
    headings = re.findall(r"^### (.*)$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    assert headings[:5] == ["Roll out the role", "Check", "Scan", "Read", "Schedule"]
