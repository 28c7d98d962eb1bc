"""Errors that are answers: told by their code, or by their code and words of their message."""

from datetime import UTC, datetime

import pytest

from scanner.evidence.answers import says_there_is_none
from scanner.evidence.writer import Call, Failure
from scanner.model.names import AccountId, RegionName, Shard
from tests.fakes.bundles import ACCOUNT, REGION, ShardScript, answers_of

NO_CUSTOMER = "Only existing Timestream for LiveAnalytics customers can access the service."
WHERE = "timestream-write:DescribeEndpoints"

POLICY = "backup:GetBackupVaultAccessPolicy"
NOTIFICATIONS = "backup:GetBackupVaultNotifications"
SCANS = "backup:GetPITRMalwareScanResults"

CASES = [
    ("s3:GetBucketTagging", "NoSuchTagSet", "", True),
    ("s3:GetBucketTagging", "AccessDenied", "NoSuchTagSet", False),
    ("s3:GetBucketEncryption", "NoSuchTagSet", "", False),
    (POLICY, "ResourceNotFoundException", "Backup Vault arn:v has no associated POLICY", True),
    (POLICY, "ResourceNotFoundException", "", True),
    (POLICY, "ResourceNotFoundException", "Backup vault v does not exist", False),
    (POLICY, "ResourceNotFoundException", "Backup vault v could not be found.", False),
    (NOTIFICATIONS, "ERROR_2106", "Failed reading notifications from database for Backup vault v", True),
    (NOTIFICATIONS, "ResourceNotFoundException", "Vault v not found", False),
    (SCANS, "ResourceNotFoundException", "There is no scan of it", True),
    (SCANS, "ResourceNotFoundException", "Recovery point arn:p does not exist", False),
    ("never:Heard", "NoSuchTagSet", "", False),
    (WHERE, "AccessDeniedException", NO_CUSTOMER, True),
    (
        WHERE,
        "AccessDeniedException",
        "User: u is not authorized to perform: timestream:DescribeEndpoints",
        False,
    ),
    (WHERE, "AccessDeniedException", "", False),
    (WHERE, "ThrottlingException", NO_CUSTOMER, False),
    ("timestream-write:ListTagsForResource", "AccessDeniedException", NO_CUSTOMER, False),
]


@pytest.mark.parametrize(("name", "code", "message", "expected"), CASES)
def test_an_error_that_says_there_is_none(name: str, code: str, message: str, *, expected: bool) -> None:
    assert says_there_is_none(name, code, message) is expected
    service, _, operation = name.partition(":")
    call = Call(
        service=service,
        operation=operation,
        parameters={},
        at=datetime(2026, 11, 22, tzinfo=UTC),
        shard=Shard(AccountId(ACCOUNT), RegionName(REGION)),
        failure=Failure(code, message, 400, 1),
    )
    assert call.is_gap is not expected
    lines = ShardScript(ACCOUNT, REGION).call(name, error=code, message=message).lines()
    answer = answers_of(lines).one(name)
    assert (answer.gap is None, answer.absent) == (expected, expected)


@pytest.mark.parametrize(
    ("vault", "expected"),
    [
        ("main", True),
        ("'main'.", True),
        (f"arn:aws:backup:{REGION}:{ACCOUNT}:backup-vault:main", True),
        ("other-main", False),
    ],
)
def test_an_error_about_another_vault_is_no_answer(vault: str, *, expected: bool) -> None:
    script = ShardScript(ACCOUNT, REGION)
    message = f"Failed reading notifications from database for Backup vault {vault}"
    script.call(NOTIFICATIONS, error="ERROR_2106", message=message, BackupVaultName="main")
    (answer,) = answers_of(script.lines()).every(NOTIFICATIONS)
    assert (answer.gap is None, answer.absent) == (expected, expected)
