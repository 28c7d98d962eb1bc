"""Three copies of the data, in two accounts, one in another Region, one that nobody can delete.

What counts is data that is there: the resource itself, and its usable recovery points, one for each vault
that holds one. A copy action that can arrive is no copy yet (catalogue, `three-two-one-one-zero`).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from scanner.graph.refuges import Held, Refuge
from scanner.graph.resilience import Resilience
from scanner.model.ternary import Ternary, any_of

_THREE: Final = 3
_TWO: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How a resource's data is spread; `copies` and `accounts` are those that are known, itself included."""

    copies: int
    three_copies: Ternary
    accounts: int
    two_accounts: Ternary
    other_region: Ternary
    immutable: Ternary


def spread_of(held: Held, resilience: Resilience) -> Spread:
    """Count the copies of a resource's data, itself included."""
    lying = [refuge for refuge in held.refuges if not refuge.planned and refuge.lies is not False]
    complete = not held.unseen
    copies, three = _counted(lying, lambda refuge: refuge.arn, {""}, _THREE, complete=complete)
    accounts, two = _counted(lying, lambda refuge: refuge.account, {held.account}, _TWO, complete=complete)
    return Spread(
        copies=copies,
        three_copies=three,
        accounts=accounts,
        two_accounts=two,
        other_region=_any(lying, lambda refuge: refuge.region != held.region, complete=complete),
        immutable=_any(lying, lambda refuge: resilience.immutable(refuge).value, complete=complete),
    )


def _counted(
    refuges: Iterable[Refuge],
    place: Callable[[Refuge], str],
    itself: set[str],
    wanted: int,
    *,
    complete: bool,
) -> tuple[int, Ternary]:
    """Count the places of a kind that are known, and say whether there are as many as are wanted."""
    sure = itself | {place(refuge) for refuge in refuges if refuge.lies}
    possible = itself | {place(refuge) for refuge in refuges}
    if len(sure) >= wanted:
        return len(sure), True
    return len(sure), None if len(possible) >= wanted or not complete else False


def _any(refuges: Iterable[Refuge], holds: Callable[[Refuge], Ternary], *, complete: bool) -> Ternary:
    """Whether something holds of one place where data lies."""
    told = (
        holds(refuge) if refuge.lies else None if holds(refuge) is not False else False for refuge in refuges
    )
    return any_of((*told, False if complete else None))
