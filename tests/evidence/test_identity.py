"""An answer about something other than what was requested is a broken answer, never evidence."""

from collections.abc import Mapping
from typing import Any, Final

import orjson
import pytest
from botocore.model import ListShape, Shape, StructureShape

from scanner.evidence.answers import Answer, pagination
from scanner.evidence.identity import mismatch
from scanner.model.known import CONTRADICTION
from scanner.model.names import AccountId, RegionName, Shard
from scanner.services.catalogue import OPERATIONS
from tests.fakes.api_models import operation_model
from tests.fakes.bundles import ShardScript, answers_of

US: Final = "111111111111"
THEM: Final = "222222222222"
SHARD: Final = Shard(AccountId(US), RegionName("eu-west-1"))
PLAN: Final = f"arn:aws:backup:eu-west-1:{US}:backup-plan:"
VAULT: Final = f"arn:aws:backup:eu-west-1:{US}:backup-vault:"
THEIRS: Final = f"arn:aws:ec2:eu-west-2:{THEM}:volume/v"
KEY: Final = f"arn:aws:kms:eu-west-1:{US}:key/"


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
    assert mismatch(operation, parameters, answer, SHARD).startswith(operation.partition(":")[2])


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
    assert mismatch(operation, parameters, answer, SHARD) == ""


def test_the_first_call_learns_its_account() -> None:
    shard = Shard(AccountId("caller"), RegionName("aws-global"))
    assert mismatch("sts:GetCallerIdentity", {}, {"Account": US}, shard) == ""


@pytest.mark.parametrize(
    ("operation", "parsed"),
    [
        ("backup:ListBackupVaults", {}),
        ("backup:ListBackupPlans", {"NextToken": "n"}),
        ("dynamodb:ListTables", {}),
        ("rds:DescribeDBInstances", {"Marker": ""}),
        ("organizations:ListAccounts", {"ResponseMetadata": {}}),
    ],
)
def test_a_list_without_its_list_is_not_an_empty_list(operation: str, parsed: dict[str, Any]) -> None:
    assert "without its list" in mismatch(operation, {}, parsed, SHARD)


@pytest.mark.parametrize(
    ("operation", "parsed"),
    [
        ("backup:ListBackupVaults", {"BackupVaultList": []}),
        ("ssm-sap:ListDatabases", {}),
        ("backup:GetBackupPlan", {}),
    ],
)
def test_an_empty_list_is_one(operation: str, parsed: dict[str, Any]) -> None:
    assert mismatch(operation, {}, parsed, SHARD) == ""


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
    operation, output = OPERATIONS[key], operation_model(key).output_shape
    paths = [*operation.own, *operation.identity, *(path for _, path in operation.same)]
    assert all(output and _at(output, path).type_name == "string" for path in paths)


def _rows_of(operation: str) -> list[str]:
    """Return the lists of rows in the answers of an operation that pages."""
    shape = operation_model(operation).output_shape
    members = shape.members.items() if operation in pagination() and isinstance(shape, StructureShape) else ()
    return [
        name
        for name, member in members
        if isinstance(member, ListShape) and isinstance(member.member, StructureShape)
    ]


REPEATABLE: Final = [key for key in OPERATIONS if _rows_of(key)]


@pytest.mark.parametrize("key", REPEATABLE)
def test_the_rows_of_every_list_have_an_identity(key: str) -> None:
    assert {path.partition("[]")[0] for path in OPERATIONS[key].identity} == set(_rows_of(key))


def _listed(key: str, *contents: str) -> dict[str, Any]:
    """Return an answer with rows of one identity."""
    paths = [path.split(".") for path in OPERATIONS[key].identity]
    rows: list[Any] = [{**{path[-1]: "x" for path in paths}, "Content": content} for content in contents]
    answer: Any = rows
    for step in reversed(paths[0][:-1]):
        answer = {step.removesuffix("[]"): answer}
        answer = [answer] if step != paths[0][0] else answer
    return dict(answer)


@pytest.mark.parametrize("key", [key for key, operation in OPERATIONS.items() if operation.identity])
def test_rows_of_one_identity_that_differ_are_left_out(key: str) -> None:
    service, _, operation = key.partition(":")

    def answer(*contents: str) -> Answer:
        script = ShardScript(US, "eu-west-1").call(f"{service}:{operation}", _listed(key, *contents))
        return answers_of(script.lines()).one(key)

    def rows(read: Answer) -> int:
        return sum(orjson.dumps(page.data).count(b'"Content"') for page in read.pages)

    assert (rows(answer("a", "a")), answer("a", "a").gap) == (2, None)
    different = answer("a", "b")
    assert rows(different) == 0
    assert different.gap is not None
    assert (different.gap.code, different.gap.about) == (
        CONTRADICTION,
        " ".join(["x"] * len(OPERATIONS[key].identity)),
    )
    assert "is contradicted: lines 1 and 1 of" in different.gap.sentence()
