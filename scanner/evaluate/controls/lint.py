"""What a control must have besides an expression that runs, and the files of a new control.

`audit controls lint` requires cases for each status, reasons and remedies of all controls, and the tests
require them of the packaged ones. The two files of a new control load and pass its cases before a word of
them is changed: the cases are rows for which the expression was evaluated.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from types import NoneType
from typing import Any, Final, get_args, get_type_hints

import orjson

from scanner.errors import ConfigurationError, Mistake
from scanner.evaluate.compiled import compile_control
from scanner.evaluate.controls.cases import Case, cases_file, examples, load_cases, run_cases, undemonstrated
from scanner.evaluate.controls.loader import parse_control
from scanner.evaluate.controls.requirements import load_frameworks, unknown_requirements
from scanner.model.compliance import Framework
from scanner.model.control import Control
from scanner.model.facts import columns
from scanner.model.finding import Status

UNWRITTEN: Final = "FIXME"
"""The placeholder of a new control where its author has to write something."""
_SNIPPETS: Final = ("cli", "terraform", "cloudformation")

_NAMES = {
    Status.PASS: "an example that passes",
    Status.FAIL: "an example that fails",
    Status.NOT_APPLICABLE: "an example that does not apply",
    Status.UNKNOWN: "an example that is unknown",
}


def lint(controls: Iterable[Control]) -> tuple[Mistake, ...]:
    """Yield the mistakes of controls that loaded without an error."""
    every = tuple(controls)
    # Folders of own controls may bring frameworks of their own.
    frameworks = load_frameworks({Path(control.file).parent: None for control in every}, every)
    mistakes = (
        mistake for control in every for mistake in (*_mistakes(control), *_serves(control, frameworks))
    )
    return tuple(mistakes)


def _serves(control: Control, frameworks: Iterable[Framework]) -> Iterator[Mistake]:
    """Yield mappings that no framework file has, including those in `frameworks/` next to the control."""
    for message, hint in unknown_requirements(control, frameworks):
        yield Mistake(control.file, control.line, f"{control.id}: {message}", hint)


def _mistakes(control: Control) -> Iterator[Mistake]:
    for message, hint in _lacks(control):
        yield Mistake(control.file, control.line, f"{control.id}: {message}", hint)
    file = cases_file(control)
    if not file.exists():
        yield Mistake(
            str(file),
            0,
            "there are no cases",
            "write one for each status in the cases file next to the control",
        )
        return
    try:
        cases = load_cases(control, file)
    except ConfigurationError as error:
        yield from error.mistakes
        return
    yield from _of_cases(control, cases, str(file))


def _lacks(control: Control) -> Iterator[tuple[str, str]]:
    """Yield what a reader of a report would miss."""
    remedy = control.remediation
    if not any(getattr(remedy, name) for name in _SNIPPETS):
        yield "the remediation has nothing to type", f"give one of {', '.join(_SNIPPETS)}"
    for name in control.parameters:
        if not control.parameter_rules[name].doc:
            yield f"parameter {name} does not say what it means", "{default: ..., doc: ...}"
    if unwritten := [name for name, text in _texts(control) if UNWRITTEN in text]:
        verb = "says" if len(unwritten) == 1 else "say"
        yield f"{', '.join(dict.fromkeys(unwritten))} still {verb} {UNWRITTEN}", "write them"


def _texts(control: Control) -> Iterator[tuple[str, str]]:
    """Yield the texts of a control with their keys."""
    for name in ("title", "failure_title", "motivation", "reason"):
        yield name, getattr(control, name)
    for status, text in control.reasons.items():
        yield f"reasons.{status}", text
    for status, cases in control.reason_cases.items():
        for case in cases:
            yield f"reasons.{status}", case.text
    for name in ("text", *_SNIPPETS):
        yield f"remediation.{name}", getattr(control.remediation, name)


def _of_cases(control: Control, cases: tuple[Case, ...], file: str) -> Iterator[Mistake]:
    for status in undemonstrated(cases):
        # Some columns are never NULL, so a control over them alone cannot be unknown.
        if status in reachable(control):
            yield Mistake(file, 0, f"no case shows {status}", f"- name: ...\n  status: {status}\n  row: {{}}")
    for outcome in run_cases(control, cases):
        if outcome.difference:
            yield Mistake(file, 0, outcome.difference)


def reachable(control: Control) -> frozenset[Status]:
    """Return the statuses that a control can have: `unknown` only if one of its columns can be unknown."""
    judges = compile_control(control).judges
    judging_columns = (column for column in columns(control.subject) if column.name in judges)
    unknown = {Status.UNKNOWN} if any(_may_be_unknown(column.type) for column in judging_columns) else set()
    return frozenset({Status.PASS, Status.FAIL, Status.NOT_APPLICABLE, *unknown})


def _may_be_unknown(annotation: Any) -> bool:  # noqa: ANN401 -- an annotation is of any type
    if annotation is NoneType:
        return True
    if isinstance(annotation, type) and is_dataclass(annotation):
        hints = get_type_hints(annotation)
        return any(_may_be_unknown(hints[field.name]) for field in fields(annotation))
    return any(map(_may_be_unknown, get_args(annotation)))


@dataclass(frozen=True, slots=True)
class Answers:
    """What the author states about a new control: its id, its population and its requirement."""

    id: str
    subject: str
    population: str
    require: str


@dataclass(frozen=True, slots=True)
class Skeleton:
    """The text of `ID.yaml` and of `ID.cases.yaml`, and the statuses for which no example was found."""

    control: str
    cases: str
    missing: tuple[Status, ...]


def skeleton(answers: Answers) -> Skeleton:
    """Make the files of a new control. ConfigurationError carries what is wrong with the answers."""
    text = _control(answers)
    mistakes: list[Mistake] = []
    # The skeleton goes through the loader, so what is written is known to load.
    control = parse_control(text, f"{answers.id}.yaml", mistakes)
    if control is None:
        raise ConfigurationError(tuple(mistakes))
    rows = examples(control)
    return Skeleton(text, "".join(_cases(rows)), tuple(status for status in _NAMES if status not in rows))


def _control(answers: Answers) -> str:
    return f"""\
id: {answers.id}
title: "{UNWRITTEN}: the requirement, for example Vault is locked"
failure_title: "{UNWRITTEN}: the failure, for example Vault is not locked"
severity: medium                # critical, high, medium, low, info
subject: {_quoted(answers.subject)}
population: {_quoted(answers.population)}
require: {_quoted(answers.require)}
# Expressions in braces: "It keeps {{retention_days}} days; at least {{$min_days}} are required."
reason: "{UNWRITTEN}: why it failed, with the facts that show it"
reasons:
  pass: "{UNWRITTEN}: why it passed"
  unknown: "{UNWRITTEN}: what could not be determined"
parameters: {{}}                  # min_days: {{default: 35, minimum: 1, doc: The fewest days.}}
evidence: []                    # columns, or `expression as name`, for the details of a finding
motivation: "{UNWRITTEN}: why it matters"
remediation:
  effort: medium                # low, medium, high
  text: "{UNWRITTEN}: what to do"
  cli: "# {UNWRITTEN}: the commands"
frameworks: {{}}                  # nist-800-53-r5: [CP-9]
"""


def _cases(rows: Mapping[Status, Mapping[str, Any]]) -> Iterator[str]:
    for status, name in _NAMES.items():
        if status in rows:
            yield f"- name: {name}\n  status: {status.value}\n  row: {_quoted(dict(rows[status]))}\n"
        else:
            yield f"# No row with status {status.value} was found. Write one if the status is possible.\n"


def _quoted(value: object) -> str:
    """Write plain data as YAML: JSON is."""
    return orjson.dumps(value).decode()
