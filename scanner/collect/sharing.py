"""Creating clients that share what is the same in all Regions: a service's model, class and endpoint rules.

botocore builds them again for each client: half of what a client costs, and most of its memory. Here the
first client of a service is built by botocore alone. For those that follow, botocore gets a description
without operations and rules, and the event `creating-client-class` makes their class a subclass of the
first one's, which has the methods; it takes the model and the rules from the first client.

Whether a client has all of that is checked. If it has not (another version of botocore may do otherwise),
it is created again, and from then on every client is built by botocore alone.
"""

from collections.abc import Mapping
from typing import Any, Final

from botocore.client import BaseClient
from botocore.loaders import Loader
from botocore.session import Session

_PARTS: Final[Mapping[str, str]] = {"service-2": "operations", "endpoint-rule-set-1": "rules"}
"""By type of description: the part that the clients of a service share."""

_CHANGED: Final = (AttributeError, KeyError, TypeError)
"""What is raised where another version of botocore passes other arguments."""


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
