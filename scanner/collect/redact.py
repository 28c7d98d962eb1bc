"""Keeping secret fields of an answer out of the evidence."""

from collections.abc import MutableMapping
from typing import Any


def remove(answer: MutableMapping[str, Any], paths: tuple[str, ...]) -> None:
    """Take the fields at `paths` (`Reservations[].Instances[].UserData`) out of `answer`, in place."""
    for path in paths:
        _remove(answer, path.split("."))


def _remove(node: object, steps: list[str]) -> None:
    if not isinstance(node, MutableMapping):
        return
    step, rest = steps[0], steps[1:]
    if not rest:
        node.pop(step, None)
    elif step.endswith("[]"):
        for inner in node.get(step[:-2]) or ():
            _remove(inner, rest)
    else:
        _remove(node.get(step), rest)
