"""What is known of the past of one shard: where recovery points lie, jobs, restores, and what is gone."""

from dataclasses import dataclass
from datetime import datetime

from scanner.facts.resource_jobs import PastTable
from scanner.graph.control_plane import ControlPlane
from scanner.graph.elsewhere import Elsewhere
from scanner.graph.existence import Existence
from scanner.graph.history import History
from scanner.model.inventory import ShardInventory


@dataclass(frozen=True, slots=True)
class Past:
    """The histories of one shard, ready to be asked."""

    history: History
    table: PastTable
    existence: Existence


def past_of(inventory: ShardInventory, plane: ControlPlane, as_of: datetime, elsewhere: Elsewhere) -> Past:
    """Get the histories of a shard ready. `elsewhere`: what other shards have of its resources."""
    return Past(
        history=History(inventory, plane, as_of, elsewhere),
        table=PastTable(inventory, as_of, elsewhere),
        existence=Existence(inventory, elsewhere.recall),
    )
