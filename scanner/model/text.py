"""Repairs of text: what is not valid Unicode (a lone surrogate, half of a character), and sentences."""

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


def sentence(words: str) -> str:
    """Return a text as a sentence: `backup:ListX` at its beginning and an empty text stay as they are."""
    text = words.strip().rstrip(".")
    if not text:
        return ""
    first = text.split(maxsplit=1)[0]
    return f"{text}." if ":" in first.rstrip(":") else f"{text[0].upper()}{text[1:]}."
