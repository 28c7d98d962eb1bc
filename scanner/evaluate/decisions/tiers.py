"""Which tier and overrides apply to a subject, as far as its tags and its location are known.

Each subject has a signature: the tiers and overrides that match it, and those that may match, because their
criteria were not read. Parameter sets are computed once per signature, since there are few signatures.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, NamedTuple

from scanner.evaluate.decisions.patterns import is_like
from scanner.model.decisions import Match, Tiers
from scanner.model.known import Ternary

MAX_CHOICES: Final = 64
"""The most parameter sets that are evaluated for one subject; with more, the result is unknown."""

Signature = tuple[tuple[int, bool], ...]
"""Numbers of the tiers and overrides (these after those) that match (True) or may match (False)."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A criterion on the subject itself: the value of a tag, or, without a key, its name."""

    key: str
    patterns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """A tier (empty: none), and the parameters of one control that it and the overrides set."""

    tier: str
    parameters: Mapping[str, Any]


class Location(NamedTuple):
    """Where a subject is, and its type (of a recovery point, also that of what it is a backup of)."""

    account: str
    region: str
    types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tiering:
    """The tiers and overrides of an evaluation, and the organizational units above each account.

    The units of an account that is not in `units` are unknown; `units_unread` says why (a sentence, or
    empty).
    """

    tiers: Tiers
    units: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    units_unread: str = ""


def conditions(tiers: Iterable[Match]) -> tuple[Condition, ...]:
    """Return the distinct conditions of some criteria, in the order of the file."""
    return tuple(dict.fromkeys(condition for match in tiers for condition in _conditions(match)))


def _conditions(match: Match) -> Iterator[Condition]:
    yield from (Condition(key, values) for key, values in match.tags)
    if match.subjects:
        yield Condition("", match.subjects)


class Signatures:
    """Computes signatures. What an account, a Region or a type excludes is computed once for each."""

    def __init__(self, tiering: Tiering) -> None:
        """Take tiers and overrides in the order of the file."""
        self._matches = tuple(tier.match for tier in tiering.tiers)
        self._units = tiering.units
        self.conditions = conditions(self._matches)
        # Positions in `letters`, computed once and not per subject.
        self._asked = [tuple(map(self.conditions.index, _conditions(match))) for match in self._matches]
        # `cache` on bound methods of this object: the caches end with it.
        self._in_account = cache(self._of_account)
        self._in_region = cache(self._of_region)
        self._of_place = cache(self._of_types)

    def of(self, place: Location, letters: str) -> tuple[Signature, bool]:
        """Return the signature, and whether it depends on an unknown unit.

        `letters`: whether the subject meets each of `conditions`: `t`, `f`, or `?`.
        """
        signature: list[tuple[int, bool]] = []
        doubts_unit = False
        for number, below in self._of_place(place):
            answers = {letters[at] for at in self._asked[number]}
            # One criterion that is certainly not met excludes the tier, whatever is unknown.
            if "f" not in answers:
                signature.append((number, below is True and "?" not in answers))
                doubts_unit |= below is None
        return tuple(signature), doubts_unit

    def _of_account(self, account: str) -> tuple[tuple[int, Ternary], ...]:
        """Return the rules that do not exclude this account, and whether it is below their units for sure."""
        rules = ((number, match, self._below(match, account)) for number, match in enumerate(self._matches))
        return tuple(
            (number, below)
            for number, match, below in rules
            if below is not False and _admits(match.accounts, account)
        )

    def _below(self, match: Match, account: str) -> Ternary:
        if not match.organizational_units:
            return True
        above = self._units.get(account)
        return None if above is None else not set(above).isdisjoint(match.organizational_units)

    def _of_region(self, account: str, region: str) -> tuple[tuple[int, Ternary], ...]:
        entries = self._in_account(account)
        return tuple(entry for entry in entries if _admits(self._matches[entry[0]].regions, region))

    def _of_types(self, place: Location) -> tuple[tuple[int, Ternary], ...]:
        entries = self._in_region(place.account, place.region)
        return tuple(entry for entry in entries if _admits(self._matches[entry[0]].types, *place.types))


def _admits(patterns: tuple[str, ...], *texts: str) -> bool:
    return not patterns or any(is_like(text, patterns) for text in texts)


def choices(tiers: Tiers, control: str, signature: Signature) -> tuple[Choice, ...]:
    """Return all possible parameter sets of a control for tiers that match like this; empty: too many.

    Tiers that may match are taken to be independent, which can only yield too many sets, never too few.
    """
    named = len(tiers.tiers)
    sets = _tiers(tiers, control, [choice for choice in signature if choice[0] < named])
    for number, is_certain in signature:
        values = {} if number < named else tiers.overrides[number - named].parameters.get(control, {})
        if not values:
            continue
        changed = [Choice(choice.tier, {**choice.parameters, **values}) for choice in sets]
        # A certain override replaces every set; a possible one doubles them.
        sets = _distinct(changed if is_certain else [*sets, *changed])
        if len(sets) > MAX_CHOICES:
            return ()
    return tuple(sets)


def _tiers(tiers: Tiers, control: str, signature: Sequence[tuple[int, bool]]) -> list[Choice]:
    """Return the first tier that matches, and those before it that may match."""
    candidates: list[Choice] = []
    for number, is_certain in signature:
        tier = tiers.tiers[number]
        # A tier without parameters for this control still counts: later tiers must not apply.
        candidates.append(Choice(tier.name, tier.parameters.get(control, {})))
        if is_certain:
            return candidates
    # No tier matches for certain, so "none" is possible, too.
    return [*candidates, Choice("", {})]


def _distinct(options: list[Choice]) -> list[Choice]:
    return [choice for at, choice in enumerate(options) if choice not in options[:at]]
