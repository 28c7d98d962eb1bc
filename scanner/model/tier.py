"""Tiers and overrides: resources for which controls have parameters of their own."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Parameters = Mapping[str, Mapping[str, Any]]
"""Values by control id and name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The criteria of a tier or an override. Empty ones match everything; `*` matches any text.

    `tags`: all of the keys, each with one of its values. `organizational_units`: the account is in one of
    them, or anywhere below it.
    """

    tags: tuple[tuple[str, tuple[str, ...]], ...] = ()
    types: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    organizational_units: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """Return the criteria as audit.yaml has them; empty ones are left out."""
        criteria = {
            "tags": {key: list(values) for key, values in self.tags},
            "types": list(self.types),
            "accounts": list(self.accounts),
            "organizational_units": list(self.organizational_units),
            "regions": list(self.regions),
            "subjects": list(self.subjects),
        }
        return {key: value for key, value in criteria.items() if value}


@dataclass(frozen=True, slots=True)
class Tier:
    """A tier, or an override (which has no name), and what it sets, by control id."""

    name: str
    match: Match
    parameters: Parameters = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tiers:
    """The first of `tiers` that matches applies, and all of `overrides` that match; later ones win."""

    tiers: tuple[Tier, ...] = ()
    overrides: tuple[Tier, ...] = ()

    def __iter__(self) -> Iterator[Tier]:
        """Iterate over the tiers, then the overrides: the order in which they apply."""
        return iter((*self.tiers, *self.overrides))

    def __bool__(self) -> bool:
        """Whether there is any tier or override."""
        return bool(self.tiers or self.overrides)
