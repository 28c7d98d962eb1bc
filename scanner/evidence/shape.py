"""Reads fields of raw answers. A field of the wrong type makes the answer a failed read, never a default.

An absent field is None, as is a JSON null, which boto3 never returns but other programs might write. What
its absence means is up to the parser.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from scanner.errors import BundleError
from scanner.model.known import EvidenceRef

V = TypeVar("V")

_LONGEST_WORD: Final = 60
_INT64: Final = range(-(1 << 63), 1 << 63)
"""Integers that a table can store."""


class MalformedAnswerError(BundleError):
    """A recorded answer is not of the form that AWS documents. `ref`: its line; `operation`: that called."""

    def __init__(self, message: str, ref: EvidenceRef, operation: str) -> None:
        self.ref = ref
        self.operation = operation
        super().__init__(message)


class Shape:
    """A JSON object within an answer, with its path and evidence line."""

    __slots__ = ("data", "ref", "where")

    def __init__(self, data: Mapping[str, Any], where: str, ref: EvidenceRef) -> None:
        self.data = data
        self.where = where
        self.ref = ref

    def text(self, key: str) -> str | None:
        """Return a string; None where it is absent."""
        return self._typed(key, str, "a string")

    def word(self, key: str, words: Collection[str]) -> str | None:
        """Return a string of an enumeration; None where it is absent.

        BundleError for a word that AWS does not document: what it means is unknown.
        """
        text = self.text(key)
        if text is None or text in words:
            return text
        raise self.undocumented(key, words)

    def undocumented(self, key: str, words: Collection[str]) -> BundleError:
        """Build the error of a string that is none of the words that AWS documents."""
        text = (self.text(key) or "")[:_LONGEST_WORD]
        return self._broken(key, f"one of {', '.join(sorted(words))} (it is {text!r})")

    def need(self, key: str) -> str:
        """Return a required string, which identifies something. BundleError: it is absent or empty."""
        # An empty name would make different things the same.
        if text := self.text(key):
            return text
        raise self._broken(key, "a string that names it")

    def flag(self, key: str) -> bool | None:
        """Return a boolean; None where it is absent."""
        return self._typed(key, bool, "true or false")

    def integer(self, key: str) -> int | None:
        """Return a 64-bit integer; None where it is absent. Other programs may write 35.0."""
        value = self.data.get(key)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if value is None or (isinstance(value, int) and not isinstance(value, bool) and value in _INT64):
            return value
        raise self._broken(key, "a 64-bit integer")

    def instant(self, key: str) -> datetime | None:
        """Return an instant (RFC 3339; without an offset, UTC); None where it is absent."""
        text = self.text(key)
        if text is None:
            return None
        try:
            instant = datetime.fromisoformat(text)
            return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
        except (
            ValueError,
            OverflowError,
        ) as problem:  # an offset on the first or last day of the calendar overflows
            raise self._broken(key, "an RFC 3339 time") from problem

    def child(self, key: str) -> "Shape | None":
        """Return an object; None where it is absent."""
        value = self._typed(key, dict, "an object")
        return None if value is None else Shape(value, f"{self.where}.{key}", self.ref)

    def need_child(self, key: str) -> "Shape":
        """Return an object that is required: the call was made for it. BundleError: it is absent."""
        child = self.child(key)
        if child is None:
            raise self._broken(key, "an object")
        return child

    def children(self, key: str) -> "Iterator[Shape]":
        """Yield the objects of a list; none where it is absent."""
        for number, value in enumerate(self._typed(key, list, "a list") or ()):
            if not isinstance(value, dict):
                raise self._broken(f"{key}[{number}]", "an object")
            yield Shape(value, f"{self.where}.{key}[{number}]", self.ref)

    def texts(self, key: str) -> tuple[str, ...]:
        """Return the strings of a list; none where it is absent."""
        values = self._typed(key, list, "a list") or []
        if not all(isinstance(value, str) for value in values):
            raise self._broken(key, "a list of strings")
        return tuple(values)

    def mapping(self, key: str, kind: type[V]) -> dict[str, V]:
        """Return an object whose values all have one type; empty where it is absent."""
        values = self._typed(key, dict, "an object") or {}
        if not all(isinstance(value, kind) for value in values.values()):
            raise self._broken(key, f"an object of {kind.__name__} values")
        return values

    def _typed(self, key: str, kind: type[V], expected: str) -> V | None:
        value = self.data.get(key)
        if value is None or isinstance(value, kind):
            return value
        raise self._broken(key, expected)

    def _broken(self, key: str, expected: str) -> BundleError:
        return MalformedAnswerError(
            f"{self.ref.file}: line {self.ref.line}: {self.where}.{key} should be {expected}. "
            "The answer counts as a failed read.",
            self.ref,
            # The path begins with the operation.
            self.where.partition(".")[0],
        )
