"""Checks tiers and overrides against the existing controls.

A setting that can never have an effect is a mistake as well: its author would rely on it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache

from scanner.evaluate.controls.spec import check_parameters
from scanner.evaluate.decisions.patterns import is_like
from scanner.evaluate.decisions.tier_rows import BACKUPS, TAGGED
from scanner.evaluate.problem import Problem, suggestion
from scanner.model.control import Control
from scanner.model.decisions import Match, Tier
from scanner.model.facts import TABLES
from scanner.protection.capabilities import resource_types


def check_tier(tier: Tier, controls: Mapping[str, Control]) -> tuple[Problem, ...]:
    """Yield the mistakes of a tier. Paths begin at the tier: `("parameters", "vault-locked", "mode")`."""
    return (*_types(tier.match), *_parameters(tier, controls))


def _types(match: Match) -> Iterator[Problem]:
    for position, problem in unknown_types(match.types):
        yield replace(problem, path=("match", "types", position))


def unknown_types(patterns: Iterable[str]) -> Iterator[tuple[int, Problem]]:
    """Yield the position of each pattern that matches no type, and what is wrong with it."""
    every = subject_types()
    for position, pattern in enumerate(patterns):
        if not any(is_like(kind, (pattern,)) for kind in every):
            yield position, Problem(f"no type is called {pattern!r}", suggestion(pattern, every))


def _parameters(tier: Tier, controls: Mapping[str, Control]) -> Iterator[Problem]:
    for problem in check_parameters(controls.values(), tier.parameters):
        yield Problem(problem.message, problem.hint, ("parameters", *problem.path))
    for name in tier.parameters:
        if name in controls and (why := _never(tier.match, controls[name].subject)):
            yield Problem(
                f"{name} never applies to what this matches: {why[0]}", why[1], ("parameters", name)
            )


def _never(match: Match, table: str) -> tuple[str, str] | None:
    """Return why no row of a table ever matches, and what to write instead; None: a row may match."""
    # AWS has no tags to read for most subjects (rules, copy actions), or the scan does not read them.
    if match.tags and table not in (TAGGED, BACKUPS):
        return (
            f"of a {_words(table)} no tags are read",
            "write an entry for it that matches by `subjects` or `accounts`",
        )
    types = _types_of(table)
    are_known = any(
        is_like(subject_type, match.types) for subject_type in subject_types()
    )  # else that is the mistake
    if are_known and not any(is_like(name, match.types) for name in types):
        return f"it asks {', '.join(types)}", "leave the control out, or `types`"
    return None


def _words(table: str) -> str:
    return table.replace("_", " ")


def subject_types() -> tuple[str, ...]:
    """Return all subject types of findings."""
    return tuple(dict.fromkeys(kind for table in TABLES for kind in _types_of(table)))


@cache
def _types_of(table: str) -> tuple[str, ...]:
    if table == TAGGED:
        return resource_types()
    if table == BACKUPS:
        # A tier may match recovery points by their own type and by that of what they are backups of.
        return (BACKUPS, *resource_types())
    # Rows of the table `rule` are both.
    return ("rule", "copy_action") if table == "rule" else (table,)
