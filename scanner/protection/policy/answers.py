"""The shapes of an answer: the model's own, and what a Deny to everybody comes to."""

from dataclasses import dataclass

from scanner.model.ternary import Answer, Ternary

__all__ = ["Answer", "Denial", "Ternary"]


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
