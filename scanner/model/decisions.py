"""What an organisation decided in audit.yaml: owners, waivers, tiers and overrides."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

Parameters = Mapping[str, Mapping[str, Any]]
"""Values by control id and name."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The owner of a subject, and where the name comes from.

    `name` None: unknown, and `source` says why. Empty: there is no owner.
    """

    name: str | None
    source: str


NOBODY: Final = Owner("", "nobody is named")


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedBy:
    """The criteria of a rule. Empty ones match everything; `*` matches any text.

    `tags`: all of the keys, each with one of its values. `organizational_units`: the account is in one of
    them, or anywhere below it.
    """

    accounts: tuple[str, ...] = ()
    organizational_units: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    tags: tuple[tuple[str, tuple[str, ...]], ...] = ()
    subjects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TagWay:
    """The owner is the value of a tag of the resource: of the first of `keys` that has one."""

    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ContactWay:
    """The owner is a contact of the account: the first of `kinds` (`email`, `name`) that it has."""

    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RuleWay:
    """The owner is named by a rule, the `number`th of the file, for everything that matches it."""

    number: int
    concerns: OwnedBy
    owner: str


Way = TagWay | ContactWay | RuleWay


Contacts = Mapping[str, str | None]
"""The contacts of an account by kind; None: unknown; a missing kind: the account has no such contact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ownership:
    """The ways in which owners are determined, in their order, and the accounts' units and contacts.

    `units`: the units above each account, the root included; unknown for an account that is missing.
    `contacts`: by account; unknown for an account that is missing.
    """

    ways: tuple[Way, ...] = ()
    units: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    contacts: Mapping[str, Contacts] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Waiver:
    """The acceptance of a failure until it expires. `expires`: an ISO date, the last day it applies."""

    id: str
    owner: str
    approver: str
    reason: str
    expires: str


class WaiverState(StrEnum):
    """How an evaluation used a waiver."""

    IN_USE = "in use"  # it covers failures
    UNUSED = "unused"  # it matches no failure and nothing unknown
    UNDECIDED = "undecided"  # it matches no failure, but something unknown
    NOT_ASKED = "not asked"  # its control was not selected
    EXPIRED = "expired"  # its last day has passed


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiverUse:
    """A waiver, and how the evaluation used it.

    `control` and `subject`: what it applies to, as in audit.yaml. `covers`: the number of failures that it
    covers or, once it has expired, covered and no other waiver covers. `open`: the number of unknown and
    error findings that it would cover if they failed.
    """

    waiver: Waiver
    control: str
    subject: str
    state: WaiverState
    covers: int
    open: int


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
