"""The two shapes of an answer."""

from dataclasses import dataclass

Ternary = bool | None


@dataclass(frozen=True, slots=True)
class Answer:
    """True, False or None (not known), and the statement or clause that decided or stopped it."""

    value: bool | None
    because: str


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
