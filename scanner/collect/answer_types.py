"""Whether a decoded answer is of the types that the operation's model promises.

botocore converts what it finds and asks little: a list of nulls stays one, a truth value that is none
becomes false. What is of another type than AWS says is no answer; the call is tried again, and fails for
good rather than being taken for less than there is.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from botocore.model import ListShape, MapShape, Shape, StructureShape

from scanner.collect.retry import BrokenAnswerError

Check = Callable[[Any], None]
"""Raises Mistyped for a value (never null) that is not of its type."""

_DECODED: Final = "policyDocumentType"
"""IAM's policies: botocore gives them decoded."""

_INT64: Final = range(-(1 << 63), 1 << 63)
_BLOBS: Final = frozenset({str, bytes})
_FLAGS: Final = frozenset({"true", "false"})
_DIGITS: Final = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_NO_NUMBERS: Final = frozenset({"NaN", "Infinity", "-Infinity"})
"""Texts that AWS's protocols have for numbers that JSON has no form for."""


class Mistyped(Exception):  # noqa: N818 -- turned into BrokenAnswerError, with the place
    """A value is of another type than the model says."""


class AnswerTypes:
    """The checks of the answers of all operations, made when they are first needed.

    `wire`: answers are as the body of JSON has them, under the names that it uses; else as the client
    gives them. `coerced`: the client's parser reads numbers and truth values out of texts.
    """

    def __init__(self, *, wire: bool, coerced: bool) -> None:
        self._wire = wire
        self._checks = {**_CHECKS, **(_COERCED if coerced else {})}
        self._made: dict[int, tuple[Shape, Check]] = {}

    def check(self, operation: str, shape: Shape, answer: object) -> None:
        """Raise BrokenAnswerError when `answer` is not of its shape."""
        try:
            self._of(shape)(answer)
        except (Mistyped, RecursionError) as problem:
            what = str(problem) or "a strange value"
            raise BrokenAnswerError(f"{operation} was answered with {what}.") from problem

    def _of(self, shape: Shape) -> Check:
        known = self._made.get(id(shape))
        if known is None:  # the shape is kept with its check, so that its id stays its own
            known = self._made[id(shape)] = (shape, self._make(shape))
        return known[1]

    def _make(self, shape: Shape) -> Check:
        match shape.type_name:
            case "structure":
                return self._structure(cast("StructureShape", shape))
            case "list":
                return self._list(cast("ListShape", shape).member)
            case "map":
                return self._map(cast("MapShape", shape).value)
            case "string" if shape.name == _DECODED:
                return _anything
            case kind:
                return self._checks.get(kind, _text)

    def _structure(self, shape: StructureShape) -> Check:
        if shape.is_document_type:
            return _anything
        members = {
            self._name(name, member): member
            for name, member in shape.members.items()
            if "location" not in member.serialization
        }
        texts = frozenset(
            name
            for name, member in members.items()
            if member.type_name == "string" and member.name != _DECODED
        )

        def check(node: Any) -> None:  # noqa: ANN401 -- a Check
            if type(node) is not dict:
                raise Mistyped(f"{_kind(node)} for {shape.name}")
            for name, value in node.items():
                if name in texts:
                    if type(value) is not str and value is not None:
                        raise Mistyped(f"{_kind(value)} for the text {shape.name}.{name}")
                elif value is not None and (member := members.get(name)) is not None:
                    self._of(member)(value)

        return check

    def _name(self, name: str, member: Shape) -> str:
        return str(member.serialization.get("name", name)) if self._wire else name

    def _list(self, member: Shape) -> Check:
        def check(nodes: Any) -> None:  # noqa: ANN401 -- a Check
            if type(nodes) is not list:
                raise Mistyped(f"{_kind(nodes)} for a list")
            element = self._of(member) if nodes else _anything
            for node in nodes:
                if node is None:
                    raise Mistyped("null in a list")
                element(node)

        return check

    def _map(self, member: Shape) -> Check:
        def check(node: Any) -> None:  # noqa: ANN401 -- a Check
            if type(node) is not dict:
                raise Mistyped(f"{_kind(node)} for a map")
            element = self._of(member) if node else _anything
            for value in node.values():
                if value is None:
                    raise Mistyped("null in a map")
                element(value)

        return check


def _text(value: Any) -> None:  # noqa: ANN401 -- a Check
    if type(value) is not str:
        raise Mistyped(f"{_kind(value)} for a text")


def _whole(value: Any) -> None:  # noqa: ANN401 -- a Check
    if type(value) is not int or value not in _INT64:
        raise Mistyped(f"{_kind(value)} for a whole number")


def _whole_or_text(value: Any) -> None:  # noqa: ANN401 -- a Check
    if type(value) is not str or not _DIGITS.fullmatch(value):
        _whole(value)


def _number(value: Any) -> None:  # noqa: ANN401 -- a Check
    if type(value) is str and value in _NO_NUMBERS:
        return
    if type(value) not in (int, float) or not math.isfinite(value):
        raise Mistyped(f"{_kind(value)} for a number")


def _flag(value: Any) -> None:  # noqa: ANN401 -- a Check
    if type(value) is not bool:
        raise Mistyped(f"{_kind(value)} for true or false")


def _flag_or_text(value: Any) -> None:  # noqa: ANN401 -- a Check
    if type(value) is not str or value.lower() not in _FLAGS:
        _flag(value)


def _time(value: Any) -> None:  # noqa: ANN401 -- a Check
    if type(value) in (int, float) and not math.isfinite(value):
        raise Mistyped("no number for a time")
    if value is True or value is False or isinstance(value, dict | list):
        raise Mistyped(f"{_kind(value)} for a time")


def _blob(value: Any) -> None:  # noqa: ANN401 -- a Check
    if type(value) not in _BLOBS:
        raise Mistyped(f"{_kind(value)} for bytes")


def _anything(_value: Any) -> None:  # noqa: ANN401 -- a Check
    """A document: whatever it holds."""


_CHECKS: Final[Mapping[str, Check]] = {
    "string": _text,
    "character": _text,
    "integer": _whole,
    "long": _whole,
    "float": _number,
    "double": _number,
    "boolean": _flag,
    "timestamp": _time,
    "blob": _blob,
}
_COERCED: Final[Mapping[str, Check]] = {
    "integer": _whole_or_text,
    "long": _whole_or_text,
    "boolean": _flag_or_text,
}
_KINDS: Final[Mapping[type, str]] = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}


def _kind(value: object) -> str:
    return _KINDS.get(type(value), "a number")
