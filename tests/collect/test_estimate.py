"""What --dry-run says would be called is what a scan calls."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from scanner.cli.commands import audit
from scanner.collect.estimate import estimate, plan, rehearse, slowest_seconds
from scanner.collect.request import CollectRequest
from scanner.collect.retry import RetryPolicy
from scanner.collect.runner import collect
from scanner.model.manifest import Scope
from scanner.model.names import AccountId, RegionName
from scanner.services.base import CallScope, Operation
from tests.fakes.aws import CALLER, FakeAws, regions

REQUEST = CollectRequest(regions=("eu-west-1", "af-south-1"), retries=RetryPolicy(1), concurrency=4)
SCOPE = Scope(
    accounts=tuple(AccountId(f"{number:012d}") for number in range(10)),
    regions=(RegionName("eu-west-1"), RegionName("us-east-1")),
)
ONCE = Operation("organizations", "ListAccounts", "organizations:ListAccounts", scope=CallScope.SCAN)
ACCOUNT = Operation("s3", "ListBuckets", "s3:ListAllMyBuckets", scope=CallScope.ACCOUNT)
LISTS = tuple(Operation("rds", f"List{number}", f"rds:List{number}") for number in range(5))
DETAIL = Operation("backup", "GetBackupSelection", "backup:GetBackupSelection", per="selection")
PLAN = plan((ONCE, ACCOUNT, *LISTS, DETAIL))


def test_where_and_how_often() -> None:
    scopes = {one.operation.name: (one.scope, one.per) for one in PLAN}
    assert scopes["ListAccounts"] == (CallScope.SCAN, "")
    assert scopes["ListBuckets"] == (CallScope.ACCOUNT, "")
    assert scopes["List0"] == (CallScope.REGION, "")
    assert scopes["GetBackupSelection"] == (CallScope.REGION, "selection")


def test_the_sum() -> None:
    caller, skipped = SCOPE.accounts[0], (SCOPE.regions[1],)
    found = estimate(SCOPE, caller, skipped, PLAN, scope_calls=3, concurrency=2, latency=0.5)
    assert (found.per_account, found.per_region) == (1, 5)
    assert found.calls == 3 + 10 * 1 + 19 * 5
    assert found.seconds == found.calls * 0.5 / 2
    elsewhere = estimate(SCOPE, AccountId("9" * 12), skipped, PLAN, scope_calls=3, concurrency=2)
    assert elsewhere.calls == 3 + 10 + 20 * 5


def test_rates_make_it_last() -> None:
    many = tuple(Operation("backup", f"List{number}", "") for number in range(150))
    assert slowest_seconds(many[:50]) == 0
    assert slowest_seconds(many) == (150 - 50) / 50


def test_what_is_planned_is_what_is_asked(aws: FakeAws, tmp_path: Path) -> None:
    aws.script["ec2:DescribeRegions"] = regions("eu-west-1", disabled=["af-south-1"])
    found = rehearse(REQUEST)
    assert [request.key for request in aws.requests] == ["sts:GetCallerIdentity", "ec2:DescribeRegions"]
    assert found.skipped == ("af-south-1",)
    assert list(tmp_path.iterdir()) == []
    collect(REQUEST, tmp_path)
    asked = {request.key for request in aws.requests}
    places = {one.operation.key: one for one in found.operations}
    fixed = {key for key, one in places.items() if one.scope is not CallScope.SCAN and not one.per}
    # The caller's account needs no role; nothing that is only there per something was listed.
    assert fixed - asked == {"sts:AssumeRole"}
    assert asked - fixed == set()
    assert found.calls >= len(aws.requests) - 2


def test_the_command(aws: FakeAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    aws.script["ec2:DescribeRegions"] = regions("eu-west-1", disabled=["af-south-1"])
    options = ["--region", "eu-west-1", "--region", "af-south-1", "--out", "scan", "-q"]
    done = CliRunner().invoke(audit, ["run", "--dry-run", *options])
    assert done.exit_code == 0, done.output
    assert f"Accounts (1): {CALLER}" in done.stdout
    assert f"skipped in {CALLER}, where they are not enabled: af-south-1" in done.stdout
    assert "s3:ListAllMyBuckets" in done.stdout
    assert "an estimate that assumes 0.1 s per call" in done.stdout
    assert "Keys that belong to another account are read there at the end" in done.stdout
    assert list(tmp_path.iterdir()) == []
    refused = CliRunner().invoke(audit, ["run", "--dry-run", "--resume", "scan"])
    assert refused.exit_code == 2
