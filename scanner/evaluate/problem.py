"""What is wrong with an expression, a template or a parameter, before it is known in which file."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

_CLOSE: Final = 3
"""The most words that are suggested."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake, and what to write instead."""

    message: str
    hint: str = ""
    path: tuple[str | int, ...] = ()  # the location in the document, from the root down


class RefusedError(Exception):
    """An expression that is not evaluated. It never leaves this package."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{problem.message} ({problem.hint})" for problem in problems))


def suggestion(word: str, candidates: Iterable[str]) -> str:
    """Return up to three known words that resemble a misspelt one in any case, else all of them."""
    words = sorted(candidates)
    # Reversed, so that of two spellings the first in order stays.
    by_small = {name.casefold(): name for name in reversed(words)}
    # A difference in case alone is the most likely mistake.
    if word.casefold() in by_small:
        return f"did you mean {by_small[word.casefold()]}?"
    # Below 0.6 the suggestions of difflib are seldom what was meant.
    if close := get_close_matches(word.casefold(), by_small, n=_CLOSE, cutoff=0.6):
        names = [by_small[name] for name in close]
        listed = ", ".join(names[:-1])
        return f"did you mean {f'{listed} or {names[-1]}' if listed else names[-1]}?"
    return f"known are {', '.join(words)}" if words else "there are none"
