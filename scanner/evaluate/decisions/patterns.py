"""Patterns of audit.yaml: `*` matches any text, everything else itself."""

import re
from collections.abc import Iterable
from functools import lru_cache

from scanner.evaluate.language.reasons import literal


def is_like(text: str, patterns: Iterable[str]) -> bool:
    """Whether a text is like one of the patterns, from its beginning to its end."""
    return any(compiled(pattern).fullmatch(text) for pattern in patterns)


@lru_cache(maxsize=4_096)
def compiled(pattern: str) -> re.Pattern[str]:
    """Return a pattern as a regular expression for `fullmatch`."""
    # DOTALL: names may contain line breaks.
    return re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)


def like_any_sql(name: str, patterns: Iterable[str]) -> str:
    """Write the same question in SQL; of what is NULL it is NULL."""
    return f"({' OR '.join(_like(name, pattern) for pattern in patterns)})"


def _like(name: str, pattern: str) -> str:
    if "*" not in pattern:
        # LIKE has two wildcards, which must match themselves; only `*` becomes `%`.
        return f"{name} = {literal(pattern)}"
    escaped = pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_").replace("*", "%")
    return f"{name} LIKE {literal(escaped)} ESCAPE '\\'"
