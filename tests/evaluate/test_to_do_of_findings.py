"""What each finding says to do: the remedy of a failing subject, the missing read of an unknown one."""

from typing import Any

import pytest

from scanner.evaluate.controls.loader import load_controls
from scanner.evaluate.engine import evaluate
from scanner.model.control import Control, Remediation
from scanner.model.facts import ResourceFacts
from scanner.model.finding import Finding, ToDo
from scanner.report.wording import to_do
from scanner.storage.parquet import arrow_table
from tests.evaluate.conftest import AS_OF, MakeControl, MakeResource

REMEDY = {"text": "Set the tag Backup=daily on it.", "cli": "aws ec2 create-tags"}
NOTE = {
    "about": "covered",
    "reason": "backup:GetBackupPlan was refused.",
    "operation": "backup:GetBackupPlan",
    "of": "p",
    "account": "111111111111",
    "region": "eu-west-1",
    "kind": "refused",
    "code": "AccessDenied",
}


def judged(row: ResourceFacts, control: Control) -> Finding:
    (finding,) = evaluate({"resource": arrow_table("resource", [row])}, [control], as_of=AS_OF)
    return finding


@pytest.fixture
def in_a_plan() -> Control:
    return next(each for each in load_controls(("resource-in-backup-plan",)))


def test_a_failure_names_the_remedy_of_its_subject(resource: MakeResource, in_a_plan: Control) -> None:
    found = judged(
        resource(covered=False, versioned=True, nearest="Selection s is near.", remedy=REMEDY), in_a_plan
    )
    assert found.to_do == ToDo(REMEDY["text"], REMEDY["cli"])
    assert found.reason == "No backup plan covers this resource. Selection s is near."
    assert to_do(found, in_a_plan) == found.to_do


def test_without_a_remedy_of_its_own_the_remediation_of_the_control_stands(
    resource: MakeResource, in_a_plan: Control
) -> None:
    found = judged(resource(covered=False, selections_asked=2), in_a_plan)
    assert (found.to_do, "to_do" in found.details) == (None, False)
    advice = to_do(found, in_a_plan)
    assert advice is not None
    assert advice.text == in_a_plan.remediation.text


@pytest.mark.parametrize("covered", [True, None])
def test_nothing_else_has_the_remedy(
    resource: MakeResource, in_a_plan: Control, *, covered: bool | None
) -> None:
    found = judged(resource(covered=covered, remedy=REMEDY), in_a_plan)
    assert found.to_do is None or found.to_do.text != REMEDY["text"]


def test_an_unknown_names_the_permission_the_account_and_the_command(
    resource: MakeResource, in_a_plan: Control
) -> None:
    found = judged(resource(covered=None, not_known=[NOTE]), in_a_plan)
    advice = to_do(found, in_a_plan)
    assert advice is not None
    assert "Allow backup:GetBackupPlan for the role that scans account 111111111111" in advice.text
    assert "audit run --account 111111111111 --region eu-west-1" in advice.cli


def test_notes_about_other_columns_say_nothing(resource: MakeResource, control: MakeControl) -> None:
    other = {**NOTE, "about": "key_kind", "operation": "kms:DescribeKey"}
    found = judged(resource(covered=None, not_known=[NOTE, other]), control())
    assert found.to_do is not None
    assert "kms" not in found.to_do.text


def test_a_remedy_that_is_no_remedy_is_refused(control: MakeControl) -> None:
    wrong: Any = control(remediation=Remediation("Do it.", specific="covered"))
    with pytest.raises(ValueError, match="no remedy"):
        list(evaluate({}, [wrong], as_of=AS_OF))
