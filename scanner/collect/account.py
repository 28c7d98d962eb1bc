"""Collection of one account of an opened scan, which resumes the scan's journal for that account.

The journal of `runner.open_collection` has the scope. The process that collects an account adds its shards to
a copy of it, and may stop and continue any number of times. Keys that the account names and others own are
described in their owners' accounts after all accounts (`ask_owners`).
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from scanner.collect.environment import open_scan, set_up
from scanner.collect.foreign_keys import KeysByShard, by_owner, can_be_asked
from scanner.collect.journal import Finished, Journal, JournalState
from scanner.collect.request import CollectRequest, Unwatched, Watcher
from scanner.collect.resume import ResumeOptions, check_access_options, journal_request
from scanner.collect.retry import steady
from scanner.collect.runner import Collection, shard_collector_of
from scanner.collect.scope import Resolved
from scanner.errors import BundleError
from scanner.model.manifest import ShardRecord
from scanner.model.names import AWS_GLOBAL, ORG, AccountId, Shard


@dataclass(frozen=True, slots=True)
class AccountCollected:
    """The progress in an account. `records`: of all its finished and started shards."""

    records: tuple[ShardRecord, ...]
    has_more: bool


def collect_account(  # noqa: PLR0913 -- what is read, with which means, and who is informed
    means: CollectRequest,
    folder: Path,
    account: AccountId,
    finished: Finished,
    *,
    watcher: Watcher | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    shards_at_most: int | None = None,
) -> AccountCollected:
    """Read what is left of an account. The journal in `folder` has the scope and the shards so far.

    The evidence of the account's global services must exist if these are among the shards. Raises the errors
    of `resume`. `finished` may raise OutputError, which ends the collection. `shards_at_most` limits the
    number of Regions.
    """
    with _opened(means, folder, account, watcher or Unwatched(), clock, finished) as (
        collection,
        resolved,
    ):
        collector = shard_collector_of(collection, resolved, (account,), shards_at_most)
        collector.run(means.concurrency)
        collection.environment.release()
        return AccountCollected(collector.records(), collector.has_more)


def ask_owners(
    means: CollectRequest,
    folder: Path,
    finished: Finished,
    records: Mapping[Shard, ShardRecord],
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> bool:
    """Ask the owners of keys that others name, as the last part of a collection; whether something is left.

    The journal in `folder` has all accounts. Of the evidence the files of the `owners` must be there.
    """
    with _opened(means, folder, None, Unwatched(), clock, finished) as (collection, resolved):
        collector = shard_collector_of(collection, resolved)
        collector.ask_owners_of(records, means.concurrency)
        collection.environment.release()
        return collector.has_more


def owners(past: JournalState, records: Mapping[Shard, ShardRecord]) -> tuple[ShardRecord, ...]:
    """Return the shards that own keys which others name, as far as they can be asked."""
    recorded = (records.get(shard) for shard in by_owner(past.keys))
    return tuple(record for record in recorded if record is not None and can_be_asked(record))


@contextmanager
def _opened(  # noqa: PLR0913, PLR0917 -- as collect_account
    means: CollectRequest,
    folder: Path,
    account: AccountId | None,
    watcher: Watcher,
    clock: Callable[[], datetime],
    finished: Finished,
) -> Iterator[tuple[Collection, Resolved]]:
    journal, past = Journal.reopen(folder)
    with journal:
        journal.finished = finished
        if past.scope is None:
            raise BundleError(
                f"{folder}: the journal has no scope: the scan was not opened. Start another one."
            )
        check_access_options(means, past)
        request = journal_request(ResumeOptions(), means, past)
        # Calls to global services are recorded with the home Region, so it
        # is that of the process that opened the scan.
        environment = set_up(request, watcher, steady(clock), past.header.home)
        caller = past.header.caller_account
        # The answer about Regions is a line of the caller's aws-global
        # file: request it only if that is still missing.
        opening = open_scan(
            environment.wiring,
            environment.credential_store,
            environment.own,
            environment.home,
            expected=caller,
            asks_regions=account == caller and Shard(caller, AWS_GLOBAL) not in past.finished,
        )
        # Keys of other owners are described after all accounts, and need what all of them name.
        done = _of(past.finished, account)
        keys: KeysByShard = (
            past.keys if account is None else {shard: past.keys.get(shard, ()) for shard in done}
        )
        yield (
            Collection(
                request=request,
                folder=folder,
                environment=environment,
                opening=opening,
                header=past.header,
                journal=journal,
                finished=done,
                keys=keys,
            ),
            Resolved(past.scope, past.accounts),
        )


def _of(finished: Mapping[Shard, ShardRecord], account: AccountId | None) -> dict[Shard, ShardRecord]:
    """Return the finished shards of one account, or of all."""
    return {
        shard: record
        # The organization's file was written when the scan was opened, and belongs to none of the accounts.
        for shard, record in finished.items()
        if shard.region != ORG and account in (None, shard.account)
    }
