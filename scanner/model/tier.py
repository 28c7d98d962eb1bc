"""Tiers and overrides: for whom controls have other parameters than for everything else."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Parameters = Mapping[str, Mapping[str, Any]]
"""Values by control id and name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Whom a tier or an override concerns. What is empty is not asked; `*` stands for any text.

    `tags`: all of the keys, each with one of its values. `organizational_units`: the account lies anywhere
    below one of them, or in it.
    """

    tags: tuple[tuple[str, tuple[str, ...]], ...] = ()
    types: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    organizational_units: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """Give it as audit.yaml has it: what is not asked is left out."""
        told = {
            "tags": {key: list(values) for key, values in self.tags},
            "types": list(self.types),
            "accounts": list(self.accounts),
            "organizational_units": list(self.organizational_units),
            "regions": list(self.regions),
            "subjects": list(self.subjects),
        }
        return {key: value for key, value in told.items() if value}


@dataclass(frozen=True, slots=True)
class Tier:
    """A tier, or an override (which has no name), and what it sets, by control id."""

    name: str
    match: Match
    parameters: Parameters = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tiers:
    """Of `tiers` the first that matches counts; of `overrides` all that match do, the last for most."""

    tiers: tuple[Tier, ...] = ()
    overrides: tuple[Tier, ...] = ()

    def __iter__(self) -> Iterator[Tier]:
        """Give the tiers, then the overrides: the order in which they are asked."""
        return iter((*self.tiers, *self.overrides))

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.tiers or self.overrides)
