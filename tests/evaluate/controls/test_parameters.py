"""Parameters from audit.yaml against what controls declare."""

from typing import Any

import pytest

from scanner.evaluate.controls.spec import check_parameters
from scanner.model.control import ParameterRule


def told(control: Any, **values: Any) -> list[tuple[str, str]]:
    declared = control(
        parameters={
            "hours": 24,
            "ratio": 0.5,
            "mode": "governance",
            "arns": (),
            "days": (1,),
            "strict": True,
        },
        parameter_rules={
            "hours": ParameterRule(minimum=1, maximum=100, doc="Hours."),
            "mode": ParameterRule(one_of=("governance", "compliance")),
        },
    )
    return [(each.message, each.hint) for each in check_parameters([declared], {"a-control": values})]


@pytest.mark.parametrize(
    "values",
    [
        {"hours": 1, "ratio": 1, "mode": "compliance", "arns": ["a"], "days": [1, 2.5], "strict": False},
        {"hours": 99.5, "arns": [], "days": ()},
        {},
    ],
)
def test_what_fits_is_no_mistake(control: Any, values: dict[str, Any]) -> None:
    assert told(control, **values) == []


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("hours", "24", "is to be a number"),
        ("hours", True, "is to be a number"),
        ("hours", float("nan"), "is to be a number"),
        ("hours", None, "is to be a number"),
        ("hours", 0, "is to be at least 1"),
        ("hours", 101, "is to be at most 100"),
        ("mode", "gov", "is to be one of governance, compliance"),
        ("mode", 1, "is to be a text: put quotes around it"),
        ("arns", "arn", "is to be a list, for example [arn]"),
        ("arns", [1], "holds 1, which is to be a text: put quotes around it"),
        ("days", ["x"], "holds 'x', which is to be a number"),
        ("strict", "yes", "is to be true or false"),
    ],
)
def test_what_does_not_fit_is_told(control: Any, name: str, value: Any, message: str) -> None:
    ((found, _),) = told(control, **{name: value})
    assert found == f"a-control: {name} {message}"


def test_what_is_misspelt_gets_a_suggestion(control: Any) -> None:
    assert told(control, hour=1) == [("a-control has no parameter 'hour'", "did you mean hours?")]
    problems = check_parameters([control()], {"a-controll": {}, "elsewhere": {}}, unselected=("elsewhere",))
    assert [(each.message, each.hint, each.path) for each in problems] == [
        ("there is no control 'a-controll'", "did you mean a-control?", ("a-controll",))
    ]
