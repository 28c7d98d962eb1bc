"""Texts that people take for equal and AWS does not: case, blanks, characters that look alike.

Tag keys, tag values and ARNs are compared byte by byte (AWS Backup, "Assigning resources"; facts 3.1).
"""

import unicodedata
from functools import lru_cache
from typing import Final

_LOOK_ALIKES: Final = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u0501\u04bb\u051b\u0410\u0412\u0415\u041a"
    "\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d"
    "\u039f\u03a1\u03a4\u03a5\u03a7\u03bf\u2010\u2011\u2012\u2013\u2014\u2212",
    "aeopcyxijsdhqABEKMHOPCTYXABEZHIKMNOPTYXo------",
)
"""Cyrillic and Greek letters, and dashes, that look like ASCII."""

_SHOWN: Final = 80


@lru_cache(maxsize=65_536)
def folded(text: str) -> str:
    """Return what is the same for texts that look the same but for case and blanks around them."""
    composed = unicodedata.normalize("NFKC", text)
    visible = "".join(each for each in composed if unicodedata.category(each) not in ("Cf", "Cc"))
    return visible.translate(_LOOK_ALIKES).casefold().strip()


def difference(wanted: str, actual: str) -> str:
    """Return in which way two texts differ whose `folded` is the same; empty: they are equal."""
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
    """Name the characters that only one of the texts has, by code point; ASCII letters explain nothing."""
    several = sorted(set(wanted) ^ set(actual))
    odd = [each for each in several if not each.isascii()] or several
    return ", ".join(f"U+{ord(each):04X}" for each in odd[:4])


def shown(text: str) -> str:
    """Return a name or value of AWS for a sentence: short, its hidden characters named, blanks in quotes."""
    cut = text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}\u2026"
    seen = "".join(each if each.isprintable() else f"\u2039U+{ord(each):04X}\u203a" for each in cut)
    return f'"{seen}"' if seen != seen.strip() or not seen else seen


def shown_tag(key: str, value: str) -> str:
    """Return a tag for a sentence: `Backup=daily`, `Backup="daily "`."""
    return f"{shown(key)}={shown(value)}"
