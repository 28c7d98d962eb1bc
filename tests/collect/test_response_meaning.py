"""A success that says nothing, an error, or a member that nobody knows is a broken answer."""

from typing import Any

import orjson
import pytest
from botocore.model import ListShape, StructureShape

from scanner.collect.response_checks import check_answer
from scanner.collect.retry import BrokenAnswerError
from scanner.services.catalogue import OPERATIONS
from tests.fakes.api_models import operation_model


def answered(operation: str, said: dict[str, Any]) -> None:
    """Check a body of JSON as a client would; BrokenAnswerError."""
    check_answer(operation_model(operation), {"status_code": 200, "headers": {}, "body": orjson.dumps(said)})


def selection(**members: Any) -> dict[str, Any]:
    return {
        "BackupPlanId": "p",
        "SelectionId": "s",
        "BackupSelection": {"SelectionName": "n", "IamRoleArn": "r", "Resources": ["*"], **members},
    }


def test_an_error_with_a_status_of_success_is_no_answer() -> None:
    said = {"__type": "InternalFailure", "message": "no", "BackupVaultList": []}
    with pytest.raises(BrokenAnswerError, match="the error InternalFailure"):
        answered("backup:ListBackupVaults", said)


@pytest.mark.parametrize(
    ("members", "unknown"),
    [
        ({"Conditions": {"NumericEquals": []}}, "BackupSelection.Conditions.NumericEquals"),
        ({"Conditions": {"StringEquals": [{"ConditionKey": "k", "Not": True}]}}, "StringEquals.Not"),
        ({"NotListOfTags": []}, "BackupSelection.NotListOfTags"),
    ],
)
def test_a_selection_with_an_unknown_member_is_not_read(members: dict[str, Any], unknown: str) -> None:
    with pytest.raises(BrokenAnswerError, match=unknown):
        answered("backup:GetBackupSelection", selection(**members))


def test_a_known_selection_and_an_unknown_member_elsewhere_are_read() -> None:
    answered("backup:GetBackupSelection", selection(Conditions={"StringEquals": []}))
    answered("backup:GetBackupPlan", {"BackupPlan": {"BackupPlanName": "n", "Color": "red", "Rules": []}})


@pytest.mark.parametrize("where", ["Lifecycle", "CopyActions"])
def test_a_plan_with_an_unknown_lifecycle_is_not_read(where: str) -> None:
    lifecycle = {"DeleteAfterDays": 7, "DeleteAfterMoons": 1}
    rule = {"Lifecycle": lifecycle} if where == "Lifecycle" else {"CopyActions": [{"Lifecycle": lifecycle}]}
    with pytest.raises(BrokenAnswerError, match=f"{where}.*DeleteAfterMoons"):
        answered("backup:GetBackupPlan", {"BackupPlan": {"Rules": [{"RuleName": "r"}, rule]}})


@pytest.mark.parametrize("key", OPERATIONS)
def test_closed_nodes_are_in_the_model(key: str) -> None:
    for path in OPERATIONS[key].closed:
        shape: Any = operation_model(key).output_shape
        for step in path.split("."):
            shape = shape.members[step.removesuffix("[]")]
            assert isinstance(shape, ListShape) is step.endswith("[]")
            shape = shape.member if isinstance(shape, ListShape) else shape
        assert isinstance(shape, StructureShape)
