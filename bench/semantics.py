"""The cost of selecting and relating resources, and of their facts: on two processes, with made-up shards.

Nothing is read from disk and nothing is written: the inventory is made, and what makes it is not counted.
"""

import json
import subprocess
import sys
from dataclasses import asdict, replace
from typing import Final

from bench.measure import ROOT, Table, ratio
from bench.relating import Order, Took
from bench.scan import peak
from bench.shards import Size

_PROCESSES: Final = 2
_LIMITS: Final = "Limits: 1,000,000 resources in 20,000 shards in 60 s on two cores, in 1 GB."
_BIG: Final = Size(resources=20_000, plans=20, selections=5, points=0, volumes_only=True)
_TINY_BIG: Final = Size(resources=200, plans=4, selections=5, points=0, volumes_only=True)


def tables(*, tiny: bool = False) -> list[Table]:
    """Relate organisations of growing size, then compare with the naive way, facts, and one big shard."""
    sizes = (2, 4) if tiny else (200, 2_000, 20_000)
    big = _TINY_BIG if tiny else _BIG
    return [_growing(sizes), _ways(sizes[0], big), _facts(sizes[:2], big, 1 if tiny else 50_000)]


def _growing(sizes: tuple[int, ...]) -> Table:
    rows, per_resource = [], []
    for shards in sizes:
        results = _run(Order(shards=shards))
        per_resource.append(sum(took.plane + took.relating for took in results) / _resources(results))
        rows.append(_size_row(shards, results, per_resource))
    return Table(
        f"Selecting and relating on {_PROCESSES} processes: microseconds of processor a resource",
        ("resources", "shards", "floor", "selecting", "and relating", "control plane", "all", "growth",
         "processor s", "wall s", "resources a second", "peak MB"),
        rows,
        (_LIMITS, "The floor is going through the resources and reading their tags. All is relating, with",
         "selecting in it, and the control plane, which each process builds. Growth: times the first row's.",
         "Wall: of the slower process."),
    )  # fmt: skip


def _size_row(shards: int, results: list[Took], per_resource: list[float]) -> tuple[object, ...]:
    resources = _resources(results)
    wall = max(took.wall for took in results)
    total = sum(took.plane + took.relating for took in results)
    return (
        f"{resources:,}",
        f"{shards:,}",
        *(_micro(sum(getattr(took, part) for took in results) / resources)
          for part in ("floor", "selecting", "relating", "plane")),
        _micro(per_resource[-1]),
        f"{per_resource[-1] / per_resource[0]:.2f}",
        f"{total:.1f}",
        f"{wall:.1f}",
        f"{resources / wall:,.0f}",
        f"{peak() + sum(took.peak for took in results):.0f}",
    )  # fmt: skip


def _ways(shards: int, big: Size) -> Table:
    orders = {
        f"{shards:,} shards of 50 resources, 6 selections": Order(shards=shards, naive=True),
        _name(big): Order(shards=1, size=big, naive=True),
    }
    rows = []
    for name, order in orders.items():
        (took,) = _run(order, processes=1)
        if took.answers != took.pairs:
            raise AssertionError(f"{name}: the index gives {took.answers} answers, all pairs {took.pairs}")
        rows.append((name, f"{took.answers:,}", *_per(took, took.floor, took.naive, took.selecting),
                     ratio(took.naive, took.selecting), ratio(took.selecting, took.floor),
                     *_per(took, took.relating)))  # fmt: skip
    return Table(
        "Selecting: every selection on every resource, or on what it can select: microseconds per resource",
        (
            "shards",
            "selected",
            "floor",
            "each of each",
            "ours",
            "each of each / ours",
            "ours / floor",
            "and relating",
        ),
        rows,
        ("Both ways select the same.",),
    )


def _facts(sizes: tuple[int, ...], big: Size, points: int) -> Table:
    orders = {f"{shards:,} shards of 50 resources": Order(shards=shards, facts=True) for shards in sizes}
    full = replace(big, points=max(1, points // big.resources))
    orders[f"{_name(big)}, {full.points * full.resources:,} recovery points"] = Order(
        shards=1, size=full, facts=True
    )
    rows = []
    for name, order in orders.items():
        results = _run(order, processes=min(_PROCESSES, order.shards))
        resources = _resources(results)
        relating, facts = (sum(getattr(took, part) for took in results) for part in ("relating", "facts"))
        rows.append((name, _micro(relating / resources), _micro(facts / resources), ratio(facts, relating),
                     f"{facts:.1f}", f"{peak() + sum(took.peak for took in results):.0f}"))  # fmt: skip
    return Table(
        "All facts of a shard, relating included: microseconds of processor a resource",
        ("shards", "relating alone", "facts", "facts / relating", "processor s", "peak MB"),
        rows,
    )


def _name(big: Size) -> str:
    return f"one shard of {big.resources:,} volumes, {big.plans * big.selections} selections"


def _per(took: Took, *parts: float) -> tuple[str, ...]:
    return tuple(_micro(part / took.resources) for part in parts)


def _micro(seconds: float) -> str:
    return f"{seconds * 1e6:.1f}"


def _resources(results: list[Took]) -> int:
    return sum(took.resources for took in results)


def _run(order: Order, processes: int = _PROCESSES) -> list[Took]:
    """Share an order among processes, which work at once."""
    orders = [replace(order, first=first, every=processes) for first in range(processes)]
    started = [
        subprocess.Popen(  # noqa: S603 -- our own
            [sys.executable, "-m", "bench.relating", json.dumps(asdict(task))],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for task in orders
    ]
    return [_told(process) for process in started]


def _told(process: subprocess.Popen[str]) -> Took:
    answer, _ = process.communicate()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    return Took(**json.loads(answer))
