"""The calls of a scan that collects what its controls need, by pack, and their time at AWS's rates.

Everything is collected once for real, without keeping to rates. A narrowed scan makes the calls of a whole
one, less the operations that it leaves out (tests/collect/test_needed_reads.py), so its calls are counted
from those; one narrowed scan is made for real in the same run, and must come to the same numbers.
"""

import os
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from unittest.mock import patch

from bench.endpoint import SMALL, Estate
from bench.measure import Table, environment, serving
from scanner.app.criteria import load_judgement
from scanner.app.needs import needed_reads
from scanner.collect import limits
from scanner.collect.estimate import LATENCY
from scanner.collect.request import DEFAULT_ROLE, CollectRequest, Unwatched
from scanner.collect.runner import collect
from scanner.demo.serve import serve
from scanner.evaluate.controls.packs import pack_files
from scanner.model.manifest import CollectedReads
from scanner.model.names import Shard
from scanner.resources import controls_folder
from scanner.settings.settings import Settings

_CONTROLS: Final = ("resource-in-backup-plan", "vault-locked", "restore-tested")
_CHECKED: Final = "resource-in-backup-plan"
_BIG: Final = Estate(
    regions=1, vaults=20, points=35_000, jobs=600_000, plans=5,
    volumes=14_000, instances=5_000, databases=1_000, protected=20_000,
)  # fmt: skip
_MINUTES: Final = 120
_CONCURRENCY: Final = CollectRequest().concurrency
_BIG_TITLE: Final = "One account in one Region with 20,000 resources"

Calls = Mapping[tuple[Shard, str], int]
"""Calls by account-Region and operation."""


@dataclass(frozen=True, slots=True)
class Place:
    """What is scanned: the environment that leads there, the Regions, and the role."""

    title: str
    environment: Mapping[str, str]
    regions: tuple[str, ...]
    role: str = DEFAULT_ROLE


class _Count(Unwatched):
    """Counts calls by account-Region and operation."""

    def __init__(self) -> None:
        self.calls: Counter[tuple[Shard, str]] = Counter()
        self._lock = threading.Lock()

    def called(self, shard: Shard, operation: str, *, ok: bool) -> None:
        """Count a call."""
        del ok
        with self._lock:
            self.calls[shard, operation] += 1


def tables(*, tiny: bool = False) -> list[Table]:
    """Count the calls of the demo organisation and of a big account."""
    estate = Estate(accounts=1, regions=2, protected=10, **SMALL) if tiny else _BIG
    title = "A small account in 2 Regions" if tiny else _BIG_TITLE
    with serving(estate) as url:
        results = [_table(Place(title, environment(url), estate.region_names()))]
    if not tiny:
        with serve() as demo:
            results.insert(
                0, _table(Place("The demo organisation", demo.environment(), demo.regions, demo.role_name))
            )
    return results


def _table(place: Place) -> Table:
    whole = _counted(place, None)
    rows = [_row("everything", whole, whole)]
    for words in (*(file.stem for file in pack_files(controls_folder())), *_CONTROLS):
        reads = needed_reads(load_judgement(Settings(), [words], None)[0])
        calls = {key: number for key, number in whole.items() if reads.has(key[1])}
        if words == _CHECKED and _counted(place, reads) != calls:
            raise AssertionError(
                f"A scan for {words} makes other calls than a whole one without what it leaves out."
            )
        rows.append(_row(words, calls, whole))
    return Table(
        place.title,
        ("collected for", "calls", "of everything", "time at AWS's rates", "of everything"),
        rows,
        (
            "Time: that of the slowest account-Region at AWS's documented rates, or of all calls at",
            f"{LATENCY:g} s and {_CONCURRENCY} at once, if that is longer. Assuming roles is not counted.",
        ),
    )


def _row(words: str, calls: Calls, whole: Calls) -> tuple[str, ...]:
    number, of_all = sum(calls.values()), sum(whole.values())
    return (
        words,
        f"{number:,}",
        f"{number / of_all:.0%}",
        _duration(_seconds(calls)),
        f"{_seconds(calls) / _seconds(whole):.0%}",
    )


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < _MINUTES else f"{seconds / 60:.1f} min"


def _seconds(calls: Calls) -> float:
    by_shard: dict[Shard, Counter[str]] = {}
    for (shard, operation), number in calls.items():
        by_shard.setdefault(shard, Counter())[operation] += number
    slowest = max(map(_shard_seconds, by_shard.values()), default=0.0)
    return max(slowest, sum(calls.values()) * LATENCY / _CONCURRENCY)


def _shard_seconds(calls: Mapping[str, int]) -> float:
    """Return how long AWS's rates make one account in one Region last: what goes beyond the burst waits."""
    services: Counter[str] = Counter()
    for operation, number in calls.items():
        services[operation.partition(":")[0]] += number
    limited = [(rate, services[service]) for service, rate in limits.SERVICE_RATES.items()]
    limited += [(rate, calls.get(operation, 0)) for operation, rate in limits.OPERATION_RATES.items()]
    return max((number - rate.burst) / rate.per_second for rate, number in limited)


def _counted(place: Place, reads: CollectedReads | None) -> dict[tuple[Shard, str], int]:
    """Collect for real, as fast as the machine can, and return the calls."""
    watcher = _Count()
    request = CollectRequest(organization=True, regions=place.regions, role_name=place.role, reads=reads)
    with tempfile.TemporaryDirectory() as folder, _unlimited(), patch.dict(os.environ, place.environment):
        collect(request, Path(folder), watcher)
    return dict(watcher.calls)


@contextmanager
def _unlimited() -> Iterator[None]:
    """Keep to no rate: only calls are counted here."""
    with patch.dict(limits.SERVICE_RATES, clear=True), patch.dict(limits.OPERATION_RATES, clear=True):
        yield
