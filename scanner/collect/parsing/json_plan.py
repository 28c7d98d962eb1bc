"""From decoded JSON to what botocore gives: the objects are changed in place, and only where they must be.

botocore leaves out nulls and what the model does not know, reads times and bytes, and gives members its
own names. In REST-JSON it also makes whole numbers, numbers and truth values of what should be one.
"""

import base64
from collections.abc import Callable, Mapping
from typing import Any, Final

from botocore.model import Shape
from botocore.utils import ensure_boolean, is_json_value_header

from scanner.collect.parsing.plan import (
    Convert,
    Kept,
    Unusual,
    element,
    is_stream,
    is_union,
    key_and_value,
    members,
    unusual,
)
from scanner.collect.parsing.times import instant

_SIMPLE: Final = frozenset({str, int, bool})
_EXACT: Final = float(1 << 63)
"""From here on a number may be a whole one that lost digits when it was decoded."""

_REST: Final[Mapping[str, tuple[type, Convert]]] = {
    "boolean": (bool, ensure_boolean),
    "integer": (int, int),
    "long": (int, int),
    "float": (float, float),
    "double": (float, float),
}
"""What REST-JSON makes of simple values: the type that is left alone, and how others are converted."""


class JsonPlan:
    """Makes the functions of the shapes of one answer. `rest`: the protocol is REST-JSON."""

    def __init__(self, *, rest: bool) -> None:
        self._coerced = _REST if rest else {}
        self._kept = Kept()

    def of(self, shape: Shape) -> Convert:
        """Give the function that converts a decoded value (not null) of a shape."""
        match shape.type_name:
            case "structure":
                return self._kept.of(shape.name, lambda: self._structure(shape))
            case "list":
                return self._kept.of(shape.name, lambda: self._list(shape))
            case "map":
                return self._kept.of(shape.name, lambda: self._map(shape))
            case "timestamp":
                return instant
            case "blob":
                return base64.b64decode
            case _:
                return self._simple(shape)

    def _simple(self, shape: Shape) -> Convert:
        if is_json_value_header(shape):
            return unusual
        if shape.type_name not in self._coerced:
            return plain
        kind, convert = self._coerced[shape.type_name]
        return lambda value: value if type(plain(value)) is kind else convert(value)

    def _structure(self, shape: Shape) -> Convert:
        if is_stream(shape):
            return unusual
        if any(member.serialization.get("name", name) != name for name, member in members(shape).items()):
            convert = self._renaming(shape)
        else:
            convert = self._in_place(shape)
        return _one_of(shape, convert) if is_union(shape) else convert

    def _renaming(self, shape: Shape) -> Convert:
        found = [
            (name, member.serialization.get("name", name), self.of(member))
            for name, member in members(shape).items()
        ]

        def convert(node: Any) -> Any:  # noqa: ANN401 -- a Convert
            given = _object(node)
            return {name: read(value) for name, key, read in found if (value := given.get(key)) is not None}

        return convert

    def _in_place(self, shape: Shape) -> Convert:
        known = frozenset(members(shape))
        coerced = [
            (name, *self._coerced[member.type_name])
            for name, member in members(shape).items()
            if member.type_name in self._coerced
        ]
        built = [
            (name, self.of(member))
            for name, member in members(shape).items()
            if member.type_name not in self._coerced and self.of(member) is not plain
        ]

        def convert(node: Any) -> Any:  # noqa: ANN401 -- a Convert
            if type(node) is not dict:
                raise Unusual
            given = node if known.issuperset(node) else {name: node[name] for name in node if name in known}
            read_of = []
            for name, read in built:
                if (value := given.get(name)) is not None:
                    given[name] = True  # holds its place while the others are looked at
                    read_of.append((name, read(value)))
            if not _SIMPLE.issuperset(map(type, given.values())):
                given = {name: plain(value) for name, value in given.items() if value is not None}
            for name, kind, read in coerced:
                if name in given and type(given[name]) is not kind:
                    given[name] = read(given[name])
            for name, value in read_of:
                given[name] = value
            return given

        return convert

    def _list(self, shape: Shape) -> Convert:
        read = _when_needed(lambda: self.of(element(shape)))

        def convert(node: Any) -> Any:  # noqa: ANN401 -- a Convert
            if type(node) is not list:
                raise Unusual
            if not node:
                return node
            convert_one = read()
            if convert_one is plain and _SIMPLE.issuperset(map(type, node)):
                return node
            return [None if value is None else convert_one(value) for value in node]

        return convert

    def _map(self, shape: Shape) -> Convert:
        name, value = key_and_value(shape)
        if self.of(name) is not plain:
            return unusual
        read = _when_needed(lambda: self.of(value))

        def convert(node: Any) -> Any:  # noqa: ANN401 -- a Convert
            given = _object(node)
            if not given:
                return given
            convert_one = read()
            if convert_one is plain and _SIMPLE.issuperset(map(type, given.values())):
                return given
            return {key: convert_one(value) for key, value in given.items()}

        return convert


def plain(value: object) -> object:
    """Leave a simple value as it is. Unusual: it is none, or may have lost digits in decoding."""
    kind = type(value)
    if kind in _SIMPLE or (kind is float and -_EXACT < value < _EXACT):  # type: ignore[operator]
        return value
    raise Unusual


def _object(node: object) -> dict[str, Any]:
    if type(node) is not dict:
        raise Unusual
    return node


def _one_of(shape: Shape, convert: Convert) -> Convert:
    """Guard a union: botocore refuses one with no member or many, and reports one that it does not know."""
    known = {member.serialization.get("name", name) for name, member in members(shape).items()}

    def guarded(node: Any) -> Any:  # noqa: ANN401 -- a Convert
        there = [name for name, value in _object(node).items() if value is not None and name != "__type"]
        if len(there) != 1 or there[0] not in known:
            raise Unusual
        return convert(node)

    return guarded


def _when_needed(make: Callable[[], Convert]) -> Callable[[], Convert]:
    """Put off making a function until a list is not empty: most lists of most answers are."""
    made: Convert | None = None

    def get() -> Convert:
        nonlocal made
        if made is None:
            made = make()
        return made

    return get
