"""Converts decoded JSON to what botocore returns: objects are changed in place, and only where necessary.

botocore omits nulls and members that the model does not define, parses times and bytes, and renames members.
This is done here for values of the types that the model defines. Any other raises Unusual, so that values
that are converted have these types.
"""

import base64
from collections.abc import Callable
from operator import countOf
from typing import Any, Final

from botocore.model import Shape
from botocore.utils import is_json_value_header

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

_MOST: Final = 1 << 63
"""Whole numbers beyond 64 bits lose digits when they are decoded, so botocore's parser reads them."""

_NO_TEXTS: Final = frozenset(
    {"structure", "list", "map", "boolean", "integer", "long", "float", "double", "blob"}
)


class JsonPlan:
    """Makes the functions of the shapes of one answer. `rest`: the protocol is REST-JSON."""

    def __init__(self, *, rest: bool) -> None:
        self._rest = rest
        self._kept = Kept()

    def of(self, shape: Shape) -> Convert:
        """Return the function that converts a decoded value (not null) of a shape."""
        match shape.type_name:
            case "structure":
                return self._kept.of(shape.name, lambda: self._structure(shape))
            case "list":
                return self._kept.of(shape.name, lambda: self._list(shape))
            case "map":
                return self._kept.of(shape.name, lambda: self._map(shape))
            case kind:
                return unusual if is_json_value_header(shape) else self._simple(kind)

    def _simple(self, kind: str) -> Convert:
        match kind:
            case "boolean":
                return flag
            case "integer" | "long":
                return whole
            case "float" | "double":
                # Like botocore: its REST-JSON parser makes every such number a float, its JSON parser none.
                return (lambda value: float(number(value))) if self._rest else number
            case "timestamp":
                return _time
            case _:
                return base64.b64decode if kind == "blob" else text

    def _structure(self, shape: Shape) -> Convert:
        if is_stream(shape):
            return unusual
        # Members that have another name on the wire need a new dict; all others are changed in place.
        if any(member.serialization.get("name", name) != name for name, member in members(shape).items()):
            convert = self._renaming(shape)
        else:
            convert = self._in_place(shape)
        return _one_of(shape, convert) if is_union(shape) else convert

    def _renaming(self, shape: Shape) -> Convert:
        readers = [
            (name, member.serialization.get("name", name), self.of(member))
            for name, member in members(shape).items()
        ]

        def convert(node: Any) -> Any:  # noqa: ANN401 -- a Convert
            fields = _object(node)
            return {
                name: read(value) for name, key, read in readers if (value := fields.get(key)) is not None
            }

        return convert

    def _in_place(self, shape: Shape) -> Convert:
        names = frozenset(members(shape))
        by_kind = {name: member.type_name for name, member in members(shape).items()}
        times = [name for name, kind in by_kind.items() if kind == "timestamp"]
        # Most members are texts, which need no conversion: they are only
        # counted, and must be all that is left.
        others = [
            (name, self.of(members(shape)[name])) for name, kind in by_kind.items() if kind in _NO_TEXTS
        ]

        def convert(node: Any) -> Any:  # noqa: ANN401 -- a Convert
            if type(node) is not dict:
                raise Unusual
            fields = node if names.issuperset(node) else {name: node[name] for name in node if name in names}
            left = len(fields)
            for name, read in others:
                if (value := fields.get(name)) is not None:
                    fields[name] = read(value)
                    left -= 1
            for name in times:
                if (value := fields.get(name)) is not None:
                    # A bool is an int for Python, and would be read as the second 0 or 1 of 1970.
                    if type(value) is bool:
                        raise Unusual
                    fields[name] = instant(value)
            if countOf(map(type, fields.values()), str) != left:  # times are texts by now
                return _without_nulls(fields, left)
            return fields

        return convert

    def _list(self, shape: Shape) -> Convert:
        read = _when_needed(lambda: self.of(element(shape)))

        def convert(node: Any) -> Any:  # noqa: ANN401 -- a Convert
            if type(node) is not list:
                raise Unusual
            if not node:
                return node
            convert_one = read()
            if convert_one is text and countOf(map(type, node), str) == len(node):
                return node
            return [convert_one(value) for value in node]

        return convert

    def _map(self, shape: Shape) -> Convert:
        name, value = key_and_value(shape)
        if self.of(name) is not text:
            return unusual
        read = _when_needed(lambda: self.of(value))

        def convert(node: Any) -> Any:  # noqa: ANN401 -- a Convert
            entries = _object(node)
            return {key: read()(inner) for key, inner in entries.items()}

        return convert


def text(value: Any) -> Any:  # noqa: ANN401 -- a Convert
    """Leave a text as it is. Unusual: it is none."""
    if type(value) is not str:
        raise Unusual
    return value


def flag(value: Any) -> Any:  # noqa: ANN401 -- a Convert
    """Leave true and false as they are. Unusual: it is neither."""
    if type(value) is not bool:
        raise Unusual
    return value


def whole(value: Any) -> Any:  # noqa: ANN401 -- a Convert
    """Leave a whole number as it is. Unusual: it is none, or has more than 64 bits."""
    # `type`, not isinstance, because a bool is an int.
    if type(value) is not int or not -_MOST <= value < _MOST:
        raise Unusual
    return value


def number(value: Any) -> Any:  # noqa: ANN401 -- a Convert
    """Leave a number as it is. Unusual: it is none, or may have lost digits in decoding."""
    if type(value) not in (int, float) or not -_MOST <= value < _MOST:
        raise Unusual
    return value


def _time(value: Any) -> Any:  # noqa: ANN401 -- a Convert
    if type(value) is bool:
        raise Unusual
    return instant(value)


def _without_nulls(members_read: dict[str, Any], texts: int) -> dict[str, Any]:
    """Return the members that are not null. Unusual: members without a conversion are not text."""
    texts_only = {name: value for name, value in members_read.items() if value is not None}
    nulls = len(members_read) - len(texts_only)
    if countOf(map(type, texts_only.values()), str) != texts - nulls:
        raise Unusual
    return texts_only


def _object(node: object) -> dict[str, Any]:
    if type(node) is not dict:
        raise Unusual
    return node


def _one_of(shape: Shape, convert: Convert) -> Convert:
    """Wrap the conversion of a union: botocore rejects one with no or several members, or an unknown one."""
    names = {member.serialization.get("name", name) for name, member in members(shape).items()}

    def guarded(node: Any) -> Any:  # noqa: ANN401 -- a Convert
        # botocore ignores `__type`, which services may add to any object.
        there = [name for name, value in _object(node).items() if value is not None and name != "__type"]
        if len(there) != 1 or there[0] not in names:
            raise Unusual
        return convert(node)

    return guarded


def _when_needed(make: Callable[[], Convert]) -> Callable[[], Convert]:
    """Build a function only when a list is not empty: most lists in answers are."""
    convert: Convert | None = None

    def get() -> Convert:
        nonlocal convert
        if convert is None:
            convert = make()
        return convert

    return get
