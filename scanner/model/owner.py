"""Who is asked about a finding, and how that is found out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Owner:
    """Who is asked about a subject, and what says so.

    `name` None: it is not known, and `source` says why. Empty: nobody is named.
    """

    name: str | None
    source: str


NOBODY: Final = Owner("", "nobody is named")


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedBy:
    """Whom a rule concerns. What is empty is not asked; `*` stands for any text.

    `tags`: all of the keys, each with one of its values. `organizational_units`: the account lies anywhere
    below one of them, or in it.
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
    """The owner is named by a rule, the `number`th of the file, for what it concerns."""

    number: int
    concerns: OwnedBy
    owner: str


Way = TagWay | ContactWay | RuleWay

Contacts = Mapping[str, str | None]
"""The contacts of an account by their kinds; None: not known; a kind that is not there: it has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ownership:
    """The ways in which owners are named, in their order, and what is known of the accounts.

    `units` are the units that each account lies below, the root among them; an account that is not there
    lies nobody knows where. `contacts` by account; of an account that is not there, none are known.
    """

    ways: tuple[Way, ...] = ()
    units: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    contacts: Mapping[str, Contacts] = field(default_factory=dict)
