"""Refusals and errors come as the real services give them: code, HTTP status, protocol."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from scanner.demo.serve import Demo
from scanner.demo.server.authorization import denied, expired, unknown_key
from scanner.demo.story.accounts import (
    ACQUIRED,
    CENTRAL,
    CLOSED,
    DEVELOPMENT,
    FRANKFURT,
    IRELAND,
    MANAGEMENT,
    PRODUCTION,
    READABLE,
    VIRGINIA,
)
from scanner.demo.wire.call import Call


def _error(client: Any, operation: str, **parameters: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        client._make_api_call(operation, parameters)
    response = caught.value.response
    return str(response["Error"]["Code"]), int(response["ResponseMetadata"]["HTTPStatusCode"])


@pytest.fixture
def sts(demo: Demo, clients: Any) -> Any:
    environment = demo.environment()
    keys = {name: environment[name.upper()] for name in ("aws_access_key_id", "aws_secret_access_key")}
    return clients("sts", IRELAND, demo.endpoint, **keys)


@pytest.mark.parametrize("account", [ACQUIRED, CLOSED, "999999999999"])
def test_a_role_out_of_reach_is_denied(demo: Demo, sts: Any, account: str) -> None:
    role = f"arn:aws:iam::{account}:role/{demo.role_name}"
    assert _error(sts, "AssumeRole", RoleArn=role, RoleSessionName="audit") == (
        "AccessDenied",
        403,
    )


def test_a_role_that_does_not_exist_is_denied(sts: Any) -> None:
    role = f"arn:aws:iam::{PRODUCTION}:role/NoSuchRole"
    code, _ = _error(sts, "AssumeRole", RoleArn=role, RoleSessionName="audit")
    assert code == "AccessDenied"


def test_a_session_has_its_bounds(demo: Demo, sts: Any) -> None:
    role = f"arn:aws:iam::{PRODUCTION}:role/{demo.role_name}"
    asked = {"RoleArn": role, "RoleSessionName": "audit", "DurationSeconds": 50_000}
    assert _error(sts, "AssumeRole", **asked)[0] == "ValidationError"


@pytest.mark.parametrize(
    ("service", "operation", "expected"),
    [
        ("sts", "GetCallerIdentity", ("InvalidClientTokenId", 403)),
        ("ec2", "DescribeVolumes", ("AuthFailure", 401)),
        ("s3", "ListBuckets", ("InvalidAccessKeyId", 403)),
        ("backup", "ListBackupVaults", ("UnrecognizedClientException", 403)),
        ("dynamodb", "ListTables", ("UnrecognizedClientException", 400)),
        ("resourcegroupstaggingapi", "GetResources", ("UnrecognizedClientException", 400)),
    ],
)
def test_an_unknown_key_is_refused(
    demo: Demo, clients: Any, service: str, operation: str, expected: tuple[str, int]
) -> None:
    keys = {"aws_access_key_id": "AKIANOBODYKNOWSTHIS0", "aws_secret_access_key": "secret"}
    assert _error(clients(service, IRELAND, demo.endpoint, **keys), operation) == expected


def test_planted_refusals_speak_the_protocol(walker: Any) -> None:
    rds = walker.client(DEVELOPMENT, "rds", FRANKFURT)
    assert _error(rds, "DescribeDBInstances") == ("AccessDenied", 403)
    backup = walker.client(DEVELOPMENT, "backup", VIRGINIA)
    vault = backup.list_backup_vaults()["BackupVaultList"][0]["BackupVaultName"]
    refused = _error(backup, "ListRecoveryPointsByBackupVault", BackupVaultName=vault)
    assert refused == ("AccessDeniedException", 403)


def test_a_refusal_holds_for_its_own_account_and_region_only(walk: Any) -> None:
    refused = {key[:4] for key, answer in walk.answers.items() if "AccessDenied" in answer}
    assert refused == {
        (CENTRAL, VIRGINIA, "backup", "DescribeBackupVault"),
        (DEVELOPMENT, IRELAND, "organizations", "DescribeEffectivePolicy"),
        (PRODUCTION, FRANKFURT, "backup", "DescribeFramework"),
        (DEVELOPMENT, FRANKFURT, "rds", "DescribeDBInstances"),
        (DEVELOPMENT, VIRGINIA, "backup", "GetBackupSelection"),
        (DEVELOPMENT, VIRGINIA, "backup", "GetBackupVaultNotifications"),
        (DEVELOPMENT, VIRGINIA, "backup", "ListBackupJobs"),
        (DEVELOPMENT, VIRGINIA, "kms", "DescribeKey"),
        (DEVELOPMENT, VIRGINIA, "backup", "ListRecoveryPointsByBackupVault"),
        (MANAGEMENT, VIRGINIA, "backup", "GetBackupPlan"),
        (MANAGEMENT, VIRGINIA, "backup", "GetBackupVaultAccessPolicy"),
    }


def test_other_errors_of_the_walk_are_answers(walk: Any) -> None:
    errors = {(key[3], answer) for key, answer in walk.answers.items() if isinstance(answer, str)}
    assert {error for error in errors if "AccessDenied" not in error[1]} == {
        ("GetBackupVaultAccessPolicy", "ResourceNotFoundException"),
        ("GetBackupVaultNotifications", "ResourceNotFoundException"),
        ("GetBucketTagging", "NoSuchTagSet"),
        ("GetRole", "NoSuchEntity"),
        ("DescribeEffectivePolicy", "EffectivePolicyNotFoundException"),
    }


_MISSING: list[tuple[str, dict[str, str]]] = [
    ("DescribeBackupVault", {"BackupVaultName": "nowhere"}),
    ("GetBackupVaultAccessPolicy", {"BackupVaultName": "nowhere"}),
    ("GetBackupVaultNotifications", {"BackupVaultName": "nowhere"}),
    ("ListRecoveryPointsByBackupVault", {"BackupVaultName": "nowhere"}),
    ("DescribeRecoveryPoint", {"BackupVaultName": "production-gold", "RecoveryPointArn": "arn:aws:x:::y/z"}),
    ("DescribeProtectedResource", {"ResourceArn": "arn:aws:ec2:eu-west-1:333333333333:volume/vol-none"}),
    ("GetBackupPlan", {"BackupPlanId": "orgs/none"}),
    ("ListBackupSelections", {"BackupPlanId": "none"}),
    ("GetBackupSelection", {"BackupPlanId": "none", "SelectionId": "none"}),
    ("DescribeBackupJob", {"BackupJobId": "none"}),
    ("GetRestoreTestingPlan", {"RestoreTestingPlanName": "none"}),
    ("ListRestoreTestingSelections", {"RestoreTestingPlanName": "none"}),
    (
        "GetRestoreTestingSelection",
        {"RestoreTestingPlanName": "weekly", "RestoreTestingSelectionName": "none"},
    ),
    ("GetLegalHold", {"LegalHoldId": "none"}),
    ("DescribeFramework", {"FrameworkName": "none"}),
    ("DescribeReportPlan", {"ReportPlanName": "none"}),
    ("GetTieringConfiguration", {"TieringConfigurationName": "none"}),
]


@pytest.mark.parametrize(("operation", "parameters"), _MISSING)
def test_what_does_not_exist_is_not_found(walker: Any, operation: str, parameters: dict[str, str]) -> None:
    backup = walker.client(PRODUCTION, "backup", IRELAND)
    assert _error(backup, operation, **parameters) == ("ResourceNotFoundException", 400)


def test_organizations_answers_the_management_account_and_its_delegate_only(walker: Any) -> None:
    organisation = walker.client(PRODUCTION, "organizations", VIRGINIA)
    assert _error(organisation, "ListAccounts") == ("AccessDeniedException", 400)
    assert organisation.describe_organization()["Organization"]["MasterAccountId"] == MANAGEMENT
    delegate = walker.client(CENTRAL, "organizations", VIRGINIA)
    assert delegate.list_accounts()["Accounts"]


def test_keys_of_other_accounts_show_themselves_only_where_shared(walker: Any) -> None:
    def key(alias: str) -> str:
        aliases = walker.every(PRODUCTION, IRELAND, "kms", "ListAliases", "Marker", "NextMarker", "Aliases")
        (found,) = [one for one in aliases if one["AliasName"] == alias]
        return f"arn:aws:kms:{IRELAND}:{PRODUCTION}:key/{found['TargetKeyId']}"

    central = walker.client(CENTRAL, "kms", IRELAND)
    shared = central.describe_key(KeyId=key("alias/production-data"))["KeyMetadata"]
    assert (shared["AWSAccountId"], shared["KeyManager"]) == (PRODUCTION, "CUSTOMER")
    assert _error(central, "DescribeKey", KeyId=key("alias/production-private"))[0] == "AccessDeniedException"
    assert _error(central, "DescribeKey", KeyId=key("alias/aws/ebs"))[0] == "AccessDeniedException"
    elsewhere = walker.client(PRODUCTION, "kms", FRANKFURT)
    assert _error(elsewhere, "DescribeKey", KeyId=key("alias/production-data"))[0] == "NotFoundException"


def test_every_readable_account_is_who_it_is(walk: Any) -> None:
    for account in READABLE:
        key = (account, IRELAND, "sts", "GetCallerIdentity", "[]")
        assert walk.answers[key]["Account"] == account


@pytest.mark.parametrize("protocol", ["query", "ec2", "rest-xml", "rest-json", "json"])
def test_every_protocol_has_its_refusals(protocol: str) -> None:
    call = Call(PRODUCTION, "arn:caller", IRELAND, "efs", "DescribeFileSystems", {})
    assert "elasticfilesystem:DescribeFileSystems" in str(denied(call, protocol))
    assert unknown_key(protocol).status >= 400
    assert "xpired" in expired(protocol).code
