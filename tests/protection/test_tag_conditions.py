"""What entries of Conditions say of one tag, row by row (facts 3.1)."""

import pytest

from scanner.model.known import Ternary
from scanner.protection.tag_conditions import condition_holds, condition_text, is_negative
from tests.fakes.models import condition

STAGE = "aws:ResourceTag/stage"


@pytest.mark.parametrize(
    ("operator", "negative"),
    [
        ("StringEquals", False),
        ("StringLike", False),
        ("StringNotEquals", True),
        ("StringNotLike", True),
        ("stringnotequals", False),
    ],
)
def test_which_conditions_leave_resources_out(operator: str, *, negative: bool) -> None:
    assert is_negative(condition(operator, STAGE, "prod")) is negative


@pytest.mark.parametrize(
    ("operator", "value", "same", "other", "untagged"),
    [
        ("StringEquals", "prod", True, False, False),
        ("StringNotEquals", "prod", False, True, True),
        ("StringLike", "p*", True, False, False),
        ("StringNotLike", "p*", False, True, True),
        ("StringResembles", "prod", None, None, None),
    ],
)
def test_a_value_another_and_none(
    operator: str, value: str, same: Ternary, other: Ternary, untagged: Ternary
) -> None:
    asked = condition(operator, STAGE, value)
    found = [condition_holds(asked, tags) for tags in ({"stage": "prod"}, {"stage": "dev"}, {})]
    assert found == [same, other, untagged]
    assert condition_holds(asked, None) is None


def test_a_condition_is_named_as_it_is_written() -> None:
    assert condition_text(condition("StringLike", STAGE, "p*")) == "StringLike aws:ResourceTag/stage=p*"
