"""The results of the policy questions."""

from dataclasses import dataclass

from scanner.model.known import Answer, Ternary

__all__ = ["Admission", "Answer", "Denial", "ExternalPrincipals", "Ternary", "Undecided"]


@dataclass(frozen=True, slots=True)
class Denial:
    """Whether an action is denied to all principals except some.

    `exceptions` are the ARN patterns (`*` and `?` are wildcards) of the principals to which no Deny applies;
    None is an exception whose ARN is not known (by aws:userid, a tag …). They are complete if `denied` is
    True, and empty otherwise.
    """

    denied: bool | None
    exceptions: tuple[str | None, ...]
    because: str


@dataclass(frozen=True, slots=True)
class ExternalPrincipals:
    """Whether a policy admits principals outside the organisation, and which.

    `who` contains ARNs, account ids, `organization o-...` and `anybody`; it ends with None if others may be
    admitted too. It is empty if there are none.
    """

    admitted: bool | None
    who: tuple[str | None, ...]
    because: str


@dataclass(frozen=True, slots=True)
class Undecided:
    """Principals that may or may not be allowed, and the clause that cannot be evaluated."""

    principals: str
    because: str


@dataclass(frozen=True, slots=True)
class Admission:
    """Who can do an action by a policy.

    `allowed` are patterns of principals: an account's root ARN is the whole account, `*` everyone, and
    `o-.../*` all accounts of an organisation. `excepted` are principals that are not allowed although a
    pattern of `allowed` matches them. `undecided`: not known. All other principals are not allowed.
    `complete` is False if the policy could not be read or evaluated in full, and `because` says why.
    """

    allowed: tuple[str, ...]
    excepted: tuple[str, ...]
    undecided: tuple[Undecided, ...]
    complete: bool
    because: str = ""
