"""Inputs as public modules and templates produce them, over the sample scan."""

import json
from pathlib import Path
from typing import Any

import pytest

from scanner.evidence.bundle import Bundle
from scanner.inventory.reconcile import BucketRegions
from scanner.judging.passes import inventory_of
from scanner.model.inventory import BackupPlan, ShardInventory
from scanner.model.known import Known
from scanner.model.names import AccountId, RegionName, Shard
from scanner.model.planning.planned_change import ChangeSet
from scanner.what_if.changes import Defaults
from scanner.what_if.overlay import write_overlay
from scanner.what_if.read import read_changes
from tests.what_if.realistic_inputs import (
    COPY_TEMPLATE,
    MACRO_TEMPLATE,
    SAMPLE_TEMPLATE,
    count_module,
    splat_module,
    variable_module,
)
from tests.what_if.terraform_plans import ACCOUNT, REGION

SAMPLE = Path(__file__).resolve().parents[2] / "sample_reports" / "bundle"
HOME = Shard(AccountId(ACCOUNT), RegionName(REGION))


def changes_of(folder: Path, content: object, **parameters: str) -> ChangeSet:
    file = folder / ("stack.yaml" if isinstance(content, str) else "tfplan.json")
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return read_changes([file], Defaults(ACCOUNT, REGION, parameters))


def after(changes: ChangeSet, folder: Path) -> ShardInventory:
    overlay = write_overlay(Bundle(SAMPLE), changes.changes, folder / "what-if")
    assert overlay.not_judged == ()
    bundle = Bundle(folder / "what-if", what_if=True)
    return inventory_of(bundle, (HOME, dict(bundle.scope())[HOME]), BucketRegions(bundle))


def plan_called(inventory: ShardInventory, name: str) -> BackupPlan:
    (found,) = [plan for plan in inventory.plans if plan.name == name]
    return found


def selections(plan: BackupPlan) -> list[tuple[str, str | None]]:
    assert isinstance(plan.selections, Known)
    terms = [(each.name, each.terms) for each in plan.selections.value]
    return [(name, reading.value.role if isinstance(reading, Known) else "unread") for name, reading in terms]


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (count_module(), [("by-tag", f"arn:aws:iam::{ACCOUNT}:role/shop-backup")]),
        # The role is a local value: what is selected is known, and only the role is not.
        (splat_module(), [("splat", "arn:aws:iam:::role/KNOWN-AFTER-APPLY")]),
    ],
    ids=["count", "splat"],
)
def test_modules_of_terraform(tmp_path: Path, document: dict[str, Any], expected: object) -> None:
    changes = changes_of(tmp_path, document)
    assert changes.not_judged == ()
    plan = plan_called(after(changes, tmp_path), "shop")
    assert isinstance(plan.rules, Known)
    (daily,) = plan.rules.value
    assert (daily.target_vault, daily.lifecycle.delete_after_days) == ("shop", 30)
    assert selections(plan) == expected


def test_variables_of_a_module_with_for_each(tmp_path: Path) -> None:
    changes = changes_of(tmp_path, variable_module())
    assert changes.not_judged == ()
    chosen = [each for each in changes.changes if each.plan is not None]
    addresses = {each.plan.address for each in chosen if each.plan is not None}
    assert (len(chosen), addresses) == (2, {"aws_backup_plan.this"})
    assert {each.document["IamRoleArn"] for each in chosen} == {f"arn:aws:iam::{ACCOUNT}:role/shop-backup"}


def test_the_sample_of_aws(tmp_path: Path) -> None:
    changes = changes_of(tmp_path, SAMPLE_TEMPLATE)
    assert changes.not_judged == ()
    now = after(changes, tmp_path)
    plan = plan_called(now, "DailyPlan")
    assert isinstance(plan.rules, Known)
    assert [(each.target_vault, each.lifecycle.delete_after_days) for each in plan.rules.value] == [
        ("DailyVault", 35)
    ]
    assert selections(plan) == [("TagBased", f"arn:aws:iam::{ACCOUNT}:role/Role")]
    (vault,) = [each for each in now.vaults if each.name == "DailyVault"]
    assert vault.key is None  # that of a key which the template creates
    assert f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/TestTable" in {each.arn for each in now.resources}


@pytest.mark.parametrize(("stage", "days", "copies"), [("live", 90, 1), ("test", 7, 0)])
def test_mappings_conditions_and_lists(tmp_path: Path, stage: str, days: int, copies: int) -> None:
    changes = changes_of(tmp_path, COPY_TEMPLATE, Stage=stage, CopyRegions="eu-central-1,eu-north-1")
    assert [problem.why for problem in changes.not_judged] == [
        "Whether it is created depends on the condition IsTest, which is unknown."
    ]
    plan = plan_called(after(ChangeSet(changes.changes), tmp_path), f"{stage}-copies")
    assert isinstance(plan.rules, Known)
    (daily,) = plan.rules.value
    assert daily.lifecycle.delete_after_days == days
    destinations = [copy.destination for copy in daily.copies]
    assert (
        destinations == [f"arn:aws:backup:eu-central-1:{ACCOUNT}:backup-vault:production-disaster"] * copies
    )


def test_without_parameters_nothing_is_guessed(tmp_path: Path) -> None:
    changes = changes_of(tmp_path, COPY_TEMPLATE)
    assert changes.changes == ()
    assert {problem.origin.address for problem in changes.not_judged} == {"Plan", "Spare"}


def test_a_macro_may_change_everything(tmp_path: Path) -> None:
    changes = changes_of(tmp_path, MACRO_TEMPLATE)
    assert [problem.why for problem in changes.not_judged] == [
        "The macro Company-Defaults may change it, so what it will be is unknown."
    ]


def test_types_that_no_control_is_about(tmp_path: Path) -> None:
    text = SAMPLE_TEMPLATE + "  Report: {Type: 'AWS::Backup::ReportPlan', Properties: {}}\n"
    changes = changes_of(tmp_path, text)
    assert changes.not_judged == ()
    assert changes.notes == ("No control is about AWS::Backup::ReportPlan: its changes change no finding.",)
