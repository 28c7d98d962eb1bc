"""The two passes over all account-Regions. One process handles a whole shard, small ones together.

    first     shard -> its summary for the control plane, and rows that it spills for other shards
    second    shard, control plane, rows spilled for it -> rows of its facts and of its inventory

Processes read the bundle themselves and return little: summaries, or rows as Arrow's bytes, which one writer
appends to the tables in the order of the shards. So the tables do not depend on the number of processes. Each
process builds the control plane from a file of summaries. That file and the spilled rows are in a temporary
folder; a single process keeps them to itself.
"""

import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cache, partial
from itertools import chain
from operator import attrgetter
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from scanner.errors import BundleError
from scanner.evidence.bundle import Bundle
from scanner.facts.build import FactsRequest, build_facts
from scanner.graph.control_plane import ControlPlane, ShardSummary, summarise
from scanner.graph.cross_shard import LoadRows, load_spilled_rows, spilled_existing_resources, spilled_rows
from scanner.inventory.reconcile import BucketRegions, reconcile
from scanner.inventory.shard import parse_shard
from scanner.inventory.tables import inventory_rows
from scanner.judging.worker_pool import in_order
from scanner.model.facts import TABLES, Row
from scanner.model.inventory import Organization, ShardInventory, ShardStatus
from scanner.model.inventory_tables import INVENTORY_TABLES
from scanner.model.known import Gap
from scanner.model.manifest import CollectedReads
from scanner.model.names import Shard
from scanner.model.scan import Reconciliation
from scanner.storage.memory import return_freed_memory
from scanner.storage.parquet import encoded_rows
from scanner.storage.scratch import Encoded, ScratchLines, Spool, SpoolReader, encoded, lines_of

Scope = tuple[Shard, ShardStatus]
"""An account-Region and how completely it was read."""

Scopes = tuple[Scope, ...]
"""Account-Regions that follow each other: the task of a process. Building columns has a fixed cost."""

_SPOOL: Final = "spilled.sqlite"
_SUMMARIES: Final = "summaries.jsonl"
_SWEEPS: Final = 100

_MOST_SHARDS: Final = 32
"""The account-Regions of a task."""

_MOST_BYTES: Final = 256 << 10
"""Compressed bytes of evidence of a task, unless it is of one account-Region: bounds the rows in memory."""

_BETWEEN_SWEEPS: Final = 0.02
"""Seconds between attempts to remove the folder of a parent that was killed."""


@dataclass(frozen=True, slots=True)
class Summarised:
    """The result of the first pass for a shard. `spilled`: rows, with the shards that need them."""

    summary: ShardSummary
    spilled: tuple[Encoded, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """The result of the second pass for the shards of a task: encoded rows by table, and their gaps."""

    facts: Mapping[str, bytes]
    inventory: Mapping[str, bytes]
    gaps: tuple[Gap, ...]
    reconciliation: tuple[Reconciliation, ...]


@dataclass(frozen=True, slots=True)
class OtherShards:
    """What judging a shard needs of all others: the control plane, and the spilled rows."""

    plane: ControlPlane
    load: LoadRows


@dataclass(frozen=True, slots=True)
class Shared:
    """`OtherShards` in the files of a folder, for several processes."""

    organization: Organization
    folder: Path
    reads: CollectedReads | None = None

    def opened(self) -> OtherShards:
        """Open the files in this process."""
        # Rows are streamed, since each process builds its own plane: a list of all would double its memory.
        summaries = map(decoded_summary, lines_of(self.folder / _SUMMARIES))
        plane = ControlPlane(self.organization, summaries, self.reads)
        return OtherShards(plane, SpoolReader(self.folder / _SPOOL).of)

    def sweep(self) -> None:
        """Remove the folder of a parent that was killed.

        Repeated while something is left: another thread or worker may still be writing into it.
        """
        for _ in range(_SWEEPS):
            # ignore_errors: another worker may remove the same files at the same time.
            shutil.rmtree(self.folder, ignore_errors=True)
            if not self.folder.exists():
                return
            time.sleep(_BETWEEN_SWEEPS)


def look_over(bundle: Bundle, organization: Organization, spool: Spool) -> OtherShards:
    """Make the first pass in this process. Rows for other shards are spilled to `spool`."""

    def summaries() -> Iterator[ShardSummary]:
        for shard in summarised(bundle):
            spool.put_encoded(shard.spilled)
            yield shard.summary

    return OtherShards(ControlPlane(organization, summaries(), bundle.manifest.reads), spool.of)


def look_over_together(bundle: Bundle, organization: Organization, folder: Path, workers: int) -> Shared:
    """Make the first pass on several processes. `folder` is empty; the caller removes it.

    OutputError: the disk is full.
    """
    shared = Shared(organization, folder, bundle.manifest.reads)
    start = partial(_summarising, bundle.opening())
    with (
        Spool(folder / _SPOOL) as spool,
        ScratchLines(folder / _SUMMARIES) as summaries,
        # `closing` ends the workers before the folder that they read is removed, also after an error.
        closing(in_order(start, tasks(bundle), workers, shared.sweep)) as done,
    ):
        for shard in chain.from_iterable(done):
            spool.put_encoded(shard.spilled)
            summaries.put(encoded_summary(shard.summary))
        # Only now may other processes read the rows.
        spool.share()
    return shared


def judged(
    bundle: Bundle, others: OtherShards, request: FactsRequest, only: Collection[Shard] | None = None
) -> Iterator[Judged]:
    """Make the second pass in this process: yield the rows of one task after the other.

    `only`: the account-Regions to judge; None: all.
    """
    return map(_judging(bundle.opening(), lambda: others, request), tasks(bundle, only))


def judged_together(
    bundle: Bundle,
    shared: Shared,
    request: FactsRequest,
    workers: int,
    only: Collection[Shard] | None = None,
) -> Generator[Judged, None, None]:
    """Make the second pass on several processes. Exhaust the generator, or close it. `only`: as `judged`."""
    start = partial(_judging, bundle.opening(), shared.opened, request)
    return in_order(start, tasks(bundle, only), workers, shared.sweep)


def tasks(bundle: Bundle, only: Collection[Shard] | None = None) -> Iterator[Scopes]:
    """Yield the account-Regions that are read here, in order, small ones together. `only`: as `judged`."""
    waiting: list[Scope] = []
    size = 0
    for scope in bundle.scope():
        if only is not None and scope[0] not in only:
            continue
        # Compressed size is known without reading, and good enough to balance tasks.
        added = bundle.size_of(scope[0])
        if waiting and (len(waiting) == _MOST_SHARDS or size + added > _MOST_BYTES):
            yield tuple(waiting)
            waiting, size = [], 0
        waiting.append(scope)
        size += added
    if waiting:
        yield tuple(waiting)


def summarised(bundle: Bundle) -> Iterator[Summarised]:
    """Make the first pass: yield what each shard contributes to the control plane and to other shards."""
    return chain.from_iterable(map(_summarising(bundle.opening()), tasks(bundle)))


def _summarising(opened: Callable[[], Bundle]) -> Callable[[Scopes], tuple[Summarised, ...]]:
    bundle = opened()
    # Regions of all buckets of an account are in its global answers: parsed once per process, not per shard.
    buckets = BucketRegions(bundle)
    return lambda scopes: tuple(_summarised(inventory_of(bundle, scope, buckets)) for scope in scopes)


def _summarised(inventory: ShardInventory) -> Summarised:
    spilled = encoded((*spilled_rows(inventory), *spilled_existing_resources(inventory)))
    return Summarised(summarise(inventory), tuple(spilled))


def _judging(
    opening: Callable[[], Bundle], opened: Callable[[], OtherShards], request: FactsRequest
) -> Callable[[Scopes], Judged]:
    # Opened once per process: building the control plane costs more than judging a small shard.
    bundle, others = opening(), opened()
    buckets = BucketRegions(bundle)

    def task(scopes: Scopes) -> Judged:
        judged = _judged((inventory_of(bundle, scope, buckets) for scope in scopes), others, request)
        # Rows are many small objects: what they leave free would add up over thousands of tasks.
        return_freed_memory()
        return judged

    return task


def _judged(inventories: Iterable[ShardInventory], others: OtherShards, request: FactsRequest) -> Judged:
    facts: defaultdict[str, list[object]] = defaultdict(list)
    rows: defaultdict[str, list[object]] = defaultdict(list)
    gaps: list[Gap] = []
    reconciliation: list[Reconciliation] = []
    for inventory in inventories:
        # Rows that other shards spilled for this one, such as copies of its resources in other accounts.
        built = build_facts(inventory, others.plane, request, load_spilled_rows(inventory, others.load))
        _extend(facts, _in_order(built.tables))
        _extend(rows, {**inventory_rows(inventory), "protection_groups": built.groups})
        # Each task drops the gaps that no control depends on, so that they never travel between processes.
        gaps += (gap for gap in (*inventory.gaps, *built.needed) if gap.matters_to(request.affected_controls))
        reconciliation += reconcile(inventory)
    return Judged(
        facts=dict(_encoded(facts, TABLES)),
        inventory=dict(_encoded(rows, INVENTORY_TABLES)),
        gaps=tuple(gaps),
        reconciliation=tuple(reconciliation),
    )


def _extend(tables: defaultdict[str, list[object]], rows: Mapping[str, Iterable[object]]) -> None:
    for name, added in rows.items():
        tables[name].extend(added)


def _in_order(tables: Mapping[str, Iterable[Row]]) -> dict[str, list[Row]]:
    """Sort the facts of a shard like findings: large tables are evaluated without sorting."""
    return {name: sorted(rows, key=attrgetter("subject")) for name, rows in tables.items()}


def _encoded(rows: Mapping[str, Iterable[object]], tables: Mapping[str, type]) -> Iterator[tuple[str, bytes]]:
    for name, added in rows.items():
        # A table without rows sends nothing: its file is written with the schema alone.
        if data := encoded_rows(tables[name], added):
            yield name, data


def inventory_of(bundle: Bundle, scope: Scope, buckets: BucketRegions) -> ShardInventory:
    """Parse one account-Region of a bundle."""
    shard, status = scope

    def parsed() -> ShardInventory:
        account = bundle.account_answers(shard.account)
        return parse_shard(bundle.answers(shard), account, status, buckets.of(shard.account))

    return bundle.parsed(parsed)


# Building the adapter takes longer than many summaries, so it is built at first use and only once.
@cache
def _adapter() -> TypeAdapter[ShardSummary]:
    return TypeAdapter(ShardSummary)


def encoded_summary(summary: ShardSummary) -> bytes:
    """Return a summary as one line of JSON."""
    return _adapter().dump_json(summary)


def decoded_summary(line: bytes) -> ShardSummary:
    """Parse the result of `encoded_summary`. BundleError: it is not one."""
    try:
        return _adapter().validate_json(line)
    except ValidationError as problem:
        count = problem.error_count()
        # `from None`: pydantic's message would quote the document, names of resources included.
        raise BundleError(f"A summary of an account and Region is not valid ({count} mistakes).") from None
