"""A collection from its request to its evidence, top to bottom."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from botocore.credentials import Credentials
from botocore.session import Session

from scanner.collect.calls import Caller, Wiring
from scanner.collect.catalogue import OPERATIONS
from scanner.collect.clients import Clients
from scanner.collect.credentials import Wallet
from scanner.collect.crew import Crew, Orders
from scanner.collect.opening import Opening, open_scan
from scanner.collect.organization import read_organization
from scanner.collect.request import Collected, CollectRequest, CutShortError, Interrupted
from scanner.collect.roles import Roles
from scanner.collect.scope import Resolved, check_request, resolve
from scanner.collect.session import home_region, known_regions, open_session, own_credentials
from scanner.collect.watch import Unwatched, Watcher
from scanner.errors import OutputError
from scanner.evidence.writer import ShardWriter
from scanner.model.manifest import ShardRecord
from scanner.model.names import ORG, RegionName, Shard

# Organizations is one service a partition, and answers in one Region of it.
_ORGANIZATIONS_REGIONS: Final = {
    "aws": RegionName("us-east-1"),
    "aws-cn": RegionName("cn-northwest-1"),
    "aws-us-gov": RegionName("us-gov-west-1"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Station:
    """What is there before the first call: the caller's session and credentials, and the clients."""

    session: Session
    own: Credentials
    wallet: Wallet
    wiring: Wiring
    home: RegionName


def collect(
    request: CollectRequest,
    folder: Path,
    watcher: Watcher | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Collected:
    """Record what `request` asks for as evidence files under `folder`.

    A read that fails is a line of the evidence, not an error here. Raises UsageError (CredentialsError),
    EndpointError and EmptyScopeError before the first shard is read; then CutShortError when the disk is
    full and Interrupted on Ctrl-C, both with what was collected.
    """
    check_request(request)
    started = clock()
    station = _set_up(request, watcher or Unwatched(), clock)
    opening = open_scan(station.wiring, station.wallet, station.own.get_frozen_credentials, station.home)
    resolved, organization = _survey(request, station, opening, folder)
    crew = _crew(request, station, opening, resolved, folder)

    def collected() -> Collected:
        return Collected(
            scope=resolved.scope,
            accounts=resolved.accounts,
            shards=(*organization, *crew.records()),
            caller_arn=opening.arn,
            caller_account=opening.account,
            started_at=started,
            finished_at=clock(),
        )

    try:
        crew.run(request.concurrency)
    except KeyboardInterrupt:
        raise Interrupted(collected()) from None
    except OutputError as problem:
        raise CutShortError(str(problem), collected()) from problem
    station.wiring.clients.close()
    return collected()


def _set_up(request: CollectRequest, watcher: Watcher, clock: Callable[[], datetime]) -> _Station:
    session = open_session(request.profile)
    wallet = Wallet()
    # A session of its own: in this one the credentials of the context replace the caller's.
    clients = Clients(
        open_session(request.profile), wallet, frozenset(OPERATIONS), request.concurrency, request.timeouts
    )
    return _Station(
        session=session,
        own=own_credentials(session),
        wallet=wallet,
        wiring=Wiring(
            clients=clients, operations=OPERATIONS, retries=request.retries, watcher=watcher, clock=clock
        ),
        home=home_region(session, request.regions),
    )


def _survey(
    request: CollectRequest, station: _Station, opening: Opening, folder: Path
) -> tuple[Resolved, tuple[ShardRecord, ...]]:
    """Resolve the scope; what was asked for it, and belongs to no account in it, is the org's file."""
    known = known_regions(station.session)
    if not request.organization and (not request.accounts or opening.account in request.accounts):
        return resolve(request, opening, None, known), ()
    shard = Shard(opening.account, ORG)
    with ShardWriter(folder, shard) as writer:
        region = _ORGANIZATIONS_REGIONS.get(opening.partition, station.home)
        organization = None
        if request.organization:
            organization = read_organization(
                Caller(station.wiring, shard, writer, region),
                Caller(station.wiring, shard, writer, station.home),
            )
        resolved = resolve(request, opening, organization, known)
        if opening.account not in resolved.scope.accounts:
            opening.held.replay(writer, opening.account)
    return resolved, (writer.finish(),)


def _crew(
    request: CollectRequest, station: _Station, opening: Opening, resolved: Resolved, folder: Path
) -> Crew:
    scope = resolved.scope
    station.wiring.watcher.shards_total(len(scope.accounts) * (1 + len(scope.regions)))
    return Crew(
        Orders(
            wiring=station.wiring,
            wallet=station.wallet,
            roles=Roles(request, station.wiring, opening.account, opening.partition, station.home),
            opening=opening,
            scope=scope,
            home=station.home,
            folder=folder,
        )
    )
