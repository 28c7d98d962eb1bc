"""One client for each service and Region, shared by all accounts and threads of a scan.

Creating the first client of a service takes at least 10 ms, and any further one about 2 ms. A client for each
shard would take hours in a large organisation.
"""

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final
from urllib.parse import urlsplit

import botocore
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError, HTTPClientError, ReadTimeoutError
from botocore.loaders import Loader
from botocore.model import OperationModel
from botocore.session import Session

from scanner.collect.credentials import ContextCredentials, CredentialStore
from scanner.collect.parsing.parsers import install
from scanner.collect.response_checks import refuse_broken_answer, refuse_strange_answer
from scanner.collect.session import SharedTrust
from scanner.model.names import RegionName

_LEAST_POOL: Final = 10

_REVIEWED: Final = "1.44.8"
"""The botocore whose `Session.create_client` was read: after its first call, threads may call it at once.

botocore does not promise that. With any other version clients are created one at a time.
"""
_HOST: Final = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")
_PIECE: Final = 1 << 16

_FINAL: Final = 200
"""Lower HTTP statuses are informational, and another answer follows."""

_PARTS: Final[Mapping[str, str]] = {"service-2": "operations", "endpoint-rule-set-1": "rules"}
"""By type of description: the part that the clients of a service share."""

_CHANGED: Final = (AttributeError, KeyError, TypeError)
"""Exceptions if another version of botocore passes other arguments."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """The maximum duration of one attempt, in seconds.

    `connect`: to connect; `read`: between two pieces of an answer; `body`: from its first piece to its last.
    """

    connect: float = 10.0
    read: float = 60.0
    body: float = 300.0


class UndeclaredOperationError(RuntimeError):
    """An operation was called that no collector declares; the request was not sent."""


class ForeignEndpointError(Exception):
    """An answer named an endpoint outside of AWS, for which no request is signed."""


class Clients:
    """Creates and caches clients, which sign with the credentials of the current account.

    `declared` are the operations (`backup:ListBackupPlans`) that requests may be sent for; any other
    raises UndeclaredOperationError before it leaves this machine.
    """

    def __init__(
        self,
        session: Session,
        credential_store: CredentialStore,
        declared: frozenset[str],
        concurrency: int,
        timeouts: Timeouts = Timeouts(),
    ) -> None:
        self.credential_store = credential_store
        self.made_for: object = None  # settings that must be equal for reuse by another collection
        self._session = session
        self._declared = declared
        self._timeouts = timeouts
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._is_concurrent = False
        self._clients: dict[tuple[str, str, str], BaseClient] = {}
        self._config = Config(
            # `retry.attempt` retries. The quota of botocore's retries would be shared by all accounts.
            retries={"total_max_attempts": 1, "mode": "standard"},
            connect_timeout=timeouts.connect,
            read_timeout=timeouts.read,
            # One connection per thread: from a smaller pool, connections would be dropped after each call.
            max_pool_connections=max(_LEAST_POOL, concurrency),
            # Account-based endpoints (AWS SDKs and Tools Reference Guide) are
            # fixed to one account, and a client serves all.
            account_id_endpoint_mode="disabled",
            user_agent=_user_agent(),
        )
        session.register_component("credential_provider", _Provider(ContextCredentials(credential_store)))
        # Before the first client, since each one copies the hooks of the session.
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
        """Return the client of a service in a Region, creating it when it is first needed.

        `endpoint`: the host from endpoint discovery (Amazon Timestream's DescribeEndpoints). A configured
        endpoint (AWS_ENDPOINT_URL) takes precedence. ForeignEndpointError: it is not a host of AWS.
        """
        key = (service, region, endpoint)
        # Without a lock: nearly every call finds its client here.
        client = self._clients.get(key)
        if client is None:
            with self._locks.setdefault(service, threading.Lock()):
                client = self._clients.get(key)
                if client is None:
                    client = self._clients[key] = self._create(service, region, endpoint)
        return client

    def _create(self, service: str, region: RegionName, endpoint: str) -> BaseClient:
        """Create a client.

        The first one is created alone, since botocore then builds parts of its session.
        """
        with nullcontext() if self._is_concurrent else self._lock:
            client = self._bounded(self._make(service, region, endpoint))
        self._is_concurrent = is_reviewed()
        return client

    def _bounded(self, client: BaseClient) -> BaseClient:
        http: Any = vars(client)["_endpoint"]  # the only access to the HTTP session
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
        # The two differ where AWS_ENDPOINT_URL is set: then no request may go to the discovered host.
        if url == usual.meta.endpoint_url:
            url = f"https://{_own_host(endpoint, usual.meta.endpoint_url, region)}"
        # With an explicit endpoint a client skips botocore's discovery, whose calls would not be recorded.
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
    """Build the user agent once. botocore builds its own text twice a call: a tenth of a call's CPU."""
    return f"vaultproof/{version('vaultproof')} Botocore/{botocore.__version__}"


def _own_host(endpoint: str, usual: str, region: RegionName) -> str:
    """Return a host after checking that it is in the domain of the service's usual one."""
    host = endpoint.lower().removeprefix("https://").rstrip("/")
    # Discovered hosts, like query-cell2.timestream.us-east-1.amazonaws.com, share only the domain.
    domain = (urlsplit(usual).hostname or "").rpartition(f"{region}.")[2]
    if not domain or not _HOST.fullmatch(host) or not host.endswith(f".{domain}"):
        raise ForeignEndpointError(f"{endpoint[:80]!r} is not an endpoint of AWS in {region}.")
    return host


def _key(operation: OperationModel) -> str:
    return f"{operation.service_model.service_name}:{operation.name}"


class _Provider:
    """botocore's place to plug in credentials."""

    def __init__(self, credentials: ContextCredentials) -> None:
        self._credentials = credentials

    def load_credentials(self) -> ContextCredentials:
        """Return the credentials that clients hold."""
        return self._credentials


# Reading bodies within a bound of time.
#
# botocore's read timeout applies to each piece: a body that arrives one byte at a time could block a thread
# forever.
class BoundedSession:
    """botocore's HTTP session, with each body read within `seconds` of its first byte."""

    def __init__(self, session: Any, seconds: float, now: Callable[[], float] = time.monotonic) -> None:  # noqa: ANN401 -- botocore's private attribute
        self._session = session
        self._seconds = seconds
        self._now = now

    def send(self, request: AWSPreparedRequest) -> AWSResponse:
        """Send, and read the answer. Raises what botocore's own session raises (HTTPClientError)."""
        # Otherwise botocore reads the whole body itself, however long that takes.
        request.stream_output = True
        response: Any = self._session.send(request)
        if response.status_code < _FINAL:
            # The final answer follows on this connection, where another call would read it as its own.
            response.raw.close()
            raise ConnectionClosedError(request=request, endpoint_url=request.url)
        try:
            body = b"".join(self._pieces(response.raw, request.url))
        except HTTPClientError:
            response.raw.close()
            raise
        except Exception as problem:
            response.raw.close()
            raise _as_botocore_says(problem, request) from problem
        return AWSResponse(request.url, response.status_code, response.headers, _Read(body))

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    def _pieces(self, raw: Any, url: str) -> Iterator[bytes]:  # noqa: ANN401 -- urllib3's response
        until = self._now() + self._seconds
        # `read1` returns what has arrived. `read` would wait for a whole piece, beyond the time limit.
        while piece := raw.read1(_PIECE, decode_content=False):
            yield piece
            if self._now() > until:
                raise ReadTimeoutError(endpoint_url=url, error=f"no end after {self._seconds:g} seconds")


class _Read:
    """A body that was read, as botocore's response reads one."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> Iterator[bytes]:
        """Return the whole body."""
        yield self._body


def _as_botocore_says(problem: Exception, request: AWSPreparedRequest) -> HTTPClientError:
    match type(problem).__name__:
        case "ReadTimeoutError":
            return ReadTimeoutError(endpoint_url=request.url, error=problem)
        # Names of urllib3 and of http.client: the body ended before its announced length.
        case "ProtocolError" | "IncompleteRead" | "InvalidChunkLength":
            return ConnectionClosedError(error=problem, request=request, endpoint_url=request.url)
        case _:
            return HTTPClientError(error=problem)


# Creating clients that share what is the same in all Regions: a service's model, class and endpoint rules.
#
# botocore builds them again for each client: half of what a client costs, and most of its memory. Here the
# first client of a service is built by botocore alone. For those that follow, botocore gets a description
# without operations and rules, and the event `creating-client-class` makes their class a subclass of the
# first one's, which has the methods; it takes the model and the rules from the first client.
#
# Whether a client has all of that is checked. If it has not (another version of botocore may do otherwise),
# it is created again, and from then on every client is built by botocore alone.
class ClientCreator:
    """Creates the clients of a session. Two clients of one service must not be created at the same time.

    `shares`: whether the clients of a service share; false when this botocore turned out not to allow it.
    """

    def __init__(self, session: Session) -> None:
        self.shares = True
        self._session = session
        self._first: dict[str, BaseClient] = {}
        self._classes: dict[str, type[BaseClient]] = {}
        loader = _PartialLoader(session.get_component("data_loader"), self._first)
        session.register_component("data_loader", loader)
        session.register("creating-client-class", self._derive)

    def create(self, service: str, **arguments: Any) -> BaseClient:  # noqa: ANN401 -- of create_client
        """Return a client. For `arguments` and errors see botocore's `Session.create_client`."""
        first = self._first.get(service)
        if first is None:
            client = self._create(service, arguments)
            self._remember(service, client)
            return client
        try:
            client = self._create(service, arguments)
            if _is_shared(client, first):
                return client
        except _CHANGED:
            pass
        self._stop_sharing()
        return self._create(service, arguments)

    def _create(self, service: str, arguments: Mapping[str, Any]) -> BaseClient:
        client: BaseClient = self._session.create_client(service, **arguments)
        return client

    def _remember(self, service: str, client: BaseClient) -> None:
        if self.shares and _rules_of(client) is None:
            self._stop_sharing()
        elif self.shares:
            self._classes[_event_of(client)] = _subclass(client)
            self._first[service] = client

    def _stop_sharing(self) -> None:
        self.shares = False
        self._first.clear()
        self._classes.clear()

    def _derive(self, **event: Any) -> None:  # noqa: ANN401 -- botocore's signature
        """Make the class of a client a subclass of the first one's, which has the methods."""
        if shared := self._classes.get(event["event_name"]):
            event["class_attributes"].clear()
            event["base_classes"][:] = [shared]


class _PartialLoader:
    """botocore's loader, which leaves out what the clients of a service take from the first of them."""

    def __init__(self, loader: Loader, first: Mapping[str, BaseClient]) -> None:
        self._loader = loader
        self._first = first

    def load_service_model(self, service_name: str, type_name: str, api_version: str | None = None) -> Any:  # noqa: ANN401 -- botocore's
        """Return a description of a service."""
        whole = self._loader.load_service_model(service_name, type_name, api_version)
        part = _PARTS.get(type_name)
        if part not in whole or service_name not in self._first:
            return whole
        return {**whole, part: type(whole[part])()}

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 -- whatever else a loader does
        return getattr(self._loader, name)


def _subclass(first: BaseClient) -> type[BaseClient]:
    """Build the base class of the clients that follow the first of a service."""

    class Shared(type(first)):  # type: ignore[misc]
        def __init__(self, **arguments: Any) -> None:  # noqa: ANN401 -- botocore's own
            arguments["service_model"] = first.meta.service_model
            arguments["endpoint_ruleset_resolver"]._provider = _rules_of(first)  # noqa: SLF001 -- checked below
            super().__init__(**arguments)

    return Shared


def _is_shared(client: BaseClient, first: BaseClient) -> bool:
    """Check that a client has the methods, the model and the rules of the first of its service."""
    return (
        isinstance(client, type(first))
        and client.meta.method_to_api_mapping is first.meta.method_to_api_mapping
        and client.meta.service_model is first.meta.service_model
        and _rules_of(client) is _rules_of(first)
    )


def _rules_of(client: BaseClient) -> object:
    """Return the endpoint rules of a client; None: it has none, or botocore stores them elsewhere."""
    return getattr(vars(client).get("_ruleset_resolver"), "_provider", None)


def _event_of(client: BaseClient) -> str:
    return f"creating-client-class.{client.meta.service_model.service_id.hyphenize()}"
