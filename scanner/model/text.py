"""Repairs of text: what is not valid Unicode (a lone surrogate, half of a character), and sentences."""

import re
from collections.abc import Mapping
from typing import Any, Final

# An escaped backslash, and both halves of a character, stay (group 1); any other half is replaced.
_ESCAPES: Final = re.compile(
    r"(\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
)


def mended(content: Any) -> Any:  # noqa: ANN401 -- whatever JSON holds
    """Return a JSON value with U+FFFD in place of everything that is not valid Unicode."""
    if isinstance(content, str):
        return content.encode(errors="surrogatepass").decode(errors="replace")
    if isinstance(content, Mapping):
        return {mended(key): mended(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [mended(member) for member in content]
    return content


def mended_json(text: str) -> str:
    r"""Return JSON with `\ufffd` in place of every escape of half a character, like `\ud800`.

    JSON allows them (RFC 8259, 8.2), but no text that is valid Unicode has them.
    """
    return _ESCAPES.sub(lambda escape: escape[1] or r"\ufffd", text)


def sentence(words: str) -> str:
    """Return a text as a sentence: `backup:ListX` at its beginning and an empty text stay as they are."""
    text = words.strip().rstrip(".")
    if not text:
        return ""
    first = text.split(maxsplit=1)[0]
    return f"{text}." if ":" in first.rstrip(":") else f"{text[0].upper()}{text[1:]}."
