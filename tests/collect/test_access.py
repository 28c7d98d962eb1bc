"""`audit check`: what can be read before the first scan, and what to do about the rest."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from scanner.app import access as app
from scanner.app.access import access_document
from scanner.cli.commands import audit
from scanner.collect.access import GLOBAL_SAMPLES, SAMPLES, check_access
from scanner.collect.request import CollectRequest
from scanner.collect.shard_reader import GLOBAL_STEPS, REGION_STEPS
from scanner.errors import EndpointError, UsageError
from scanner.model.access import AccessReport, AccessResult, AccessRow, AccessStep
from tests.collect.conftest import HASTY
from tests.fakes.aws import CALLER, SECRET, TOKEN, FakeAws, Request, assume, error, regions, xml_error

OTHER: Final = "222222222222"
REQUEST: Final = CollectRequest(organization=True, regions=("eu-west-1", "us-east-1"), retries=HASTY)
SCHEMA: Final = json.loads(
    (Path(__file__).parents[2] / "docs/schema/access.schema.json").read_text(encoding="utf-8")
)


@pytest.fixture
def organization(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> FakeAws:
    """An organization of two accounts that lets itself be read."""
    monkeypatch.setattr(app, "_RETRIES", HASTY)
    rows = [
        {"Id": account, "Status": "ACTIVE", "Arn": f"arn:aws:organizations::1:account/o-1/{account}"}
        for account in (CALLER, OTHER)
    ]
    aws.script |= {
        "organizations:DescribeOrganization": {"Organization": {"Id": "o-1", "MasterAccountId": CALLER}},
        "organizations:ListAccounts": {"Accounts": rows},
        "organizations:ListRoots": {"Roots": [{"Id": "r-1"}]},
        "organizations:ListAccountsForParent": {"Accounts": rows},
        "ec2:DescribeRegions": regions("eu-west-1", "us-east-1"),
    }
    return aws


def rows_of(report: AccessReport, *results: AccessResult) -> dict[tuple[str, str], AccessRow]:
    return {(row.account, row.operation): row for row in report.rows if row.result in results}


def missing(report: AccessReport) -> dict[tuple[str, str], AccessRow]:
    return rows_of(report, AccessResult.DENIED, AccessResult.UNKNOWN)


def for_other(reply: Any, otherwise: Any = None) -> Any:
    def script(request: Request) -> Any:
        return reply if request.account == OTHER else {} if otherwise is None else otherwise

    return script


def test_every_service_that_a_scan_reads_is_sampled() -> None:
    services = {operation.partition(":")[0] for operation in (*SAMPLES, *GLOBAL_SAMPLES)}
    steps = {service for service, _ in (*REGION_STEPS, *GLOBAL_STEPS)}
    read = {*steps, "s3", "kms"} - {"organizations"}
    assert services == read


def test_everything_can_be_read(organization: FakeAws) -> None:
    report = check_access(REQUEST)
    assert (report.is_complete, missing(report)) == (True, {})
    assert (report.caller_account, report.accounts) == (CALLER, (CALLER, OTHER))
    assert next(row.step for row in report.rows if row.account == OTHER) is AccessStep.ROLE
    for account in (CALLER, OTHER):
        asked = {request.key for request in organization.requests if request.account == account}
        assert set(SAMPLES) - {"dsql:ListClusters"} <= asked
    per_account = [request for request in organization.requests if request.account == OTHER]
    assert len(per_account) <= len(SAMPLES) + len(GLOBAL_SAMPLES) + 2  # Regions, and the effective policy
    assert not {request.region for request in per_account} - {"us-east-1", "eu-west-1"}


def test_an_account_whose_role_cannot_be_assumed(organization: FakeAws) -> None:
    organization.script["sts:AssumeRole"] = xml_error("AccessDenied", 403)
    report = check_access(REQUEST)
    (row,) = missing(report).values()
    assert (row.step, row.account, row.result) == (AccessStep.ROLE, OTHER, AccessResult.DENIED)
    assert f"audit policy --part trust --role-name VaultproofReadOnly --trusted-principal {CALLER}" in row.fix
    assert json.loads(row.statement)["Resource"] == "arn:aws:iam::*:role/VaultproofReadOnly"
    assert not [each for each in report.rows if each.account == OTHER and each.step is AccessStep.READ]
    assert not report.is_complete


@pytest.mark.parametrize(
    ("message", "advice"),
    [
        ("... with an explicit deny in a service control policy", "The service control policy denies"),
        (
            "... because no identity-based policy allows the sts:AssumeRole action",
            "audit policy --part caller",
        ),
        ("... because no role trust policy allows the sts:AssumeRole action", "audit policy --part trust"),
        (
            "The requested DurationSeconds exceeds the 1 hour session limit for role chaining",
            "scope.session_seconds",
        ),
    ],
)
def test_the_fix_of_a_role_follows_what_aws_says(organization: FakeAws, message: str, advice: str) -> None:
    code = "ValidationError" if "Duration" in message else "AccessDenied"
    organization.script["sts:AssumeRole"] = xml_error(code, 403, message)
    (row,) = missing(check_access(REQUEST)).values()
    assert advice in row.fix


def test_a_refused_read_names_the_statement_and_a_throttled_one_is_no_refusal(organization: FakeAws) -> None:
    denied = "User: r is not authorized to perform: backup:ListBackupVaults because no identity-based policy"
    organization.script |= {
        "backup:ListBackupVaults": for_other(error("AccessDeniedException", 403, denied)),
        "dynamodb:ListTables": for_other(error("ThrottlingException")),
        "eks:ListClusters": for_other(error("ServerException", 500)),
        "kms:ListAliases": for_other(
            error("AccessDeniedException", 400, "with an explicit deny in a service control policy")
        ),
    }
    found = missing(check_access(REQUEST))
    assert {account for account, _ in found} == {OTHER}
    by_operation = {operation: row for (_, operation), row in found.items()}
    assert {name: row.result for name, row in by_operation.items()} == {
        "backup:ListBackupVaults": AccessResult.DENIED,
        "dynamodb:ListTables": AccessResult.UNKNOWN,
        "eks:ListClusters": AccessResult.UNKNOWN,
        "kms:ListAliases": AccessResult.DENIED,
    }
    vaults = by_operation["backup:ListBackupVaults"]
    assert json.loads(vaults.statement)["Action"] == ["backup:ListBackupVaults"]
    assert f"arn:aws:iam::{OTHER}:role/VaultproofReadOnly" in vaults.fix
    assert "says nothing about permissions" in by_operation["dynamodb:ListTables"].fix
    assert by_operation["dynamodb:ListTables"].statement == ""
    assert "service control policy denies kms:ListAliases" in by_operation["kms:ListAliases"].fix


def test_expired_credentials_are_no_refusal(organization: FakeAws) -> None:
    organization.script["rds:DescribeDBInstances"] = for_other(xml_error("ExpiredToken", 403), b"<x/>")
    (row,) = (each for each in missing(check_access(REQUEST)).values() if each.account == OTHER)
    assert (row.result, "Log in again" in row.fix) == (AccessResult.UNKNOWN, True)


def test_an_organization_that_cannot_be_listed(organization: FakeAws) -> None:
    organization.script["organizations:ListAccounts"] = error("AccessDeniedException", 403)
    report = check_access(REQUEST)
    (row,) = missing(report).values()
    assert (row.step, row.operation) == (AccessStep.ORGANIZATION, "organizations:ListAccounts")
    assert "management account" in row.fix
    assert (report.accounts, report.is_complete) == ((), False)


def test_what_was_named_wrongly_is_an_error(organization: FakeAws) -> None:
    assert organization
    with pytest.raises(UsageError, match="333333333333"):
        check_access(replace(REQUEST, accounts=("333333333333",)))


def test_no_network_is_an_error(organization: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    assert organization
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(EndpointError, match=r"127\.0\.0\.1:9"):
        check_access(REQUEST)


def test_a_region_that_the_account_has_not_enabled_is_not_called(organization: FakeAws) -> None:
    organization.script["ec2:DescribeRegions"] = for_other(
        regions("eu-central-1", disabled=("eu-west-1", "us-east-1")), regions("eu-west-1", "us-east-1")
    )
    report = check_access(REQUEST)
    skipped = [row for row in report.rows if row.account == OTHER and row.result is AccessResult.SKIPPED]
    assert {row.operation for row in skipped} == set(SAMPLES)
    assert report.is_complete


def test_one_account_needs_no_organization_and_no_role(organization: FakeAws) -> None:
    report = check_access(replace(REQUEST, organization=False))
    assert report.is_complete
    assert {row.step for row in report.rows} == {AccessStep.IDENTITY, AccessStep.READ}
    assert not organization.asked("sts:AssumeRole")
    assert not organization.asked("organizations:DescribeEffectivePolicy")


def test_the_command_prints_a_table_or_json_and_ends_with_0_or_4(organization: FakeAws) -> None:
    words = ["check", "--org", "--region", "eu-west-1", "--quiet"]
    done = CliRunner().invoke(audit, words)
    assert (done.exit_code, "Everything that was checked can be read" in done.stdout) == (0, True)

    organization.script["sts:AssumeRole"] = lambda request: (
        xml_error("AccessDenied", 403) if OTHER in request.parameters["RoleArn"] else assume(request)
    )
    done = CliRunner().invoke(audit, words)
    assert done.exit_code == 4
    assert "1 of 1 accounts could not be entered" in done.stdout
    done = CliRunner().invoke(audit, [*words, "--format", "json"])
    document = json.loads(done.stdout)
    Draft202012Validator(SCHEMA).validate(document)
    assert (done.exit_code, document["complete"], document["counts"]["denied"]) == (4, False, 1)


def test_no_credential_is_printed(organization: FakeAws) -> None:
    assert organization
    text = json.dumps(access_document(check_access(REQUEST)))
    assert not [secret for secret in (SECRET, TOKEN, "base-secret", "BASE") if secret in text]
