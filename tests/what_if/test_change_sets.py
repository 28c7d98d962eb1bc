"""Change sets of CloudFormation: additions, changes and removals."""

import json
from pathlib import Path
from typing import Any

from scanner.model.planning.planned_change import UNKNOWN, Action, ChangeKind, ChangeSet
from scanner.what_if.changes import Defaults
from scanner.what_if.read import read_changes

STACK = "arn:aws:cloudformation:eu-west-1:333333333333:stack/backup/1"
RULE = {"RuleName": "nightly", "TargetBackupVault": "main", "Lifecycle": {"DeleteAfterDays": "7"}}
PLAN = {"BackupPlan": {"BackupPlanName": "daily", "BackupPlanRule": [RULE]}}


def entry(action: str, kind: str, physical: str | None = None, properties: Any = None) -> dict[str, Any]:
    context = {} if properties is None else {"AfterContext": json.dumps({"Properties": properties})}
    identity = {"LogicalResourceId": "R", "ResourceType": kind}
    names = {} if physical is None else {"PhysicalResourceId": physical}
    return {"Type": "Resource", "ResourceChange": {"Action": action, **identity, **names, **context}}


def parsed(folder: Path, *entries: dict[str, Any]) -> ChangeSet:
    file = folder / "change-set.json"
    file.write_text(json.dumps({"ChangeSetName": "c", "StackId": STACK, "Changes": list(entries)}), "utf-8")
    return read_changes([file], Defaults())


def test_a_changed_plan_is_the_one_with_its_id(tmp_path: Path) -> None:
    changes = parsed(tmp_path, entry("Modify", "AWS::Backup::BackupPlan", "p-1", PLAN))
    (found,) = changes.changes
    assert (found.id, found.account, found.region) == ("p-1", "333333333333", "eu-west-1")
    assert found.document["Rules"][0]["Lifecycle"] == {"DeleteAfterDays": 7}


def test_placeholders_are_unknown(tmp_path: Path) -> None:
    vault = {"BackupVaultName": "new", "EncryptionKeyArn": "{{changeSet:KNOWN_AFTER_APPLY}}"}
    (found,) = parsed(tmp_path, entry("Add", "AWS::Backup::BackupVault", properties=vault)).changes
    assert found.document == {"BackupVaultName": "new", "EncryptionKeyArn": UNKNOWN}


def test_removals(tmp_path: Path) -> None:
    plan = entry("Remove", "AWS::Backup::BackupPlan", "p-1")
    changes = parsed(tmp_path, plan, entry("Remove", "AWS::Backup::BackupVault", "main"))
    assert [(each.kind, each.action, each.id, each.name) for each in changes.changes] == [
        (ChangeKind.PLAN, Action.REMOVE, "p-1", ""),
        (ChangeKind.VAULT, Action.REMOVE, "", "main"),
    ]


def test_what_cannot_be_judged(tmp_path: Path) -> None:
    changes = parsed(
        tmp_path,
        entry("Modify", "AWS::Backup::BackupPlan", "p-1"),
        entry("Remove", "AWS::Backup::BackupSelection", "s"),
        entry("Dynamic", "AWS::Backup::BackupVault", "main"),
        entry("Add", "AWS::SNS::Topic"),
    )
    assert (changes.changes, changes.ignored) == ((), 1)
    assert {problem.why for problem in changes.not_judged} == {
        "The change set has no values: describe it with --include-property-values.",
        "The removal of AWS::Backup::BackupSelection is not judged.",
        "What happens to it (Dynamic) is known only when it is deployed.",
    }
