"""The cases of a control, `ID.cases.yaml`: rows of facts and the expected status of each.

A case names the columns that matter; the others get neutral, known values by their type: an empty text,
0, false, an empty list. A resource is assessable and versioned, and a recovery
point present, unless the case says otherwise. In a case
`null` means what it means in a fact table: not known.
"""

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from types import NoneType, UnionType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scanner.errors import ConfigurationError, Mistake
from scanner.evaluate.compiled import compile_control
from scanner.evaluate.controls.spec import check_parameters
from scanner.evaluate.engine import evaluate
from scanner.evaluate.problem import Problem, RefusedError, suggestion
from scanner.model.control import Control
from scanner.model.facts import TABLES, Row, columns
from scanner.model.finding import Finding, Status
from scanner.storage.parquet import arrow_table
from scanner.yamlfile import YamlDocument, read_yaml

AS_OF: Final = datetime(2026, 11, 22, 18, tzinfo=UTC)
"""The clock of all cases."""

DEMANDED: Final = (Status.PASS, Status.FAIL, Status.NOT_APPLICABLE, Status.UNKNOWN)
"""Each control shows at least one example of each."""
# Neutral is known: a case must not become unknown because of a column that it does not mention.
_NEUTRAL: Final[Mapping[type, Any]] = {str: "", int: 0, float: 0.0, bool: False}

_TYPICAL: Final = {
    "account": "111111111111",
    "region": "eu-west-1",
    "name": "example",
    "assessable": True,
    "versioned": True,
    "present": True,
}
_WORDS: Final = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}
TRIES: Final = 4_000
_TEXT: Final = re.compile(r"'((?:[^']|'')*)'")
_NUMBER: Final = re.compile(r"(?<![\w$.])\d+(?:\.\d+)?")
_WORD: Final = re.compile(r"[a-z_][a-z0-9_]*")

RowData = Mapping[str, Any]
"""Columns and their values as YAML has them."""


class _CaseSpec(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field(min_length=1)
    status: str
    row: dict[str, Any] = Field(default_factory=dict)
    parameters: dict[str, Any] = Field(default_factory=dict)
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One example. `reason` is compared when it is given."""

    name: str
    status: Status
    row: Row
    parameters: Mapping[str, Any] = field(default_factory=dict)
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an example; `difference` is empty when it came out as expected."""

    case: Case
    finding: Finding
    difference: str


def cases_file(control: Control) -> Path:
    """Return the file of a control's examples: `ID.cases.yaml` in the same folder."""
    return Path(control.file).with_name(f"{control.id}.cases.yaml")


def load_cases(control: Control, file: Path) -> tuple[Case, ...]:
    """Read the examples of a control. ConfigurationError carries every mistake of the file."""
    try:
        text = file.read_text("utf-8")
    except OSError as error:
        raise ConfigurationError((Mistake(str(file), 0, f"the cases cannot be read: {error}"),)) from error
    document, mistakes = read_yaml(text, str(file))
    if document is None or mistakes:
        raise ConfigurationError(mistakes)
    if not isinstance(document.data, list):
        raise ConfigurationError((Mistake(str(file), 1, "cases are a list", "- name: ..."),))
    return _cases(control, document, str(file))


def _cases(control: Control, document: YamlDocument, file: str) -> tuple[Case, ...]:
    cases: dict[str, Case] = {}
    mistakes: list[Mistake] = []
    for position, data in enumerate(document.data):
        try:
            case = _case(control, data, position, cases)
            cases[case.name] = case
        except RefusedError as refused:
            mistakes += [
                Mistake(file, document.line((position, *problem.path)), problem.message, problem.hint)
                for problem in refused.problems
            ]
    if mistakes:
        raise ConfigurationError(tuple(mistakes))
    return tuple(cases.values())


def _case(control: Control, data: Any, position: int, taken: Container[str]) -> Case:  # noqa: ANN401 -- YAML
    try:
        spec = _CaseSpec.model_validate(data)
    except ValidationError as error:
        raise RefusedError(
            *(Problem(detail["msg"], "", detail["loc"]) for detail in error.errors())
        ) from error
    if spec.name in taken:
        raise RefusedError(Problem(f"the name {spec.name!r} is taken", "say what differs", ("name",)))
    if spec.status not in DEMANDED:
        raise RefusedError(Problem(f"there is no status {spec.status!r}", suggestion(spec.status, DEMANDED)))
    problems = check_parameters([control], {control.id: spec.parameters})
    if problems:
        raise RefusedError(*(Problem(problem.message, problem.hint, ("parameters",)) for problem in problems))
    row = built_row(control, spec.row, position)
    return Case(spec.name, Status(spec.status), row, spec.parameters, spec.reason)


def built_row(control: Control, values: Mapping[str, Any], position: int) -> Row:
    """Make a row of a control's table of the columns that are given. RefusedError: one does not fit."""
    row = {"subject": f"case:{position:04}", "subject_type": control.subject, **_TYPICAL, **values}
    names = {column.name for column in fields(TABLES[control.subject])}
    # Columns that the case names itself stay, so that a wrong name is reported.
    meant = {name: value for name, value in row.items() if name in names or name in values}
    built_values: Row = built(TABLES[control.subject], meant, ("row",))
    return built_values


def built(annotation: Any, value: Any, path: tuple[str | int, ...]) -> Any:  # noqa: ANN401 -- by annotation
    """Make a value of a column's type of plain YAML. RefusedError: it does not fit."""
    optional, kind = _taken_apart(annotation)
    if value is None and optional:
        return None
    if get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise RefusedError(Problem("this column is a list", "", path))
        return tuple(built(get_args(kind)[0], member, (*path, at)) for at, member in enumerate(value))
    if is_dataclass(kind) and isinstance(kind, type):
        return _built_row(kind, value, path)
    return _built_scalar(kind, value, path)


def _built_scalar(kind: type, value: Any, path: tuple[str | int, ...]) -> Any:  # noqa: ANN401 -- by annotation
    # YAML has no float in `35`.
    if kind is float and type(value) is int:
        return float(value)
    # `type`, not isinstance: true is an int in Python, and must not pass for a number.
    if type(value) is not kind:
        hint = "" if value is not None else "this column is always known"
        raise RefusedError(Problem(f"{path[-1]} is to be {_WORDS[kind]}, not {value!r}", hint, path))
    return value


def _built_row(kind: type, value: Any, path: tuple[str | int, ...]) -> Any:  # noqa: ANN401 -- by annotation
    if not isinstance(value, Mapping):
        raise RefusedError(Problem(f"{path[-1]} is to be a mapping", "", path))
    hints = get_type_hints(kind)
    unknown = [name for name in value if name not in hints]
    if unknown:
        raise RefusedError(
            *(
                Problem(f"there is no column {name!r}", suggestion(name, hints), (*path, name))
                for name in unknown
            )
        )
    return kind(
        **{
            name: built(hint, value[name], (*path, name)) if name in value else neutral(hint)
            for name, hint in hints.items()
        }
    )


def neutral(annotation: Any) -> Any:  # noqa: ANN401 -- by annotation
    """Return the neutral, known value of a column's type."""
    _, kind = _taken_apart(annotation)
    if get_origin(kind) is tuple:
        return ()
    if is_dataclass(kind) and isinstance(kind, type):
        return kind(**{name: neutral(hint) for name, hint in get_type_hints(kind).items()})
    return _NEUTRAL[kind]


def _taken_apart(annotation: Any) -> tuple[bool, Any]:  # noqa: ANN401 -- by annotation
    """Return whether a column may be NULL, and its type without NULL."""
    if get_origin(annotation) not in (Union, UnionType):
        return False, annotation
    kinds = [kind for kind in get_args(annotation) if kind is not NoneType]
    return True, kinds[0]


def run_cases(control: Control, cases: Sequence[Case]) -> tuple[Outcome, ...]:
    """Judge the examples, those with the same parameters together; give them in the order of the file."""
    outcomes: dict[str, Outcome] = {}
    for parameters, group in _by_parameters(cases):
        table = arrow_table(control.subject, [case.row for case in group])
        judged = evaluate({control.subject: table}, [control], {control.id: parameters}, as_of=AS_OF)
        findings = {finding.subject: finding for finding in judged}
        for case in group:
            finding = findings[case.row.subject]
            outcomes[case.name] = Outcome(case, finding, _difference(case, finding))
    return tuple(outcomes[case.name] for case in cases)


def _by_parameters(cases: Iterable[Case]) -> Iterator[tuple[Mapping[str, Any], list[Case]]]:
    groups: dict[str, list[Case]] = {}
    for case in cases:
        # `repr` of sorted items: parameters may be lists, which cannot be keys.
        groups.setdefault(repr(sorted(case.parameters.items())), []).append(case)
    for group in groups.values():
        yield group[0].parameters, group


def _difference(case: Case, finding: Finding) -> str:
    if finding.status is not case.status:
        return f"{case.name}: expected {case.status}, came out as {finding.status}: {finding.reason}"
    if case.reason is not None and case.reason != finding.reason:
        return f"{case.name}: expected the reason {case.reason!r}, came out as {finding.reason!r}"
    return ""


def undemonstrated(cases: Iterable[Case]) -> tuple[Status, ...]:
    """Return the statuses that no example shows."""
    shown = {case.status for case in cases}
    return tuple(status for status in DEMANDED if status not in shown)


# Finds rows of facts that show what a new control says: one for each status that it can come to.
#
# Rows are made at random of the columns that the control's expressions read, with the values that stand in
# them and their neighbours; all are judged at once, and of each status the plainest is kept.
def examples(control: Control, tries: int = TRIES) -> dict[Status, RowData]:
    """Return the simplest row for each status; statuses that no row has are left out."""
    # Seeded by the control's id, so the same control always gets the same examples.
    maker = _Maker(control)
    drawn = [maker.row() for _ in range(tries)]
    rows = [built_row(control, data, position) for position, data in enumerate(drawn)]
    table = arrow_table(control.subject, rows)
    simplest: dict[Status, RowData] = {}
    data_of = {row.subject: data for row, data in zip(rows, drawn, strict=True)}
    for finding in evaluate({control.subject: table}, [control], as_of=AS_OF):
        data, best = data_of[finding.subject], simplest.get(finding.status)
        if best is None or _weight(data) < _weight(best):
            simplest[finding.status] = data
    # Every control has this status; only its reason has to be an example.
    simplest.setdefault(Status.NOT_APPLICABLE, {"not_applicable_because": "It is no more than an example."})
    return {status: simplest[status] for status in DEMANDED if status in simplest}


def _weight(data: RowData) -> tuple[int, str]:
    # Length first, then the text, so that equal lengths give the same choice on every machine.
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
        self._columns = {
            column.name: column.type for column in columns(control.subject) if column.name in judges
        }
        self._words = frozenset(_WORD.findall(said))
        self._texts = ["", "x", *(text.replace("''", "'") for text in _TEXT.findall(said))]
        numbers = {float(number) for number in _NUMBER.findall(said)}
        numbers |= {float(v) for v in control.parameters.values() if type(v) in {int, float}}
        # The values next to each bound are where a condition changes its answer.
        self._numbers = sorted({0.0, *(near for bound in numbers for near in (bound - 1, bound, bound + 1))})
        self._texts += [text for value in control.parameters.values() for text in _texts(value)]
        self._random = Random(control.id)  # nosec B311 # noqa: S311 -- the same examples each time

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
        # A list that may be incomplete: the trailing NULL is what makes a control unknown.
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
