"""Audit Manager's documented rules, written plainly, beside the pack's verdicts on one evidence (facts 8)."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from scanner.app.criteria import Judgement
from scanner.app.judgement import evaluate
from scanner.evaluate.controls.selection import select
from scanner.model.finding import Status
from tests.fakes.bundles import BundleBuilder, rule, volume_arn

DENIED = (
    "backup:DeleteRecoveryPoint",
    "backup:UpdateRecoveryPointLifecycle",
    "backup:PutBackupVaultAccessPolicy",
)


def denies(*actions: str, principal: Any = "*") -> str:
    statement = {"Effect": "Deny", "Principal": principal, "Action": list(actions), "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


POLICIES = {
    "bare": None,
    "whole": denies(*DENIED),
    "part": denies(*DENIED[:2]),
    "one-role": denies(*DENIED, principal={"AWS": "arn:aws:iam::111111111111:role/ops"}),
}
POINTS: Mapping[str, Mapping[str, Any]] = {
    "fresh": {"hours_ago": 3},
    "old": {"hours_ago": 30},
    "plain": {"hours_ago": 4, "IsEncrypted": False},
    "brief": {"hours_ago": 5, "Lifecycle": {"DeleteAfterDays": 34}},
}
PLANS = {
    "good": [rule(days=35)],
    "brief": [rule(days=34)],
    "rare": [rule(days=90, ScheduleExpression="cron(0 5 ? * SUN *)")],
    "split": [rule("a", days=7), rule("b", days=90, ScheduleExpression="cron(0 5 ? * SUN *)")],
}
RARE = "SUN"


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> Mapping[tuple[str, str], Status]:
    bundle = BundleBuilder(tmp_path_factory.mktemp("bundle"))
    shard = bundle.shard().settings()
    for name, policy in POLICIES.items():
        shard.vault(name, policy=policy)
    shard.vault("main", Locked=True, MinRetentionDays=1)
    for name, more in POINTS.items():
        shard.volume(name).point("main", volume_arn(name), **more)
    shard.volume("none")
    for name, rules in PLANS.items():
        resources = [volume_arn("fresh")] if name == "good" else []
        selection = {
            "SelectionName": "s",
            "IamRoleArn": "arn:aws:iam::111111111111:role/r",
            "Resources": resources,
        }
        shard.plan(name, rules=rules, selections=[selection] if resources else [])
    folder = bundle.write()
    pack = select(("aws-backup-audit-manager",))
    out = tmp_path_factory.mktemp("out")
    scan = evaluate(folder, out, Judgement(controls=pack.controls, parameters=pack.parameters), ()).scan
    return {(each.control, each.subject.rpartition(":")[2]): each.status for each in scan.findings}


def status(*, holds: bool) -> Status:
    return Status.PASS if holds else Status.FAIL


@pytest.mark.parametrize("name", POLICIES)
def test_manual_deletion_as_the_config_rule_has_it(verdicts: Mapping[Any, Status], name: str) -> None:
    statements = json.loads(POLICIES[name] or '{"Statement": []}')["Statement"]
    holds = any(each["Principal"] == "*" and set(DENIED) <= set(each["Action"]) for each in statements)
    assert verdicts["vault-manual-deletion-denied", name] is status(holds=holds)


@pytest.mark.parametrize("name", POINTS)
def test_recovery_points_are_encrypted_and_kept_for_35_days(
    verdicts: Mapping[Any, Status], name: str
) -> None:
    point, subject = POINTS[name], f"main-{POINTS[name]['hours_ago']}"
    assert verdicts["recovery-point-encrypted", subject] is status(holds=point.get("IsEncrypted", True))
    days = point.get("Lifecycle", {"DeleteAfterDays": 35})["DeleteAfterDays"]
    assert verdicts["recovery-point-retention", subject] is status(holds=days >= 35)


@pytest.mark.parametrize("name", [*POINTS, "none"])
def test_a_recovery_point_within_a_day_and_a_plan(verdicts: Mapping[Any, Status], name: str) -> None:
    recent = name in POINTS and POINTS[name]["hours_ago"] <= 24
    assert verdicts["resource-backed-up-recently", f"volume/{name}"] is status(holds=recent)
    assert verdicts["resource-in-backup-plan", f"volume/{name}"] is status(holds=name == "fresh")


@pytest.mark.parametrize("name", PLANS)
def test_one_rule_of_the_plan_meets_frequency_and_retention(
    verdicts: Mapping[Any, Status], name: str
) -> None:
    holds = any(
        RARE not in each["ScheduleExpression"] and each["Lifecycle"]["DeleteAfterDays"] >= 35
        for each in PLANS[name]
    )
    assert verdicts["plan-frequency-and-retention", name] is status(holds=holds)


def test_a_vault_that_a_plan_targets_is_locked_in_any_mode(verdicts: Mapping[Any, Status]) -> None:
    assert verdicts["vault-locked", "main"] is Status.PASS
