"""Replaces text that is not valid Unicode, such as a lone surrogate (half of a character)."""

from collections.abc import Mapping
from typing import Any


def mended(content: Any) -> Any:  # noqa: ANN401 -- whatever JSON holds
    """Return a JSON value with U+FFFD in place of everything that is not valid Unicode."""
    if isinstance(content, str):
        return content.encode(errors="surrogatepass").decode(errors="replace")
    if isinstance(content, Mapping):
        return {mended(key): mended(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [mended(member) for member in content]
    return content
