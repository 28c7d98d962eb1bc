"""The two passes over all account-Regions, each shard done whole by one process.

    first     shard -> its summary for the control plane, and what it puts aside for other shards
    second    shard, control plane, what was put aside for it -> rows of its facts and of its inventory

A process reads the bundle itself and gives back little: a summary, or rows as Arrow's bytes, which one
writer appends to the tables in the order of the shards. So the tables are the same however many processes
there are. The control plane is made by each of them, from summaries that were pickled once.
"""

import pickle
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from scanner.evidence.bundle import Bundle
from scanner.facts.build import FactsRequest, build_facts
from scanner.graph.control_plane import ControlPlane, ShardSummary, summarise
from scanner.graph.elsewhere import put_aside, recalled
from scanner.graph.existence import put_aside_existing
from scanner.inventory.reconcile import reconcile
from scanner.inventory.shard import parse_shard
from scanner.inventory.tables import inventory_rows
from scanner.judging.crew import in_order
from scanner.model.facts import TABLES
from scanner.model.inventory import Organization, ShardInventory, ShardStatus
from scanner.model.inventory_tables import INVENTORY_TABLES
from scanner.model.names import Shard
from scanner.model.reading import Gap
from scanner.model.scan import Reconciliation
from scanner.storage.spool import Encoded, Spool, SpoolReader, encoded
from scanner.storage.tables import encoded_rows

Scope = tuple[Shard, ShardStatus]
"""An account-Region, and how far its reading got: what a process is given."""


@dataclass(frozen=True, slots=True)
class Summarised:
    """What the first pass gives of a shard. `aside`: for whom, and what."""

    summary: ShardSummary
    aside: tuple[Encoded, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """What the second pass gives of a shard: rows by table, as bytes, and the gaps that it met."""

    facts: Mapping[str, bytes]
    inventory: Mapping[str, bytes]
    gaps: tuple[Gap, ...]
    reconciliation: tuple[Reconciliation, ...]


@dataclass(frozen=True, slots=True)
class Beyond:
    """What is known of all shards when one is judged, as processes are given it.

    `pickled`: the organisation and the summaries; `spool`: the file of what was put aside.
    """

    pickled: bytes
    spool: Path

    def plane(self) -> ControlPlane:
        """Make the control plane."""
        organization, summaries = pickle.loads(self.pickled)  # noqa: S301 -- our own
        return ControlPlane(organization, summaries)


def look_over(bundle: Bundle, organization: Organization, spool: Spool, workers: int) -> Beyond:
    """Make the first pass: summarise all shards, and put aside in `spool` what they have of others."""
    summaries = []
    for summarised in in_order(partial(_summarising, bundle.folder), bundle.scope(), workers):
        spool.put_encoded(summarised.aside)
        summaries.append(summarised.summary)
    pickled = pickle.dumps((organization, summaries), pickle.HIGHEST_PROTOCOL)
    return Beyond(pickled, spool.share())


def judged(
    bundle: Bundle, beyond: Beyond, request: FactsRequest, workers: int
) -> Generator[Judged, None, None]:
    """Make the second pass: give the rows of one shard after the other. Use it to its end, or close it."""
    return in_order(partial(_judging, bundle.folder, beyond, request), bundle.scope(), workers)


def _summarising(folder: Path) -> Callable[[Scope], Summarised]:
    bundle = Bundle(folder)
    return lambda scope: _summarised(inventory_of(bundle, scope))


def _summarised(inventory: ShardInventory) -> Summarised:
    aside = encoded((*put_aside(inventory), *put_aside_existing(inventory)))
    return Summarised(summarise(inventory), tuple(aside))


def _judging(folder: Path, beyond: Beyond, request: FactsRequest) -> Callable[[Scope], Judged]:
    bundle, plane, spool = Bundle(folder), beyond.plane(), SpoolReader(beyond.spool)
    return lambda scope: _judged(inventory_of(bundle, scope), plane, spool, request)


def _judged(
    inventory: ShardInventory, plane: ControlPlane, spool: SpoolReader, request: FactsRequest
) -> Judged:
    facts = build_facts(inventory, plane, request, recalled(inventory, spool.of))
    return Judged(
        facts=dict(_encoded(facts.tables, TABLES)),
        inventory=dict(_encoded(inventory_rows(inventory), INVENTORY_TABLES)),
        gaps=(*inventory.gaps, *facts.needed),
        reconciliation=tuple(reconcile(inventory)),
    )


def _encoded(rows: Mapping[str, object], tables: Mapping[str, type]) -> Iterator[tuple[str, bytes]]:
    for name, added in rows.items():
        if data := encoded_rows(tables[name], added):  # type: ignore[arg-type]
            yield name, data


def inventory_of(bundle: Bundle, scope: Scope) -> ShardInventory:
    """Parse one account-Region of a bundle."""
    shard, status = scope

    def parsed() -> ShardInventory:
        return parse_shard(bundle.answers(shard), bundle.account_answers(shard.account), status)

    return bundle.parsed(parsed)
