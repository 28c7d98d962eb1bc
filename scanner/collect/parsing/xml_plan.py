"""From the elements of an XML document to what botocore gives: one pass over the children of each element.

An element whose text is a number, a truth value or a time is read as one, a name is looked up without
its namespace, lists and maps come wrapped or flattened (repeated where they stand).
"""

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from xml.etree.ElementTree import Element

from botocore.model import Shape

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

_NAMESPACE: Final = re.compile("{.*}")
_ELSEWHERE: Final = frozenset({"header", "headers", "statusCode"})
_MOST_TAGS: Final = 4096
"""How many tags of a structure are kept: an endpoint could send new ones for ever."""

_TEXTS: Final[Mapping[str, Callable[[str], object]]] = {
    "boolean": lambda text: text == "true",
    "integer": int,
    "long": int,
    "float": float,
    "double": float,
    "timestamp": instant,
    "blob": base64.b64decode,
}


@dataclass(frozen=True, slots=True)
class _Member:
    """A member of a structure. `repeated`: it takes all elements of its name."""

    name: str
    read: Convert
    repeated: bool


class XmlPlan:
    """Makes the functions of the shapes of one answer.

    Each takes an element, and for a flattened list or map the elements that stand for it.
    """

    def __init__(self) -> None:
        self._kept = Kept()

    def of(self, shape: Shape) -> Convert:
        """Give the function that converts the element of a shape."""
        match shape.type_name:
            case "structure":
                return self._kept.of(shape.name, lambda: self._structure(shape))
            case "list":
                return self._kept.of(shape.name, lambda: self._list(shape))
            case "map":
                return self._kept.of(shape.name, lambda: self._map(shape))
            case "string" | "character":
                return _text
            case kind if kind in _TEXTS:
                read = _TEXTS[kind]
                return lambda node: read(node.text or "")
            case _:
                return unusual

    def _structure(self, shape: Shape) -> Convert:
        found = {
            _tag(name, member): _Member(name, self.of(member), _is_flattened(member))
            for name, member in members(shape).items()
            if member.serialization.get("location") not in _ELSEWHERE
        }
        if _is_special(shape, len(found)):
            return unusual
        convert = _children(found)
        return _one_of(convert) if is_union(shape) else convert

    def _list(self, shape: Shape) -> Convert:
        member = element(shape)
        if _is_flattened(member):  # its element stands for a list of itself
            return unusual
        made: Convert | None = None

        def convert(nodes: Any) -> Any:  # noqa: ANN401 -- a Convert
            nonlocal made
            if len(nodes) == 0:
                return []
            if made is None:
                made = self.of(member)
            if made is _text:
                return [node.text or "" for node in nodes]
            return [made(node) for node in nodes]

        return convert

    def _map(self, shape: Shape) -> Convert:
        key, value = key_and_value(shape)
        tags = key.serialization.get("name") or "key", value.serialization.get("name") or "value"
        if _is_flattened(key) or _is_flattened(value):
            return unusual

        def convert(nodes: Any) -> Any:  # noqa: ANN401 -- a Convert
            read_key, read_value = self.of(key), self.of(value)
            found = {}
            for entry in nodes:
                pair = {local(node.tag): node for node in entry}
                if len(entry) != len(tags) or pair.keys() != set(tags):
                    raise Unusual
                found[read_key(pair[tags[0]])] = read_value(pair[tags[1]])
            return found

        return convert


def local(tag: str) -> str:
    """Give a tag without its namespace."""
    return _NAMESPACE.sub("", tag)


def _text(node: Element) -> str:
    return node.text or ""


def _is_flattened(shape: Shape) -> bool:
    return shape.type_name in {"list", "map"} and bool(shape.serialization.get("flattened"))


def _tag(name: str, member: Shape) -> str:
    """Give the tag of a member: for a flattened list, the name of what it holds comes first."""
    if member.type_name == "list" and _is_flattened(member):
        inner: str | None = element(member).serialization.get("name")
        if inner is not None:
            return inner
    given: str = member.serialization.get("name", name)
    return given


def _is_special(shape: Shape, tags: int) -> bool:
    """Whether a structure holds what only botocore reads: attributes, events, two members of one tag."""
    if shape.metadata.get("exception") or is_stream(shape):
        return True
    in_body = [one for one in members(shape).values() if one.serialization.get("location") not in _ELSEWHERE]
    return len(in_body) != tags or any(
        "xmlAttribute" in one.serialization or "eventheader" in one.serialization for one in in_body
    )


def _children(found: Mapping[str, _Member]) -> Convert:
    by_tag: dict[str, _Member | None] = {}

    def learn(tag: str) -> _Member | None:
        member = found.get(local(tag))
        if len(by_tag) < _MOST_TAGS:
            by_tag[tag] = member
        return member

    def convert(node: Any) -> Any:  # noqa: ANN401 -- a Convert
        given: dict[str, Any] = {}
        gathered: dict[str, tuple[Convert, list[Element]]] = {}
        for child in node:
            tag = child.tag
            member = by_tag[tag] if tag in by_tag else learn(tag)
            if member is None:
                continue
            name = member.name
            if member.repeated:
                gathered.setdefault(name, (member.read, []))[1].append(child)
            elif name in given:
                raise Unusual
            else:
                given[name] = member.read(child)
        for name, (read, children) in gathered.items():
            given[name] = read(children)
        return given

    return convert


def _one_of(convert: Convert) -> Convert:
    """Guard a union: botocore refuses one with no member or many, and reports one that it does not know."""

    def guarded(node: Any) -> Any:  # noqa: ANN401 -- a Convert
        given = convert(node)
        if len(node) != 1 or len(given) != 1:
            raise Unusual
        return given

    return guarded
