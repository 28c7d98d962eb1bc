"""One client for each service and Region, shared by all accounts and threads of a scan.

Creating the first client of a service costs ten milliseconds and more, any further one about two; a client
for each shard would cost hours in a large organisation.
"""

import re
import threading
from contextlib import nullcontext
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final
from urllib.parse import urlsplit

import botocore
from botocore.client import BaseClient
from botocore.config import Config
from botocore.model import OperationModel
from botocore.session import Session

from scanner.collect.bounded import BoundedSession
from scanner.collect.credentials import ContextCredentials, Wallet
from scanner.collect.parsing.parsers import install
from scanner.collect.sharing import ClientCreator
from scanner.collect.soundness import refuse_broken_answer, refuse_strange_answer
from scanner.collect.trust import SharedTrust
from scanner.model.names import RegionName

_LEAST_POOL: Final = 10
_REVIEWED: Final = "1.44.8"
"""The botocore whose `Session.create_client` was read: after its first call, threads may call it at once.

botocore does not promise that. With any other version clients are created one at a time.
"""
_HOST: Final = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long one attempt may take, in seconds.

    `connect`: to connect; `read`: between two pieces of an answer; `body`: from its first piece to its last.
    """

    connect: float = 10.0
    read: float = 60.0
    body: float = 300.0


class UndeclaredOperationError(RuntimeError):
    """An operation was called that no collector declares: the request was not sent."""


class ForeignEndpointError(Exception):
    """An answer named an endpoint that is not AWS's own: no request is signed for it."""


class Clients:
    """Makes clients and keeps them. All sign with the wallet's credentials of the moment.

    `declared` are the operations (`backup:ListBackupPlans`) that requests may be sent for; any other
    raises UndeclaredOperationError before it leaves this machine.
    """

    def __init__(
        self,
        session: Session,
        wallet: Wallet,
        declared: frozenset[str],
        concurrency: int,
        timeouts: Timeouts = Timeouts(),
    ) -> None:
        self.wallet = wallet
        self.made_for: object = None  # what decides whether another collection can use them
        self._session = session
        self._declared = declared
        self._timeouts = timeouts
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._is_concurrent = False
        self._clients: dict[tuple[str, str, str], BaseClient] = {}
        self._config = Config(
            retries={"total_max_attempts": 1, "mode": "standard"},
            connect_timeout=timeouts.connect,
            read_timeout=timeouts.read,
            max_pool_connections=max(_LEAST_POOL, concurrency),
            account_id_endpoint_mode="disabled",
            user_agent=_user_agent(),
        )
        session.register_component("credential_provider", _Provider(ContextCredentials(wallet)))
        session.register("before-call", self._refuse_undeclared)
        session.register("before-parse", refuse_broken_answer)
        session.register("after-call", refuse_strange_answer)
        install(session)
        self._creator = ClientCreator(session)
        self._trust = SharedTrust()

    @property
    def shares(self) -> bool:
        """Whether the clients of a service share its model, class and endpoint rules."""
        return self._creator.shares

    def of(self, service: str, region: RegionName, endpoint: str = "") -> BaseClient:
        """Return the client of a service in a Region; it is created when it is first needed.

        `endpoint`: the host that endpoint discovery named (Amazon Timestream's DescribeEndpoints). It
        gives way to an endpoint of the configuration (AWS_ENDPOINT_URL). ForeignEndpointError: it is
        none of AWS's.
        """
        key = (service, region, endpoint)
        client = self._clients.get(key)
        if client is None:
            with self._locks.setdefault(service, threading.Lock()):
                client = self._clients.get(key)
                if client is None:
                    client = self._clients[key] = self._create(service, region, endpoint)
        return client

    def _create(self, service: str, region: RegionName, endpoint: str) -> BaseClient:
        """Create a client, the first of all alone: with it botocore makes the parts of its session."""
        with nullcontext() if self._is_concurrent else self._lock:
            client = self._bounded(self._make(service, region, endpoint))
        self._is_concurrent = is_reviewed()
        return client

    def _bounded(self, client: BaseClient) -> BaseClient:
        http: Any = vars(client)["_endpoint"]  # there is no other door to the HTTP session
        self._trust.share(http.http_session)
        http.http_session = BoundedSession(http.http_session, self._timeouts.body)
        return client

    def _make(self, service: str, region: RegionName, endpoint: str) -> BaseClient:
        plain = self._creator.create(service, region_name=region, config=self._config)
        if not endpoint:
            return plain
        # (the stubs do not know this setting)
        apart = Config(ignore_configured_endpoint_urls=True)  # type: ignore[call-arg]
        unconfigured = self._config.merge(apart)
        usual = self._creator.create(service, region_name=region, config=unconfigured)
        url = plain.meta.endpoint_url
        if url == usual.meta.endpoint_url:
            url = f"https://{_own_host(endpoint, usual.meta.endpoint_url, region)}"
        # With an endpoint of its own a client leaves botocore's discovery alone: it is asked for on record.
        return self._creator.create(service, region_name=region, config=self._config, endpoint_url=url)

    def close(self) -> None:
        """Close all connections."""
        for client in tuple(self._clients.values()):
            client.close()

    def _refuse_undeclared(self, **event: Any) -> None:  # noqa: ANN401 -- botocore's signature
        name = _key(event["model"])
        if name not in self._declared:
            raise UndeclaredOperationError(f"{name} is not declared by any collector.")


def is_reviewed() -> bool:
    """Check whether this botocore's clients may be created in several threads at once."""
    return botocore.__version__ == _REVIEWED


def _user_agent() -> str:
    """Say once who is calling. botocore's own text is put together twice a call: a tenth of a call's CPU."""
    return f"vaultproof/{version('vaultproof')} Botocore/{botocore.__version__}"


def _own_host(endpoint: str, usual: str, region: RegionName) -> str:
    """Check that a host lies in the domain of the service's usual one: keys are not sent elsewhere."""
    host = endpoint.lower().removeprefix("https://").rstrip("/")
    domain = (urlsplit(usual).hostname or "").rpartition(f"{region}.")[2]
    if not domain or not _HOST.fullmatch(host) or not host.endswith(f".{domain}"):
        raise ForeignEndpointError(f"{endpoint[:80]!r} is no endpoint of AWS in {region}.")
    return host


def _key(operation: OperationModel) -> str:
    return f"{operation.service_model.service_name}:{operation.name}"


class _Provider:
    """botocore's place to plug in credentials."""

    def __init__(self, credentials: ContextCredentials) -> None:
        self._credentials = credentials

    def load_credentials(self) -> ContextCredentials:
        """Give the credentials that clients hold."""
        return self._credentials
