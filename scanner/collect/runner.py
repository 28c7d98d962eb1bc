"""A collection from its request to its evidence, and the continuation of an interrupted one."""

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from scanner.collect.environment import Opening, Roles, ScanEnvironment, open_scan, set_up
from scanner.collect.foreign_keys import KeysByShard
from scanner.collect.journal import Header, Journal, remove_organization
from scanner.collect.request import Collected, CollectRequest, CutShortError, Interrupted, Unwatched, Watcher
from scanner.collect.retry import steady
from scanner.collect.scope import Resolved, check_request, survey
from scanner.collect.shard_collector import CollectContext, ShardCollector
from scanner.errors import OutputError
from scanner.model.manifest import ShardRecord
from scanner.model.names import AccountId, Shard


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """A collection whose caller is known.

    `finished` are the shards that need not be asked again, `keys` those that they name and others own.
    """

    request: CollectRequest
    folder: Path
    environment: ScanEnvironment
    opening: Opening
    header: Header
    journal: Journal
    finished: Mapping[Shard, ShardRecord] = field(default_factory=dict)
    keys: KeysByShard = field(default_factory=dict)


def collect(  # noqa: PLR0913 -- a request, its folder, clock and id
    request: CollectRequest,
    folder: Path,
    watcher: Watcher | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    *,
    as_of: datetime | None = None,
    scan_id: str = "",
) -> Collected:
    """Record the evidence of `request` under `folder`, and the progress in a journal.

    A failed read is a line of the evidence, not an error. Raises UsageError (CredentialsError), EndpointError
    and EmptyScopeError before the first shard is read, and later CutShortError if the disk is full and
    Interrupted on Ctrl-C, both with the result so far. `as_of` is recorded for a resumption. Without a
    `scan_id`, one is created.
    """
    with _new_collection(request, folder, watcher or Unwatched(), clock, (as_of, scan_id)) as collection:
        return begin(collection)


def open_collection(  # noqa: PLR0913 -- as collect
    request: CollectRequest,
    folder: Path,
    watcher: Watcher | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    *,
    as_of: datetime | None = None,
    scan_id: str = "",
) -> Resolved:
    """Resolve the scope and read the organization, but no account (see `account.collect_account`).

    Raises the errors of `collect`.
    """
    with _new_collection(request, folder, watcher or Unwatched(), clock, (as_of, scan_id)) as collection:
        resolved, _ = resolve_scope(collection)
        return resolved


@contextmanager
def _new_collection(
    request: CollectRequest,
    folder: Path,
    watcher: Watcher,
    clock: Callable[[], datetime],
    named: tuple[datetime | None, str],
) -> Iterator[Collection]:
    """Yield a collection with a new journal. `named`: the time of the evaluation, and the scan's id."""
    check_request(request)
    clock = steady(clock)
    # Before the first call, whose time must be within the scan.
    started = clock()
    environment = set_up(request, watcher, clock)
    opening = open_scan(environment.wiring, environment.credential_store, environment.own, environment.home)
    header = Header(
        scan_id=named[1] or str(uuid.uuid4()),
        tool_version=version("vaultproof"),
        started_at=started,
        as_of=named[0],
        caller_arn=opening.arn,
        caller_account=opening.account,
        home=environment.home,
        requested=request.asked(),
    )
    # After the first calls, so that wrong credentials do not replace the journal of an earlier scan.
    with Journal.create(folder, header) as journal:
        remove_organization(folder)
        yield Collection(
            request=request,
            folder=folder,
            environment=environment,
            opening=opening,
            header=header,
            journal=journal,
        )


def begin(collection: Collection) -> Collected:
    """Resolve the scope, and read it."""
    return read(collection, *resolve_scope(collection))


def resolve_scope(collection: Collection) -> tuple[Resolved, tuple[ShardRecord, ...]]:
    """Resolve the scope, and write it into the journal."""
    here = collection
    resolved, records = survey(here.request, here.environment, here.opening, here.folder)
    collection.journal.begin(resolved.scope, resolved.accounts, records)
    return resolved, records


def read(collection: Collection, resolved: Resolved, records: tuple[ShardRecord, ...]) -> Collected:
    """Read the shards of the scope. `records` are those that come before them: the organisation's."""
    environment, journal = collection.environment, collection.journal
    collector = shard_collector_of(collection, resolved)

    def collected(at: datetime) -> Collected:
        return collected_of(collection.header, resolved, (*records, *collector.records()), at)

    try:
        collector.run(collection.request.concurrency)
        ended = environment.wiring.clock()
        # Without this line in the journal, a resumption reads what is left.
        if not collector.has_more:
            journal.end(ended)
    except KeyboardInterrupt:
        raise Interrupted(collected(environment.wiring.clock())) from None
    except OutputError as problem:
        raise CutShortError(str(problem), collected(environment.wiring.clock())) from problem
    # Only after success: threads that were abandoned at Ctrl-C may still use the clients.
    environment.release()
    return collected(ended)


def collected_of(
    header: Header, resolved: Resolved, records: tuple[ShardRecord, ...], finished_at: datetime
) -> Collected:
    """Build the result of a collection. It does not end before it began, even if the clock was set back."""
    return Collected(
        scan_id=header.scan_id,
        as_of=header.as_of,
        scope=resolved.scope,
        accounts=resolved.accounts,
        shards=records,
        caller_arn=header.caller_arn,
        caller_account=header.caller_account,
        started_at=header.started_at,
        finished_at=max(finished_at, header.started_at),
        reads=header.requested.reads,
    )


def shard_collector_of(
    collection: Collection,
    resolved: Resolved,
    accounts: tuple[AccountId, ...] | None = None,
    shards_at_most: int | None = None,
) -> ShardCollector:
    """Return who reads the scope, or only these of its accounts."""
    environment, opening, scope = collection.environment, collection.opening, resolved.scope
    environment.wiring.watcher.scope_known(scope, collection.finished)
    return ShardCollector(
        CollectContext(
            wiring=environment.wiring,
            credential_store=environment.credential_store,
            roles=Roles(
                collection.request, environment.wiring, opening.account, opening.partition, environment.home
            ),
            opening=opening,
            scope=scope,
            home=environment.home,
            folder=collection.folder,
            finished=collection.finished,
            keys=collection.keys,
            note=collection.journal.note,
            accounts=accounts,
            shards_at_most=shards_at_most,
        )
    )
