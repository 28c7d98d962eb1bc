"""Templates of shell commands, and how their placeholders are filled.

A template is what `remediation.cli` of a control has: one command or comment a line; a command may continue
over several lines. Words are filled after the template was split, and then quoted, so that no value can end a
word or a quote.
"""

import json
import re
import shlex
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Any, Final

from scanner.report.commands.placeholders import parts_of

_OPERATORS: Final = frozenset((">", "|"))
"""Words that a shell takes for operators, which a template may have."""

_SHELL: Final = frozenset(("&&", "||", ";", "&", "<", "<<", ">>"))
_SUBSTITUTIONS: Final = ("$(", "`", "${")
_TRAILING: Final = re.compile(r"\s#\s+(.*)$")
_QUOTED: Final = re.compile(r"""(?:[^\s'"]|'[^']*'|"[^"]*")+""")
"""A word of a command as it is written, with its quotes."""

_LOADED: Final = ("file://", "fileb://", "http://", "https://")
"""How a value starts that the AWS CLI would replace by the contents of a file or of an address."""

# Made once: json.dumps makes one for each call.
_JSON: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)

Fill = Callable[[str], str]
"""Returns a text with its placeholders filled."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A command as its words, or a comment without its `#`. `text`: as the template has it."""

    text: str
    words: tuple[str, ...] = ()
    comment: str = ""

    @property
    def is_plain(self) -> bool:
        """Whether it is one command, or a pipe into a file: filling any other might change its meaning."""
        quoted = any(mark in self.text for mark in _SUBSTITUTIONS)
        return not quoted and not _SHELL & set(self.words)

    def option(self, name: str) -> str:
        """Return the value of an option; empty: the command does not have it."""
        pairs = zip(self.words, self.words[1:], strict=False)
        return next((value for word, value in pairs if word == name), "")


@lru_cache(maxsize=1_024)
def statements(template: str) -> tuple[Statement, ...]:
    """Return the commands and comments of a template. A comment behind a command comes before it."""
    return tuple(_statements(template))


def _statements(template: str) -> Iterator[Statement]:
    waiting = ""
    for line in template.splitlines():
        if not waiting and line.lstrip().startswith("#"):
            yield Statement(line, comment=line.lstrip().removeprefix("#").strip())
            continue
        # A quote may contain line breaks, which belong to the word.
        joint = "" if waiting.endswith(" ") else "\n"
        waiting = f"{waiting}{joint}{line}" if waiting else line
        if waiting.endswith("\\"):
            waiting = f"{waiting.removesuffix(chr(92)).rstrip()} "  # what follows is the same line
            continue
        # None means an open quote: the command goes on in the next line.
        words = _words(waiting)
        if words is not None:
            yield from _with_comment(waiting, words)
            waiting = ""
    if waiting:
        yield Statement(waiting, comment=waiting)  # a quote without its end is no command


def _words(text: str) -> tuple[str, ...] | None:
    """Return the words of a command; None: it goes on in the next line."""
    try:
        return tuple(shlex.split(text, comments=True))
    except ValueError:
        return None


def _with_comment(text: str, words: tuple[str, ...]) -> Iterator[Statement]:
    # A `#` within quotes is no comment: the words must be the same without it.
    if (match := _TRAILING.search(text)) and _words(text[: match.start()]) == words:
        yield Statement(text, comment=match.group(1))
        text = text[: match.start()]
    if words:
        yield Statement(text, words)


def is_safe(value: str) -> bool:
    """Whether a value may be part of a command: on one line, and not the name of a file to load."""
    return value.isprintable() and not value.startswith(_LOADED)


def filled(words: tuple[str, ...], fill: Fill) -> str:
    """Return a command on one line, with its placeholders filled and each word quoted for a shell.

    Words without a placeholder are not filled.
    """
    line: list[str] = []
    is_option = False  # whether the last word of the line is an option
    for part in _parts(words):
        if not part.word:
            line.append(part.constant)
            is_option = part.is_option
            continue
        new = _word(part.word, fill)
        if is_option and new.startswith("-") and new != part.word:
            line[-1] = f"{line[-1]}={shlex.quote(new)}"  # it would be taken for an option
        else:
            line.append(shlex.quote(new))
            is_option = line[-1].startswith("--")
    return " ".join(line)


@dataclass(frozen=True, slots=True)
class _Part:
    """Words of a command that are the same for every finding, quoted, or one `word` that is filled.

    `is_option`: whether the last of the constant words is an option.
    """

    constant: str
    is_option: bool = False
    word: str = ""


@lru_cache(maxsize=4_096)
def _parts(words: tuple[str, ...]) -> tuple[_Part, ...]:
    """Return a command in parts: most of its words need to be quoted only once."""
    parts: list[_Part] = []
    for is_filled, run in groupby(words, key=_has_placeholder):
        if is_filled:
            parts += [_Part("", word=word) for word in run]
        else:
            constants = [word if word in _OPERATORS else shlex.quote(_word(word, _unchanged)) for word in run]
            parts.append(_Part(" ".join(constants), is_option=constants[-1].startswith("--")))
    return tuple(parts)


def _has_placeholder(word: str) -> bool:
    return len(parts_of(word)) > 1


def _unchanged(text: str) -> str:
    return text


def _word(word: str, fill: Fill) -> str:
    # JSON is filled value by value, so that a value cannot end a text or add a member.
    if not word.startswith(("{", "[")):
        return fill(word)
    try:
        content = json.loads(word)
    except ValueError:
        return fill(word)
    return _JSON.encode(_mapped(content, fill))


def _mapped(content: Any, fill: Fill) -> Any:  # noqa: ANN401 -- a tree of JSON
    if isinstance(content, str):
        return fill(content)
    if isinstance(content, dict):
        return {fill(key): _mapped(value, fill) for key, value in content.items()}
    return [_mapped(member, fill) for member in content] if isinstance(content, list) else content


def folded(commands: str, width: int) -> str:
    """Return commands for a page, on which they can not be on one line each.

    Lines end between words, with a backslash, so that they are the same commands; a longer word stays whole.
    """
    return "\n".join(line for command in commands.splitlines() for line in _folded(command, width))


def _folded(command: str, width: int) -> Iterator[str]:
    if command.startswith("#"):
        yield from textwrap.wrap(command, width, subsequent_indent="# ", break_long_words=False)
        return
    line = ""
    for word in _QUOTED.findall(command):
        if line and len(line) + len(word) + 3 > width:
            yield f"{line} \\"
            line = f"  {word}"
        else:
            line = f"{line} {word}" if line else word
    yield line
