"""What is there before the first call: the caller's session and credentials, and the clients."""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from botocore.session import Session

from scanner.collect.calls import Wiring
from scanner.collect.clients import Clients
from scanner.collect.credentials import OwnSource, Wallet
from scanner.collect.request import CollectRequest
from scanner.collect.session import home_region, open_session, own_credentials
from scanner.collect.watch import Watcher
from scanner.model.names import RegionName
from scanner.services.catalogue import OPERATIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """Where a collection calls from. `home` is the Region of the calls that need none."""

    session: Session
    own: OwnSource
    wallet: Wallet
    wiring: Wiring
    home: RegionName
    keeps: bool = False

    def release(self) -> None:
        """Let go of the clients: close their connections, or keep them for the next collection."""
        if not self.keeps:
            self.wiring.clients.close()
            return
        with _idle_lock:
            _idle.append(self.wiring.clients)


_idle: list[Clients] = []
_idle_lock: Final = threading.Lock()
"""Clients that no collection uses: creating hundreds takes seconds, and a warm sandbox has them already."""


def _clients_of(request: CollectRequest) -> Clients:
    """Return clients: new ones, or where the request keeps them, those of an earlier collection."""
    made_for = (request.profile, request.concurrency, request.timeouts, os.environ.get("AWS_ENDPOINT_URL"))
    with _idle_lock:
        for kept in [kept for kept in _idle if request.keeps_clients and kept.made_for == made_for]:
            _idle.remove(kept)
            kept.wallet.clear()
            return kept
    # A session of its own: in this one the credentials of the context replace the caller's.
    session = open_session(request.profile)
    clients = Clients(session, Wallet(), frozenset(OPERATIONS), request.concurrency, request.timeouts)
    clients.made_for = made_for
    return clients


def set_up(
    request: CollectRequest,
    watcher: Watcher,
    clock: Callable[[], datetime],
    home: RegionName | None = None,
) -> Station:
    """Find the caller's credentials and make what calls need. CredentialsError: there are none."""
    session = open_session(request.profile)
    clients = _clients_of(request)
    return Station(
        session=session,
        own=OwnSource(own_credentials(session), lambda: own_credentials(open_session(request.profile))),
        wallet=clients.wallet,
        keeps=request.keeps_clients,
        wiring=Wiring(
            clients=clients,
            operations=OPERATIONS,
            retries=request.retries,
            watcher=watcher,
            clock=clock,
            deadline=request.deadline,
            reads=request.reads,
        ),
        home=home or home_region(session, request.regions),
    )
