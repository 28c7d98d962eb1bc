"""The examples beside a control: how they are read, filled up and run."""

from pathlib import Path
from typing import Any

import pytest

from scanner.errors import ConfigurationError
from scanner.evaluate.controls.cases import cases_file, load_cases, run_cases, undemonstrated
from scanner.model.control import Control
from scanner.model.facts import NewestRecoveryPoint, ResourceFacts
from scanner.model.finding import Status


@pytest.fixture
def beside(control: Any, tmp_path: Path) -> Control:
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


def test_cases_lie_beside_the_control(beside: Control) -> None:
    assert cases_file(beside).name == "a-control.cases.yaml"


def test_what_a_case_leaves_out_is_neutral_and_known(beside: Control) -> None:
    cases_file(beside).write_text("- {name: a, status: pass}\n", "utf-8")
    (case,) = load_cases(beside, cases_file(beside))
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


def test_cases_run_with_their_own_parameters(beside: Control) -> None:
    text = """\
- {name: young, status: pass, row: {newest_recovery_point: {age_hours: 3}}}
- {name: old, status: fail, row: {newest_recovery_point: {age_hours: 30}}, reason: It is not so.}
- {name: old for some, status: pass, row: {newest_recovery_point: {age_hours: 30}}, parameters: {limit: 48}}
- {name: open, status: unknown, row: {newest_recovery_point: {age_hours: null}}}
"""
    cases_file(beside).write_text(text, "utf-8")
    cases = load_cases(beside, cases_file(beside))
    assert [outcome.difference for outcome in run_cases(beside, cases)] == ["", "", "", ""]
    assert undemonstrated(cases) == (Status.NOT_APPLICABLE,)


def test_a_case_that_comes_out_otherwise_says_how(beside: Control) -> None:
    text = """\
- {name: young, status: fail, row: {newest_recovery_point: {age_hours: 3}}}
- {name: old, status: fail, row: {newest_recovery_point: {age_hours: 30}}, reason: Too old.}
"""
    cases_file(beside).write_text(text, "utf-8")
    outcomes = run_cases(beside, load_cases(beside, cases_file(beside)))
    assert [outcome.difference for outcome in outcomes] == [
        "young: expected fail, came out as pass: The requirement is met.",
        "old: expected the reason 'Too old.', came out as 'It is not so.'",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
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
def test_this_is_a_mistake(beside: Control, text: str, told: str) -> None:
    assert told in "\n".join(mistakes(beside, text))


def test_a_control_without_cases_is_told(beside: Control) -> None:
    with pytest.raises(ConfigurationError, match="the cases cannot be read"):
        load_cases(beside, cases_file(beside))
