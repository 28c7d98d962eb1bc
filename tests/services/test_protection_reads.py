"""What configures or proves protection is asked for where the lists leave something out, and nowhere else."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tests.fakes.aws import CALLER, FakeAws, error, xml


def asked(lines: list[dict[str, Any]], *operations: str) -> list[tuple[str, ...]]:
    """Give operation and parameters, less page sizes, of the lines of these operations."""
    return [
        (
            line["operation"],
            *(str(v) for k, v in line["parameters"].items() if k not in ("MaxResults", "MaxItems")),
        )
        for line in lines
        if line["operation"] in operations
    ]


def test_only_vaults_of_whom_the_list_leaves_something_out_are_described(
    aws: FakeAws, scan: Callable[..., Any]
) -> None:
    aws.script["backup:ListBackupVaults"] = {
        "BackupVaultList": [
            {"BackupVaultName": "plain", "VaultType": "BACKUP_VAULT"},
            {"BackupVaultName": "untold"},
            {"BackupVaultName": "gapped", "VaultType": "LOGICALLY_AIR_GAPPED_BACKUP_VAULT"},
            {"BackupVaultName": "restore", "VaultType": "RESTORE_ACCESS_BACKUP_VAULT"},
        ]
    }
    lines = scan().lines(CALLER, "eu-west-1")
    assert asked(lines, "DescribeBackupVault") == [
        ("DescribeBackupVault", "gapped"),
        ("DescribeBackupVault", "restore"),
    ]


def test_restore_testing_is_read_with_its_selections_and_without_its_metadata(
    aws: FakeAws, scan: Callable[..., Any]
) -> None:
    aws.script |= {
        "backup:ListRestoreTestingPlans": {"RestoreTestingPlans": [{"RestoreTestingPlanName": "weekly"}]},
        "backup:ListRestoreTestingSelections": [
            {"RestoreTestingSelections": [{"RestoreTestingSelectionName": "ebs"}], "NextToken": "t"},
            {"RestoreTestingSelections": [{"RestoreTestingSelectionName": "fsx"}]},
        ],
        "backup:GetRestoreTestingSelection": {
            "RestoreTestingSelection": {"RestoreMetadataOverrides": {"password": "hunter2"}}
        },
    }
    done = scan()
    assert asked(done.lines(CALLER, "eu-west-1"), "GetRestoreTestingPlan", "GetRestoreTestingSelection") == [
        ("GetRestoreTestingPlan", "weekly"),
        ("GetRestoreTestingSelection", "weekly", "ebs"),
        ("GetRestoreTestingSelection", "weekly", "fsx"),
    ]
    assert b"hunter2" not in done.everything()


def test_holds_in_force_frameworks_and_tiering_are_described(aws: FakeAws, scan: Callable[..., Any]) -> None:
    aws.script |= {
        "backup:ListLegalHolds": {
            "LegalHolds": [
                {"LegalHoldId": "h-1", "Status": "ACTIVE"},
                {"LegalHoldId": "h-2", "Status": "CANCELED"},
                {"LegalHoldId": "h-3"},
                {"Status": "ACTIVE"},
            ]
        },
        "backup:ListFrameworks": [
            {"Frameworks": [{"FrameworkName": "one"}], "NextToken": "t"},
            {"Frameworks": [{"FrameworkName": "two"}]},
        ],
        "backup:ListTieringConfigurations": {
            "TieringConfigurations": [{"TieringConfigurationName": "cheap"}]
        },
        "backup:DescribeFramework": error("AccessDeniedException", 403),
    }
    done = scan()
    assert asked(
        done.lines(CALLER, "eu-west-1"), "GetLegalHold", "DescribeFramework", "GetTieringConfiguration"
    ) == [
        ("GetLegalHold", "h-1"),
        ("GetLegalHold", "h-3"),
        ("DescribeFramework", "one"),
        ("DescribeFramework", "two"),
        ("GetTieringConfiguration", "cheap"),
    ]
    assert done.status[CALLER, "eu-west-1"] == "partial"


def test_roles_are_one_list_whose_trust_policies_are_decoded(aws: FakeAws, scan: Callable[..., Any]) -> None:
    role = "<Role><RoleName>{}</RoleName><AssumeRolePolicyDocument>%7B%22Version%22%3A%22v%22%7D"
    role += "</AssumeRolePolicyDocument></Role>"
    aws.script["iam:ListRoles"] = [
        xml(
            f"<Roles>{role.format('a')}</Roles><IsTruncated>true</IsTruncated><Marker>m</Marker>", "ListRoles"
        ),
        xml(f"<Roles>{role.format('b')}</Roles><IsTruncated>false</IsTruncated>", "ListRoles"),
    ]
    lines = [line for line in scan().lines(CALLER, "aws-global") if line["service"] == "iam"]
    assert [line["parameters"] for line in lines] == [{"MaxItems": 1000}, {"MaxItems": 1000, "Marker": "m"}]
    for line in lines:
        assert line["response"]["Roles"][0]["AssumeRolePolicyDocument"] == {"Version": "v"}


def test_that_there_is_no_effective_policy_is_an_answer(aws: FakeAws, scan: Callable[..., Any]) -> None:
    for code in ("EffectivePolicyNotFoundException", "AWSOrganizationsNotInUseException"):
        aws.script["organizations:DescribeEffectivePolicy"] = error(code)
        assert scan().status[CALLER, "aws-global"] == "complete"
    (first, *_) = aws.asked("organizations:DescribeEffectivePolicy")
    assert first.parameters == {"PolicyType": "BACKUP_POLICY"}


def test_backup_policies_belong_to_the_organisations_file(aws: FakeAws, scan: Callable[..., Any]) -> None:
    aws.script |= {
        "organizations:DescribeOrganization": {"Organization": {"Id": "o-1", "MasterAccountId": CALLER}},
        "organizations:ListAccounts": {"Accounts": [{"Id": CALLER, "Status": "ACTIVE"}]},
        "organizations:ListPolicies": {"Policies": [{"Id": "p-1"}, {"Id": "p-2"}]},
    }
    lines = scan(organization=True).lines(CALLER, "org")
    policies = asked(lines, "ListPolicies", "DescribePolicy", "ListTargetsForPolicy")
    assert policies == [
        ("ListPolicies", "BACKUP_POLICY"),
        ("DescribePolicy", "p-1"),
        ("ListTargetsForPolicy", "p-1"),
        ("DescribePolicy", "p-2"),
        ("ListTargetsForPolicy", "p-2"),
    ]
    result = {line["operation"] for line in lines}
    assert result >= {"ListAWSServiceAccessForOrganization", "ListAccountsWithInvalidEffectivePolicy"}


def test_each_resource_of_its_own_is_asked_for_its_latest_restore(
    aws: FakeAws, scan: Callable[..., Any]
) -> None:
    own = f"arn:aws:ec2:eu-west-1:{CALLER}:volume/vol-1"
    bucket = "arn:aws:s3:::bucket"
    elsewhere = (own.replace(CALLER, "999999999999"), own.replace("eu-west-1", "us-east-1"))
    listed = (own, own, bucket, *elsewhere, "no ARN at all", "")
    aws.script["backup:ListProtectedResources"] = {"Results": [{"ResourceArn": arn} for arn in listed]}
    lines = scan().lines(CALLER, "eu-west-1")
    assert sorted(asked(lines, "DescribeProtectedResource")) == [
        ("DescribeProtectedResource", own),
        ("DescribeProtectedResource", bucket),
    ]


def test_only_continuous_recovery_points_that_were_scanned_are_asked_for_their_scan(
    aws: FakeAws, scan: Callable[..., Any]
) -> None:
    scanned = {"AggregatedScanResult": {"LastComputed": datetime(2026, 11, 20, tzinfo=UTC).timestamp()}}
    prefix = "arn:aws:backup:eu-west-1:111111111111:recovery-point:"
    aws.script |= {
        "backup:ListBackupVaults": {"BackupVaultList": [{"BackupVaultName": "main"}]},
        "backup:ListRecoveryPointsByBackupVault": {
            "RecoveryPoints": [
                {"RecoveryPointArn": f"{prefix}continuous:a", **scanned},
                {"RecoveryPointArn": f"{prefix}continuous:b"},
                {"RecoveryPointArn": f"{prefix}continuous:c", "AggregatedScanResult": {}},
                {"RecoveryPointArn": f"{prefix}d", **scanned},
            ]
        },
        "backup:GetPITRMalwareScanResults": {"ScanResult": {"ScanResultStatus": "NO_THREATS_FOUND"}},
    }
    lines = scan().lines(CALLER, "eu-west-1")
    (line,) = [line for line in lines if line["operation"] == "GetPITRMalwareScanResults"]
    assert line["parameters"] == {
        "RecoveryPointArn": f"{prefix}continuous:a",
        "BackupVaultName": "main",
        "ScanEndTime": "2026-11-20T00:00:00.000Z",
        "MalwareScanner": "GUARDDUTY",
    }
