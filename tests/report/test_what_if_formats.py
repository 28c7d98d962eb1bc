"""A what-if in each format, from effects made by hand."""

import json
from dataclasses import replace

import pytest

from scanner.model.finding import Finding, Severity, Status
from scanner.model.planning.planned_change import Action, ChangeKind, NotJudged, Origin, PlannedChange
from scanner.model.planning.what_if import Effect, FindingEffect, Horizon, WhatIf
from scanner.report.formats.what_if.document import what_if_document
from scanner.report.formats.what_if.markdown import MARKER, what_if_markdown
from scanner.report.formats.what_if.sarif import what_if_sarif

CHANGE = PlannedChange(
    kind=ChangeKind.PLAN,
    action=Action.UPDATE,
    account="333333333333",
    region="eu-west-1",
    origin=Origin("stacks/backup plan.yaml", "Plan", 12),
    name="daily",
)


def finding(status: Status, subject: str = "arn:plan", severity: Severity = Severity.HIGH) -> Finding:
    return Finding(
        control="plan-frequency-and-retention",
        status=status,
        severity=severity,
        subject=subject,
        subject_type="plan",
        account="333333333333",
        region="eu-west-1",
        reason="No rule keeps backups | <b>long</b> enough.",
    )


FAILED, PASSED = finding(Status.FAIL), finding(Status.PASS)
NEW = FindingEffect(Effect.NEW, PASSED, FAILED, change=CHANGE)
RESULT = WhatIf(
    scan_id="s",
    changes=(CHANGE,),
    not_judged=(NotJudged(Origin("plan.json", "aws_backup_framework.f"), "Changes of it are not judged."),),
    ignored=3,
    notes=("A note.",),
    effects=(NEW, FindingEffect(Effect.REMOVED, FAILED, None, horizon=Horizon.TODAY)),
    counts={Effect.NEW: 1, Effect.REMOVED: 1, Effect.UNCHANGED: 4_000},
)


def test_json() -> None:
    document = what_if_document(RESULT)
    assert document["counts"]["new"] == 1
    assert document["counts"]["fixed"] == 0
    new, removed = document["findings"]
    assert (new["status_before"], new["status_after"], new["change"]["line"]) == ("pass", "fail", 12)
    assert (removed["status_after"], removed["horizon"], removed["change"]) == (None, "today", None)
    assert json.loads(json.dumps(document)) == document


def test_markdown() -> None:
    text = what_if_markdown(RESULT)
    assert text.startswith(f"{MARKER}\n### AWS Backup: 1 new failure, the worst high; 1 change not judged\n")
    assert "0 fixed, 0 newly unknown, 1 removed with their subject; 4,000 findings stay" in text
    head, _, folded = text.partition("<details>")
    (row,) = [line for line in head.splitlines() if line.startswith("| high")]
    assert row.count("|") == 5
    assert "`\u2039U+007C\u203a <b>long</b>`" in row
    assert "**Not judged**" in head
    assert "- `arn:plan`: 1 check" in folded
    assert folded.count("</details>") == text.count("<details>") == 2


def test_a_failure_until_the_first_backup_is_no_new_one() -> None:
    first = FindingEffect(Effect.NEW, None, FAILED, horizon=Horizon.TODAY)
    result = replace(RESULT, effects=(first,), not_judged=(), counts={Effect.NEW: 1})
    text = what_if_markdown(result)
    assert "### AWS Backup: no new failures\n" in text
    assert "1 more fail until the first backup is made" in text
    assert not result.has_new_at(Severity.LOW)


def test_markdown_without_a_change() -> None:
    nothing = replace(RESULT, changes=(), effects=(), not_judged=(), counts={})
    assert "### AWS Backup: no change is about backups: there is nothing to judge\n" in what_if_markdown(
        nothing
    )


def test_markdown_stays_below_the_limit_of_a_comment() -> None:
    effects = tuple(
        FindingEffect(effect, PASSED, finding(Status.FAIL, "arn:" + "x" * 900 + str(number)), horizon=horizon)
        for number in range(200)
        for effect in Effect
        for horizon in Horizon
    )
    text = what_if_markdown(replace(RESULT, effects=effects))
    assert len(text) < 65_536
    assert "190 more." in text


def test_sarif() -> None:
    log = what_if_sarif(RESULT)
    (result,) = log["runs"][0]["results"]
    (location,) = result["locations"]
    assert (result["kind"], result["level"], result["ruleIndex"]) == ("fail", "error", 0)
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "stacks/backup%20plan.yaml"},
        "region": {"startLine": 12},
    }
    assert location["logicalLocations"] == [{"fullyQualifiedName": "Plan"}]
    (notification,) = log["runs"][0]["invocations"][0]["toolExecutionNotifications"]
    assert notification["message"]["text"] == "Changes of it are not judged."


@pytest.mark.parametrize(
    ("before", "horizon", "expected"),
    [
        (PASSED, Horizon.FROM_NOW_ON, True),
        (PASSED, Horizon.TODAY, True),
        (None, Horizon.FROM_NOW_ON, True),
        (None, Horizon.TODAY, False),
        (finding(Status.NOT_APPLICABLE), Horizon.TODAY, False),
    ],
)
def test_a_failure_before_the_first_run_fails_no_gate(
    before: Finding | None,
    horizon: Horizon,
    expected: bool,  # noqa: FBT001 -- of the table
) -> None:
    effects = (FindingEffect(Effect.NEW, before, FAILED, horizon=horizon),)
    assert replace(RESULT, effects=effects).has_new_at(Severity.HIGH) is expected
    assert replace(RESULT, effects=effects).has_new_at(Severity.CRITICAL) is False


def test_a_failure_in_the_first_plan_of_a_resource_fails_no_gate_and_is_counted() -> None:
    effect = FindingEffect(Effect.NEW, finding(Status.NOT_APPLICABLE), FAILED, is_first_plan=True)
    result = replace(RESULT, effects=(effect,))
    assert not result.has_new_at(Severity.INFO)
    assert (result.first_plan, result.first_run, result.new) == (1, 0, ())
    assert "1 more fail for resources that were in no plan before" in what_if_markdown(result)
