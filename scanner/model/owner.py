"""The owner of a subject, and the ways in which audit.yaml determines it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


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
