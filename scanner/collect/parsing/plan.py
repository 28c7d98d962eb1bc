"""What the plans of both formats share.

A plan is made of functions, one for each shape of an answer, that turn what was decoded into what
botocore would give. They are made when they are first needed, and kept for the life of the parser.
"""

import threading
from collections.abc import Callable, Mapping
from typing import Any, cast

from botocore.model import ListShape, MapShape, Shape, StructureShape

Convert = Callable[[Any], Any]
"""Gives the value of a node that was decoded. Unusual (or any other error): botocore shall read it."""


class Unusual(Exception):  # noqa: N818 -- no error: botocore's own parser reads the answer instead
    """An answer, or a shape, that is none of ours."""


def unusual(_node: object) -> Any:  # noqa: ANN401 -- a Convert that never gives anything
    """Convert nothing: the plan of a shape that botocore's own parser shall read."""
    raise Unusual


class Kept:
    """Functions of shapes, made once; safe for threads, and for shapes that hold themselves.

    A shape's name is its identity within one service, and so within one plan.
    """

    def __init__(self) -> None:
        # Reentrant: the function of a shape is built while that of its parent is.
        self._lock = threading.RLock()
        self._made: dict[str, Convert] = {}
        self._begun: set[str] = set()

    def of(self, name: str, make: Callable[[], Convert]) -> Convert:
        """Return the function of the shape `name`; `make` builds it, and may request the same again."""
        convert = self._made.get(name)
        return self._make(name, make) if convert is None else convert

    def _make(self, name: str, make: Callable[[], Convert]) -> Convert:
        with self._lock:
            if name in self._begun:  # made by another thread meanwhile, or a shape that holds itself
                return self._made.get(name) or (lambda node: self._made[name](node))  # noqa: PLW0108 -- not yet
            self._begun.add(name)
            self._made[name] = convert = make()
            return convert


def members(shape: Shape) -> Mapping[str, Shape]:
    """Return the members of a structure, by botocore's names."""
    return cast("StructureShape", shape).members


def element(shape: Shape) -> Shape:
    """Return the shape of a list's elements."""
    return cast("ListShape", shape).member


def key_and_value(shape: Shape) -> tuple[Shape, Shape]:
    """Return the shape of a map's values."""
    as_map = cast("MapShape", shape)
    return as_map.key, as_map.value


def is_union(shape: Shape) -> bool:
    """Check whether a structure has only one of its members at a time."""
    return cast("StructureShape", shape).is_tagged_union


def is_stream(shape: Shape) -> bool:
    """Check whether a structure is streamed, or has no defined form."""
    as_structure = cast("StructureShape", shape)
    return (
        as_structure.is_document_type
        or as_structure.event_stream_name is not None
        or "eventstream" in shape.serialization
    )
