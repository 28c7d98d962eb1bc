"""A fake AWS that the environment leads to, and callers that ask it."""

import gzip
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.session import Session

from scanner.collect.calls import Caller, HeldCalls, Wiring
from scanner.collect.clients import Clients
from scanner.collect.credentials import CredentialStore
from scanner.collect.request import Collected, CollectRequest
from scanner.collect.retry import RetryPolicy
from scanner.collect.runner import collect
from scanner.evidence.writer import Call
from scanner.model.names import AccountId, RegionName, Shard
from scanner.services.catalogue import OPERATIONS
from tests.fakes.aws import CALLER, FakeAws, serve

LOADER = Session().get_component("data_loader")  # reads botocore's models once for all tests
HASTY = RetryPolicy(attempts=3, base=0.001)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAws]:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    with serve() as (fake, url):
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", f"AKIA{CALLER}BASE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "base-secret")
        monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield fake


class Notes(HeldCalls):
    """A recorder that can be read."""

    @property
    def calls(self) -> list[Call]:
        return self._calls


Making = Callable[..., tuple[Caller, Notes]]


@pytest.fixture
def caller_of(aws: FakeAws) -> Making:
    """Make a caller for the fake's own account in eu-west-1, with the recorder that it writes to."""
    assert aws

    def make(**wiring: Any) -> tuple[Caller, Notes]:
        credential_store = CredentialStore()
        own = Session().get_credentials()
        assert own is not None
        credential_store.put(AccountId(CALLER), own.get_frozen_credentials)
        session = Session()
        session.register_component("data_loader", LOADER)
        clients = Clients(session, credential_store, frozenset(OPERATIONS), 4)
        notes = Notes()
        values: dict[str, Any] = {"clients": clients, "operations": OPERATIONS, "retries": HASTY}
        line = Wiring(**(values | wiring))
        shard = Shard(AccountId(CALLER), RegionName("eu-west-1"))
        return Caller(line, shard, notes, shard.region), notes

    return make


class Scan:
    """What a collection left: its result, and its lines by file."""

    def __init__(self, folder: Path, collected: Collected) -> None:
        self.folder, self.collected = folder, collected
        self.status = {(row.account, row.region): row.status.value for row in collected.shards}

    def lines(self, account: str, region: str) -> list[dict[str, Any]]:
        name = "org" if region == "org" else f"{account}/{region}"
        path = self.folder / "evidence" / f"{name}.jsonl.gz"
        return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]

    def everything(self) -> bytes:
        return b"".join(gzip.decompress(path.read_bytes()) for path in sorted(self.folder.rglob("*.gz")))


@pytest.fixture
def scan(aws: FakeAws, tmp_path: Path) -> Callable[..., Scan]:
    """Run a whole collection against the fake."""
    assert aws

    def run(**request: Any) -> Scan:
        values: dict[str, Any] = {"regions": ("eu-west-1",), "retries": HASTY}
        return Scan(tmp_path, collect(CollectRequest(**(values | request)), tmp_path))

    return run
