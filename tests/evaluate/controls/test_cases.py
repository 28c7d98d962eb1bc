"""The cases of a control: how they are read, completed and run."""

from pathlib import Path
from typing import Any

import pytest

from scanner.errors import ConfigurationError
from scanner.evaluate.controls.cases import cases_file, load_cases, run_cases, undemonstrated
from scanner.model.control import Control
from scanner.model.facts import NewestRecoveryPoint, ResourceFacts
from scanner.model.finding import Status


@pytest.fixture
def with_cases(control: Any, tmp_path: Path) -> Control:
    made: Control = control(
        "newest_recovery_point.age_hours <= $limit",
        parameters={"limit": 24},
        file=str(tmp_path / "a-control.yaml"),
    )
    return made


def mistakes(control: Control, text: str) -> list[str]:
    cases_file(control).write_text(text, "utf-8")
    with pytest.raises(ConfigurationError) as raised:
        load_cases(control, cases_file(control))
    return [str(each).removeprefix(f"{cases_file(control).parent}/") for each in raised.value.mistakes]


def test_cases_are_next_to_the_control(with_cases: Control) -> None:
    assert cases_file(with_cases).name == "a-control.cases.yaml"


def test_what_a_case_leaves_out_is_neutral_and_known(with_cases: Control) -> None:
    cases_file(with_cases).write_text("- {name: a, status: pass}\n", "utf-8")
    (case,) = load_cases(with_cases, cases_file(with_cases))
    row = case.row
    assert isinstance(row, ResourceFacts)
    assert (row.assessable, row.covered, row.key_kind, row.tags, row.account) == (
        True,
        False,
        "",
        (),
        "111111111111",
    )
    assert row.newest_recovery_point == NewestRecoveryPoint(
        exists=False, arn="", vault="", created_at="", age_hours=0.0
    )


def test_cases_run_with_their_own_parameters(with_cases: Control) -> None:
    text = """\
- {name: young, status: pass, row: {newest_recovery_point: {age_hours: 3}}}
- {name: old, status: fail, row: {newest_recovery_point: {age_hours: 30}}, reason: It is not so.}
- {name: old for some, status: pass, row: {newest_recovery_point: {age_hours: 30}}, parameters: {limit: 48}}
- {name: open, status: unknown, row: {newest_recovery_point: {age_hours: null}}}
"""
    cases_file(with_cases).write_text(text, "utf-8")
    cases = load_cases(with_cases, cases_file(with_cases))
    assert [outcome.difference for outcome in run_cases(with_cases, cases)] == ["", "", "", ""]
    assert undemonstrated(cases) == (Status.NOT_APPLICABLE,)


def test_a_case_that_comes_out_otherwise_says_how(with_cases: Control) -> None:
    text = """\
- {name: young, status: fail, row: {newest_recovery_point: {age_hours: 3}}}
- {name: old, status: fail, row: {newest_recovery_point: {age_hours: 30}}, reason: Too old.}
"""
    cases_file(with_cases).write_text(text, "utf-8")
    outcomes = run_cases(with_cases, load_cases(with_cases, cases_file(with_cases)))
    assert [outcome.difference for outcome in outcomes] == [
        "young: expected fail, came out as pass: The requirement is met.",
        "old: expected the reason 'Too old.', came out as 'It is not so.'",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1", "cases are a list"),
        ("- 1", "a-control.cases.yaml:1: "),
        ("- {name: a}", "Field required"),
        ("- {name: a, status: error}", "there is no status 'error'"),
        ("- {name: a, status: pass, rows: {}}", "Extra inputs"),
        (
            "- {name: a, status: pass, row: {coverd: true}}",
            "there is no column 'coverd' (did you mean covered",
        ),
        ("- {name: a, status: pass, row: {covered: 1}}", "covered is to be true or false, not 1"),
        ("- {name: a, status: pass, row: {name: null}}", "this column is always known"),
        ("- {name: a, status: pass, row: {rules: x}}", "this column is a list"),
        ("- {name: a, status: pass, row: {rules: [x]}}", "is to be a mapping"),
        ("- {name: a, status: pass, row: {rules: [{nam: x}]}}", "did you mean name"),
        ("- {name: a, status: pass, parameters: {limits: 1}}", "has no parameter 'limits'"),
        (
            "- {name: a, status: pass}\n- {name: a, status: fail}",
            "a-control.cases.yaml:2: the name 'a' is taken",
        ),
        ("- &a {name: a}", "anchor"),
    ],
)
def test_this_is_a_mistake(with_cases: Control, text: str, expected: str) -> None:
    assert expected in "\n".join(mistakes(with_cases, text))


def test_a_control_without_cases_is_reported(with_cases: Control) -> None:
    with pytest.raises(ConfigurationError, match="the cases cannot be read"):
        load_cases(with_cases, cases_file(with_cases))
