"""The one place that reads YAML: audit.yaml, controls, their cases, packs.

What people write by hand is read in a narrow, safe dialect, so that a slip is told and never guessed at:

- Plain words mean what YAML 1.2's core schema says, so `NO`, `on` and `12:30` are text, and so are
  dates. A whole number of twelve digits is an AWS account id and therefore text, too, with or without
  leading zeros; no other number may begin with a needless zero, and what does is text.
- Keys are text as written. A key that is there twice is a mistake, and so are anchors, aliases and merge
  keys (a few lines of them grow into gigabytes), tags, a second document, more than 1 MB, and a nesting
  deeper than 50.

Every value knows its line, which is what makes good messages possible.
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
"""Where a value stands: mapping keys and list positions from the root down."""

_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS: Final = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_ACCOUNT_ID: Final = re.compile(r"[0-9]{12}")
_INTEGER: Final = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_UNREADABLE: Final = yaml.reader.Reader.NON_PRINTABLE


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """Plain data (dict, list, str, int, float, bool, None) and the line of each value in it."""

    data: Any
    lines: Mapping[Path, int]

    def line(self, path: Path) -> int:
        """Give the line of the value at `path`, from 1; of what encloses it when there is no such value."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read_yaml(text: str, file: str) -> tuple[YamlDocument | None, tuple[Mistake, ...]]:
    """Read one YAML document; `file` is what the mistakes call it.

    The document is None when the text cannot be read to its end. With other mistakes it is given all the
    same, so that the caller can report what else is wrong with it in one go; but it must not be used.
    """
    text = text.removeprefix("\ufeff")
    refusal = _refuse(text, file)
    if refusal:
        return None, (refusal,)
    builder = _Builder(yaml.parse(text, Loader=_Loader), file)
    try:
        data = builder.document()
    except _Unreadable as broken:
        return None, (*builder.mistakes, broken.mistake)
    except yaml.MarkedYAMLError as error:
        return None, (*builder.mistakes, _broken(error, file))
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # the last two: the pure Python parser
        return None, (*builder.mistakes, Mistake(file, 0, f"this is no YAML: {error}"))
    return YamlDocument(data, builder.lines), tuple(builder.mistakes)


def _refuse(text: str, file: str) -> Mistake | None:
    """What must not reach the parser at all: too much, or characters that YAML does not have."""
    if len(text) > MAX_BYTES or len(text.encode(errors="replace")) > MAX_BYTES:
        return Mistake(
            file, 0, f"the file is larger than {MAX_BYTES:,} bytes", "write less, or several files"
        )
    unreadable = _UNREADABLE.search(text)
    if unreadable:
        line = text.count("\n", 0, unreadable.start()) + 1
        return Mistake(file, line, f"the character U+{ord(unreadable[0]):04X} cannot stand in YAML")
    return None


def _broken(error: yaml.MarkedYAMLError, file: str) -> Mistake:
    mark = error.problem_mark or error.context_mark
    where = f" {error.context}" if error.context else ""
    line = mark.line + 1 if mark else 0
    return Mistake(file, line, f"this is no YAML: {error.problem or error.note}{where}")


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 0


class _Unreadable(Exception):  # noqa: N818 -- it ends the reading; the error is the mistake that it carries
    def __init__(self, mistake: Mistake) -> None:
        self.mistake = mistake
        super().__init__(str(mistake))


def _plain(text: str) -> str | int | float | bool | None:
    """Give an unquoted word its meaning (YAML 1.2, "Core Schema", less octal, hex, infinity and NaN)."""
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
            self.complain(event, f"the alias *{event.anchor} is not read", "write the value out")
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
            self.complain(event, f"the anchor &{anchor} is not read", "write the value out where it is used")
        if tag and tag != "!":
            self.complain(event, f"the tag {tag} is not read", "quotes make text of a value")

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

    def key(self, event: yaml.Event, path: Path, known: Mapping[str, Any]) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            self.value(event, (*path, "?"))  # reads to its end; an alias complains for itself
            self.complain(event, "a key must be a word")
            return "?"
        self.refuse_extras(event)
        key = self.text(event)
        if key in known:
            first = self.lines[(*path, key)]
            self.complain(event, f"the key {key!r} is there twice", f"first on line {first}")
        elif not key:
            self.complain(event, "a key is missing before the colon")
        elif key == "<<" and event.implicit[0]:
            self.complain(event, "the merge key << is not read", "write the keys out")
        return key

    def text(self, event: yaml.Event) -> str:
        text = str(getattr(event, "value", ""))
        if _SURROGATE.search(text):
            self.complain(event, "the text holds half a character (a lone surrogate)")
        return _SURROGATE.sub("\ufffd", text)

    def scalar(self, event: yaml.Event) -> str | int | float | bool | None:
        plain, _ = getattr(event, "implicit", (False, True))
        return _plain(self.text(event)) if plain else self.text(event)
