"""What a command costs: processor time, wall time and memory of its process and of those that it starts.

Processor time is what the kernel counted for the process and its children when they end. Memory is read from
/proc many times a second, as the sum of all processes of the tree (pages that they share count for each).
Without /proc it is that of the largest process.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Final

from bench.measure import ROOT

_BETWEEN: Final = 0.05
"""Seconds between two readings of memory."""


class CommandFailedError(Exception):
    """A measured command failed. The message is what it wrote to standard error."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of processor and of wall, and the peak of resident memory in MB."""

    cpu: float
    wall: float
    peak: float

    def least(self, cost: "Cost") -> "Cost":
        """Return the least of two measurements of the same work: whatever else runs only adds."""
        return Cost(min(self.cpu, cost.cpu), min(self.wall, cost.wall), min(self.peak, cost.peak))


def measure(command: Sequence[str]) -> tuple[Cost, bytes]:
    """Run a command to its end; return what it cost, from its start on, and its standard output.

    Raises:
        CommandFailedError: it did not exit with 0.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        begun = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=errors)  # noqa: S603 -- our own
        with _memory(process.pid) as highest:
            _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            raise CommandFailedError(errors.read().decode(errors="replace").strip())
        output.seek(0)
        peak = max(highest) or used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        return Cost(used.ru_utime + used.ru_stime, wall, peak / 1e6), output.read()


@contextmanager
def _memory(pid: int) -> Iterator[list[int]]:
    """Yield a list to which the memory of a tree of processes is appended while the block runs, in bytes."""
    readings, ended = [0], Event()

    def read() -> None:
        while not ended.wait(_BETWEEN):
            tree = list(_tree(pid))
            # The peak that the kernel keeps catches what falls between two readings of a process alone.
            readings.append(
                _bytes(tree[0], "VmHWM:")
                if len(tree) == 1
                else sum(_bytes(process, "VmRSS:") for process in tree)
            )

    thread = Thread(target=read, daemon=True)
    thread.start()
    try:
        yield readings
    finally:
        ended.set()
        thread.join()


def _tree(pid: int) -> Iterator[int]:
    """Yield a process and its descendants, as far as /proc lists them.

    A child that has not started its program yet is left out: its memory is still that of its parent.
    """
    yield pid
    program = _read(Path(f"/proc/{pid}/cmdline"))
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in _read(file).split():
            if _read(Path(f"/proc/{child}/cmdline")) != program:
                yield from _tree(int(child))


def _bytes(pid: int, line: str) -> int:
    """Return a line of a process's status that is in kB; 0 when the process has ended."""
    words = _read(Path(f"/proc/{pid}/status")).partition(line)[2].split(maxsplit=1)
    return int(words[0]) * 1024 if words else 0


def _read(file: Path) -> str:
    try:
        return file.read_text("ascii", errors="replace")
    except OSError:  # it ended meanwhile
        return ""
