"""Taking names out of answers, to ask further with.

What is not as expected is passed over here: it is on record, and the reading of the evidence says what
is wrong with it.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any


def rows(answer: Mapping[str, Any] | None, key: str) -> Iterator[Mapping[str, Any]]:
    """Give the objects of the list `key`; none when it is absent."""
    values = (answer or {}).get(key)
    for value in values if isinstance(values, list) else ():
        if isinstance(value, Mapping):
            yield value


def text(row: Mapping[str, Any], *path: str) -> str:
    """Give the string at `path`; empty when it is absent or no string."""
    node: object = row
    for key in path:
        node = node.get(key) if isinstance(node, Mapping) else None
    return node if isinstance(node, str) else ""


def texts(answers: Iterable[Mapping[str, Any]], key: str, name: str) -> tuple[str, ...]:
    """Give the field `name` of each object in the list `key` of all pages, each value once, in order."""
    found = (text(row, name) for answer in answers for row in rows(answer, key))
    return tuple(dict.fromkeys(value for value in found if value))
