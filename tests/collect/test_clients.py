"""Which endpoint a client asks, when one was discovered."""

import os

import pytest
from botocore.session import Session

from scanner.collect.clients import Clients, ForeignEndpointError
from scanner.collect.credentials import CredentialStore
from scanner.model.names import RegionName
from tests.fakes.aws import FakeAws

CELL = "ingest-cell2.timestream.eu-west-1.amazonaws.com"
HERE = RegionName("eu-west-1")


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> Clients:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    return Clients(Session(), CredentialStore(), frozenset(), 4)


@pytest.mark.parametrize("endpoint", [CELL, f"https://{CELL}", f"https://{CELL.upper()}/"])
def test_a_discovered_endpoint_is_asked_and_kept(clients: Clients, endpoint: str) -> None:
    client = clients.of("timestream-write", HERE, endpoint)
    assert client.meta.endpoint_url == f"https://{CELL}"
    assert clients.of("timestream-write", HERE, endpoint) is client
    assert clients.of("timestream-write", HERE) is not client
    clients.close()


@pytest.mark.parametrize(
    "endpoint",
    [
        "evil.example",
        f"{CELL}.evil.example",
        f"evil.example/{CELL}",
        f"evil.example#.{CELL}",
        f"user@{CELL}",
        "amazonaws.com",
        "x",
    ],
)
def test_keys_are_not_sent_to_strangers(clients: Clients, endpoint: str) -> None:
    with pytest.raises(ForeignEndpointError, match="is not an endpoint of AWS in eu-west-1"):
        clients.of("timestream-write", HERE, endpoint)


def test_the_partition_has_a_domain_of_its_own(clients: Clients) -> None:
    china = RegionName("cn-north-1")
    host = "x.timestream.cn-north-1.amazonaws.com.cn"
    assert clients.of("timestream-write", china, host).meta.endpoint_url == f"https://{host}"
    with pytest.raises(ForeignEndpointError):
        clients.of("timestream-write", china, CELL)


def test_a_configured_endpoint_comes_first(clients: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    client = clients.of("timestream-write", HERE, CELL)
    assert client.meta.endpoint_url == "http://127.0.0.1:9"


def test_a_caller_asks_there(aws: FakeAws, caller_of: object) -> None:
    assert callable(caller_of)
    caller, notes = caller_of()
    aws.script["dynamodb:DescribeTable"] = {"Table": {"TableName": "t"}}
    there = caller.at("dynamodb-cell1.eu-west-1.amazonaws.com")
    assert there.call("dynamodb", "DescribeTable", TableName="t") == notes.calls[0].response
    assert caller.call("dynamodb", "DescribeTable", TableName="t") is None, "asked before, elsewhere"
