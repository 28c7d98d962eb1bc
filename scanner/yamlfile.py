"""Reads YAML: audit.yaml, controls, their cases, packs.

Files that people write are read in a narrow, safe dialect, so that mistakes are reported and never guessed:

- Plain words have the meaning of YAML 1.2's core schema, so `NO`, `on` and `12:30` are text, and so are
  dates. An integer of twelve digits is an AWS account id and therefore text, too, with or without leading
  zeros. Any other number with a leading zero is text.
- Keys are text as written. A repeated key is a mistake, and so are anchors, aliases and merge keys (a few
  lines of them can expand to gigabytes), tags, a second document, more than 1 MB, and nesting deeper than 50.

The line of every value is kept, for messages.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from scanner.errors import Mistake

try:
    from yaml import CSafeLoader as _Loader
except ImportError:  # PyYAML was built without libyaml: ten times slower, the same events
    from yaml import SafeLoader as _Loader  # type: ignore[assignment]

MAX_BYTES: Final = 1_000_000
MAX_DEPTH: Final = 50

Path = tuple[str | int, ...]
"""The path of a value: mapping keys and list positions from the root."""

_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS: Final = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_ACCOUNT_ID: Final = re.compile(r"[0-9]{12}")
_INTEGER: Final = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")
_SHORT_FORM: Final = re.compile(r"![A-Z][A-Za-z]*")
_WITHOUT_PREFIX: Final = frozenset({"!Ref", "!Condition"})
"""Short forms whose long form has no prefix `Fn::`."""
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_UNREADABLE: Final = yaml.reader.Reader.NON_PRINTABLE


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """Plain data (dict, list, str, int, float, bool, None) and the line of each value in it."""

    data: Any
    lines: Mapping[Path, int]

    def line(self, path: Path) -> int:
        """Return the line of the value at `path`, from 1; without one, that of what encloses it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read_yaml(
    text: str, file: str, *, short_forms: bool = False
) -> tuple[YamlDocument | None, tuple[Mistake, ...]]:
    """Read one YAML document. `file`: its name in mistakes.

    `short_forms`: the tags of CloudFormation templates, `!Ref X`, are read as the objects that they are short
    for, `{"Ref": "X"}`.

    The document is None if the text cannot be parsed. With other mistakes it is returned, too, so that
    the caller can report further mistakes at once, but it must not be used otherwise.
    """
    text = text.removeprefix("\ufeff")
    refusal = _refuse(text, file)
    if refusal:
        return None, (refusal,)
    builder = (_TemplateBuilder if short_forms else _Builder)(yaml.parse(text, Loader=_Loader), file)
    try:
        data = builder.document()
    except _Unreadable as broken:
        return None, (*builder.mistakes, broken.mistake)
    except yaml.MarkedYAMLError as error:
        return None, (*builder.mistakes, _broken(error, file))
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # the last two: the pure Python parser
        return None, (*builder.mistakes, Mistake(file, 0, f"this is not YAML: {error}"))
    return YamlDocument(data, builder.lines), tuple(builder.mistakes)


def _refuse(text: str, file: str) -> Mistake | None:
    """Return a mistake for input that must not reach the parser: too large, or invalid characters."""
    if len(text) > MAX_BYTES or len(text.encode(errors="replace")) > MAX_BYTES:
        return Mistake(
            file, 0, f"the file is larger than {MAX_BYTES:,} bytes", "write less, or several files"
        )
    unreadable = _UNREADABLE.search(text)
    if unreadable:
        line = text.count("\n", 0, unreadable.start()) + 1
        return Mistake(file, line, f"the character U+{ord(unreadable[0]):04X} is not allowed in YAML")
    return None


def _broken(error: yaml.MarkedYAMLError, file: str) -> Mistake:
    mark = error.problem_mark or error.context_mark
    where = f" {error.context}" if error.context else ""
    line = mark.line + 1 if mark else 0
    return Mistake(file, line, f"this is not YAML: {error.problem or error.note}{where}")


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 0


class _Unreadable(Exception):  # noqa: N818 -- ends the parsing; the error is its mistake
    def __init__(self, mistake: Mistake) -> None:
        self.mistake = mistake
        super().__init__(str(mistake))


def _plain(text: str) -> str | int | float | bool | None:
    """Return the value of an unquoted word (YAML 1.2, "Core Schema", less octal, hex, infinity, NaN)."""
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _ACCOUNT_ID.fullmatch(text):
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    return text


@dataclass(slots=True)
class _Builder:
    """Builds the data from the parser's events. The depth limit bounds its recursion."""

    events: Iterator[yaml.Event]
    file: str
    mistakes: list[Mistake] = field(default_factory=list)
    lines: dict[Path, int] = field(default_factory=dict)

    def document(self) -> Any:  # noqa: ANN401 -- data of any shape
        next(self.events)  # the start of the stream
        if isinstance(next(self.events), yaml.StreamEndEvent):
            return None
        data = self.value(next(self.events), ())
        next(self.events)  # the end of the document
        after = next(self.events)
        if not isinstance(after, yaml.StreamEndEvent):
            self.complain(after, "a second document begins here", "keep one document in a file")
        return data

    def complain(self, event: yaml.Event, message: str, hint: str = "") -> None:
        self.mistakes.append(Mistake(self.file, _line(event), message, hint))

    def value(self, event: yaml.Event, path: Path) -> Any:  # noqa: ANN401 -- data of any shape
        self.lines.setdefault(path, _line(event))
        if isinstance(event, yaml.AliasEvent):
            self.complain(event, f"the alias *{event.anchor} is not supported", "write the value out")
            return None
        self.refuse_extras(event)
        if isinstance(event, yaml.SequenceStartEvent):
            self.check_depth(event, path)
            return list(self.elements(path))
        if isinstance(event, yaml.MappingStartEvent):
            self.check_depth(event, path)
            return self.mapping(path)
        return self.scalar(event)

    def refuse_extras(self, event: yaml.Event) -> None:
        anchor, tag = getattr(event, "anchor", None), getattr(event, "tag", None)
        if anchor:
            self.complain(
                event, f"the anchor &{anchor} is not supported", "write the value out where it is used"
            )
        if tag and tag != "!":
            self.complain(event, f"the tag {tag} is not supported", "put quotes around text")

    def check_depth(self, event: yaml.Event, path: Path) -> None:
        if len(path) >= MAX_DEPTH:
            line = _line(event)
            raise _Unreadable(Mistake(self.file, line, f"nested deeper than {MAX_DEPTH} levels"))

    def elements(self, path: Path) -> Iterator[Any]:
        for position, event in enumerate(self.events):
            if isinstance(event, yaml.SequenceEndEvent):
                return
            yield self.value(event, (*path, position))

    def mapping(self, path: Path) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for event in self.events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            key = self.key(event, path, data)
            inner = (*path, key)
            self.lines.setdefault(inner, _line(event))
            value = self.value(next(self.events), inner)
            data.setdefault(key, value)
        return data

    def key(self, event: yaml.Event, path: Path, keys: Mapping[str, Any]) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            self.value(event, (*path, "?"))  # consume the value; an alias reports its own mistake
            self.complain(event, "a key must be a word")
            return "?"
        self.refuse_extras(event)
        key = self.text(event)
        if key in keys:
            first = self.lines[(*path, key)]
            self.complain(event, f"the key {key!r} occurs twice", f"first on line {first}")
        elif not key:
            self.complain(event, "a key is missing before the colon")
        elif key == "<<" and event.implicit[0]:
            self.complain(event, "the merge key << is not supported", "write the keys out")
        return key

    def text(self, event: yaml.Event) -> str:
        text = str(getattr(event, "value", ""))
        if _SURROGATE.search(text):
            self.complain(event, "the text contains half a character (a lone surrogate)")
        return _SURROGATE.sub("\ufffd", text)

    def scalar(self, event: yaml.Event) -> str | int | float | bool | None:
        plain, _ = getattr(event, "implicit", (False, True))
        return _plain(self.text(event)) if plain else self.text(event)


class _TemplateBuilder(_Builder):
    """Builds the data of a CloudFormation template, whose tags are short forms of intrinsic functions."""

    def value(self, event: yaml.Event, path: Path) -> Any:  # noqa: ANN401 -- data of any shape
        tag = getattr(event, "tag", None) or ""
        if not _SHORT_FORM.fullmatch(tag):
            return _Builder.value(self, event, path)
        name = tag[1:] if tag in _WITHOUT_PREFIX else f"Fn::{tag[1:]}"
        setattr(event, "tag", None)  # noqa: B010 -- the stubs know no tag of an event
        self.lines.setdefault(path, _line(event))
        value = _Builder.value(self, event, (*path, name))
        if name == "Fn::GetAtt" and isinstance(value, str):
            value = value.split(".", 1)
        return {name: value}


class _Writer(yaml.SafeDumper):
    """Writes text so that `read_yaml` reads the same text again."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ANN401, ARG002 -- PyYAML's signature
        return True  # read_yaml refuses anchors and aliases


def _represent_text(writer: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # PyYAML quotes words that YAML 1.1 reads as another type; `1e5` is one by the rules of `_plain` only.
    # A line break other than \n is written as it is, and would be read as a space.
    style = None if _plain(text) == text and text.isprintable() else '"'
    return writer.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Writer.add_representer(str, _represent_text)


def write_yaml(data: Any) -> str:  # noqa: ANN401 -- plain data of any shape
    """Return plain data (dict, list, str, int, float, bool, None) as YAML that `read_yaml` reads back."""
    return yaml.dump(data, Dumper=_Writer, sort_keys=False, allow_unicode=True, width=math.inf)
