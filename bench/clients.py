"""The cost of clients and empty shards: clients shared by all accounts, against a boto3 session for each."""

import gc
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from typing import Any, Final
from unittest import mock

import boto3
from botocore.httpsession import URLLib3Session, get_cert_path

from bench.endpoint import Estate
from bench.measure import ROOT, SHARED, Table, cheapest, environment, ratio, scan, serving
from scanner.cli.commands import NEW_OBJECTS
from scanner.collect.clients import Clients
from scanner.collect.credentials import CredentialStore
from scanner.collect.endpoints import model_loader
from scanner.collect.session import SharedTrust, open_session
from scanner.services.catalogue import OPERATIONS

_SAMPLE: Final = 2
"""The accounts that are read with a session for each; the rest is extrapolated."""


Create = Callable[[str, str], object]
"""Creates the client of a service in a Region."""


def tables(*, tiny: bool = False) -> list[Table]:
    """Measure what clients, connections, and empty shards of 100 accounts in 17 Regions cost, both ways."""
    return [*_creating(tiny=tiny), *_trusting(tiny=tiny), *_shards(tiny=tiny)]


def _creating(*, tiny: bool) -> list[Table]:
    """Create the clients of all services in 17 Regions by botocore alone, and sharing what they can."""
    services = sorted({operation.service for operation in OPERATIONS.values()})[: 2 if tiny else None]
    first, *others = Estate(regions=2 if tiny else 17).region_names()
    turns = 1 if tiny else 5
    with _settings():
        beginnings = cheapest(turns, *(_work(make, services, [first]) for make in (_boto3, _ours)))
        everything = cheapest(turns, *(_work(make, services, [first, *others]) for make in (_boto3, _ours)))
    rows = []
    for name, beginning, whole in zip(("boto3", "ours"), beginnings, everything, strict=True):
        per_client = (whole - beginning) / len(services) / len(others)
        rows.append((name, f"{beginning / len(services):.1f}", f"{per_client:.2f}", f"{whole / 1000:.2f}"))
    load = os.getloadavg()[0]
    return [
        Table(
            f"Creating the clients of {len(services)} services in {1 + len(others)} Regions",
            ("clients", "ms a client, first of its service", "ms a client, others", "CPU s, all"),
            rows,
            (
                f"Processor time, the least of {turns} turns, at a load of {load:.1f}. Garbage is",
                "collected as `audit` does it; with Python's own settings both take more.",
            ),
        )
    ]


def _work(make: Callable[[], Create], services: list[str], regions: list[str]) -> Callable[[], None]:
    def create_all() -> None:
        create = make()
        for service, region in product(services, regions):
            create(service, region)

    return create_all


def _boto3() -> Create:
    session: Any = boto3.Session()
    return lambda service, region: session.client(service, region_name=region)


def _ours() -> Create:
    model_loader.cache_clear()
    clients: Any = Clients(open_session(None), CredentialStore(), frozenset(OPERATIONS), 16)
    return clients.of  # type: ignore[no-any-return]


def _trusting(*, tiny: bool) -> list[Table]:
    """Load the trusted authorities as urllib3 does for each connection: two connections of some clients."""
    clients, connections, turns = 2 if tiny else 20, 2, 1 if tiny else 5

    def connect(trust: SharedTrust | None) -> None:
        for session in [URLLib3Session() for _ in range(clients)]:
            if trust is not None:
                trust.share(session)
            pool: dict[str, Any] = vars(session)["_manager"].connection_pool_kw
            for _ in range(connections):
                pool["ssl_context"].load_verify_locations(get_cert_path(True))  # noqa: FBT003 -- botocore's

    least = cheapest(turns, lambda: connect(None), lambda: connect(SharedTrust()))
    return [
        Table(
            f"The trusted authorities of {connections} TLS connections of {clients} clients",
            ("clients", "ms a connection"),
            [
                (name, f"{ms / clients / connections:.2f}")
                for name, ms in zip(("boto3", "ours"), least, strict=True)
            ],
            (f"Processor time, the least of {turns} turns, without the handshake.",),
        )
    ]


@contextmanager
def _settings() -> Iterator[None]:
    """Keep sessions of this process from calling AWS, and collect garbage as `audit` does."""
    collection = gc.get_threshold()
    gc.set_threshold(NEW_OBJECTS)
    try:
        with mock.patch.dict(os.environ, environment("http://127.0.0.1:9"), clear=True):
            yield
    finally:
        gc.set_threshold(*collection)


def _shards(*, tiny: bool) -> list[Table]:
    estate = Estate(accounts=2 if tiny else 100, regions=1 if tiny else 17)
    sample = 1 if tiny else _SAMPLE
    with serving(estate) as url:
        took = scan(url, estate)
        theirs = _each_its_session(url, estate, sample)
    shards = estate.accounts * estate.regions
    boto3_cpu = theirs["cpu"] / sample * estate.accounts
    calls = theirs["calls"] / sample * estate.accounts
    return [
        Table(
            f"CPU of {estate.accounts} accounts x {estate.regions} Regions of empty shards",
            ("clients", "calls", "CPU s", "CPU ms a shard", "CPU ms a call", "times ours"),
            [
                _row("one client per service and Region", took.total, took.cpu, shards, took.cpu),
                _row("one boto3 session per account", calls, boto3_cpu, shards, took.cpu),
            ],
            (
                f"The second was measured for {sample} accounts and multiplied. It calls what an empty shard",
                "calls, one after the other, parses with boto3's default, and records nothing.",
                SHARED,
            ),
        )
    ]


def _row(name: str, calls: float, cpu: float, shards: int, ours: float) -> tuple[object, ...]:
    per_unit = f"{cpu / shards * 1000:.1f}", f"{cpu / calls * 1000:.2f}"
    return name, f"{calls:,.0f}", f"{cpu:.1f}", *per_unit, ratio(cpu, ours)


def _each_its_session(url: str, estate: Estate, sample: int) -> dict[str, float]:
    accounts = estate.account_ids()[:sample]
    command = [sys.executable, "-m", "bench.sessions", ",".join(accounts), *estate.region_names()]
    done = subprocess.run(  # noqa: S603 -- our own
        command, cwd=ROOT, env=environment(url), stdout=subprocess.PIPE, check=True
    )
    measured: dict[str, float] = json.loads(done.stdout)
    return measured
