"""Three-valued logic: True, False, and None for "unknown". Kleene's logic, as in SQL."""

from collections.abc import Iterable
from dataclasses import dataclass

Ternary = bool | None
"""None means "could not be read" and nothing else."""


def all_of(answers: Iterable[Ternary]) -> Ternary:
    """Return False if any answer is False, else None if any is None, else True."""
    result: Ternary = True
    for answer in answers:
        if answer is False:
            return False
        if answer is None:
            result = None
    return result


def any_of(answers: Iterable[Ternary]) -> Ternary:
    """Return True if any answer is True, else None if any is None, else False."""
    result: Ternary = False
    for answer in answers:
        if answer is True:
            return True
        if answer is None:
            result = None
    return result


def negate(answer: Ternary) -> Ternary:
    """Return the opposite answer; unknown stays unknown."""
    return None if answer is None else not answer


@dataclass(frozen=True, slots=True)
class Answer:
    """A three-valued answer, and a clause that says what decided it or left it unknown."""

    value: Ternary
    because: str = ""


def conjunction(answers: Iterable[Answer]) -> Answer:
    """Combine answers by AND: the first false one decides, else the first unknown one."""
    result: Answer = Answer(value=True)
    for answer in answers:
        if answer.value is False:
            return answer
        if answer.value is None and result.value is True:
            result = answer
    return result
