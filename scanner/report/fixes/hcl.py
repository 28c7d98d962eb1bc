"""Terraform's language: values, attributes and blocks, with every text escaped."""

import json
from collections.abc import Iterable, Mapping
from typing import Final

_ESCAPES: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_INDENT: Final = "  "


def text(value: str) -> str:
    r"""Return a text in quotes. Templates (`${`, `%{`) are escaped, as are control characters (\uXXXX)."""
    escaped = "".join(_ESCAPES.get(character) or _visible(character) for character in value)
    return '"' + escaped.replace("${", "$${").replace("%{", "%%{") + '"'


def _visible(character: str) -> str:
    is_plain = character.isprintable() and not 0xD800 <= ord(character) <= 0xDFFF  # noqa: PLR2004 -- surrogates
    if is_plain:
        return character
    return f"\\u{ord(character):04x}" if ord(character) <= 0xFFFF else f"\\U{ord(character):08x}"  # noqa: PLR2004


def value(content: object, indent: str = "") -> str:
    """Return any JSON value in Terraform's syntax."""
    if isinstance(content, str):
        return text(content)
    if content is None or isinstance(content, bool | int | float):
        return json.dumps(content)
    inner = indent + _INDENT
    if isinstance(content, Mapping):
        if not content:
            return "{}"
        rows = [f"{inner}{text(str(key))} = {value(element, inner)}" for key, element in content.items()]
        return "\n".join(["{", *rows, f"{indent}}}"])
    if isinstance(content, Iterable):
        items = [f"{inner}{value(element, inner)}," for element in content]
        return "\n".join(["[", *items, f"{indent}]"]) if items else "[]"
    raise TypeError(f"{type(content).__name__} has no form in Terraform")


class Block:
    """A block: attributes and blocks in the order in which they are added."""

    def __init__(self, *header: str) -> None:
        self._header = header[0] + "".join(f" {text(label)}" for label in header[1:])
        self._parts: list[tuple[str, object] | Block] = []

    def set(self, name: str, content: object) -> "Block":
        """Add an attribute with a JSON value. None is left out."""
        if content is not None:
            self._parts.append((name, content))
        return self

    def expression(self, name: str, code: str) -> "Block":
        """Add an attribute whose value is an expression, such as a reference."""
        self._parts.append((name, _Code(code)))
        return self

    def block(self, *header: str) -> "Block":
        """Add a block, and return it."""
        inner = Block(*header)
        self._parts.append(inner)
        return inner

    def lines(self, indent: str = "") -> list[str]:
        """Return the lines of the block."""
        inner = indent + _INDENT
        lines = [f"{indent}{self._header} {{"]
        for part in self._parts:
            if isinstance(part, Block):
                lines += part.lines(inner)
            else:
                name, content = part
                shown = content.code if isinstance(content, _Code) else value(content, inner)
                lines += f"{inner}{name} = {shown}".split("\n")
        return [*lines, f"{indent}}}"]


class _Code:
    def __init__(self, code: str) -> None:
        self.code = code


def jsonencode(content: object, indent: str = _INDENT) -> str:
    """Return the expression that makes JSON of a value."""
    return f"jsonencode({value(content, indent)})"
