"""From the elements of an XML document to what botocore gives: one pass over the children of each element.

An element whose text is a number, a truth value or a time is read as one, a name is looked up without
its namespace, lists and maps come wrapped or flattened (repeated where they stand).
"""

import base64
import re
from collections.abc import Callable, Mapping
from functools import partial
from operator import eq
from typing import Any, Final
from xml.etree.ElementTree import Element  # nosec B405 # a type

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

OfText = Callable[[str], object]
"""Gives the value of an element from its text."""

_TEXTS: Final[Mapping[str, OfText]] = {
    "boolean": partial(eq, "true"),
    "integer": int,
    "long": int,
    "float": float,
    "double": float,
    "timestamp": instant,
    "blob": base64.b64decode,
}
"""How simple values are read; strings are left as they are."""

_Member = tuple[str, OfText | None, Convert | None, bool]
"""A member of a structure: its name; how its text is read; how its element is, when it is not simple;
whether it takes all elements of its tag."""


class XmlPlan:
    """Makes the functions of the shapes of one answer.

    Each takes an element, and for a flattened list or map the elements that stand for it.
    """

    def __init__(self) -> None:
        self._kept = Kept()

    def of(self, shape: Shape) -> Convert:
        """Return the function that converts the element of a shape."""
        match shape.type_name:
            case "structure":
                return self._kept.of(shape.name, lambda: self._structure(shape))
            case "list":
                return self._kept.of(shape.name, lambda: self._list(shape))
            case "map":
                return self._kept.of(shape.name, lambda: self._map(shape))
            case "string" | "character":
                return _text
            case kind:
                read = _TEXTS[kind]
                return lambda node: read(node.text or "")

    def _structure(self, shape: Shape) -> Convert:
        members_by_tag = {
            _tag(name, member): self._member(name, member)
            for name, member in members(shape).items()
            if member.serialization.get("location") not in _ELSEWHERE
        }
        if _is_special(shape, len(members_by_tag)):
            return unusual
        repeats = any(repeated for *_, repeated in members_by_tag.values())
        convert = _children_that_repeat(members_by_tag) if repeats else _children(members_by_tag)
        return _one_of(convert) if is_union(shape) else convert

    def _member(self, name: str, member: Shape) -> _Member:
        if member.type_name in {"structure", "list", "map"}:
            return name, None, self.of(member), _is_flattened(member)
        return name, _TEXTS.get(member.type_name), None, False

    def _list(self, shape: Shape) -> Convert:
        member = element(shape)
        if _is_flattened(member):  # its elements are not wrapped in a list element
            return unusual
        converter: Convert | None = None

        def convert(nodes: Any) -> Any:  # noqa: ANN401 -- a Convert
            nonlocal converter
            # Not `not nodes`: for an Element without children, Python deprecates that.
            if len(nodes) == 0:
                return []
            if converter is None:
                converter = self.of(member)
            if converter is _text:
                # An empty element is an empty text, as for botocore.
                return [node.text or "" for node in nodes]
            return [converter(node) for node in nodes]

        return convert

    def _map(self, shape: Shape) -> Convert:
        key, value = key_and_value(shape)
        tags = key.serialization.get("name") or "key", value.serialization.get("name") or "value"
        if _is_flattened(key) or _is_flattened(value):
            return unusual

        def convert(nodes: Any) -> Any:  # noqa: ANN401 -- a Convert
            read_key, read_value = self.of(key), self.of(value)
            entries = {}
            for entry in nodes:
                pair = {local(node.tag): node for node in entry}
                if len(entry) != len(tags) or pair.keys() != set(tags):
                    raise Unusual
                entries[read_key(pair[tags[0]])] = read_value(pair[tags[1]])
            return entries

        return convert


def local(tag: str) -> str:
    """Return a tag without its namespace."""
    return _NAMESPACE.sub("", tag)


def _text(node: Element) -> str:
    return node.text or ""


def _is_flattened(shape: Shape) -> bool:
    return shape.type_name in {"list", "map"} and bool(shape.serialization.get("flattened"))


def _tag(name: str, member: Shape) -> str:
    """Return the tag of a member: for a flattened list, the name of its elements comes first."""
    if member.type_name == "list" and _is_flattened(member):
        inner: str | None = element(member).serialization.get("name")
        if inner is not None:
            return inner
    tag: str = member.serialization.get("name", name)
    return tag


def _is_special(shape: Shape, tags: int) -> bool:
    """Check whether only botocore can read a structure: attributes, events, two members of one tag."""
    if shape.metadata.get("exception") or is_stream(shape):
        return True
    in_body = [
        body_member
        for body_member in members(shape).values()
        if body_member.serialization.get("location") not in _ELSEWHERE
    ]
    return len(in_body) != tags or any(
        "xmlAttribute" in body_member.serialization or "eventheader" in body_member.serialization
        for body_member in in_body
    )


class _Tags(dict[str, "_Member | None"]):
    """The members of a structure by tag, namespaces and all, as they are met; None: a tag of no member."""

    def __init__(self, by_local_name: Mapping[str, _Member]) -> None:
        super().__init__()
        self._found = by_local_name

    def __missing__(self, tag: str) -> _Member | None:
        member = self._found.get(local(tag))
        if len(self) < _MOST_TAGS:
            self[tag] = member
        return member

    def of(self, node: Element) -> int:
        """Count the children that are members."""
        return sum(self[child.tag] is not None for child in node)


def _children(members_by_tag: Mapping[str, _Member]) -> Convert:
    # The namespace is removed once for each tag, not for each element.
    by_tag = _Tags(members_by_tag)

    def convert(node: Any) -> Any:  # noqa: ANN401 -- a Convert
        parsed: dict[str, Any] = {}
        for child in node:
            member = by_tag[child.tag]
            if member is None:
                continue
            name, of_text, of_node, _ = member
            if of_node is not None:
                parsed[name] = of_node(child)
            elif of_text is None:
                parsed[name] = child.text or ""
            else:
                parsed[name] = of_text(child.text or "")
        if len(parsed) != len(node) and len(parsed) != by_tag.of(node):
            raise Unusual  # a member that came twice
        return parsed

    return convert


def _children_that_repeat(members_by_tag: Mapping[str, _Member]) -> Convert:
    """Gather the children of flattened members first; the others are read as in any structure."""
    by_tag = _Tags(members_by_tag)
    others = _children({tag: member for tag, member in members_by_tag.items() if not member[3]})

    def convert(node: Any) -> Any:  # noqa: ANN401 -- a Convert
        gathered: dict[str, tuple[Convert, list[Element]]] = {}
        for child in node:
            member = by_tag[child.tag]
            if member is not None and member[3] and member[2] is not None:
                gathered.setdefault(member[0], (member[2], []))[1].append(child)
        parsed: dict[str, Any] = others(node)
        return parsed | {name: read(children) for name, (read, children) in gathered.items()}

    return convert


def _one_of(convert: Convert) -> Convert:
    """Guard a union: botocore refuses one with no member or many, and reports one that it does not know."""

    def guarded(node: Any) -> Any:  # noqa: ANN401 -- a Convert
        parsed = convert(node)
        if len(node) != 1 or len(parsed) != 1:
            raise Unusual
        return parsed

    return guarded
