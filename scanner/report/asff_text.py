"""Texts that Security Hub takes: on one line, not blank, no longer than a field may be."""

from functools import lru_cache
from typing import Final

from scanner.report.words import one_line

_CUT: Final = "\u2026"
_EMPTY: Final = "(empty)"


def told(text: str) -> str:
    """Give text as it may stand in any field; a blank one, which no field may be, says that it is."""
    return one_line(text).strip() or _EMPTY


def fitted(text: str, limit: int) -> str:
    """Cut a text to `limit` UTF-16 units, the longest way in which AWS may count; what is cut ends in `…`."""
    if len(text) <= limit // 2 or (len(text) <= limit and units(text) <= limit):
        return text
    cut = text[: limit - len(_CUT)]
    while units(cut) > limit - len(_CUT):
        over = units(cut) - limit + len(_CUT)
        cut = cut[: -max(1, over // 2)]
    return cut.rstrip() + _CUT


def field(text: str, limit: int) -> str:
    """Return a text as a field of `limit` UTF-16 units takes it: on one line, not blank, cut."""
    if len(text) <= limit // 2 and text.isascii() and text.isprintable():  # most are: quicker to see
        return text.strip() or _EMPTY
    return fitted(told(text), limit)


repeated_field: Final = lru_cache(maxsize=8_192)(field)
"""Return the same as `field`, quicker for texts that many findings have."""


def units(text: str) -> int:
    """Count the UTF-16 units of a text."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2
