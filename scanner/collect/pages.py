"""Telling a long list from one that never ends."""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from scanner.evidence.answers import Pagination

MOST_FRUITLESS: Final = 100
"""Pages in a row that bring nothing new, after which a list is given up.

AWS may answer with an empty page, or give a row twice when the list changes while it is read.
"""


class Progress:
    """Watches the pages of one list. Keeps eight bytes a page."""

    def __init__(self, paging: Pagination) -> None:
        self._beside = {paging.output, paging.more, "ResponseMetadata"}
        self._seen: set[int] = set()
        self._fruitless = 0

    def has_ended(self, answer: Mapping[str, Any]) -> bool:
        """Take note of a page that another one follows; whether too many have brought nothing new."""
        said = hash(_bytes({key: value for key, value in answer.items() if key not in self._beside}))
        self._fruitless = self._fruitless + 1 if said in self._seen else 0
        self._seen.add(said)
        return self._fruitless >= MOST_FRUITLESS


def _bytes(value: object) -> bytes:
    try:
        return orjson.dumps(value, default=str)
    except TypeError:  # a lone surrogate, a number beyond 64 bits
        return repr(value).encode("utf-8", "backslashreplace")
