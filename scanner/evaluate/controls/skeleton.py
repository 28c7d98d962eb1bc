"""A new control: the two files that somebody fills in, made of three answers.

The expressions are checked as those of any control, and the cases are rows that were found to come to each
status, so that both files load and test before a word of them was changed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from scanner.errors import ConfigurationError, Mistake
from scanner.evaluate.controls.cases import examples
from scanner.evaluate.controls.lint import UNWRITTEN
from scanner.evaluate.controls.loader import parse_control
from scanner.model.finding import Status

_NAMES = {
    Status.PASS: "an example that passes",
    Status.FAIL: "an example that fails",
    Status.NOT_APPLICABLE: "an example that does not apply",
    Status.UNKNOWN: "an example that is unknown",
}


@dataclass(frozen=True, slots=True)
class Answers:
    """What a person says of a new control: its id, of which rows it is asked, and what must hold."""

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
