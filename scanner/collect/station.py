"""What is there before the first call: the caller's session and credentials, and the clients."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from botocore.session import Session

from scanner.collect.calls import Wiring
from scanner.collect.catalogue import OPERATIONS
from scanner.collect.clients import Clients
from scanner.collect.credentials import OwnSource, Wallet
from scanner.collect.request import CollectRequest
from scanner.collect.session import home_region, open_session, own_credentials
from scanner.collect.watch import Watcher
from scanner.model.names import RegionName


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """Where a collection calls from. `home` is the Region of the calls that need none."""

    session: Session
    own: OwnSource
    wallet: Wallet
    wiring: Wiring
    home: RegionName


def set_up(
    request: CollectRequest,
    watcher: Watcher,
    clock: Callable[[], datetime],
    home: RegionName | None = None,
) -> Station:
    """Find the caller's credentials and make what calls need. CredentialsError: there are none."""
    session = open_session(request.profile)
    wallet = Wallet()
    # A session of its own: in this one the credentials of the context replace the caller's.
    clients = Clients(
        open_session(request.profile), wallet, frozenset(OPERATIONS), request.concurrency, request.timeouts
    )
    return Station(
        session=session,
        own=OwnSource(own_credentials(session), lambda: own_credentials(open_session(request.profile))),
        wallet=wallet,
        wiring=Wiring(
            clients=clients, operations=OPERATIONS, retries=request.retries, watcher=watcher, clock=clock
        ),
        home=home or home_region(session, request.regions),
    )
