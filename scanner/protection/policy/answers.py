"""The shapes of an answer: the model's own, and those of questions that ask who."""

from dataclasses import dataclass

from scanner.model.ternary import Answer, Ternary

__all__ = ["Admission", "Answer", "Denial", "Outsiders", "Ternary", "Undecided"]


@dataclass(frozen=True, slots=True)
class Denial:
    """Whether an action is denied to every principal but some.

    `exceptions` are the ARN patterns (`*` and `?` are wildcards) of those to whom no Deny applies; an
    element None is an exception whose ARN is not known (by aws:userid, a tag …). They are complete
    when `denied` is True, and empty otherwise: there they would mean nothing.
    """

    denied: bool | None
    exceptions: tuple[str | None, ...]
    because: str


@dataclass(frozen=True, slots=True)
class Outsiders:
    """Whether anybody outside the organisation gets in, and who.

    `who` holds ARNs, account ids, `organization o-...` and `anybody`; it ends with None when others may
    get in, too. It is empty when nobody does.
    """

    admitted: bool | None
    who: tuple[str | None, ...]
    because: str


@dataclass(frozen=True, slots=True)
class Undecided:
    """Principals of whom it is not known whether they may, and the clause that stopped the answer."""

    principals: str
    because: str


@dataclass(frozen=True, slots=True)
class Admission:
    """Who can do an action by a policy.

    `allowed` are patterns of principals: an account's root ARN stands for the whole account, `*` for
    everybody, `o-.../*` for the organisation's accounts. `excepted` are named ones who may not although a
    pattern of `allowed` covers them. `undecided`: those of whom it is not known. Whoever is in none of the
    three is not allowed. `complete` is False when the policy could not be read or compared to the end, and
    `because` says why.
    """

    allowed: tuple[str, ...]
    excepted: tuple[str, ...]
    undecided: tuple[Undecided, ...]
    complete: bool
    because: str = ""
