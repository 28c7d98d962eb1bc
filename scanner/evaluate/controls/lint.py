"""What a control must have besides an expression that runs: cases for each status, reasons, remedies.

`audit controls lint` demands this of anybody's controls, and the tests demand it of the shipped ones.
"""

from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import NoneType
from typing import Any, Final, get_args, get_type_hints

from scanner.errors import ConfigurationError, Mistake
from scanner.evaluate.compiled import compile_control
from scanner.evaluate.controls.cases import Case, cases_file, load_cases, run_cases, undemonstrated
from scanner.evaluate.controls.requirements import load_frameworks, unknown_requirements
from scanner.model.compliance import Framework
from scanner.model.control import Control
from scanner.model.facts import columns
from scanner.model.finding import Status

UNWRITTEN: Final = "FIXME"
"""What stands in a new control where somebody has to write something."""

_SNIPPETS: Final = ("cli", "terraform", "cloudformation")


def lint(controls: Iterable[Control]) -> tuple[Mistake, ...]:
    """Yield the mistakes of controls that loaded without an error."""
    every = tuple(controls)
    frameworks = load_frameworks({Path(control.file).parent: None for control in every})
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
        yield Mistake(str(file), 0, "there are no cases", "write one for each status beside the control")
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
    texts = (
        control.title,
        control.failure_title,
        control.motivation,
        control.reason,
        *control.reasons.values(),
        remedy.text,
    )
    cases = (case.text for each in control.reason_cases.values() for case in each)
    if any(UNWRITTEN in text for text in (*texts, *cases, *(getattr(remedy, name) for name in _SNIPPETS))):
        yield f"a text still says {UNWRITTEN}", "write it"


def _of_cases(control: Control, cases: tuple[Case, ...], file: str) -> Iterator[Mistake]:
    for status in undemonstrated(cases):
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
