"""What is told while evidence is read: a live bar in a terminal, plain lines elsewhere, or nothing."""

import sys
import threading
import time
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from scanner.model.inventory import ShardStatus
from scanner.model.manifest import ShardRecord
from scanner.model.names import Shard

_PLAIN_SECONDS: Final = 60.0


class Counts:
    """Calls, retries and errors so far; told from several threads at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.calls = self.errors = self.retries = self.shards = self.total = 0
        self.unreached = 0
        self.started = time.monotonic()

    def add(self, *, calls: int = 0, errors: int = 0, retries: int = 0) -> None:
        """Count what happened."""
        with self._lock:
            self.calls += calls
            self.errors += errors
            self.retries += retries

    def finish(self, record: ShardRecord) -> None:
        """Count a shard that was read."""
        with self._lock:
            self.shards += 1
            self.unreached += record.status is ShardStatus.FAILED

    def line(self) -> str:
        """Sum up in one line."""
        rate = self.calls / max(time.monotonic() - self.started, 1e-9)
        parts = [f"{self.calls} calls", f"{rate:.0f}/s", f"{self.errors} refused or failed"]
        if self.retries:
            parts.append(f"{self.retries} tried again")
        if self.unreached:
            parts.append(f"{self.unreached} of them not reached")
        return ", ".join(parts)


class QuietProgress:
    """A watcher that only counts. Use it as a context."""

    def __init__(self) -> None:
        self.counts = Counts()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End quietly."""

    def shards_total(self, count: int) -> None:
        """Learn how many shards there will be."""
        self.counts.total = count

    def shard_started(self, shard: Shard) -> None:
        """A shard is being read."""

    def called(self, shard: Shard, operation: str, *, ok: bool) -> None:  # noqa: ARG002 -- the watcher's shape
        """Count a call."""
        self.counts.add(calls=1, errors=not ok)

    def retried(self, shard: Shard, operation: str, code: str, delay: float) -> None:  # noqa: ARG002 -- as above
        """Count a second attempt."""
        self.counts.add(retries=1)

    def shard_finished(self, record: ShardRecord) -> None:
        """Count a shard."""
        self.counts.finish(record)


class PlainProgress(QuietProgress):
    """A line at the start, at most one a minute, and one at the end: for cron and CI."""

    def __init__(self) -> None:
        super().__init__()
        self._told = time.monotonic()

    def shards_total(self, count: int) -> None:
        """Say what is coming."""
        super().shards_total(count)
        self._say(f"Reading {count} account-Regions and global services ...")

    def shard_finished(self, record: ShardRecord) -> None:
        """Say now and then how far it got."""
        super().shard_finished(record)
        if time.monotonic() - self._told >= _PLAIN_SECONDS:
            self._told = time.monotonic()
            self._say(f"{self.counts.shards} of {self.counts.total} read: {self.counts.line()}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Sum up."""
        self._say(f"{self.counts.shards} of {self.counts.total} read: {self.counts.line()}")

    def _say(self, text: str) -> None:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


class LiveProgress(QuietProgress):
    """A bar that grows with the shards, and what was called beside it."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._bar = Progress(
            TextColumn("[bold]Reading evidence"),
            BarColumn(bar_width=32),
            MofNCompleteColumn(),
            TextColumn("{task.fields[line]}"),
            TimeElapsedColumn(),
            console=console,
        )
        self._task = self._bar.add_task("reading", total=None, line="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the bar as it stands."""
        self._bar.stop()

    def shards_total(self, count: int) -> None:
        """Learn how long the bar is."""
        super().shards_total(count)
        self._bar.update(self._task, total=count)

    def called(self, shard: Shard, operation: str, *, ok: bool) -> None:
        """Count a call."""
        super().called(shard, operation, ok=ok)
        self._bar.update(self._task, line=self.counts.line())

    def shard_finished(self, record: ShardRecord) -> None:
        """Let the bar grow."""
        super().shard_finished(record)
        self._bar.update(self._task, completed=self.counts.shards)


def progress(*, quiet: bool) -> QuietProgress:
    """Choose how progress is told."""
    if quiet:
        return QuietProgress()
    console = Console(stderr=True)
    return LiveProgress(console) if console.is_terminal else PlainProgress()
