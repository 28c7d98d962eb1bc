"""How the tags of a resource differ from what a clause of a selection asks for (facts 3.1)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from scanner.model.inventory import TagCondition, Tags
from scanner.protection.near_texts import difference, folded, shown, shown_tag
from scanner.protection.tag_conditions import EQUALS, TAG_KEY, is_negative
from scanner.protection.wildcards import wildcard


class Nearness(StrEnum):
    """How close a selection comes to a resource that it does not select, the closest first."""

    OPT_IN = "opt_in"  # only the service opt-in of its type is off
    SPELLING = "spelling"  # a tag that differs in case, blanks or look-alikes alone
    ARN = "arn"  # an entry of Resources that almost matches
    EXCLUDED = "excluded"  # NotResources, or a condition with Not
    NO_RULE = "no_rule"  # selected, by a plan without rules
    OTHER_VALUE = "other_value"  # a tag with another value
    MISSING_TAG = "missing_tag"


RANKS: Final = {nearness: rank for rank, nearness in enumerate(Nearness)}


@dataclass(frozen=True, slots=True)
class Difference:
    """What a clause asks for and the resource is not. `because`: a sentence without its subject."""

    nearness: Nearness
    because: str


def key_of(clause: TagCondition) -> str:
    """Return the key of the tag that a clause is about."""
    return clause.key.removeprefix(TAG_KEY)


def relevant_tags(tags: Tags, keys: frozenset[str]) -> tuple[tuple[str, str], ...]:
    """Return the tags whose keys look like one of `keys`, which are folded."""
    return tuple(sorted((key, value) for key, value in tags.items() if folded(key) in keys))


def tag_difference(clause: TagCondition, tags: Tags) -> Difference:
    """Return how tags differ from a clause that does not hold for them."""
    key, value = key_of(clause), clause.value
    if is_negative(clause):
        because = f"excludes resources with the tag {shown_tag(key, tags.get(key, value))}"
        return Difference(Nearness.EXCLUDED, because)
    asks = f"requires the tag {shown_tag(key, value)}"
    alike = [(name, tags[name]) for name in _alike(key, tags)]
    if not alike:
        return Difference(Nearness.MISSING_TAG, f"{asks}, but the resource has no tag {shown(key)}")
    for name, actual in alike:
        if _near(clause, actual):
            because = (
                f"{asks}, but the resource has {shown_tag(name, actual)}: {_words(clause, name, actual)}"
            )
            return Difference(Nearness.SPELLING, because)
    name, actual = alike[0]
    key_too = f", and the key differs {difference(key, name)}" if name != key else ""
    because = f"{asks}, but the resource has {shown_tag(name, actual)}{key_too}"
    return Difference(Nearness.OTHER_VALUE, because)


def _alike(key: str, tags: Tags) -> Iterable[str]:
    """Return the keys that look like one, the key itself first."""
    same = folded(key)
    return sorted((name for name in tags if folded(name) == same), key=lambda name: (name != key, name))


def _near(clause: TagCondition, actual: str) -> bool:
    if clause.operator == EQUALS:
        return folded(clause.value) == folded(actual)
    return wildcard(folded(clause.value), folded(actual))


def _words(clause: TagCondition, name: str, actual: str) -> str:
    return " and ".join(_differing(clause, name, actual))


def _differing(clause: TagCondition, name: str, actual: str) -> Iterator[str]:
    key = key_of(clause)
    if name != key:
        yield f"the key differs {difference(key, name)}"
    if clause.operator == EQUALS:
        if actual != clause.value:
            yield f"the value differs {difference(clause.value, actual)}"
    elif not wildcard(clause.value, actual):
        yield "the value differs from the pattern in case, whitespace or look-alike characters"
