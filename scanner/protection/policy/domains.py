"""What is known of a condition key in all the requests that a question stands for."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Domain:
    """What is known of a condition key.

    `members` are the values that stand in one request side by side (one, for nearly all keys); each is
    a tuple of cells, one of which holds the value. `present`: always, never, or not known. `varies`
    names the group of a key that is known to differ from request to request, "" for what is merely
    unknown: there, an undecided clause is open rather than reaching some.
    """

    members: tuple[tuple[str, ...], ...] = (("*",),)
    present: bool | None = None
    varies: str = ""


UNKNOWN = Domain()
ABSENT = Domain(members=(), present=False)


def exactly(*values: str) -> Domain:
    """A key that has these values in every request."""
    return Domain(members=tuple((value,) for value in values), present=True)


def within(*cells: str, present: bool | None = True, varies: str = "") -> Domain:
    """A key with one value, which lies in one of the cells."""
    return Domain(members=(cells,), present=present, varies=varies)
