"""Which tier and overrides hold for a subject, as far as its tags and its unit are known.

DuckDB gives each row a signature, one letter a rule (`t`, `f`, or `?` where it is not known whether the rule
matches). What may hold is then worked out once a signature, of which there are few, and not once a row.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from scanner.evaluate.reasons import literal

MAX_CHOICES: Final = 64
"""Parameter sets that are weighed for one subject at most; beyond them what holds counts as not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Whom a tier or an override concerns. What is empty is not asked; `*` stands for any text."""

    tags: tuple[tuple[str, tuple[str, ...]], ...] = ()  # all keys, each with one of its values
    types: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    organizational_units: tuple[str, ...] = ()  # the account lies anywhere below one of them
    regions: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """A tier, or an override (which has no name), and what it sets of one control."""

    name: str
    match: Match
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Choice:
    """A tier (empty: none) and the parameters that tiers and overrides set."""

    tier: str
    parameters: Mapping[str, Any]


def signature_sql(rules: Iterable[Rule], units: Mapping[str, tuple[str, ...]], *, tagged: bool) -> str:
    """Write the signature of a row of a fact table. `tagged`: the table has the columns of a resource.

    `units` are the units above each account whose place is known. Other accounts lie nobody knows where.
    """
    letters = (
        f"CASE WHEN {sql} THEN 't' WHEN NOT {sql} THEN 'f' ELSE '?' END"
        for sql in (_match_sql(rule.match, units, tagged=tagged) for rule in rules)
    )
    return " || ".join(["''", *letters])


def choices(tiers: tuple[Rule, ...], overrides: tuple[Rule, ...], signature: str) -> tuple[Choice, ...]:
    """Give all that may hold where tiers, then overrides, match as the signature says; empty: too many.

    Rules that are not known are taken to be independent: at worst too much is thought possible.
    """
    found = _tiers(tiers, signature)
    for rule, letter in zip(overrides, signature[len(tiers) :], strict=True):
        changed = [Choice(each.tier, {**each.parameters, **rule.parameters}) for each in found]
        found = _distinct({"t": changed, "f": found, "?": [*found, *changed]}[letter])
        if len(found) > MAX_CHOICES:
            return ()
    return tuple(found)


def _tiers(tiers: tuple[Rule, ...], signature: str) -> list[Choice]:
    """Give the first tier that matches, and those before it that may."""
    found: list[Choice] = []
    for rule, letter in zip(tiers, signature, strict=False):
        if letter != "f":
            found.append(Choice(rule.name, rule.parameters))
        if letter == "t":
            return found
    return [*found, Choice("", {})]


def _distinct(found: list[Choice]) -> list[Choice]:
    return [each for at, each in enumerate(found) if each not in found[:at]]


def _match_sql(match: Match, units: Mapping[str, tuple[str, ...]], *, tagged: bool) -> str:
    """Write a three-valued condition. Tags and types do not concern what has none."""
    if not tagged and (match.tags or match.types):
        return "false"
    asked = [_like_any(name, patterns) for name, patterns in _texts(match) if patterns]
    asked += [_tag_sql(key, values) for key, values in match.tags]
    if match.organizational_units:
        asked.append(_unit_sql(match.organizational_units, units))
    return f"({' AND '.join(asked) or 'true'})"


def _texts(match: Match) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return (
        ("subject_type", match.types),
        ("account", match.accounts),
        ("region", match.regions),
        ("subject", match.subjects),
    )


def _tag_sql(key: str, values: tuple[str, ...]) -> str:
    """A key is there once: another value decides, however incomplete the list of tags is."""
    name = literal(key)
    same = f"list_filter(tags, lambda t: t.key = {name} AND {_like_any('t.value', values)})"
    other = f"list_filter(tags, lambda t: t.key = {name} AND t.value IS NOT NULL)"
    vague = "list_filter(tags, lambda t: t IS NULL OR t.key IS NULL OR t.value IS NULL)"
    return (
        f"(CASE WHEN tags IS NULL THEN NULL WHEN len({same}) > 0 THEN true "
        f"WHEN len({other}) > 0 THEN false WHEN len({vague}) > 0 THEN NULL ELSE false END)"
    )


def _unit_sql(wanted: tuple[str, ...], units: Mapping[str, tuple[str, ...]]) -> str:
    below = [account for account, above in units.items() if set(above) & set(wanted)]
    return (
        f"(CASE WHEN account IN ({_literals(below)}) THEN true "
        f"WHEN account IN ({_literals(units)}) THEN false ELSE NULL END)"
    )


def _like_any(name: str, patterns: tuple[str, ...]) -> str:
    return f"({' OR '.join(_like(name, pattern) for pattern in patterns)})"


def _like(name: str, pattern: str) -> str:
    if "*" not in pattern:
        return f"{name} = {literal(pattern)}"
    escaped = pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_").replace("*", "%")
    return f"{name} LIKE {literal(escaped)} ESCAPE '\\'"


def _literals(names: Iterable[str]) -> str:
    return ", ".join(map(literal, sorted(names))) or "''"
