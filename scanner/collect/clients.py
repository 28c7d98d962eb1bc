"""One client for each service and Region, shared by all accounts and threads of a scan.

Making a client costs tens of milliseconds; a client a shard would cost hours in a large organisation.
"""

import threading
from dataclasses import dataclass
from typing import Any, Final

from botocore.client import BaseClient
from botocore.config import Config
from botocore.model import OperationModel
from botocore.session import Session

from scanner.collect.credentials import ContextCredentials, Wallet
from scanner.collect.soundness import refuse_broken_answer
from scanner.model.names import RegionName

_LEAST_POOL: Final = 10


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long one attempt may take, in seconds: to connect, and between two pieces of an answer."""

    connect: float = 10.0
    read: float = 60.0


class UndeclaredOperationError(RuntimeError):
    """An operation was called that no collector declares: the request was not sent."""


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
        self._session = session
        self._declared = declared
        self._lock = threading.Lock()
        self._clients: dict[tuple[str, str], BaseClient] = {}
        self._config = Config(
            retries={"total_max_attempts": 1, "mode": "standard"},
            connect_timeout=timeouts.connect,
            read_timeout=timeouts.read,
            max_pool_connections=max(_LEAST_POOL, concurrency),
            account_id_endpoint_mode="disabled",
            user_agent_extra="vaultproof",
        )
        session.register_component("credential_provider", _Provider(ContextCredentials(wallet)))
        session.register("before-call", self._refuse_undeclared)
        session.register("before-parse", refuse_broken_answer)

    def of(self, service: str, region: RegionName) -> BaseClient:
        """Give the client of a service in a Region. botocore's session is not safe for threads: a lock."""
        with self._lock:
            client = self._clients.get((service, region))
            if client is None:
                client = self._session.create_client(service, region_name=region, config=self._config)
                self._clients[service, region] = client
            return client

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for client in self._clients.values():
                client.close()

    def _refuse_undeclared(self, **event: Any) -> None:  # noqa: ANN401 -- botocore's signature
        name = _key(event["model"])
        if name not in self._declared:
            raise UndeclaredOperationError(f"{name} is not declared by any collector.")


def _key(operation: OperationModel) -> str:
    return f"{operation.service_model.service_name}:{operation.name}"


class _Provider:
    """botocore's place to plug in credentials."""

    def __init__(self, credentials: ContextCredentials) -> None:
        self._credentials = credentials

    def load_credentials(self) -> ContextCredentials:
        """Give the credentials that clients hold."""
        return self._credentials
