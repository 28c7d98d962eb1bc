"""What it takes to judge: all shipped controls over facts in Parquet files, stage by stage.

Each stage is a process of its own, on two cores: reading the facts once, which is the floor; verdicts;
verdicts with their reasons, details and evidence; findings.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

from bench.fact_files import POINTS
from bench.judged import STAGES, Judged
from bench.measure import ROOT, Table, ratio

_LIMITS: Final = "Limits: 1,000,000 resources and 10,000,000 recovery points in 60 s on two cores, in 2 GB."
_NAMES: Final = {
    "read": "reading once",
    "verdicts": "verdicts",
    "texts": "and reasons",
    "findings": "findings",
}


def tables(*, tiny: bool = False) -> list[Table]:
    """Judge facts of growing size."""
    sizes = (100, 200) if tiny else (10_000, 100_000, 1_000_000)
    rows = [row for size in sizes for row in _rows(size)]
    return [
        Table(
            "Judging all shipped controls on two cores",
            ("resources", "recovery points", "stage", "answers", "wall s", "/ reading once", "CPU s",
             "CPU us an answer", "peak MB"),
            rows,
            (_LIMITS, "Growth is linear where the microseconds an answer do not grow with the resources.",
             "A stage has all the stages before it in it; reading gives rows, the others a verdict each."),
        )
    ]  # fmt: skip


def _rows(resources: int) -> list[tuple[object, ...]]:
    folder = Path(_output("bench.fact_files", str(resources)).strip())
    each = {stage: _run(folder, stage) for stage in STAGES}
    floor = each["read"].wall
    return [
        (f"{resources:,}", f"{resources * POINTS:,}", _NAMES[stage], f"{took.answers:,}", f"{took.wall:.1f}",
         ratio(took.wall, floor), f"{took.cpu:.1f}", f"{took.cpu / took.answers * 1e6:.2f}",
         f"{took.peak:.0f}")
        for stage, took in each.items()
    ]  # fmt: skip


def _run(folder: Path, stage: str) -> Judged:
    return Judged(**json.loads(_output("bench.judged", str(folder), stage)))


def _output(module: str, *words: str) -> str:
    """Run a module of ours in a process of its own: what a process holds counts for those that it starts."""
    command = [sys.executable, "-m", module, *words]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603 -- our own
    return done.stdout
