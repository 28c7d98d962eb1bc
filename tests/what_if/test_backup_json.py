"""JSON of AWS Backup, as the AWS CLI takes and prints it, with and without an envelope."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from scanner.errors import UsageError
from scanner.model.names import ORG
from scanner.model.planning.planned_change import Action, ChangeKind, ChangeSet, PlanReference
from scanner.what_if.backup_json import backup_changes
from scanner.what_if.changes import Defaults, combined
from scanner.what_if.read import read_changes

PLACE = Defaults("333333333333", "eu-west-1")
PLAN = {"BackupPlanName": "daily", "Rules": []}
SELECTION = {"SelectionName": "gold", "IamRoleArn": "arn:r", "Resources": ["*"]}
VOLUME = "arn:aws:ec2:us-east-1:444444444444:volume/vol-1"


def parsed(document: Any, defaults: Defaults = PLACE) -> ChangeSet:
    return backup_changes(document, "change.json", defaults)


@pytest.mark.parametrize(
    ("document", "kind", "name", "content"),
    [
        (PLAN, ChangeKind.PLAN, "daily", PLAN),
        ({"BackupPlan": PLAN}, ChangeKind.PLAN, "daily", PLAN),
        (
            {"BackupPlanId": "p", "BackupSelection": SELECTION},
            ChangeKind.SELECTION,
            "gold",
            SELECTION,
        ),
        (
            {"BackupPlanName": "daily", **SELECTION},
            ChangeKind.SELECTION,
            "gold",
            SELECTION,
        ),
        (
            {"BackupVaultName": "v", "Policy": {"Version": "2012-10-17"}},
            ChangeKind.VAULT_POLICY,
            "v",
            {"Policy": '{"Version":"2012-10-17"}'},
        ),
        (
            {"BackupVaultName": "v", "MinRetentionDays": 7},
            ChangeKind.VAULT_LOCK,
            "v",
            {"MinRetentionDays": 7},
        ),
        (
            {"BackupVaultName": "v", "SNSTopicArn": "t", "BackupVaultEvents": ["E"]},
            ChangeKind.VAULT_NOTIFICATIONS,
            "v",
            {"SNSTopicArn": "t", "BackupVaultEvents": ["E"]},
        ),
        (
            {"BackupVaultName": "v", "EncryptionKeyArn": "k", "CreatorRequestId": "c"},
            ChangeKind.VAULT,
            "v",
            {"BackupVaultName": "v", "EncryptionKeyArn": "k"},
        ),
        (
            {"ResourceTypeOptInPreference": {"EBS": False}},
            ChangeKind.REGION_SETTINGS,
            "",
            {"ResourceTypeOptInPreference": {"EBS": False}},
        ),
        (
            {"GlobalSettings": {"isCrossAccountBackupEnabled": "false"}},
            ChangeKind.GLOBAL_SETTINGS,
            "",
            {"GlobalSettings": {"isCrossAccountBackupEnabled": "false"}},
        ),
        (
            {"ResourceARN": VOLUME, "Tags": [{"Key": "tier", "Value": "gold"}]},
            ChangeKind.TAGS,
            VOLUME,
            {"Tags": {"tier": "gold"}},
        ),
    ],
)
def test_documents(document: dict[str, Any], kind: ChangeKind, name: str, content: dict[str, Any]) -> None:
    changes = parsed(document)
    assert changes.not_judged == ()
    (found,) = changes.changes
    assert (found.kind, found.name, found.document) == (kind, name, content)


def test_what_get_backup_plan_prints_names_its_place() -> None:
    arn = "arn:aws:backup:us-east-1:444444444444:backup-plan:p-1"
    (found,) = parsed({"BackupPlanId": "p-1", "BackupPlanArn": arn, "BackupPlan": PLAN}).changes
    assert (found.account, found.region, found.id) == ("444444444444", "us-east-1", "p-1")


def test_tags_are_those_of_the_arns_account() -> None:
    (found,) = parsed({"ResourceARNList": [VOLUME], "Tags": {"tier": "gold"}}, Defaults()).changes
    assert (found.account, found.region) == ("444444444444", "us-east-1")


def test_global_settings_need_no_region() -> None:
    (found,) = parsed({"GlobalSettings": {"a": "b"}}, Defaults("111111111111", "")).changes
    assert found.region == ORG


def test_an_envelope_and_a_list() -> None:
    removal = {"account": "1", "region": "r", "action": "remove", "change": {"BackupPlanId": "p-1"}}
    selection = {"change": {"BackupPlanId": "p-2", "SelectionId": "s"}, "action": "remove"}
    first, second = parsed([removal, selection]).changes
    assert (first.action, first.account, first.region, first.id) == (Action.REMOVE, "1", "r", "p-1")
    assert (second.action, second.plan, second.id) == (Action.REMOVE, PlanReference(id="p-2"), "s")
    assert first.document == second.document == {}


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({"BackupPlan": {"BackupPlanName": "x"}}, "The backup plan x has no list of Rules."),
        (SELECTION, "A selection needs the BackupPlanId, or the BackupPlanName, of its plan."),
        (
            {"change": PLAN, "action": "paint"},
            "The action 'paint' is none of create, replace, update, remove.",
        ),
        (
            {"change": {"Something": 1}},
            (
                "This is neither a backup plan, a selection, a vault, its policy or lock, settings, a role, "
                "the policy of a key nor tags, as the AWS CLI writes them."
            ),
        ),
    ],
)
def test_bad_documents_are_named(document: dict[str, Any], why: str) -> None:
    changes = parsed(document)
    assert changes.changes == ()
    assert [problem.why for problem in changes.not_judged] == [why]


def test_without_a_place() -> None:
    (problem,) = parsed(PLAN, Defaults(region="eu-west-1")).not_judged
    assert problem.why == "The account of the backup plan daily cannot be determined: add --account."


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{}", "is neither a plan of Terraform"),
        (b"[]", "is neither a plan of Terraform"),
        (b'"text"', "is neither a plan of Terraform"),
        (b"PK\x03\x04....", "is a binary plan of Terraform"),
        (b"\xff\xfe\x00", "is not UTF-8 text"),
    ],
)
def test_files_of_another_kind(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "change"
    file.write_bytes(content)
    with pytest.raises(UsageError, match=message):
        read_changes([file], PLACE)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file or directory"):
        read_changes([tmp_path / "missing.json"], PLACE)


def test_changes_that_contradict_each_other() -> None:
    other = {**PLAN, "Rules": [{"RuleName": "r"}]}
    with pytest.raises(UsageError, match="Two changes contradict each other: update backup plan daily"):
        combined([parsed(PLAN), parsed(other)])
    assert len(combined([parsed(PLAN), parsed(PLAN)]).changes) == 1


def test_nothing_can_be_in_a_plan_that_is_removed(tmp_path: Path) -> None:
    removal = {"action": "remove", "change": {"BackupPlanId": "p-1"}}
    file = tmp_path / "changes.json"
    file.write_bytes(orjson.dumps([removal, {"BackupPlanId": "p-1", "BackupSelection": SELECTION}]))
    with pytest.raises(UsageError, match="Two changes contradict each other: remove backup plan p-1"):
        read_changes([file], PLACE)
