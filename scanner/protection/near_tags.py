"""How the tags of a resource differ from those that a clause of a selection requires (facts 3.1)."""

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from scanner.model.inventory import TagCondition, Tags
from scanner.protection.tag_conditions import EQUALS, TAG_KEY, is_negative, wildcard

_LOOK_ALIKES: Final = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u0501\u04bb\u051b\u0410\u0412\u0415\u041a"
    "\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d"
    "\u039f\u03a1\u03a4\u03a5\u03a7\u03bf\u2010\u2011\u2012\u2013\u2014\u2212",
    "aeopcyxijsdhqABEKMHOPCTYXABEZHIKMNOPTYXo------",
)
"""Cyrillic and Greek letters, and dashes, that look like ASCII."""
_SHOWN: Final = 80


class Nearness(StrEnum):
    """How close a selection comes to a resource that it does not select, the closest first."""

    OPT_IN = "opt_in"  # only the service opt-in of its type is off
    SPELLING = "spelling"  # a tag that differs only in case, blanks or look-alike characters
    ARN = "arn"  # an entry of Resources that almost matches
    EXCLUDED = "excluded"  # NotResources, or a negative condition
    NO_RULE = "no_rule"  # selected, by a plan without rules
    OTHER_VALUE = "other_value"  # a tag with another value
    MISSING_TAG = "missing_tag"


RANKS: Final = {nearness: rank for rank, nearness in enumerate(Nearness)}


@dataclass(frozen=True, slots=True)
class Difference:
    """How a resource fails a clause. `because`: a sentence without its subject, the selection."""

    nearness: Nearness
    because: str


def tag_key(clause: TagCondition) -> str:
    """Return the key of the tag that a clause is about."""
    return clause.key.removeprefix(TAG_KEY)


def relevant_tags(tags: Tags, keys: frozenset[str]) -> tuple[tuple[str, str], ...]:
    """Return the tags whose folded keys are among `keys`."""
    return tuple(sorted((key, value) for key, value in tags.items() if folded(key) in keys))


def tag_difference(clause: TagCondition, tags: Tags) -> Difference:
    """Return how tags differ from a clause that does not hold for them."""
    key, value = tag_key(clause), clause.value
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
    """Return the tag keys that look like `key`, the identical one first."""
    same = folded(key)
    return sorted((name for name in tags if folded(name) == same), key=lambda name: (name != key, name))


def _near(clause: TagCondition, actual: str) -> bool:
    if clause.operator == EQUALS:
        return folded(clause.value) == folded(actual)
    return wildcard(folded(clause.value), folded(actual))


def _words(clause: TagCondition, name: str, actual: str) -> str:
    return " and ".join(_differing(clause, name, actual))


def _differing(clause: TagCondition, name: str, actual: str) -> Iterator[str]:
    key = tag_key(clause)
    if name != key:
        yield f"the key differs {difference(key, name)}"
    if clause.operator == EQUALS:
        if actual != clause.value:
            yield f"the value differs {difference(clause.value, actual)}"
    elif not wildcard(clause.value, actual):
        yield "the value differs from the pattern in case, whitespace or look-alike characters"


# Texts that people read as equal and AWS does not: they differ in case, blanks or look-alike characters.
#
# Tag keys, tag values and ARNs are compared byte by byte (AWS Backup, "Assigning resources"; facts 3.1).
@lru_cache(maxsize=65_536)
def folded(text: str) -> str:
    """Return the same text for all texts that look the same but for case and surrounding blanks."""
    composed = unicodedata.normalize("NFKC", text)
    visible = "".join(char for char in composed if unicodedata.category(char) not in ("Cf", "Cc"))
    return visible.translate(_LOOK_ALIKES).casefold().strip()


def difference(wanted: str, actual: str) -> str:
    """Return how two texts with the same `folded` text differ; empty: they are equal."""
    if wanted == actual:
        return ""
    if wanted.strip() == actual.strip():
        return "in leading or trailing whitespace"
    if wanted.casefold() == actual.casefold():
        return "in case"
    if wanted.strip().casefold() == actual.strip().casefold():
        return "in case and in leading or trailing whitespace"
    return f"in invisible or look-alike characters ({_odd(wanted, actual)})"


def _odd(wanted: str, actual: str) -> str:
    """Return the code points of the characters that only one text has, without ASCII letters if possible."""
    several = sorted(set(wanted) ^ set(actual))
    odd = [char for char in several if not char.isascii()] or several
    return ", ".join(f"U+{ord(char):04X}" for char in odd[:4])


def shown(text: str) -> str:
    """Return a name or value for a message: shortened, hidden characters as code points, blanks in quotes."""
    cut = text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}\u2026"
    seen = "".join(char if char.isprintable() else f"\u2039U+{ord(char):04X}\u203a" for char in cut)
    return f'"{seen}"' if seen != seen.strip() or not seen else seen


def shown_tag(key: str, value: str) -> str:
    """Return a tag for a message: `Backup=daily`, `Backup="daily "`."""
    return f"{shown(key)}={shown(value)}"
