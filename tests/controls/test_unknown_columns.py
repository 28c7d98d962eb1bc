"""No NULL decides: whatever a row does not tell, the answer holds for all that it may be, or is unknown.

Every shipped control is asked of the rows of its own cases with one thing of them forgotten: a column, a
member of a list, a field of a member, whether the list ends where it ends, or all columns that decide. An
answer that is known must be the answer for everything that may stand in that place: the row as it was, the
row with what other cases have there, and, for a list, with more or fewer members.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Final

import pytest

from scanner.evaluate.compiled import compile_control
from scanner.evaluate.controls.cases import AS_OF, Case, cases_file, load_cases
from scanner.evaluate.controls.loader import load_controls
from scanner.evaluate.engine import evaluate
from scanner.model.control import Control
from scanner.model.facts import Row
from scanner.model.finding import Status
from scanner.storage.parquet import arrow_table

CONTROLS: Final = {control.id: control for control in load_controls()}
MOST: Final = 8
"""What is put in the place of something forgotten, at most."""

Path = tuple[str | int, ...]
Kind = tuple[str, ...]
"""A path without the places in lists: `copies.effective`."""

BOOLEANS: Final = (True, False)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """A row of which something is not known, what it is, and rows that it may be."""

    what: str
    row: Row
    may_be: tuple[Row, ...]


def at(thing: Any, path: Path) -> Any:
    for step in path:
        if thing is None:
            return None
        thing = getattr(thing, step) if isinstance(step, str) else thing[step]
    return thing


def with_value(thing: Any, path: Path, value: Any) -> Any:
    if not path:
        return value
    first, *rest = path
    if isinstance(first, str):
        return replace(thing, **{first: with_value(getattr(thing, first), tuple(rest), value)})
    return (*thing[:first], with_value(thing[first], tuple(rest), value), *thing[first + 1 :])


def paths(thing: Any, here: Path) -> Iterator[Path]:
    """Give all that can be forgotten within something: itself, its members, their fields."""
    yield here
    if isinstance(thing, tuple):
        for place, member in enumerate(thing):
            yield from paths(member, (*here, place))
    elif is_dataclass(thing):
        for each in fields(thing):
            yield from paths(getattr(thing, each.name), (*here, each.name))


def without(row: Any, columns: list[str]) -> Any:
    return replace(row, **dict.fromkeys(columns))


def kind(path: Path) -> Kind:
    return tuple("[]" if isinstance(step, int) else step for step in path)


def distinct(values: list[Any]) -> list[Any]:
    found: dict[str, Any] = {repr(value): value for value in values}
    return list(found.values())


def seen(rows: list[Row], columns: list[str]) -> dict[Kind, list[Any]]:
    """Give what any case has in a place, by the kind of the place; both truth values where one stands."""
    found: defaultdict[Kind, list[Any]] = defaultdict(list)
    for row in rows:
        for column in columns:
            for path in paths(getattr(row, column), (column,)):
                found[kind(path)].append(at(row, path))
    return {
        each: distinct([*values, *(BOOLEANS if any(isinstance(one, bool) for one in values) else ())])
        for each, values in found.items()
    }


def forgettings(row: Row, columns: list[str], others: Mapping[Kind, list[Any]]) -> Iterator[Forgotten]:
    for column in columns:
        for path in paths(getattr(row, column), (column,)):
            values = [value for value in others[kind(path)] if value is not None][:MOST]
            may_be = [row, *(with_value(row, path, value) for value in values)]
            if isinstance(path[-1], int):
                members = at(row, path[:-1])
                may_be.append(with_value(row, path[:-1], members[: path[-1]] + members[path[-1] + 1 :]))
            yield Forgotten(f"{path} = NULL", with_value(row, path, None), tuple(may_be))
            if isinstance(members := at(row, path), tuple):
                more = [each for each in others.get((*kind(path), "[]"), []) if each is not None][:MOST]
                longer = tuple(with_value(row, path, (*members, each)) for each in more)
                yield Forgotten(
                    f"{path} ends in NULL", with_value(row, path, (*members, None)), (row, *longer)
                )
    yield Forgotten("all that decides = NULL", without(row, columns), (row,))
    every = [each.name for each in fields(row) if each.name not in ("subject", "account", "region")]
    yield Forgotten("every column = NULL", without(row, every), (row,))


def judged(control: Control, rows: list[Row], parameters: Mapping[str, Any]) -> list[Status]:
    numbered = [replace(row, subject=f"{number:07}") for number, row in enumerate(rows)]
    table = arrow_table(control.subject, numbered)
    place = {(row.account, row.region, row.subject): at for at, row in enumerate(numbered)}
    found = evaluate({control.subject: table}, [control], {control.id: parameters}, as_of=AS_OF)
    statuses = {place[each.account, each.region, each.subject]: each.status for each in found}
    return [statuses[number] for number in range(len(rows))]


def by_parameters(cases: tuple[Case, ...]) -> Iterator[tuple[Mapping[str, Any], list[Case]]]:
    groups: defaultdict[str, list[Case]] = defaultdict(list)
    for case in cases:
        groups[repr(sorted(case.parameters.items()))].append(case)
    for group in groups.values():
        yield group[0].parameters, group


def violations(control: Control, cases: tuple[Case, ...]) -> Iterator[str]:
    columns = sorted({*compile_control(control).judges, "not_applicable_because"})
    others = seen([case.row for case in cases], columns)
    for parameters, group in by_parameters(cases):
        named = [(case.name, each) for case in group for each in forgettings(case.row, columns, others)]
        rows = [row for _, each in named for row in (each.row, *each.may_be)]
        statuses = iter(judged(control, rows, parameters))
        for name, each in named:
            answer = next(statuses)
            worlds = [next(statuses) for _ in each.may_be]
            if answer is not Status.UNKNOWN and any(world is not answer for world in worlds):
                yield f"{name}: {each.what}: {answer}, though it may be {sorted(set(worlds))}"


@pytest.mark.parametrize("name", sorted(CONTROLS))
def test_what_is_forgotten_never_decides(name: str) -> None:
    control = CONTROLS[name]
    assert list(violations(control, load_cases(control, cases_file(control)))) == []
