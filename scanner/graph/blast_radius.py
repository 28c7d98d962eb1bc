"""The blast radius of a loss: whose last backup goes with an account, a Region, a key or a vault."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from scanner.graph.resilience import Loss, Resilience
from scanner.graph.surviving_copies import BackupsOfResource
from scanner.model.names import Arn
from scanner.model.ternary import Ternary


@dataclass(frozen=True, slots=True)
class Hit:
    """A resource that a loss hits. `lost`: whether its last backup is gone; None: not known."""

    resource: Arn
    lost: Ternary
    because: str


def blast_radius(
    resilience: Resilience, loss: Loss, name: str, held: Iterable[tuple[Arn, BackupsOfResource]]
) -> Iterator[Hit]:
    """Give the resources that lose every backup by a loss, or may; those that have none are among them.

    `name` is what is lost (`Resilience.left_after`); `held`: what holds the backups of each resource.
    """
    for resource, backups in held:
        survival = resilience.left_after(loss, name, backups)
        if survival.survived is not True:
            yield Hit(resource, None if survival.survived is None else True, survival.because)
