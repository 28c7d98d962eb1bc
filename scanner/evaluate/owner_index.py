"""Millions of texts, each with one of few values, in some twenty bytes each."""

from array import array
from bisect import bisect_left
from collections.abc import Hashable, Iterable
from typing import Final, Generic, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

V = TypeVar("V", bound=Hashable)

_MASK: Final = (1 << 64) - 1


class Index(Generic[V]):
    """Looks texts up by 64 bits of their hash.

    Two of a million texts share one with a probability of 1 in 37 million, and one of them then has the
    value of the other: good enough to say who is asked, not to judge by.
    """

    def __init__(self, pairs: Iterable[tuple[str, V]]) -> None:
        places: dict[V, int] = {}
        hashes, values = array("Q"), array("I")
        for text, value in pairs:
            hashes.append(hash(text) & _MASK)
            values.append(places.setdefault(value, len(places)))
        self._told = tuple(places)
        self._hashes, self._values = _sorted(hashes, values)

    def get(self, text: str) -> V | None:
        """Give the value of a text; None: it is not there."""
        wanted = hash(text) & _MASK
        at = bisect_left(self._hashes, wanted)
        if at < len(self._hashes) and self._hashes[at] == wanted:
            return self._told[self._values[at]]
        return None


def _sorted(hashes: "array[int]", values: "array[int]") -> "tuple[memoryview, memoryview]":
    """Sort both by the hashes; equal hashes stay in their order."""
    keys = pa.Array.from_buffers(pa.uint64(), len(hashes), [None, pa.py_buffer(hashes)])
    told = pa.Array.from_buffers(pa.uint32(), len(values), [None, pa.py_buffer(values)])
    order = pc.sort_indices(keys)
    return _plain(keys.take(order), "Q"), _plain(told.take(order), "I")


def _plain(numbers: pa.Array, kind: str) -> memoryview:
    if not len(numbers):
        return memoryview(array(kind))
    return memoryview(numbers.buffers()[1]).cast("B")[: len(numbers) * array(kind).itemsize].cast(kind)  # type: ignore[call-overload,no-any-return]
