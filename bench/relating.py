"""Selects and relates made-up shards in a process of its own, and says what it took.

`python -m bench.relating ORDER`: the order is JSON, and so is the answer (`Order`, `Took`).
"""

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Final

from bench.scan import peak
from bench.shards import AS_OF, Size, central_shards, organization, shard_of
from scanner.facts.build import FactsRequest, build_facts
from scanner.graph.control_plane import ControlPlane, summarise
from scanner.graph.shard_graph import ShardGraph
from scanner.model.inventory import BackupSelection, ShardInventory
from scanner.model.known import Known
from scanner.protection.equivalence import Candidates
from scanner.protection.selection import OptIn, selects

_BATCH: Final = 50
"""The shards that are made before they are timed: reading the clock for each would be measured, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What one process is to do: every `every`th of `shards` shards, from `first` on, each of `size`."""

    shards: int
    first: int = 0
    every: int = 1
    size: Size = Size()  # noqa: RUF009 -- frozen
    naive: bool = False
    facts: bool = False


@dataclass(slots=True, kw_only=True)
class Took:
    """Seconds of processor by what they were spent on; `wall`: of the plane and of relating; peak in MB.

    `answers`: how often a selection selects a resource, or may; `pairs`: the same, the naive way.
    """

    resources: int = 0
    plane: float = 0.0
    floor: float = 0.0
    selecting: float = 0.0
    relating: float = 0.0
    naive: float = 0.0
    facts: float = 0.0
    wall: float = 0.0
    answers: int = 0
    pairs: int = 0
    covered: int = 0
    copies: int = 0
    peak: float = 0.0


def work(order: Order) -> Took:
    """Make shards, a batch at a time, and time what is done with them. What makes them is not counted."""
    took = Took()
    plane = _plane(order, took)
    request = FactsRequest(as_of=AS_OF, affected_controls={})
    numbers = iter(range(order.first, order.shards, order.every))
    while batch := [shard_of(number, order.size) for number in islice(numbers, _BATCH)]:
        took.resources += sum(len(inventory.resources) for inventory in batch)
        took.floor += _timed(batch, _read_tags)
        took.selecting += _timed(batch, lambda inventory: _select(inventory, took))
        begun = time.perf_counter()
        took.relating += _timed(batch, lambda inventory: _relate(inventory, plane, took))
        took.wall += time.perf_counter() - begun
        if order.naive:
            took.naive += _timed(batch, lambda inventory: _ask_all(inventory, took))
        took.peak = peak()  # before the facts, which are more
        if order.facts:
            took.facts += _timed(batch, lambda inventory: build_facts(inventory, plane, request))
            took.peak = peak()
    return took


def _timed(batch: Sequence[ShardInventory], done: Callable[[ShardInventory], object]) -> float:
    begun = time.process_time()
    for inventory in batch:
        done(inventory)
    return time.process_time() - begun


def _plane(order: Order, took: Took) -> ControlPlane:
    """Build the control plane of all shards, of which each process has its own."""
    bare = Size(resources=0, plans=order.size.plans, selections=0)
    summaries = []
    for inventory in (*central_shards(), *_shards(range(order.shards), bare)):
        begun, wall = time.process_time(), time.perf_counter()
        summaries.append(summarise(inventory))
        took.plane += time.process_time() - begun
        took.wall += time.perf_counter() - wall
    begun, wall = time.process_time(), time.perf_counter()
    plane = ControlPlane(organization(order.shards), summaries)
    took.plane += time.process_time() - begun
    took.wall += time.perf_counter() - wall
    return plane


def _shards(numbers: range, size: Size) -> Iterator[ShardInventory]:
    return (shard_of(number, size) for number in numbers)


def _read_tags(inventory: ShardInventory) -> int:
    """Do the least that can be done: go through all resources and read their tags."""
    read = 0
    for resource in inventory.resources:
        if isinstance(resource.tags, Known):
            for key, value in resource.tags.value.items():
                read += key == value
    return read


def _selections(inventory: ShardInventory) -> Iterator[BackupSelection]:
    for plan in inventory.plans:
        yield from plan.selections.value if isinstance(plan.selections, Known) else ()


def _select(inventory: ShardInventory, took: Took) -> None:
    """Ask each selection about what its index says that it can select."""
    opt_in = OptIn(inventory.settings, "the account")
    candidates = Candidates(inventory.resources)
    took.answers += sum(
        selects(selection.terms.value, resource, opt_in).value is not False
        for selection in _selections(inventory)
        if isinstance(selection.terms, Known)
        for resource in candidates.of(selection.terms.value)
    )


def _ask_all(inventory: ShardInventory, took: Took) -> None:
    """Ask each selection about each resource."""
    opt_in = OptIn(inventory.settings, "the account")
    took.pairs += sum(
        selects(selection.terms.value, resource, opt_in).value is not False
        for selection in _selections(inventory)
        if isinstance(selection.terms, Known)
        for resource in inventory.resources
    )


def _relate(inventory: ShardInventory, plane: ControlPlane, took: Took) -> None:
    """Relate each resource to its covering rules, the effect of its copies, and the keys of its backups."""
    graph = ShardGraph(inventory, plane)
    for resource in inventory.resources:
        coverage = graph.coverage(resource)
        took.covered += bool(coverage.ways)
        took.copies += len(graph.copies(resource, coverage))
        graph.keys(resource)


def main() -> None:
    """Do what the command line orders."""
    order_document = json.loads(sys.argv[1])
    order = Order(**{**order_document, "size": Size(**order_document["size"])})
    print(json.dumps(asdict(work(order))))


if __name__ == "__main__":
    main()
