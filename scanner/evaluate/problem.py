"""What is wrong with an expression, a template or a parameter, before it is known in which file."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches


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
    """Return known words that resemble a misspelt one, or all of them if they are few."""
    words = sorted(candidates)
    close = get_close_matches(word, words, n=2, cutoff=0.6)
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"known are {', '.join(words)}" if words else "there are none"
