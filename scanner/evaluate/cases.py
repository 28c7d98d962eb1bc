"""The examples beside a control, `ID.cases.yaml`: rows of facts and the status that is expected of each.

A case names the columns that matter; the others get neutral, known values by their type: an empty text,
0, false, an empty list. A resource is assessable and versioned, and a recovery
point present, unless the case says otherwise. In a case
`null` means what it means in a fact table: not known.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scanner.errors import ConfigurationError, Mistake
from scanner.evaluate.engine import evaluate
from scanner.evaluate.parameters import check_parameters
from scanner.evaluate.problem import Problem, RefusedError, suggestion
from scanner.model.control import Control
from scanner.model.facts import TABLES, Row
from scanner.model.finding import Finding, Status
from scanner.storage.tables import arrow_table
from scanner.yamlfile import YamlDocument, read_yaml

AS_OF: Final = datetime(2026, 11, 22, 18, tzinfo=UTC)
"""The clock of all cases."""

DEMANDED: Final = (Status.PASS, Status.FAIL, Status.NOT_APPLICABLE, Status.UNKNOWN)
"""Each control shows at least one example of each."""

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
    """Give the file of a control's examples: beside it, `ID.cases.yaml`."""
    return Path(control.file).with_name(f"{control.id}.cases.yaml")


def load_cases(control: Control, file: Path) -> tuple[Case, ...]:
    """Read the examples of a control. ConfigurationError carries every mistake of the file."""
    try:
        text = file.read_text("utf-8")
    except OSError as error:
        raise ConfigurationError((Mistake(str(file), 0, f"the cases cannot be read: {error}"),)) from error
    document, found = read_yaml(text, str(file))
    if document is None or found:
        raise ConfigurationError(found)
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
        raise RefusedError(*(Problem(each["msg"], "", each["loc"]) for each in error.errors())) from error
    if spec.name in taken:
        raise RefusedError(Problem(f"the name {spec.name!r} is taken", "say what differs", ("name",)))
    if spec.status not in DEMANDED:
        raise RefusedError(Problem(f"there is no status {spec.status!r}", suggestion(spec.status, DEMANDED)))
    problems = check_parameters([control], {control.id: spec.parameters})
    if problems:
        raise RefusedError(*(Problem(each.message, each.hint, ("parameters",)) for each in problems))
    made = built_row(control, spec.row, position)
    return Case(spec.name, Status(spec.status), made, spec.parameters, spec.reason)


def built_row(control: Control, given: Mapping[str, Any], position: int) -> Row:
    """Make a row of a control's table of the columns that are given. RefusedError: one does not fit."""
    row = {"subject": f"case:{position:04}", "subject_type": control.subject, **_TYPICAL, **given}
    known = {each.name for each in fields(TABLES[control.subject])}
    meant = {name: value for name, value in row.items() if name in known or name in given}
    made: Row = built(TABLES[control.subject], meant, ("row",))
    return made


def built(annotation: Any, value: Any, path: tuple[str | int, ...]) -> Any:  # noqa: ANN401 -- by annotation
    """Make a value of a column's type of plain YAML. RefusedError: it does not fit."""
    optional, kind = _taken_apart(annotation)
    if value is None and optional:
        return None
    if get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise RefusedError(Problem("this column is a list", "", path))
        return tuple(built(get_args(kind)[0], each, (*path, at)) for at, each in enumerate(value))
    if is_dataclass(kind) and isinstance(kind, type):
        return _built_row(kind, value, path)
    return _built_scalar(kind, value, path)


def _built_scalar(kind: type, value: Any, path: tuple[str | int, ...]) -> Any:  # noqa: ANN401 -- by annotation
    if kind is float and type(value) is int:
        return float(value)
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
    """Give the neutral, known value of a column's type."""
    _, kind = _taken_apart(annotation)
    if get_origin(kind) is tuple:
        return ()
    if is_dataclass(kind) and isinstance(kind, type):
        return kind(**{name: neutral(hint) for name, hint in get_type_hints(kind).items()})
    return _NEUTRAL[kind]


def _taken_apart(annotation: Any) -> tuple[bool, Any]:  # noqa: ANN401 -- by annotation
    """Say whether a column may be NULL, and give its type without that."""
    if get_origin(annotation) not in (Union, UnionType):
        return False, annotation
    kinds = [kind for kind in get_args(annotation) if kind is not NoneType]
    return True, kinds[0]


def run_cases(control: Control, cases: Sequence[Case]) -> tuple[Outcome, ...]:
    """Judge the examples, those with the same parameters together; give them in the order of the file."""
    outcomes: dict[str, Outcome] = {}
    for parameters, group in _by_parameters(cases):
        table = arrow_table(control.subject, [case.row for case in group])
        found = evaluate({control.subject: table}, [control], {control.id: parameters}, as_of=AS_OF)
        findings = {finding.subject: finding for finding in found}
        for case in group:
            finding = findings[case.row.subject]
            outcomes[case.name] = Outcome(case, finding, _difference(case, finding))
    return tuple(outcomes[case.name] for case in cases)


def _by_parameters(cases: Iterable[Case]) -> Iterator[tuple[Mapping[str, Any], list[Case]]]:
    groups: dict[str, list[Case]] = {}
    for case in cases:
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
    """Give the statuses that no example shows."""
    shown = {case.status for case in cases}
    return tuple(status for status in DEMANDED if status not in shown)
