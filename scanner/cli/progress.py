"""Progress during collection, the estimate of a dry run, and accounts that could not be read."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from rich.markup import escape
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from scanner.cli.console import Console
from scanner.cli.logs import has_lines, say
from scanner.model.inventory import ShardStatus
from scanner.model.known import ASSUME_ROLE, ENTRY, Gap, GapKind
from scanner.model.manifest import Manifest, Scope, ShardRecord, unread_accounts
from scanner.model.names import ORG, AccountId, Shard
from scanner.report.wording import visible

if TYPE_CHECKING:
    from scanner.collect.estimate import Estimate
    from scanner.model.manifest import CollectedReads


_PLAIN_SECONDS: Final = 60.0
_FRAMES_A_SECOND: Final = 4
_log: Final = logging.getLogger(__name__)
_ENOUGH_SHARDS: Final = 5
_ENOUGH_SECONDS: Final = 10.0
_MINUTE: Final = 60.0
_HOUR: Final = 3600.0
_SHOWN: Final = 24
_WIDTH: Final = 160


class QuietProgress:
    """A watcher that only counts. Use it as a context manager."""

    def __init__(self) -> None:
        # Counted even with --quiet: the accounts that could not be entered are reported at the end.
        self.tally = Tally()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End quietly."""

    def scope_known(self, scope: Scope, finished: Collection[Shard]) -> None:
        """Store what will be read."""
        self.tally.know(scope, finished)

    def shard_started(self, shard: Shard) -> None:
        """Log that a shard is being read."""
        _log.debug("Reading %s in %s", shard.region, shard.account)

    def called(self, shard: Shard, operation: str, *, ok: bool) -> None:
        """Count a call."""
        _log.debug("%s %s in %s/%s", operation, "answered" if ok else "failed", shard.account, shard.region)
        self.tally.add(calls=1, errors=not ok)

    def retried(self, shard: Shard, operation: str, code: str, delay: float) -> None:
        """Count a retry, and whether AWS throttled the call."""
        place = f"{shard.account}/{shard.region}"
        _log.debug("%s in %s: %s, trying again in %.1f s", operation, place, code, delay)
        from scanner.collect.retry import THROTTLING_CODES  # noqa: PLC0415 -- loaded already when a call is retried

        self.tally.add(retries=1, throttles=code in THROTTLING_CODES)

    def account_not_entered(self, gap: Gap) -> None:
        """Store why an account could not be entered."""
        self.tally.refuse(gap)

    def shard_finished(self, record: ShardRecord) -> None:
        """Count a shard."""
        self.tally.finish(record)
        _log.info(
            "Read %s in %s: %s, %d calls, %d failed",
            *(record.region, record.account, record.status.value, record.calls, record.errors),
        )


class PlainProgress(QuietProgress):
    """Prints a line at the start, one per `interval` (seconds), and one at the end, for cron and CI."""

    def __init__(self, interval: float = _PLAIN_SECONDS) -> None:
        super().__init__()
        self._interval = interval
        # An event, not a flag: the thread ends at once, in the middle of its interval.
        self._over = threading.Event()
        # A daemon: printing must never keep the process alive.
        self._printer = threading.Thread(target=self._print_regularly, name="progress", daemon=True)

    def __enter__(self) -> Self:
        self._printer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Print the last line."""
        self._over.set()
        self._printer.join()
        # Nothing was read yet if the scope is not known.
        if self.tally.is_known:
            self._print_state()

    def scope_known(self, scope: Scope, finished: Collection[Shard]) -> None:
        """Print what will be read."""
        super().scope_known(scope, finished)
        already = f"; {self.tally.kept} already read" if self.tally.kept else ""
        accounts = len(scope.accounts)
        self._say(f"Reading {self.tally.total} account-Regions in {accounts} accounts{already} ...")

    def _print_regularly(self) -> None:
        while not self._over.wait(self._interval):
            self._print_state()

    def _print_state(self) -> None:
        begun = self.tally.done() if self.tally.is_known else "Reading the scope"
        self._say(f"{begun}: {self.tally.line()}")

    def _say(self, text: str) -> None:
        say(text)


class Tally:
    """Counts of accounts, shards, calls and failures; safe for threads.

    `is_known`: whether the scope is known. Shards that an earlier run finished count as done, but not for the
    pace.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.calls = self.errors = self.retries = self.throttles = 0
        self.accounts = self.shards = self.total = self.unreached = self.kept = 0
        self.is_known = False
        self._clock = clock
        # Shards are read by several threads.
        self._lock = threading.Lock()
        self._started = clock()
        self._left: Counter[AccountId] = Counter()
        self._refusals: dict[AccountId, Gap] = {}
        self._taken_over: frozenset[Shard] = frozenset()
        self._paced = 0  # shards that this run read, without skipped ones, which take no time
        self._known_at = self._started

    def know(self, scope: Scope, finished: Collection[Shard]) -> None:
        """Set what there is to read, and which shards an earlier run finished."""
        # One for the Regions each, and one for the account's global services.
        per_account = 1 + len(scope.regions)
        with self._lock:
            self._left = Counter(dict.fromkeys(scope.accounts, per_account))
            # The organisation's own reads belong to no account.
            self._taken_over = frozenset(
                shard for shard in finished if shard.region != ORG and shard.account in self._left
            )
            self.total = per_account * len(scope.accounts)
            self.is_known, self._known_at = True, self._clock()
            for shard in self._taken_over:
                self._count(shard)
            self.kept = self.shards

    def add(self, *, calls: int = 0, errors: int = 0, retries: int = 0, throttles: int = 0) -> None:
        """Add to the counts of calls."""
        with self._lock:
            self.calls += calls
            self.errors += errors
            self.retries += retries
            self.throttles += throttles

    def finish(self, record: ShardRecord) -> None:
        """Count a shard that was read or skipped."""
        shard = Shard(record.account, record.region)
        with self._lock:
            self.unreached += record.status is ShardStatus.FAILED
            # Finished by an earlier run, so counted already.
            if shard not in self._taken_over:
                self._count(shard)
                self._paced += record.status is not ShardStatus.SKIPPED

    def refuse(self, gap: Gap) -> None:
        """Store that an account could not be entered, and why."""
        with self._lock:
            self._refusals[gap.account] = gap

    def refusals(self) -> tuple[Gap, ...]:
        """Return the refusal of each account that could not be entered."""
        with self._lock:
            return tuple(self._refusals.values())

    def _count(self, shard: Shard) -> None:
        self.shards += 1
        self._left[shard.account] -= 1
        self.accounts += self._left[shard.account] == 0

    def seconds_left(self) -> float | None:
        """Estimate the remaining time from the pace so far; None: too few shards for an estimate."""
        with self._lock:
            elapsed = self._clock() - self._known_at
            # The first shards are slow (new connections), so an early estimate would be far too long.
            if self._paced < _ENOUGH_SHARDS or elapsed < _ENOUGH_SECONDS:
                return None
            return (self.total - self.shards) * elapsed / self._paced

    def done(self) -> str:
        """Return how many accounts and account-Regions are finished."""
        return f"{self.accounts} of {len(self._left)} accounts, {self.shards} of {self.total} account-Regions"

    def line(self) -> str:
        """Return the number of calls, failures and retries, and the remaining time."""
        # Not zero: the first line may be printed in the same instant.
        rate = self.calls / max(self._clock() - self._started, 1e-9)
        parts = [f"{self.calls} calls", f"{rate:.0f}/s", f"{self.errors} refused or failed"]
        if self.throttles:
            parts.append(f"{self.throttles} throttled")
        if self.retries:
            parts.append(f"{self.retries} retried")
        if self.unreached:
            parts.append(f"{self.unreached} not reached")
        if left := self.seconds_left():
            parts.append(f"about {duration(left)} left")
        return ", ".join(parts)


class _TallyColumn(ProgressColumn):
    """A column that formats the tally when it is drawn: there may be thousands of calls per second."""

    def __init__(self, tally: Tally) -> None:
        super().__init__()
        self._tally = tally

    def render(self, task: Task) -> Text:  # noqa: ARG002 -- rich's shape
        """Draw both halves of the line."""
        begun = f"{self._tally.done()}: " if self._tally.is_known else ""
        return Text(f"{begun}{self._tally.line()}")


class LiveProgress(QuietProgress):
    """A progress bar of shards with the counts of calls."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._bar = Progress(
            TextColumn("[bold]Reading evidence"),
            BarColumn(bar_width=24),
            _TallyColumn(self.tally),
            TimeElapsedColumn(),
            console=console,
            refresh_per_second=_FRAMES_A_SECOND,
        )
        self._task = self._bar.add_task("reading", total=None)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the bar; a closed terminal is not an error."""
        # The terminal may have been closed while the scan went on.
        with suppress(OSError, ValueError):
            self._bar.stop()

    def scope_known(self, scope: Scope, finished: Collection[Shard]) -> None:
        """Set the length of the bar, and its position."""
        super().scope_known(scope, finished)
        self._bar.update(self._task, total=self.tally.total, completed=self.tally.shards)

    def shard_finished(self, record: ShardRecord) -> None:
        """Advance the bar."""
        super().shard_finished(record)
        self._bar.update(self._task, completed=self.tally.shards)


def progress(*, quiet: bool) -> QuietProgress:
    """Return the progress for this terminal: a bar, lines, or nothing."""
    if quiet:
        return QuietProgress()
    console = Console(stderr=True)
    # Bars need a terminal, and would break up lines of a log.
    return LiveProgress(console) if console.is_terminal and not has_lines() else PlainProgress()


def duration(seconds: float) -> str:
    """Return a time as people write it: `40 s`, `12 min`, `3.5 h`."""
    if seconds < _MINUTE:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / _MINUTE)} min" if seconds < _HOUR else f"{seconds / _HOUR:.1f} h"


def wide_console() -> Console:
    """Build a console that does not wrap rows unless it is a terminal."""
    console = Console(soft_wrap=True, highlight=False)
    return console if console.is_terminal else Console(soft_wrap=True, highlight=False, width=_WIDTH)


def print_estimate(estimate: "Estimate", console: Console, reads: "CollectedReads | None" = None) -> None:
    """Print an estimate and its assumptions. `reads`: what the scan collects; None: everything."""
    scope = estimate.scope
    console.print(f"Accounts ({len(scope.accounts)}): {_some(scope.accounts)}")
    for entry in scope.excluded:
        console.print(f"  not {escape(entry.account)}: {escape(entry.reason)}")
    console.print(f"Regions ({len(scope.regions)}): {_some(scope.regions)}")
    if estimate.skipped:
        console.print(
            f"  skipped in {estimate.caller}, where they are not enabled: {_some(estimate.skipped)}"
        )
    if [account for account in scope.accounts if account != estimate.caller]:
        console.print("  Regions that another account has not enabled are determined there and skipped.")
    if reads is not None:
        console.print(
            f"Only what these controls need is collected ({len(reads.controls)}): {_some(reads.controls)}"
        )
    console.print()
    console.print(_table(estimate))
    console.print()
    for line in _sums(estimate):
        console.print(line)


def _table(estimate: "Estimate") -> Table:
    table = Table(title="Operations", title_justify="left", header_style="bold", pad_edge=False, box=None)
    for column in ("operation", "IAM action", "called once per"):
        table.add_column(column, overflow="fold")
    for planned in sorted(
        estimate.operations, key=lambda call: (call.operation.service, call.operation.name)
    ):
        operation = planned.operation
        table.add_row(operation.key, ", ".join(operation.actions), planned.per or planned.scope.value)
    return table


def _sums(estimate: "Estimate") -> "Iterable[str]":
    yield (
        f"At least {estimate.calls} calls: {estimate.scope_calls} for the organisation, "
        f"{estimate.per_account} in each account, {estimate.per_region} in each account-Region."
    )
    yield "  Plus calls per vault, plan, table and so on, whose number is known once these are listed."
    yield "  Each list counts as one page."
    if any(planned.operation.key == "kms:DescribeKey" for planned in estimate.operations):
        yield "  Keys that belong to another account are read there at the end, once per key."
    yield (
        f"About {duration(estimate.seconds)} for these calls with --concurrency {estimate.concurrency}: an "
        f"estimate that assumes {estimate.latency:g} s per call and AWS's published rates."
    )
    yield "Nothing was written."


def _some(names: "Iterable[str]") -> str:
    all_of_them = list(names)
    shown = ", ".join(escape(name) for name in all_of_them[:_SHOWN])
    more = len(all_of_them) - _SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def report_unread_accounts(manifest: Manifest, gaps: Iterable[Gap], scan: str) -> tuple[AccountId, ...]:
    """Print a line for each account of which nothing was read, and return these accounts.

    `gaps` are the missing reads, `scan` where the scan is: a folder can be resumed.
    """
    accounts = unread_accounts(manifest)
    for line in unread_lines(accounts, gaps, scan):
        say(line)
    return accounts


def unread_lines(accounts: Iterable[AccountId], gaps: Iterable[Gap], scan: str) -> Iterator[str]:
    """Return for each account which it is, why it was not read, and what to do."""
    wanted = set(accounts)
    first: dict[AccountId, Gap] = {}
    for gap in gaps:
        # The refused entry explains everything else that is missing in the account.
        if gap.account in wanted and (gap.account not in first or gap.operation in ENTRY):
            first[gap.account] = gap
    for account in sorted(wanted):
        why = first.get(account)
        reason = " ".join(visible(_reason(account, why)).split())
        yield f"warning: {reason} {_advice(account, why, scan)}"


def _reason(account: AccountId, gap: Gap | None) -> str:
    if gap is None:
        return f"Account {account} was not read: the scan ended before."
    if gap.operation in ENTRY:
        return gap.sentence()
    return f"Account {account} could not be read: nothing was answered. First: {gap.sentence()}"


_EXPIRED: Final = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})


def _advice(account: AccountId, gap: Gap | None, scan: str) -> str:
    """Return what to do: another permission, another login, or another attempt."""
    again = f"run `audit run --resume {scan}`."
    # Expired credentials are refusals, too, but a new login is what helps.
    if gap is not None and gap.code in _EXPIRED:
        return f"Log in again, then {again}"
    if gap is None or gap.kind is not GapKind.REFUSED:
        return f"To try again, {again}"
    if gap.operation == ASSUME_ROLE:
        return (
            f"Create the role in {account} with a trust policy for the scan's account (`audit policy --part "
            f"trust`), and test it with `audit check --account {account}`; or leave the account out with "
            "scope.exclude in audit.yaml."
        )
    return (
        "Attach the policy that `audit policy` prints to the role, and look for a service control policy "
        f"that denies the calls; test it with `audit check --account {account}`."
    )
