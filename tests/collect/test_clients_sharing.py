"""Clients that share a service's model, class and rules send what clients that share nothing send."""

import os
import re
import threading
from collections.abc import Callable
from itertools import product
from typing import Any

import botocore
import pytest
from botocore.args import ClientArgsCreator
from botocore.client import BaseClient
from botocore.exceptions import BotoCoreError
from botocore.session import Session

from scanner.collect.clients import Clients, is_reviewed
from scanner.collect.credentials import CredentialStore, acting_for
from scanner.collect.session import open_session
from scanner.model.names import AccountId, RegionName
from scanner.services.catalogue import OPERATIONS
from tests.collect.conftest import LOADER

ACCOUNT = AccountId("111111111111")
SERVICES = sorted({operation.service for operation in OPERATIONS.values()})
REGIONS = ("eu-west-1", "us-east-1", "cn-north-1", "cn-northwest-1", "us-gov-west-1", "us-gov-east-1")
ENVIRONMENTS: dict[str, dict[str, str]] = {
    "none": {},
    "fips": {"AWS_USE_FIPS_ENDPOINT": "true"},
    "dual-stack": {"AWS_USE_DUALSTACK_ENDPOINT": "true"},
    "both": {"AWS_USE_FIPS_ENDPOINT": "true", "AWS_USE_DUALSTACK_ENDPOINT": "true"},
    "endpoint": {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ENDPOINT_URL_EC2": "https://ec2.example"},
    "retries": {"AWS_RETRY_MODE": "adaptive", "AWS_MAX_ATTEMPTS": "7"},
}
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "backup": ("describe_backup_vault", {"BackupVaultName": "v"}),
    "backup-gateway": ("list_virtual_machines", {}),
    "cloudformation": ("describe_stacks", {}),
    "dsql": ("list_clusters", {}),
    "dynamodb": ("list_tables", {}),
    "ec2": ("describe_volumes", {}),
    "efs": ("describe_file_systems", {}),
    "eks": ("list_clusters", {}),
    "fsx": ("describe_file_systems", {}),
    "iam": ("list_roles", {}),
    "kms": ("list_aliases", {}),
    "organizations": ("list_accounts", {}),
    "rds": ("describe_db_instances", {}),
    "redshift": ("describe_clusters", {}),
    "redshift-serverless": ("list_namespaces", {}),
    "resourcegroupstaggingapi": ("get_resources", {}),
    "s3": ("get_bucket_versioning", {"Bucket": "bucket"}),
    "ssm-sap": ("list_databases", {}),
    "storagegateway": ("list_volumes", {}),
    "sts": ("get_caller_identity", {}),
    "timestream-write": ("describe_endpoints", {}),
}


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)


def make_clients(session: Session | None = None) -> Clients:
    credential_store = CredentialStore()
    own = Session()
    own.set_credentials("AKIDEXAMPLE", "secret", "token")
    credentials = own.get_credentials()
    assert credentials is not None
    credential_store.put(ACCOUNT, credentials.get_frozen_credentials)
    return Clients(session or open_session(None), credential_store, frozenset(OPERATIONS), 4)


def plain_clients(clients: Clients) -> Callable[[str, str], BaseClient]:
    """Return clients that botocore builds alone, with the same settings."""
    session = Session()
    session.register_component("data_loader", LOADER)
    session.set_credentials("AKIDEXAMPLE", "secret", "token")
    session.set_config_variable("sts_regional_endpoints", "regional")

    def create(service: str, region: str) -> BaseClient:
        config = vars(clients)["_config"]
        client: BaseClient = session.create_client(service, region_name=region, config=config)
        return client

    return create


class _SentError(Exception):
    """Ends a call before it leaves this machine."""


def request_of(client: BaseClient, service: str) -> tuple[object, ...]:
    """Return what a client would send, or why it cannot."""
    requests: list[Any] = []

    def stop(request: Any, **_: object) -> None:
        requests.append(request)
        raise _SentError

    client.meta.events.register_first("before-send", stop)
    method, parameters = CALLS[service]
    try:
        with acting_for(ACCOUNT):
            getattr(client, method)(**parameters)
    except _SentError:
        (request,) = requests
        headers = {name: as_text(value) for name, value in request.headers.items()}
        scope = re.sub(r"/\d{8}/|Signature=.*", "/", headers.pop("Authorization"))
        passing = {"X-Amz-Date", "amz-sdk-invocation-id"}
        return (
            request.method,
            request.url,
            request.body,
            scope,
            headers.keys() - passing,
            headers["User-Agent"],
        )
    except (BotoCoreError, ValueError) as problem:  # there is no such endpoint
        return type(problem), str(problem)
    finally:
        client.meta.events.unregister("before-send", stop)
    raise AssertionError


def as_text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def settings_of(client: BaseClient) -> object:
    config = vars(client.meta.config)["_user_provided_options"]
    signer = {name: vars(client)["_request_signer"].__dict__[name] for name in SIGNER}
    return client.meta.endpoint_url, client.meta.region_name, client.meta.partition, config, signer


SIGNER = ("_region_name", "_signing_name", "_signature_version", "_service_id")


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_requests_are_those_of_clients_that_share_nothing(
    monkeypatch: pytest.MonkeyPatch, environment: str
) -> None:
    for name, value in ENVIRONMENTS[environment].items():
        monkeypatch.setenv(name, value)
    clients = make_clients()
    create = plain_clients(clients)
    errors = 0
    for service, region in product(SERVICES, REGIONS if environment == "none" else REGIONS[::2]):
        ours, plain = clients.of(service, RegionName(region)), create(service, region)
        assert settings_of(ours) == settings_of(plain), (service, region)
        request = request_of(ours, service)
        assert request == request_of(plain, service), (service, region)
        assert type(ours).__name__ == type(plain).__name__
        errors += request[0] not in {"GET", "POST"}
    assert clients.shares
    assert errors == 0 or environment in {"fips", "dual-stack", "both"}


def test_the_hooks_of_a_client_are_its_own() -> None:
    clients = make_clients()
    ireland, ohio = (clients.of("backup", RegionName(region)) for region in ("eu-west-1", "us-east-2"))
    assert "us-east-2" in str(request_of(ohio, "backup"))
    called: list[str] = []
    ireland.meta.events.register("before-call", lambda **_: called.append("ireland"))
    request_of(ohio, "backup")
    assert called == []
    assert "eu-west-1" in str(request_of(ireland, "backup"))
    assert called == ["ireland"]


def test_the_locked_botocore_shares_and_creates_in_parallel() -> None:
    """The faster way is in use. For a new botocore, review its `Session.create_client` before _REVIEWED."""
    clients = make_clients()
    first, second = (clients.of("backup", RegionName(region)) for region in ("eu-west-1", "us-east-1"))
    assert clients.shares
    assert second.meta.service_model is first.meta.service_model
    assert isinstance(second, type(first))
    assert is_reviewed(), botocore.__version__


@pytest.mark.parametrize("difference", ["no event", "rules elsewhere", "other arguments"])
def test_another_botocore_builds_clients_alone(monkeypatch: pytest.MonkeyPatch, difference: str) -> None:
    session = open_session(None)
    if difference == "no event":
        monkeypatch.setattr(session, "register", lambda *_: None)
    if difference == "rules elsewhere":
        monkeypatch.setattr("scanner.collect.clients._rules_of", lambda _: None)
    if difference == "other arguments":
        rename_an_argument(monkeypatch)
    clients = make_clients(session)
    plain = plain_clients(clients)
    for region in ("eu-west-1", "us-east-1", "cn-north-1"):
        ours, alone = clients.of("ec2", RegionName(region)), plain("ec2", region)
        assert ours.meta.service_model.operation_names == alone.meta.service_model.operation_names
        assert request_of(ours, "ec2") == request_of(alone, "ec2")
    assert not clients.shares


def rename_an_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have botocore pass the endpoint rules to a client under another name, as a later version might."""
    old, new = "endpoint_ruleset_resolver", "resolver"
    arguments_of, construct = ClientArgsCreator.get_client_args, BaseClient.__init__

    def get_client_args(*positional: Any, **named: Any) -> dict[str, Any]:
        arguments: dict[str, Any] = dict(arguments_of(*positional, **named))
        return arguments | {new: arguments.pop(old)}

    def init(self: BaseClient, **arguments: Any) -> None:
        construct(self, **{old: arguments.pop(new)}, **arguments)

    monkeypatch.setattr(ClientArgsCreator, "get_client_args", get_client_args)
    monkeypatch.setattr(BaseClient, "__init__", init)


class _SlowLoader:
    """A loader that reads the description of a service only when it may."""

    def __init__(self, loader: Any, service: str, may: threading.Event) -> None:
        self._loader, self._service, self._may = loader, service, may

    def load_service_model(self, service_name: str, *rest: Any) -> Any:
        if service_name == self._service:
            assert self._may.wait(10)
        return self._loader.load_service_model(service_name, *rest)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)


@pytest.mark.parametrize("version", [botocore.__version__, "9.9.9"])
def test_a_service_does_not_wait_for_another(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    """A client that exists is never waited for; to create others at once needs a botocore that was read."""
    monkeypatch.setattr(botocore, "__version__", version)
    reviewed = version != "9.9.9"
    session, may = open_session(None), threading.Event()
    session.register_component("data_loader", _SlowLoader(session.get_component("data_loader"), "ec2", may))
    clients = make_clients(session)
    backup = clients.of("backup", RegionName("eu-west-1"))

    def create(service: str) -> threading.Thread:
        thread = threading.Thread(target=clients.of, args=(service, RegionName("eu-west-1")))
        thread.start()
        return thread

    slow, other = create("ec2"), create("kms")
    assert clients.of("backup", RegionName("eu-west-1")) is backup
    other.join(10 if reviewed else 0.2)
    assert other.is_alive() is not reviewed
    may.set()
    slow.join(10)
    other.join(10)
    assert not slow.is_alive()
    assert not other.is_alive()


def test_threads_that_need_a_client_at_once_get_the_same_one() -> None:
    clients, barrier = make_clients(), threading.Barrier(8)
    received: list[BaseClient] = []

    def take() -> None:
        barrier.wait(10)
        received.extend(clients.of(service, RegionName("eu-west-1")) for service in ("kms", "efs", "fsx"))

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(received) == 24
    assert len({id(client) for client in received}) == 3
