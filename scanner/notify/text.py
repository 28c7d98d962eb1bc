"""Texts of AWS resources, made safe for a message: one line, no control characters, bounded."""

from typing import Final

ELLIPSIS: Final = "..."


def one_line(text: str, limit: int) -> str:
    """Return a text as one line of at most `limit` characters.

    Control and formatting characters become spaces: line breaks, terminal escapes, and those that reverse the
    direction of writing. A name from a tag can then neither add a line to a message nor hide one.
    """
    # Spaces may collapse, so a bit more than the limit is read; a text of megabytes is not.
    clean = " ".join("".join(char if char.isprintable() else " " for char in text[: 4 * limit]).split())
    return clean if len(clean) <= limit else clean[: limit - len(ELLIPSIS)].rstrip() + ELLIPSIS


def ascii_line(text: str, limit: int) -> str:
    """Return a text as one line of at most `limit` ASCII characters; others become question marks."""
    return one_line(text.encode("ascii", "replace").decode(), limit)


def count_of(number: int, noun: str) -> str:
    """Return a number with its noun: `1 new failed check`, `1,200 new failed checks`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
