"""The cost of one very large vault: it is streamed to disk, so memory must not grow with it."""

from bench.endpoint import Estate
from bench.measure import SHARED, Table, scan, serving

_LIMIT_MB = 300


def tables(*, tiny: bool = False) -> list[Table]:
    """Collect vaults of growing size, each in a process of its own."""
    sizes = (1, 1_500) if tiny else (1_000, 100_000, 1_000_000)
    rows = []
    for points in sizes:
        estate = Estate(regions=1, vaults=1, points=points)
        with serving(estate) as url:
            took = scan(url, estate)
        rate = points / took.wall
        rows.append(
            (f"{points:,}", f"{took.rss:.0f}", f"{took.wall:.1f}", f"{took.cpu:.1f}", f"{rate:,.0f}",
             f"{took.bytes / 1e6:.1f}")
        )  # fmt: skip
    return [
        Table(
            f"One vault in one Region (limit: {_LIMIT_MB} MB)",
            ("recovery points", "peak MB", "wall s", "CPU s", "points a second", "evidence MB"),
            rows,
            (SHARED,),
        )
    ]
