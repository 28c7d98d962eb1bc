"""Three answers: True, False, and None for "not known". Kleene's logic, as SQL has it."""

from collections.abc import Iterable

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
