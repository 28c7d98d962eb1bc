"""Data blocks of the HTML report: JSON that is compressed, and inflated in the page when it is needed."""

import base64
import gzip
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

from scanner.report.encoding import encode

_LEVEL: Final = 6


def block(content: object) -> str:
    """Write JSON as base64 of gzip: nothing in it can end a script element. Equal content, equal text."""
    return base64.b64encode(gzip.compress(encode(content), _LEVEL, mtime=0)).decode()


@dataclass(slots=True)
class Dictionary:
    """Distinct texts, each with its number."""

    numbers: dict[str, int] = field(default_factory=dict)

    def number(self, text: str) -> int:
        """Give the number of a text, taking it in when it is new."""
        return self.numbers.setdefault(text, len(self.numbers))

    @property
    def texts(self) -> list[str]:
        """Give the texts, in the order of their numbers."""
        return list(self.numbers)


def deltas(numbers: Sequence[int]) -> list[int]:
    """Write numbers as the steps between them: of numbers that climb one by one, nothing but ones."""
    return [number - former for former, number in zip(chain((0,), numbers), numbers, strict=False)]
