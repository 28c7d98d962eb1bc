"""Finds rows of facts that show what a new control says: one for each status that it can come to.

Rows are made at random of the columns that the control's expressions read, with the values that stand in
them and their neighbours; all are judged at once, and of each status the plainest is kept.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from random import Random
from types import NoneType, UnionType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from scanner.evaluate.cases import AS_OF, DEMANDED, built_row, neutral
from scanner.evaluate.compiled import compile_control
from scanner.evaluate.engine import evaluate
from scanner.model.control import Control
from scanner.model.facts import columns
from scanner.model.finding import Status
from scanner.storage.tables import arrow_table

TRIES: Final = 4_000
_TEXT: Final = re.compile(r"'((?:[^']|'')*)'")
_NUMBER: Final = re.compile(r"(?<![\w$.])\d+(?:\.\d+)?")
_WORD: Final = re.compile(r"[a-z_][a-z0-9_]*")

RowData = Mapping[str, Any]
"""Columns and their values as YAML has them."""


def examples(control: Control, tries: int = TRIES) -> dict[Status, RowData]:
    """Give for each status the plainest row that was found; a status that no row came to is left out."""
    maker = _Maker(control)
    made = [maker.row() for _ in range(tries)]
    rows = [built_row(control, data, position) for position, data in enumerate(made)]
    table = arrow_table(control.subject, rows)
    found: dict[Status, RowData] = {}
    data_of = {row.subject: data for row, data in zip(rows, made, strict=True)}
    for finding in evaluate({control.subject: table}, [control], as_of=AS_OF):
        data, best = data_of[finding.subject], found.get(finding.status)
        if best is None or _weight(data) < _weight(best):
            found[finding.status] = data
    found.setdefault(Status.NOT_APPLICABLE, {"not_applicable_because": "It is no more than an example."})
    return {status: found[status] for status in DEMANDED if status in found}


def _weight(data: RowData) -> tuple[int, str]:
    text = repr(data)
    return len(text), text


def _texts(value: object) -> list[str]:
    members = value if isinstance(value, list | tuple) else [value]
    return [member for member in members if isinstance(member, str)]


class _Maker:
    """Makes rows of the columns that a control reads."""

    def __init__(self, control: Control) -> None:
        said = f"{control.population} {control.require}"
        judges = compile_control(control).judges
        self._columns = {each.name: each.type for each in columns(control.subject) if each.name in judges}
        self._words = frozenset(_WORD.findall(said))
        self._texts = ["", "x", *(text.replace("''", "'") for text in _TEXT.findall(said))]
        numbers = {float(number) for number in _NUMBER.findall(said)}
        numbers |= {float(v) for v in control.parameters.values() if type(v) in {int, float}}
        self._numbers = sorted({0.0, *(near for one in numbers for near in (one - 1, one, one + 1))})
        self._texts += [text for value in control.parameters.values() for text in _texts(value)]
        self._random = Random(control.id)  # noqa: S311 -- the same examples each time

    def row(self) -> dict[str, Any]:
        """Make one row: each column as likely left neutral as given a value."""
        chosen = (name for name in self._columns if self._random.random() < 0.7)  # noqa: PLR2004
        return {name: self._value(self._columns[name]) for name in chosen}

    def _value(self, annotation: Any) -> Any:  # noqa: ANN401 -- by annotation
        if get_origin(annotation) in (Union, UnionType):
            kinds = get_args(annotation)
            if self._random.random() < 0.3:  # noqa: PLR2004
                return None
            return self._value(next(kind for kind in kinds if kind is not NoneType))
        if get_origin(annotation) is tuple:
            return list(self._members(get_args(annotation)[0]))
        if isinstance(annotation, type) and is_dataclass(annotation):
            hints = get_type_hints(annotation).items()
            return {name: self._value(hint) for name, hint in hints if name in self._words}
        return self._scalar(annotation)

    def _members(self, annotation: Any) -> Iterator[Any]:  # noqa: ANN401 -- by annotation
        open_ended = NoneType in get_args(annotation)
        member = next((kind for kind in get_args(annotation) if kind is not NoneType), annotation)
        yield from (self._value(member) for _ in range(self._random.choice((0, 1, 1, 2))))
        if open_ended and self._random.random() < 0.3:  # noqa: PLR2004
            yield None

    def _scalar(self, kind: type) -> Any:  # noqa: ANN401 -- by annotation
        if kind is bool:
            return self._random.random() < 0.5  # noqa: PLR2004
        if kind is str:
            return self._random.choice(self._texts)
        if kind is int:
            return int(self._random.choice(self._numbers))
        return self._random.choice(self._numbers) if kind is float else neutral(kind)
