"""How close a scan comes to the time of latency alone: calls x latency / concurrency."""

from typing import Final

from bench.endpoint import SMALL, Estate
from bench.measure import SHARED, Table, scan, serving

_LATENCY: Final = 0.05
_CONCURRENCY: Final = 16
_BIG: Final = {"vaults": 200, "points": 100, "jobs": 20_000, "plans": 100, "volumes": 5_000, "databases": 100}


def tables(*, tiny: bool = False) -> list[Table]:
    """Scan many small accounts, few, and one big shard, each call with 50 ms of latency."""
    if tiny:
        estates = {"1 small account in 1 Region": Estate(regions=1, latency=0.001, **SMALL)}
    else:
        estates = {
            "100 small accounts in 1 Region": Estate(accounts=100, regions=1, latency=_LATENCY, **SMALL),
            "10 small accounts in 2 Regions": Estate(accounts=10, regions=2, latency=_LATENCY, **SMALL),
            "one big shard": Estate(regions=1, latency=_LATENCY, **_BIG),
        }
    return [
        Table(
            f"Wall time with {_LATENCY * 1000:.0f} ms of latency a call, {_CONCURRENCY} calls at once",
            ("scan", "calls", "wall s", "calls x latency / concurrency", "reached", "CPU s"),
            [_row(name, estate) for name, estate in estates.items()],
            (SHARED,),
        )
    ]


def _row(name: str, estate: Estate) -> tuple[object, ...]:
    with serving(estate) as url:
        took = scan(url, estate, _CONCURRENCY)
    ideal = took.total * estate.latency / _CONCURRENCY
    reached = f"{ideal / took.wall:.0%}"
    return name, f"{took.total:,}", f"{took.wall:.1f}", f"{ideal:.1f}", reached, f"{took.cpu:.1f}"
