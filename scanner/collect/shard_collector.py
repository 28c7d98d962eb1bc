"""Collection of the shards of a scan: entering accounts, and reading their enabled Regions."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from scanner.collect.calls import Caller, HeldCalls, Wiring
from scanner.collect.credentials import CredentialStore
from scanner.collect.environment import Opening, Roles
from scanner.collect.foreign_keys import KeysByShard, by_owner, can_be_asked, keys_elsewhere, owner_evidence
from scanner.collect.pool import BEGINS, Pool
from scanner.collect.retry import EXPIRED_CODES, FinalError, Halted
from scanner.collect.shard_reader import (
    GLOBAL_STEPS,
    AccountView,
    Ending,
    Last,
    ShardReader,
    guarded,
    region_steps,
)
from scanner.errors import OutputError
from scanner.evidence.answers import error_kind
from scanner.evidence.reader import read_lines
from scanner.evidence.writer import Failure, ShardWriter, append_calls
from scanner.model.inventory import ShardStatus
from scanner.model.known import ASSUME_ROLE, Gap
from scanner.model.manifest import Scope, ShardRecord, is_collected
from scanner.model.names import AWS_GLOBAL, AccountId, RegionName, Shard
from scanner.services import ec2, kms, s3
from scanner.services.base import text

_GRACE_SECONDS: Final = 2.0
"""How long to wait for threads to stop; later calls are abandoned."""

Buckets = Future[Mapping[RegionName, Iterable[str]]]
"""An account's buckets by Region, which are listed while its Regions are read."""


class DeadlinePassedError(Exception):
    """The deadline passed before everything was read."""


class NoEntryError(Exception):
    """An account cannot be read, since its role cannot be assumed."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        super().__init__(failure.message)


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectContext:
    """The scope of a collector, its credentials, and its folder.

    `finished` are shards that an earlier run read to the end; they are not read again. `keys` are those that
    they name and other shards own. `note` is called from several threads with every record that is finished
    without interruption, and with such keys; it may raise OutputError. `accounts`: those of the scope that
    this collector reads; None: all. Keys of other shards are only described here if it is all, or else after
    all collectors.
    """

    wiring: Wiring
    credential_store: CredentialStore
    roles: Roles
    opening: Opening
    scope: Scope
    home: RegionName
    folder: Path
    finished: Mapping[Shard, ShardRecord] = field(default_factory=dict)
    keys: KeysByShard = field(default_factory=dict)
    note: Callable[[ShardRecord, tuple[str, ...]], None] = lambda _record, _keys: None
    accounts: tuple[AccountId, ...] | None = None
    shards_at_most: int | None = None


class ShardCollector:
    """Reads the shards of a scope."""

    def __init__(self, context: CollectContext) -> None:
        self._records: dict[Shard, ShardRecord] = {}
        self._context = context
        self._wiring = context.wiring
        self._keys = dict(context.keys)
        self._open: dict[Shard, ShardWriter] = {}
        self._lock = threading.Lock()
        self._pool = Pool(1)
        self.has_more = False
        """Whether a resumption can read more: credentials expired within a shard, or the time was over."""

    def run(self, concurrency: int) -> None:
        """Read all shards. OutputError, KeyboardInterrupt: files were finished first."""
        self._pool = Pool(concurrency)
        try:
            self._read_all()
        except DeadlinePassedError:
            self.has_more = True
            self._wiring.halt.set()
            self._wind_up()
        except BaseException:
            self._wiring.halt.set()
            self._wind_up()
            raise
        finally:
            self._pool.close()

    def ask_owners_of(self, records: Mapping[Shard, ShardRecord], concurrency: int) -> None:
        """Describe keys for other shards only; `records` are of shards that were read elsewhere."""
        self._records = dict(records)
        self._pool = Pool(concurrency)
        try:
            if not self._is_late():
                self._ask_owners()
                self._join()
        except BaseException as ending:
            self._wiring.halt.set()
            self._pool.drop()
            if not isinstance(ending, DeadlinePassedError):
                raise
            self.has_more = True
        finally:
            self._pool.close()

    def records(self) -> tuple[ShardRecord, ...]:
        """Return the record of every shard that was begun or skipped, by account and Region."""
        with self._lock:
            return tuple(self._records[shard] for shard in sorted(self._records))

    def _read_all(self) -> None:
        accounts = self._context.scope.accounts if self._context.accounts is None else self._context.accounts
        for account in accounts:
            self._pool.enter(partial(self._unless_halted, partial(self._enter, account)), account)
        self._join()
        # A collector of some accounts leaves these keys to `ask_owners_of`, after all collectors.
        if self._context.accounts is None and not self._is_late():
            self._ask_owners()
            self._join()

    def _join(self) -> None:
        """Wait for all tasks. DeadlinePassedError: the deadline passed before."""
        deadline = self._wiring.deadline
        if (error := self._pool.join(None if deadline is None else deadline.patience)) is not None:
            raise error
        if not self._pool.is_idle:
            raise DeadlinePassedError

    def _is_late(self) -> bool:
        """Return whether it is too late to start anything, which leaves work for a resumption."""
        deadline = self._wiring.deadline
        if deadline is None or deadline.gives_up or not deadline.is_near:
            return False
        self.has_more = True
        return True

    def _ask_owners(self) -> None:
        """Describe the keys that one account-Region names and another one owns, after all were read."""
        if not is_collected("kms:DescribeKey", self._wiring.reads):
            return
        for shard, names in by_owner(self._keys).items():
            record = self._records.get(shard)
            if record is not None and can_be_asked(record):
                ask = partial(self._ask_owner, shard, record, names)
                self._pool.submit(partial(self._unless_halted, ask), shard.account)

    def _ask_owner(self, shard: Shard, record: ShardRecord, names: tuple[str, ...]) -> None:
        """Describe the owner's keys that were not described yet. BundleError, OutputError."""
        evidence = owner_evidence(self._context.folder, record.file)
        left = evidence.not_asked(names, shard)
        if not left or not self._has_credentials(shard.account):
            return
        recorder = HeldCalls()
        caller = Caller(self._wiring, shard, recorder, shard.region)
        partition = self._context.opening.partition
        guarded(
            caller,
            "kms",
            partial(kms.collect_keys, caller, left, aliases=evidence.aliases, partition=partition),
        )
        # Nothing of it is recorded, so that a resumption describes the keys again after a new login.
        if self._has_expired(caller):
            self.has_more = True
            return
        record = append_calls(self._context.folder, record, recorder.recorded)
        with self._lock:
            self._records[shard] = record
        # A second line for this shard, which replaces the first one: the file has grown.
        self._context.note(record, self._keys.get(shard, ()))

    def _has_credentials(self, account: AccountId) -> bool:
        """Assume the role of an account that an earlier run read; return whether that is still possible."""
        if account in self._context.credential_store:
            return True
        try:
            self._take_on(account)
        except NoEntryError as closed:
            self._report_no_entry(account, closed.failure)
            return False
        return True

    def _has_expired(self, caller: Caller) -> bool:
        return any(failure.code in EXPIRED_CODES for failure in caller.failures.values())

    def _unless_halted(self, task: Callable[[], None]) -> None:
        if self._wiring.halt.is_set():
            raise Halted
        task()

    def _wind_up(self) -> None:
        """Wait a moment for the threads to stop, then finish all open files."""
        self._pool.drop()
        with suppress(KeyboardInterrupt):  # Ctrl-C again: do not wait
            deadline = time.monotonic() + _GRACE_SECONDS
            while (left := deadline - time.monotonic()) > 0 and self._pool.join(left) is not None:
                pass  # one thread has stopped; there may be others
        with self._lock:
            left_open = list(self._open.values())
        for writer in left_open:
            with suppress(OutputError):  # the first error is the one to report
                self._finish(writer, interrupted=True)

    def _enter(self, account: AccountId) -> None:
        """Read an account's global services, and start its Regions."""
        shard = Shard(account, AWS_GLOBAL)
        if self._is_late():
            return
        if shard in self._context.finished:
            self._go_on_with(shard)
            return
        reading, writer = self._begin(shard, self._context.home)
        try:
            # The first calls of the scan could not be filed before the account was known.
            if account == self._context.opening.account:
                self._context.opening.held.replay(writer, account)
                enabled = self._context.opening.regions
            else:
                self._take_on(account)
                # Evidence of the principal that reads the account.
                reading.part("sts", _identify)
                enabled = ec2.regions(reading.caller)
        except NoEntryError as closed:
            self._report_no_entry(account, closed.failure)
            self._note_no_entry(reading, closed.failure)
            # Each Region records the failure in its own file, so that none of them can pass as empty.
            self._give_up(self._left(account, AccountView(None, {})), closed.failure)
            return
        # One list has the buckets of all Regions. They start without it, and only their buckets wait for it.
        buckets = Buckets()
        reading.part("s3", partial(_list_buckets, buckets=buckets))
        for service, step in GLOBAL_STEPS:
            reading.part(service, step)
        self._read(self._left(account, AccountView(enabled, {})), buckets)
        reading.opened()

    def _go_on_with(self, shard: Shard) -> None:
        """Continue an account whose global services were read by an earlier run, from their evidence."""
        record = self._context.finished[shard]
        view = recall_account(self._context.folder, record.file)
        self._file(record)
        if isinstance(view, Failure):
            self._report_no_entry(shard.account, view)
            self._give_up(self._left(shard.account, AccountView(None, {})), view)
            return
        left = self._left(shard.account, view)
        if left and shard.account != self._context.opening.account:
            try:
                self._take_on(shard.account)
            except NoEntryError as closed:
                self._report_no_entry(shard.account, closed.failure)
                self._give_up(left, closed.failure)
                return
        buckets = Buckets()
        buckets.set_result(view.buckets)
        self._read(left, buckets)

    def _take_on(self, account: AccountId) -> None:
        """Assume the account's role. NoEntryError: it is refused."""
        source = self._context.roles.source(account)
        try:
            # The role is assumed now: whether that works decides whether the account is read.
            source()
        except FinalError as problem:
            raise NoEntryError(problem.failure) from problem
        self._context.credential_store.put(account, source)

    def _left(self, account: AccountId, view: AccountView) -> tuple[Shard, ...]:
        """Return the Regions of an account that are left to read; record the others."""
        left: list[Shard] = []
        for shard in (Shard(account, region) for region in self._context.scope.regions):
            if (done := self._context.finished.get(shard)) is not None:
                self._file(done)
            elif view.has_enabled(shard.region):
                left.append(shard)
            else:
                # AWS rejects calls to a Region that is not enabled as if the credentials were invalid.
                self._file(ShardRecord(account=account, region=shard.region, status=ShardStatus.SKIPPED))
        if self._context.shards_at_most is not None and len(left) > self._context.shards_at_most:
            self.has_more = True
        return tuple(left[: self._context.shards_at_most])

    def _read(self, left: Iterable[Shard], buckets: Buckets) -> None:
        for shard in left:
            self._submit(partial(self._read_region, shard, buckets), shard)

    def _give_up(self, left: Iterable[Shard], failure: Failure) -> None:
        for shard in left:
            self._submit(partial(self._give_up_region, shard, failure), shard)

    def _submit(self, begin: Callable[[], None], shard: Shard) -> None:
        def begin_in_time() -> None:
            if not self._is_late():
                begin()

        self._pool.submit(partial(self._unless_halted, begin_in_time), shard.account, BEGINS)

    def _read_region(self, shard: Shard, buckets: Buckets) -> None:
        aliases: dict[str, str] = {}
        keys = partial(self._describe_keys, aliases=aliases)
        reading, _ = self._begin(shard, shard.region, keys)
        for service, step in region_steps(reading.caller):
            reading.part(service, step)
        reading.part("kms", partial(kms.collect_aliases, targets=aliases))
        describe = reading.part_later("s3")
        collect_buckets = partial(_collect_buckets, buckets=buckets)
        # A Future logs what its callback raises and continues: the shard would never end. So the callback
        # only starts the part, and the part asks for the buckets, where an exception is a failed read.
        buckets.add_done_callback(lambda _listed: describe(collect_buckets))
        reading.opened()

    def _describe_keys(self, caller: Caller, named: AbstractSet[str], *, aliases: Mapping[str, str]) -> None:
        """Describe the keys that a shard names, and store those that another shard owns."""
        with self._lock:
            self._keys[caller.shard] = keys_elsewhere(named, caller.shard, self._context.scope)
        kms.collect_keys(caller, named, aliases=aliases, partition=self._context.opening.partition)

    def _give_up_region(self, shard: Shard, failure: Failure) -> None:
        reading, _ = self._begin(shard, shard.region)
        self._note_no_entry(reading, failure)

    def _report_no_entry(self, account: AccountId, failure: Failure) -> None:
        gap = Gap(
            account=account,
            region=AWS_GLOBAL,
            operation=ASSUME_ROLE,
            about=self._context.roles.arn(account),
            kind=error_kind(failure.code),
            code=failure.code,
            message=failure.message,
        )
        self._wiring.watcher.account_not_entered(gap)

    def _note_no_entry(self, reading: ShardReader, failure: Failure) -> None:
        parameters = {"RoleArn": self._context.roles.arn(reading.caller.shard.account)}
        reading.caller.note("sts", "AssumeRole", parameters, failure)
        reading.opened()

    def _begin(
        self, shard: Shard, region: RegionName, last: Last | None = None
    ) -> tuple[ShardReader, ShardWriter]:
        """Open a shard's file. OutputError: it cannot be created."""
        self._wiring.watcher.shard_started(shard)
        writer = ShardWriter(self._context.folder, shard)
        with self._lock:
            self._open[shard] = writer
        ending = Ending(finish=partial(self._complete, writer), service="kms", last=last)
        return ShardReader(self._wiring, self._pool, writer, region, ending), writer

    def _complete(self, writer: ShardWriter, caller: Caller) -> None:
        # While a scan is being stopped, a part may end early because another one returned nothing.
        is_stopped = self._wiring.halt.is_set()
        if not self._finish(writer, interrupted=is_stopped) or is_stopped or writer.record is None:
            return
        if self._has_expired(caller):
            self.has_more = True  # a resumption can continue after a new login
        else:
            self._context.note(writer.record, self._keys.get(writer.shard, ()))

    def _finish(self, writer: ShardWriter, *, interrupted: bool) -> bool:
        """Finish a file and store its record; return whether this call did. OutputError: the disk is full."""
        try:
            writer.finish(interrupted=interrupted)
        finally:
            # `_wind_up` can finish a file at the moment its last part does: only one of the two counts.
            with self._lock:
                is_first = self._open.pop(writer.shard, None) is not None
            if is_first and writer.record is not None:
                self._file(writer.record)
        return is_first

    def _file(self, record: ShardRecord) -> None:
        with self._lock:
            self._records[Shard(record.account, record.region)] = record
        self._wiring.watcher.shard_finished(record)


def _identify(caller: Caller) -> None:
    caller.call("sts", "GetCallerIdentity")


def _list_buckets(caller: Caller, *, buckets: Buckets) -> None:
    try:
        buckets_by_region = s3.buckets(caller)
    except BaseException as problem:  # without a result, the Regions would wait forever
        buckets.set_exception(problem)
        raise
    buckets.set_result(buckets_by_region)


def _collect_buckets(caller: Caller, *, buckets: Buckets) -> set[str]:
    """Describe the account's buckets of a Region; return their keys. Raises what listing them raised."""
    return s3.collect_buckets(caller, names=tuple(buckets.result().get(caller.region, ())))


def recall_account(folder: Path, file: str) -> AccountView | Failure:
    """Return an account's view from its `aws-global` evidence, or the Failure of entering the account.

    The view is the same as when the file was written. BundleError: the file is unreadable.
    """
    lines = tuple(read_lines(folder, file))
    regions, places = None, {}
    for line in lines:
        if line.error is not None and line.name == "sts:AssumeRole":
            return Failure(line.error.code, line.error.message, line.error.status, line.error.attempts)
        if line.response is not None and line.name == "ec2:DescribeRegions":
            regions = ec2.enabled(line.response)
        if line.response is not None and line.name == "s3:GetBucketLocation":
            places[str(line.parameters.get("Bucket"))] = s3.region_of(
                text(line.response, "LocationConstraint")
            )
    pages = (line.response for line in lines if line.response is not None and line.name == "s3:ListBuckets")
    return AccountView(regions, s3.by_region(pages, lambda name: places.get(name, "")))
