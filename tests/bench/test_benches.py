"""Each bench works, at a size that measures nothing. What things cost is no matter of tests."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.__main__ import BENCHES
from bench.measure import Table, ratio
from bench.stages import NAMES as STAGES

ROOT = Path(__file__).resolve().parents[2]
TITLES = {
    "parsing": ("### Reading a page", "backup:ListRecoveryPointsByBackupVault | 2"),
    "clients": (
        "### Creating the clients of 2 services in 2 Regions",
        "### CPU of 2 accounts x 1 Regions",
        "| one boto3 session an account",
    ),
    "latency": ("### Wall time with 50 ms", "| 1 small account in 1 Region"),
    "memory": ("### One vault in one Region", "| 1,500"),
    "calls": ("### A scan of 2 small accounts in 2 Regions", "| ec2:DescribeVolumes"),
    "needs": ("### A small account in 2 Regions", "| everything ", "| restore-tested "),
    "custodian": ("custodian: skipped. C7N_ENV does not name a virtual environment with c7n-org.",),
    "semantics": ("### Selecting and relating", "| 200 ", "### Asking each", "### All facts of a shard"),
    "page": ("### The HTML report in Chromium", "| 200 "),
    "stages": ("### Stages: 137 resources", *(f"| {name} " for name in STAGES)),
}


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", BENCHES)
def test_a_bench_prints_its_table(name: str) -> None:
    command = [sys.executable, "-m", "bench", "--tiny", name]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"C7N_ENV": ""}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for text in TITLES[name]:
        assert text in done.stdout
    if name == "calls":
        assert "0 of our calls failed." in done.stdout


def test_a_table_is_aligned() -> None:
    table = Table("T", ("a", "long"), [("longer", 1), ("x", 22)], ("Said below.",))
    assert table.text().splitlines() == [
        "### T",
        "",
        "| a      | long |",
        "|--------|------|",
        "| longer | 1    |",
        "| x      | 22   |",
        "",
        "Said below.",
    ]
    assert ratio(3, 2) == "1.5"
    assert ratio(3, 0) == "-"
