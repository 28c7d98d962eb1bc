"""Redacts values of facts, details and parameters by the name of their column.

A value of an unknown column is redacted as a name: a custom control may call its columns anything.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from scanner.report.redact.pseudonyms import Pseudonyms, is_plain

SENTENCES: Final = frozenset(
    (
        "because",
        "by",
        "cli",
        "failures",
        "lock_reason",
        "nearest",
        "not_applicable_because",
        "not_entered",
        "reason",
        "text",
        "uncertain",
        "notes",
    )
)
_SENTENCE_ENDS: Final = ("_because", "_reason")

WORDS: Final = frozenset(
    """
action air_gapped blinds capability category code copied_as count kind local_time lock_mode mode nearness
newest_state next_start notification_events notification_events_deprecated operation region resource_type
scan_findings schedule severity skipped_start state status subject_type timezone type vault_type via
""".split()  # noqa: SIM905 -- easier to keep in order
)
"""Columns with words of AWS or of the program. Any other word in them is redacted nevertheless."""

_WORD_ENDS: Final = ("_at", "_kind", "_region", "_state", "_status", "_type", "_until")
LEFT_OUT: Final = "(left out)"
_ACCOUNT: Final = re.compile("[0-9]{12}")
_MESSAGES: Final = frozenset(("issues", "message", "messages"))


class Values:
    """Redacts values. `columns`: names of columns, which notes about unknown values contain."""

    def __init__(self, pseudonyms: Pseudonyms, columns: frozenset[str] = frozenset()) -> None:
        self._pseudonyms, self._columns = pseudonyms, columns

    def mapping(self, content: Mapping[str, Any], names: tuple[str, ...] = ()) -> dict[str, Any]:
        """Redact a mapping whose keys are names of columns. `names`: those that its sentences may contain."""
        return {
            # `name` is a customer's name everywhere but in the links of a copy.
            self._key(key): self.value("link" if _is_link(key, content) else key, value, names)
            for key, value in content.items()
        }

    def _key(self, key: str) -> str:
        if key in self._columns:
            return key
        # Keys of tags are customers' words; a number among them is no count.
        return self._pseudonyms.name(key) if is_plain(key) else self._pseudonyms.sentence(key)

    def value(self, key: str, value: Any, names: tuple[str, ...] = ()) -> Any:  # noqa: ANN401 -- JSON
        """Redact the value of a key."""
        if isinstance(value, str):
            return self.text(key, value, names)
        if isinstance(value, Mapping):
            return self.mapping(value, names)
        if isinstance(value, list | tuple):
            return [self.value(key, member, names) for member in value]
        # Before numbers: True is an int in Python.
        if value is None or isinstance(value, bool):
            return value
        return self.number(value) if isinstance(value, int | float) else self.text(key, str(value))

    def number(self, number: float) -> float:
        """Redact a number that is an account's id."""
        digits = str(int(number)) if isinstance(number, int) or number.is_integer() else ""
        # JSON drops the leading zeros of an id that is stored as a number.
        account = digits if _ACCOUNT.fullmatch(digits) else self._pseudonyms.known_account(digits)
        return int(self._pseudonyms.account(account)) if account else number

    def text(self, key: str, text: str, names: tuple[str, ...] = ()) -> str:
        """Redact a text, the value of a key."""
        if _is_sentence(key):
            return self._pseudonyms.sentence(text, names)
        if _is_word(key):
            return self._pseudonyms.words(text)
        if key == "account" or key.endswith("_account"):
            return self._pseudonyms.account(text)
        return self._name(key, text)

    def _name(self, key: str, text: str) -> str:
        if key in _MESSAGES:
            # Messages of AWS may contain anything, also names that the scan does not have.
            return LEFT_OUT if text else text
        if key == "file":
            return self._pseudonyms.path(text)
        is_column = key == "about" and text in self._columns
        return text if is_column else self._pseudonyms.name(text)


def _is_sentence(key: str) -> bool:
    return key in SENTENCES or key.endswith(_SENTENCE_ENDS)


def _is_word(key: str) -> bool:
    return key in WORDS or key == "link" or key.endswith(_WORD_ENDS)


def _is_link(key: str, content: Mapping[str, Any]) -> bool:
    """Return whether a name is that of a link of a copy chain, which is one of the program's own words."""
    return key == "name" and "holds" in content


def names_in(content: object, key: str = "") -> Iterator[str]:
    """Yield the names in details, which the sentences of these details may contain."""
    if isinstance(content, str):
        if not (_is_sentence(key) or _is_word(key)):
            yield from parts_of(content)
    elif isinstance(content, Mapping):
        for name, value in content.items():
            if is_plain(name):  # the key of a tag; columns and words of the program are none
                yield name
            if not _is_link(name, content):
                yield from names_in(value, name)
    elif isinstance(content, list | tuple):
        for member in content:
            yield from names_in(member, key)


@lru_cache(maxsize=100_000)
def parts_of(name: str) -> tuple[str, ...]:
    """Return a name and its parts, where it is `plan / rule -> vault` or an ARN."""
    return tuple(dict.fromkeys(_parts(name)))


def _parts(name: str) -> Iterator[str]:
    if not name.startswith("arn:"):
        yield name
    for part in name.replace(" -> ", " / ").replace("->", " / ").replace("#", " / ").split(" / "):
        tail = part.split(":", 5)[-1] if part.startswith("arn:") else part
        yield from (piece for piece in (tail, tail.rpartition("/")[2].rpartition(":")[2]) if piece != name)
