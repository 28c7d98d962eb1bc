"""Measures and prints: CPU time, memory, a scan in a process of its own, a table."""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from bench.endpoint import MANAGEMENT, Estate

ROOT: Final = Path(__file__).resolve().parent.parent
SHARED: Final = "The endpoint is a process of its own and is not counted, but it shares the machine's cores."


@dataclass(frozen=True, slots=True)
class Table:
    """A table: a title, the names of the columns, the rows, and notes below."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    notes: Sequence[str] = ()

    def text(self) -> str:
        """Return the table as Markdown, which is readable in a terminal, too."""
        cells = [[str(cell) for cell in row] for row in (self.columns, *self.rows)]
        widths = [max(len(row[column]) for row in cells) for column in range(len(self.columns))]
        lines = [_line(row, widths) for row in cells]
        rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
        notes = "".join(f"{note}\n" for note in self.notes)
        return "\n".join([f"### {self.title}", "", lines[0], rule, *lines[1:], "", notes])


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"


def ratio(first: float, second: float) -> str:
    """Return `first` divided by `second`, as text."""
    return f"{first / second:.1f}" if second else "-"


@dataclass(frozen=True, slots=True)
class Scan:
    """The cost of a scan: wall and CPU seconds, peak memory in MB, calls by operation.

    `cpu` is that of collecting, `started` that of starting (imports) before it. `lost`: failed calls.
    """

    wall: float
    cpu: float
    started: float
    rss: float
    calls: Mapping[str, int]
    lost: int
    bytes: int

    @property
    def total(self) -> int:
        """All calls, including sts:AssumeRole."""
        return sum(self.calls.values())


@contextmanager
def serving(estate: Estate) -> Iterator[str]:
    """Serve an estate in a process of its own, which ends with the block. Yield its address."""
    command = [sys.executable, "-m", "bench.endpoint", *estate.arguments()]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 -- our own
        try:
            assert process.stdout is not None  # noqa: S101 -- it is a pipe
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def calls_answered(url: str) -> int:
    """Return the number of calls that an endpoint has answered."""
    with urllib.request.urlopen(url) as answer:  # noqa: S310 -- the endpoint on loopback
        return int(json.load(answer)["calls"])


def scan(url: str, estate: Estate, concurrency: int = 16, regions: int = 0) -> Scan:
    """Scan an endpoint, in a process of its own. `regions`: their number; 0: all."""
    names = estate.region_names()[: regions or estate.regions]
    before = calls_answered(url)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "bench.scan", folder, str(concurrency), *names]
        done = subprocess.run(  # noqa: S603 -- our own
            command, cwd=ROOT, env=environment(url), stdout=subprocess.PIPE, check=True
        )
    measured = Scan(**json.loads(done.stdout))
    unseen = (
        calls_answered(url) - before - measured.total
    )  # assumed roles are not recorded, and so not reported
    return replace(measured, calls={**measured.calls, "sts:AssumeRole": unseen})


def environment(url: str) -> dict[str, str]:
    """Return environment variables that direct a scan to an endpoint and nowhere else.

    Bytecode is cached, as it is where the program is installed.
    """
    variables = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    return variables | {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": f"AKIA{MANAGEMENT}BENCH",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def cheapest(times: int, *works: Callable[[], object]) -> list[float]:
    """Run each function `times` times, in turn. Return the least CPU time of each, in milliseconds."""
    least = [float("inf")] * len(works)
    for _ in range(times):
        for number, work in enumerate(works):
            begun = time.process_time()
            work()
            least[number] = min(least[number], (time.process_time() - begun) * 1000)
    return least
