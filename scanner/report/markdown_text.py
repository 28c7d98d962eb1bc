"""Text in GitHub's Markdown that says what it says: no markup, no link, no mention, no reference.

Words that could be anything else are put into code spans, in which GitHub looks for nothing: neither HTML nor
`@name`, `#12`, `:emoji:`, `www.` or a commit's number.
"""

import re
from collections.abc import Iterator
from itertools import groupby
from typing import Final

from scanner.report.words import clip, one_line

_PLAIN: Final = re.compile(
    r"""
    (?! GH-)                       # an issue of this repository
    (?! .* \b [0-9a-fA-F]{7,} \b)  # a commit
    (?: [^\W_]+ (?: ['\u2019/,%-]+ [^\W_]+ )* %? | [0-9]+ (?: [.,][0-9]+ )+ %? )
    """,
    re.VERBOSE,
)
"""A word of letters and digits; inside it apostrophes, hyphens, slashes; or a number."""

_BEFORE: Final = "(\"'"
_BEHIND: Final = ".,;:)\"'?!\u2026"


def code(text: str, length: int = 300) -> str:
    """Put a value into a code span: it is shown as it is, on one line, cut at `length` characters."""
    shown = clip(" ".join(one_line(text).split()), length)
    if not shown:
        return ""
    fence = "`"
    while fence in shown:
        fence += "`"
    pad = " " if shown[0] == "`" or shown[-1] == "`" else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def inert(text: str, length: int = 600) -> str:
    """Write a sentence: plain words as they are, all others in code spans."""
    words = clip(" ".join(one_line(text).split()), length).split(" ")
    return " ".join(_joined(words))


def cell(markdown: str) -> str:
    """Make Markdown fit for a cell of a table, which a vertical bar would end."""
    return markdown.replace("|", "\u2039U+007C\u203a")


def block(text: str, language: str = "") -> str:
    """Put something to type into a fenced block."""
    fence = "```"
    while fence in text:
        fence += "`"
    lines = "\n".join(one_line(line) for line in text.strip().splitlines())
    return f"{fence}{language}\n{lines}\n{fence}"


def _joined(words: list[str]) -> Iterator[str]:
    """Give plain words one by one, and what lies between them together."""
    for plain, group in groupby(words, key=_is_plain):
        if plain:
            yield from group
        else:
            yield _spanned(" ".join(group))


def _is_plain(word: str) -> bool:
    bare = word.lstrip(_BEFORE).rstrip(_BEHIND)
    around = len(word) - len(bare)
    return word == "/" or (bool(_PLAIN.fullmatch(bare)) and around <= len(_BEFORE))


def _spanned(text: str) -> str:
    """Put into a code span what is none of a sentence's marks."""
    bare = text.rstrip(".,;:)\u2026")
    if not bare:
        return code(text)
    head = "(" if bare[0] == "(" and bare != "(" and ")" not in bare else ""
    return f"{head}{code(bare.removeprefix(head), len(text) + 1)}{text[len(bare) :]}"
