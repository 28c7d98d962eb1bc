"""An answer about something other than what was requested is a broken answer, never evidence."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import botocore.session
import pytest
from botocore.model import ListShape, OperationModel, Shape, StructureShape

from scanner.collect.response_identity import check_identity
from scanner.collect.retry import BrokenAnswerError
from scanner.model.names import AccountId, RegionName, Shard
from scanner.services.catalogue import OPERATIONS

US: Final = "111111111111"
THEM: Final = "222222222222"
SHARD: Final = Shard(AccountId(US), RegionName("eu-west-1"))
PLAN: Final = f"arn:aws:backup:eu-west-1:{US}:backup-plan:"
VAULT: Final = f"arn:aws:backup:eu-west-1:{US}:backup-vault:"
THEIRS: Final = f"arn:aws:ec2:eu-west-2:{THEM}:volume/v"
KEY: Final = f"arn:aws:kms:eu-west-1:{US}:key/"


@cache
def _model(operation: str) -> OperationModel:
    service, name = operation.split(":")
    return botocore.session.get_session().get_service_model(service).operation_model(name)


def check(
    operation: str, parameters: Mapping[str, Any], answer: Mapping[str, Any], shard: Shard = SHARD
) -> None:
    check_identity(_model(operation), OPERATIONS[operation], parameters, answer, shard)


@pytest.mark.parametrize(
    ("operation", "parameters", "answer"),
    [
        ("backup:GetBackupVaultAccessPolicy", {"BackupVaultName": "a"}, {"BackupVaultName": "b"}),
        ("backup:GetBackupVaultAccessPolicy", {"BackupVaultName": "a"}, {"BackupVaultArn": f"{VAULT}b"}),
        ("backup:GetBackupPlan", {"BackupPlanId": "p"}, {"BackupPlanId": "q", "BackupPlan": {}}),
        ("backup:GetBackupPlan", {"BackupPlanId": "p"}, {"BackupPlanArn": f"{PLAN}q"}),
        ("backup:GetBackupSelection", {"BackupPlanId": "p", "SelectionId": "s"}, {"SelectionId": "t"}),
        (
            "backup:ListBackupSelections",
            {"BackupPlanId": "p"},
            {"BackupSelectionsList": [{"BackupPlanId": "p"}, {"BackupPlanId": "q"}]},
        ),
        (
            "backup:ListRecoveryPointsByBackupVault",
            {"BackupVaultName": "a"},
            {"RecoveryPoints": [{"BackupVaultName": "b"}]},
        ),
        ("backup:DescribeProtectedResource", {"ResourceArn": "arn:a"}, {"ResourceArn": "arn:b"}),
        ("dynamodb:DescribeTable", {"TableName": "a"}, {"Table": {"TableName": "b"}}),
        ("eks:DescribeCluster", {"name": "a"}, {"cluster": {"name": "b"}}),
        ("kms:DescribeKey", {"KeyId": f"{KEY}a"}, {"KeyMetadata": {"KeyId": "b"}}),
        ("kms:DescribeKey", {"KeyId": "a"}, {"KeyMetadata": {"Arn": f"{KEY}b"}}),
        (
            "organizations:DescribePolicy",
            {"PolicyId": "p-a"},
            {"Policy": {"PolicySummary": {"Id": "p-b"}}},
        ),
        (
            "storagegateway:DescribeCachediSCSIVolumes",
            {"VolumeARNs": ["arn:a", "arn:b"]},
            {"CachediSCSIVolumes": [{"VolumeARN": "arn:c"}]},
        ),
        ("sts:GetCallerIdentity", {}, {"Account": THEM}),
        ("backup:ListBackupVaults", {}, {"BackupVaultList": [{"BackupVaultArn": VAULT.replace(US, THEM)}]}),
        (
            "backup:ListBackupVaults",
            {},
            {"BackupVaultList": [{"BackupVaultArn": VAULT.replace("eu-west-1", "eu-west-2")}]},
        ),
        ("iam:ListRoles", {}, {"Roles": [{"Arn": f"arn:aws:iam::{THEM}:role/r"}]}),
        ("ec2:DescribeInstances", {}, {"Reservations": [{"OwnerId": THEM}]}),
    ],
)
def test_an_answer_about_something_else_is_broken(
    operation: str, parameters: Mapping[str, Any], answer: Mapping[str, Any]
) -> None:
    with pytest.raises(BrokenAnswerError, match=operation.partition(":")[2]):
        check(operation, parameters, answer)


@pytest.mark.parametrize(
    ("operation", "parameters", "answer"),
    [
        ("backup:GetBackupVaultAccessPolicy", {"BackupVaultName": "a"}, {"Policy": "{}"}),
        (
            "backup:GetBackupVaultAccessPolicy",
            {"BackupVaultName": "a"},
            {"BackupVaultName": "a", "BackupVaultArn": f"{VAULT}a"},
        ),
        # AWS Backup appends a UUID to the name of a framework in its ARN.
        (
            "backup:DescribeFramework",
            {"FrameworkName": "f"},
            {"FrameworkArn": f"arn:aws:backup:eu-west-1:{US}:framework:f-0a1b"},
        ),
        ("kms:DescribeKey", {"KeyId": "alias/aws/backup"}, {"KeyMetadata": {"KeyId": "k"}}),
        ("kms:DescribeKey", {"KeyId": f"{KEY}k"}, {"KeyMetadata": {"KeyId": "k", "Arn": f"{KEY}k"}}),
        # A key of another account may be described, and copies of others' resources lie in a vault.
        (
            "kms:DescribeKey",
            {"KeyId": KEY.replace(US, THEM) + "k"},
            {"KeyMetadata": {"KeyId": "k"}},
        ),
        (
            "backup:ListRecoveryPointsByBackupVault",
            {"BackupVaultName": "a"},
            {"RecoveryPoints": [{"ResourceArn": THEIRS, "BackupVaultName": "a"}]},
        ),
        ("backup:ListBackupJobs", {}, {"BackupJobs": [{"AccountId": THEM}]}),
        ("s3:ListBuckets", {}, {"Buckets": [{"BucketArn": "arn:aws:s3:::b"}]}),
        ("iam:ListRoles", {}, {"Roles": [{"Arn": f"arn:aws:iam::{US}:role/r"}]}),
    ],
)
def test_an_answer_about_what_was_requested_is_accepted(
    operation: str, parameters: Mapping[str, Any], answer: Mapping[str, Any]
) -> None:
    check(operation, parameters, answer)


def test_the_first_call_learns_its_account() -> None:
    check("sts:GetCallerIdentity", {}, {"Account": US}, Shard(AccountId("caller"), RegionName("aws-global")))


def _at(shape: Shape, path: str) -> Shape:
    """Return the shape of the member at a path; KeyError: the model has none."""
    for step in path.split("."):
        assert isinstance(shape, StructureShape)
        shape = shape.members[step.removesuffix("[]")]
        assert isinstance(shape, ListShape) is step.endswith("[]")
        shape = shape.member if isinstance(shape, ListShape) else shape
    return shape


@pytest.mark.parametrize("key", OPERATIONS)
def test_declared_members_are_texts_of_the_model(key: str) -> None:
    operation, output = OPERATIONS[key], _model(key).output_shape
    paths = [*operation.own, *(path for _, path in operation.same)]
    assert all(output and _at(output, path).type_name == "string" for path in paths)
