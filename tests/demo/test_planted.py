"""What is planted is there, and every control has something to pass and something to fail."""

from pathlib import Path
from typing import Any

import pytest

from scanner.demo.story.accounts import MANAGEMENT, PRODUCTION, VIRGINIA

Planted = list[tuple[str, str, str]]
"""Control, subject, expected status."""

_CONTROLS = sorted(
    path.stem for path in Path(__file__).parents[2].glob("controls/*.yaml") if "." not in path.stem
)

_ONE_SIDED = {
    "copy-cross-account-enabled": {"pass", "not_applicable"},  # one setting of the whole organisation
}
"""Controls that this organisation cannot make both pass and fail, with what they can say of it."""

_NEVER_OPEN = {
    "account-region-assessed",
    "copy-arrives",
    "copy-destination-in-organization",
    "copy-retention",
    "copy-source-key-shared",
    "recovery-point-encrypted",
    "recovery-point-retention",
    "recovery-point-usable",
    "resource-continuous-backup",
    "rule-lifecycle-valid",
    "rule-schedule-valid",
    "rule-target-vault-exists",
    *_ONE_SIDED,
}
"""Controls whose `unknown` is planted nowhere: what they rest on is read, or they have no subject."""


def _answers(walk: Any, operation: str, items: str) -> list[Any]:
    return [
        element
        for key, answer in walk.answers.items()
        if key[3] == operation and not isinstance(answer, str)
        for element in answer.get(items, [])
    ]


def test_every_subject_of_the_table_exists(planted: Planted) -> None:
    assert sorted({control for control, _, _ in planted}) == _CONTROLS
    kinds = ("arn:aws:", "aws:account:", "aws:account-region:")
    assert all(subject.startswith(kinds) for _, subject, _ in planted)
    assert len(set(planted)) == len(planted)


@pytest.mark.parametrize("control", _CONTROLS)
def test_every_control_can_pass_and_fail(planted: Planted, control: str) -> None:
    statuses = {status for name, _, status in planted if name == control}
    assert statuses >= _ONE_SIDED.get(control, {"pass", "fail"})
    assert control not in _ONE_SIDED or statuses == _ONE_SIDED[control]


def test_every_control_is_open_somewhere_but_these(planted: Planted) -> None:
    assert {name for name, _, status in planted if status == "unknown"} == {*_CONTROLS} - _NEVER_OPEN


def test_there_are_enough_resources(walk: Any) -> None:
    instances = [
        one for each in _answers(walk, "DescribeInstances", "Reservations") for one in each["Instances"]
    ]
    counts = {
        "EC2": len(instances),
        "EBS": len(_answers(walk, "DescribeVolumes", "Volumes")),
        "RDS": len(_answers(walk, "DescribeDBInstances", "DBInstances")),
        "Aurora": len(_answers(walk, "DescribeDBClusters", "DBClusters")),
        "DynamoDB": len(_answers(walk, "ListTables", "TableNames")),
        "EFS": len(_answers(walk, "DescribeFileSystems", "FileSystems")),
    }
    assert all(counts.values())
    assert 55 <= sum(counts.values()) <= 100


def test_recovery_points_are_of_every_kind(walk: Any) -> None:
    points = _answers(walk, "ListRecoveryPointsByBackupVault", "RecoveryPoints")
    assert {point["Status"] for point in points} == {"COMPLETED", "AVAILABLE", "EXPIRED", "STOPPED"}
    assert {point["IsEncrypted"] for point in points} == {True, False}
    assert any(":continuous:" in point["RecoveryPointArn"] for point in points)
    assert any(point.get("Lifecycle") == {"DeleteAfterEvent": "DELETE_AFTER_COPY"} for point in points)
    assert any("SourceBackupVaultArn" in point for point in points)
    retentions = {point.get("Lifecycle", {}).get("DeleteAfterDays") for point in points}
    assert {3, 14, 35, 365, None} <= retentions
    arns = [point["RecoveryPointArn"] for point in points]
    assert len(arns) == len(set(arns))


def test_jobs_completed_and_failed(walk: Any) -> None:
    assert {job["State"] for job in _answers(walk, "ListBackupJobs", "BackupJobs")} == {"COMPLETED", "FAILED"}
    assert {job["State"] for job in _answers(walk, "ListCopyJobs", "CopyJobs")} == {"COMPLETED", "FAILED"}
    restores = _answers(walk, "ListRestoreJobs", "RestoreJobs")
    assert {job["Status"] for job in restores} == {"COMPLETED", "FAILED"}


def test_hostile_values_arrive_as_they_are(walk: Any) -> None:
    volumes = _answers(walk, "DescribeVolumes", "Volumes")
    tags = {tag["Key"]: tag["Value"] for volume in volumes for tag in volume.get("Tags", [])}
    assert tags["note"].startswith("</td><img src=x onerror=")
    assert tags["formula"].startswith("=HYPERLINK")
    assert tags["quotes"] == "O'Brien said \"it's \\backed up\\\"; DROP TABLE findings; --"
    names = {one.get("Name") for one in _answers(walk, "DescribeFileSystems", "FileSystems")}
    assert "أرشيف العملاء גיבוי 📁🔒" in names


def test_locks_are_of_every_kind(walk: Any) -> None:
    vaults = _answers(walk, "ListBackupVaults", "BackupVaultList")
    locks = {(vault["Locked"], vault["LockDate"].year if "LockDate" in vault else None) for vault in vaults}
    assert {(False, None), (True, None), (True, 2026)} <= locks


def test_buckets_tell_their_region_and_the_tagging_api_knows_only_its_own(walk: Any) -> None:
    key = (PRODUCTION, VIRGINIA, "s3", "ListBuckets", "[]")
    regions = {bucket["BucketRegion"] for bucket in walk.answers[key]["Buckets"]}
    assert regions == {"eu-west-1", "eu-central-1"}
    for key, answer in walk.answers.items():
        if key[3] == "GetResources" and key[1] == VIRGINIA:
            arns = [one["ResourceARN"] for one in answer["ResourceTagMappingList"]]
            assert not [arn for arn in arns if arn.startswith("arn:aws:s3:::")]


def test_the_suspended_account_is_listed_as_such(walk: Any) -> None:
    accounts = {one["Name"]: one["Status"] for one in _answers(walk, "ListAccounts", "Accounts")}
    assert accounts == {
        "management": "ACTIVE",
        "central-backup": "ACTIVE",
        "production": "ACTIVE",
        "development": "ACTIVE",
        "acquired-company": "ACTIVE",
        "closed-experiment": "SUSPENDED",
    }
    organisation = walk.answers[MANAGEMENT, VIRGINIA, "organizations", "DescribeOrganization", "[]"]
    assert organisation["Organization"]["MasterAccountId"] == MANAGEMENT
