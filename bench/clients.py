"""What empty shards cost: clients shared by all accounts, against a boto3 session and clients for each."""

import json
import subprocess
import sys
from typing import Final

from bench.endpoint import Estate
from bench.measure import ROOT, SHARED, Table, environment, ratio, scan, serving

_SAMPLE: Final = 2
"""How many accounts are read with a session for each; the rest is multiplied."""


def tables(*, tiny: bool = False) -> list[Table]:
    """Read the empty shards of 100 accounts in 17 Regions, both ways."""
    estate = Estate(accounts=2 if tiny else 100, regions=1 if tiny else 17)
    sample = 1 if tiny else _SAMPLE
    with serving(estate) as url:
        took = scan(url, estate)
        theirs = _each_its_session(url, estate, sample)
    shards = estate.accounts * estate.regions
    other = theirs["cpu"] / sample * estate.accounts
    calls = theirs["calls"] / sample * estate.accounts
    return [
        Table(
            f"CPU of {estate.accounts} accounts x {estate.regions} Regions of empty shards",
            ("clients", "calls", "CPU s", "CPU ms a shard", "CPU ms a call", "times ours"),
            [
                _row("one a service and Region", took.total, took.cpu, shards, took.cpu),
                _row("one boto3 session an account", calls, other, shards, took.cpu),
            ],
            (
                f"The second was measured for {sample} accounts and multiplied. It calls what an empty shard",
                "is asked, one after the other, parses with boto3's default, and records nothing.",
                SHARED,
            ),
        )
    ]


def _row(name: str, calls: float, cpu: float, shards: int, ours: float) -> tuple[object, ...]:
    each = f"{cpu / shards * 1000:.1f}", f"{cpu / calls * 1000:.2f}"
    return name, f"{calls:,.0f}", f"{cpu:.1f}", *each, ratio(cpu, ours)


def _each_its_session(url: str, estate: Estate, sample: int) -> dict[str, float]:
    accounts = estate.account_ids()[:sample]
    command = [sys.executable, "-m", "bench.sessions", ",".join(accounts), *estate.region_names()]
    done = subprocess.run(  # noqa: S603 -- our own
        command, cwd=ROOT, env=environment(url), stdout=subprocess.PIPE, check=True
    )
    measured: dict[str, float] = json.loads(done.stdout)
    return measured
