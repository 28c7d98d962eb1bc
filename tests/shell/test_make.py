"""The two commands of the README, as far as they can be held without running them."""

import json
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE)


def make(*arguments: str) -> str:
    # Not the flags of the `make test` that runs this.
    command = ["env", "-u", "MAKEFLAGS", "-u", "MAKELEVEL", "make", "--no-print-directory", *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def test_make_alone_lists_every_target() -> None:
    assert re.findall(r"^  make ([a-z-]+) +\S", make(), re.MULTILINE) == TARGETS


def test_every_target_is_one_that_makes_no_file_of_its_name() -> None:
    phony = re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert phony
    assert phony[1].split() == TARGETS


def test_make_test_ends_with_pytest() -> None:
    last = make("--dry-run", "test").strip().splitlines()[-1]
    assert "-m pytest" in last


def test_ci_runs_what_a_reader_can_run() -> None:
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    commands = [line for line in lines if line and not line.startswith(("#", "set ", "cd "))]
    assert commands == [
        "make test-ci",
        "make deploy-lint",
        "make dist",
        "make bench-check",
        "make fresh SMOKE=1",
        "make image OPTIONAL=1",
    ]


@pytest.mark.parametrize("script", sorted((ROOT / "scripts").glob("*.sh")), ids=lambda script: script.name)
def test_a_script_is_posix_shell(script: Path) -> None:
    subprocess.run(["/bin/sh", "-n", script], check=True)


@pytest.mark.parametrize("name", ["requirements.lock", "deploy/build.lock", "deploy/lint/requirements.lock"])
def test_the_lock_names_no_registry_and_hashes_every_package(name: str) -> None:
    lock = (ROOT / name).read_text(encoding="utf-8")
    assert not re.search(r"https?:|file:|--(extra-)?index-url|--find-links", lock)
    packages = re.split(r"\n(?=[a-z0-9])", lock.partition("\n")[2].partition("\n")[2])
    assert len(packages) > 5
    assert [package.split()[0] for package in packages if "--hash=sha256:" not in package] == []


@pytest.mark.parametrize("folder", ["deploy/lint", "tests/validators"])
def test_the_lock_of_npm_names_no_registry_and_hashes_every_package(folder: str) -> None:
    lock = json.loads((ROOT / folder / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert len(packages) >= 10
    assert [name for name, package in packages.items() if "resolved" in package] == []
    assert [name for name, package in packages.items() if "sha512-" not in package["integrity"]] == []
