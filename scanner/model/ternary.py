"""Three answers: True, False, and None for "not known". Kleene's logic, as SQL has it."""

from collections.abc import Iterable
from dataclasses import dataclass

Ternary = bool | None
"""None means "could not be read" and nothing else."""


def all_of(answers: Iterable[Ternary]) -> Ternary:
    """False when one is false, else None when one is not known, else True."""
    result: Ternary = True
    for answer in answers:
        if answer is False:
            return False
        if answer is None:
            result = None
    return result


def any_of(answers: Iterable[Ternary]) -> Ternary:
    """True when one is true, else None when one is not known, else False."""
    result: Ternary = False
    for answer in answers:
        if answer is True:
            return True
        if answer is None:
            result = None
    return result


def negate(answer: Ternary) -> Ternary:
    """Turn true into false and false into true; what is not known stays not known."""
    return None if answer is None else not answer


@dataclass(frozen=True, slots=True)
class Answer:
    """A three-valued answer, and in a clause what decided it or kept it open."""

    value: Ternary
    because: str = ""


def conjunction(answers: Iterable[Answer]) -> Answer:
    """Join answers by AND: the first false one decides, else the first unknown one keeps it open."""
    kept: Answer = Answer(value=True)
    for answer in answers:
        if answer.value is False:
            return answer
        if answer.value is None and kept.value is True:
            kept = answer
    return kept
