"""The shards of one scan, read by threads: accounts first, then the Regions that each has enabled."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from scanner.collect import shards
from scanner.collect.calls import Caller, Wiring
from scanner.collect.credentials import Wallet
from scanner.collect.opening import Opening
from scanner.collect.pool import Broken, Done, Pool
from scanner.collect.recall import recall_account
from scanner.collect.retry import FinalError, Halted
from scanner.collect.roles import Roles
from scanner.collect.services import ec2
from scanner.errors import OutputError
from scanner.evidence.writer import Failure, ShardWriter
from scanner.model.inventory import ShardStatus
from scanner.model.manifest import Scope, ShardRecord
from scanner.model.names import AWS_GLOBAL, AccountId, RegionName, Shard

_GRACE_SECONDS: Final = 2.0
"""How long threads may take to stop; a call that is under way then is not waited for."""


class Task(Protocol):
    """Reads something, and gives the tasks that have become possible."""

    def __call__(self) -> "tuple[Task, ...]":
        """Do it."""


class NoEntryError(Exception):
    """An account cannot be read at all: its role cannot be assumed."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        super().__init__(failure.message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What a crew reads, with whose credentials, and where it writes.

    `finished` are shards that an earlier run read to their end: they are not asked again. `note` is told
    of every record that this run finishes undisturbed, once its file has its name; from several threads,
    and it may raise OutputError.
    """

    wiring: Wiring
    wallet: Wallet
    roles: Roles
    opening: Opening
    scope: Scope
    home: RegionName
    folder: Path
    finished: Mapping[Shard, ShardRecord] = field(default_factory=dict)
    note: Callable[[ShardRecord], None] = lambda _: None


class Crew:
    """Reads the shards of a scope."""

    def __init__(self, orders: Orders) -> None:
        self._records: dict[Shard, ShardRecord] = {}
        self._orders = orders
        self._wiring = orders.wiring
        self._open: dict[Shard, ShardWriter] = {}
        self._lock = threading.Lock()

    def run(self, concurrency: int) -> None:
        """Read all. However it ends, files are finished first: OutputError, KeyboardInterrupt."""
        pool: Pool[tuple[Task, ...]] = Pool(concurrency)
        try:
            self._supervise(pool)
        except BaseException:
            self._wiring.halt.set()
            self._wind_up(pool)
            raise
        finally:
            pool.close()

    def records(self) -> tuple[ShardRecord, ...]:
        """Give the record of every shard that was begun or skipped, by account and Region."""
        with self._lock:
            return tuple(self._records[shard] for shard in sorted(self._records))

    def _supervise(self, pool: Pool[tuple[Task, ...]]) -> None:
        self._submit(pool, [partial(self._read_account, account) for account in self._orders.scope.accounts])
        while pool.pending:
            match pool.result():
                case Done(value=tasks):
                    self._submit(pool, tasks)
                case Broken(error=error):
                    raise error

    def _submit(self, pool: Pool[tuple[Task, ...]], tasks: Iterable[Task]) -> None:
        for task in tasks:
            pool.submit(partial(self._unless_halted, task))

    def _unless_halted(self, task: Task) -> tuple[Task, ...]:
        if self._wiring.halt.is_set():
            raise Halted
        return task()

    def _wind_up(self, pool: Pool[tuple[Task, ...]]) -> None:
        """Give the threads a moment to stop, then finish the files of those that did not."""
        try:
            deadline = time.monotonic() + _GRACE_SECONDS
            while pool.pending and (left := deadline - time.monotonic()) > 0:
                pool.result(timeout=left)
        except KeyboardInterrupt:  # pressed again: do not wait
            pass
        with self._lock:
            left_open = list(self._open.values())
        for writer in left_open:
            self._finish(writer, interrupted=True)

    def _read_account(self, account: AccountId) -> tuple[Task, ...]:
        shard = Shard(account, AWS_GLOBAL)
        if shard in self._orders.finished:
            return self._go_on_with(shard)
        with self._writing(shard) as writer:
            caller = Caller(self._wiring, shard, writer, self._orders.home)
            try:
                enabled = self._enter(account, caller, writer)
            except NoEntryError as closed:
                self._note_no_entry(caller, closed.failure)
                return self._give_up(self._left(account, shards.AccountView(None, {})), closed.failure)
            view = shards.collect_global(caller, enabled)
        return self._read(self._left(account, view), view)

    def _go_on_with(self, shard: Shard) -> tuple[Task, ...]:
        """Go on with an account whose global services an earlier run read: their evidence tells the view."""
        record = self._orders.finished[shard]
        view = recall_account(self._orders.folder, record.file)
        self._file(record)
        if isinstance(view, Failure):
            return self._give_up(self._left(shard.account, shards.AccountView(None, {})), view)
        left = self._left(shard.account, view)
        if left and shard.account != self._orders.opening.account:
            try:
                self._take_on(shard.account)
            except NoEntryError as closed:
                return self._give_up(left, closed.failure)
        return self._read(left, view)

    def _enter(
        self, account: AccountId, caller: Caller, writer: ShardWriter
    ) -> Mapping[RegionName, bool] | None:
        """Take on the account's credentials; give the Regions that it has enabled. NoEntryError."""
        opening = self._orders.opening
        if account == opening.account:
            opening.held.replay(writer, account)
            return opening.regions
        self._take_on(account)
        caller.call("sts", "GetCallerIdentity")
        return ec2.regions(caller)

    def _take_on(self, account: AccountId) -> None:
        """Assume the account's role. NoEntryError."""
        source = self._orders.roles.source(account)
        try:
            source()
        except FinalError as problem:
            raise NoEntryError(problem.failure) from problem
        self._orders.wallet.put(account, source)

    def _left(self, account: AccountId, view: shards.AccountView) -> tuple[Shard, ...]:
        """Give the Regions of an account that are left to be read; file the record of each of the others."""
        left: list[Shard] = []
        for shard in (Shard(account, region) for region in self._orders.scope.regions):
            if (done := self._orders.finished.get(shard)) is not None:
                self._file(done)
            elif view.has_enabled(shard.region):
                left.append(shard)
            else:
                self._file(ShardRecord(account=account, region=shard.region, status=ShardStatus.SKIPPED))
        return tuple(left)

    def _read(self, left: Iterable[Shard], view: shards.AccountView) -> tuple[Task, ...]:
        return tuple(
            partial(self._read_region, shard, tuple(view.buckets.get(shard.region, ()))) for shard in left
        )

    def _give_up(self, left: Iterable[Shard], failure: Failure) -> tuple[Task, ...]:
        return tuple(partial(self._give_up_region, shard, failure) for shard in left)

    def _read_region(self, shard: Shard, buckets: tuple[str, ...]) -> tuple[Task, ...]:
        with self._writing(shard) as writer:
            caller = Caller(self._wiring, shard, writer, shard.region)
            shards.collect_region(caller, buckets, self._orders.opening.partition)
        return ()

    def _give_up_region(self, shard: Shard, failure: Failure) -> tuple[Task, ...]:
        with self._writing(shard) as writer:
            self._note_no_entry(Caller(self._wiring, shard, writer, shard.region), failure)
        return ()

    def _note_no_entry(self, caller: Caller, failure: Failure) -> None:
        parameters = {"RoleArn": self._orders.roles.arn(caller.shard.account)}
        caller.note("sts", "AssumeRole", parameters, failure)

    @contextmanager
    def _writing(self, shard: Shard) -> Iterator[ShardWriter]:
        self._wiring.watcher.shard_started(shard)
        writer = ShardWriter(self._orders.folder, shard)
        with self._lock:
            self._open[shard] = writer
        try:
            yield writer
        except BaseException:
            self._finish(writer, interrupted=True)
            raise
        if self._finish(writer, interrupted=False) and writer.record is not None:
            self._orders.note(writer.record)

    def _finish(self, writer: ShardWriter, *, interrupted: bool) -> bool:
        """Finish a file and file its record; whether nobody had done so before. OutputError: no room."""
        try:
            writer.finish(interrupted=interrupted)
        except OutputError:
            if not interrupted:  # else an error is under way that says more
                raise
        finally:
            with self._lock:
                is_first = self._open.pop(writer.shard, None) is not None
            if is_first and writer.record is not None:
                self._file(writer.record)
        return is_first

    def _file(self, record: ShardRecord) -> None:
        with self._lock:
            self._records[Shard(record.account, record.region)] = record
        self._wiring.watcher.shard_finished(record)
