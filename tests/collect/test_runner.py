import math
import os
import signal
import threading
import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from scanner.collect import credentials
from scanner.collect.request import CollectRequest, CutShortError, Interrupted
from scanner.collect.retry import RetryPolicy
from scanner.collect.runner import collect
from scanner.errors import CredentialsError, EmptyScopeError, EndpointError, UsageError
from scanner.evidence.answers import Answers
from scanner.evidence.reader import read_lines
from scanner.evidence.writer import rfc3339
from scanner.model.known import Gap, Known
from scanner.model.manifest import Excluded, Scope, ShardRecord
from scanner.model.names import AccountId, RegionName, Shard
from tests.fakes.aws import (
    CALLER,
    SECRET,
    TOKEN,
    Answer,
    FakeAws,
    Reply,
    Request,
    assume,
    bucket_list,
    error,
    regions,
    xml,
    xml_error,
)

OTHER = "222222222222"
KEY = f"arn:aws:kms:eu-west-1:{CALLER}:key/k-1"


def organization(aws: FakeAws, **statuses: str) -> None:
    accounts = [
        {
            "Id": account[1:],
            "Name": account,
            "Status": status,
            "Arn": f"arn:aws:organizations::1:account/o-1/{account[1:]}",
        }
        for account, status in statuses.items()
    ]
    aws.script["organizations:DescribeOrganization"] = {
        "Organization": {"Id": "o-1", "MasterAccountId": CALLER}
    }
    aws.script["organizations:ListAccounts"] = {"Accounts": accounts}
    aws.script["organizations:ListRoots"] = {"Roots": [{"Id": "r-1"}]}
    aws.script["organizations:ListOrganizationalUnitsForParent"] = lambda request: (
        {"OrganizationalUnits": [{"Id": "ou-a"}]} if request.parameters["ParentId"] == "r-1" else {}
    )
    aws.script["organizations:ListAccountsForParent"] = lambda request: {
        "Accounts": [
            row for row in accounts if (row["Id"] == OTHER) == (request.parameters["ParentId"] == "ou-a")
        ]
    }


def names(lines: list[dict[str, Any]]) -> list[str]:
    return [f"{line['service']}:{line['operation']}" for line in lines]


def test_one_account_is_read_with_the_callers_own_credentials(aws: FakeAws, scan: Callable[..., Any]) -> None:
    done = scan()
    assert done.status == {(CALLER, "aws-global"): "complete", (CALLER, "eu-west-1"): "complete"}
    assert names(done.lines(CALLER, "aws-global")) == [
        "sts:GetCallerIdentity",
        "ec2:DescribeRegions",
        "s3:ListBuckets",
        "iam:ListRoles",
        "organizations:DescribeEffectivePolicy",
    ]
    assert not aws.asked("sts:AssumeRole")
    assert done.collected.caller_arn == f"arn:aws:iam::{CALLER}:user/tester"
    assert done.collected.scope.accounts == (CALLER,)
    assert {request.key for request in aws.requests} >= {"kms:ListAliases", "ec2:DescribeVolumes"}


def test_everything_that_is_listed_is_asked_about_and_nothing_twice(
    aws: FakeAws, scan: Callable[..., Any]
) -> None:
    aws.script |= {
        "backup:ListBackupVaults": {
            "BackupVaultList": [
                {"BackupVaultName": "v 1", "EncryptionKeyArn": KEY},
                {"BackupVaultName": "v 1", "EncryptionKeyArn": "k-1"},
            ]
        },
        "backup:GetBackupVaultAccessPolicy": error("ResourceNotFoundException", 400),
        "backup:ListRecoveryPointsByBackupVault": {
            "RecoveryPoints": [
                {
                    "EncryptionKeyArn": "arn:aws:kms:eu-west-1:9:key/x",
                    "EncryptionKeyType": "AWS_OWNED_KMS_KEY",
                }
            ]
        },
        "backup:ListBackupPlans": {"BackupPlansList": [{"BackupPlanId": "orgs/p"}]},
        "backup:ListBackupSelections": {"BackupSelectionsList": [{"SelectionId": "s"}]},
        "dynamodb:ListTables": [
            {"TableNames": ["table-1"], "LastEvaluatedTableName": "table-1"},
            {"TableNames": ["table-2"]},
        ],
        "s3:ListBuckets": bucket_list({"here": "eu-west-1", "there": "us-east-1", "told": ""}),
        "s3:GetBucketLocation": b"<LocationConstraint>EU</LocationConstraint>",
        "kms:ListAliases": {"Aliases": [{"AliasName": "alias/a", "TargetKeyId": "k-2"}]},
        "kms:DescribeKey": lambda request: {
            "KeyMetadata": {
                "KeyId": request.parameters["KeyId"].rpartition("/")[2],
                "Arn": request.parameters["KeyId"],
                "KeyManager": "CUSTOMER",
            }
        },
        "s3:GetBucketEncryption": (
            b"<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>"
            b"<KMSMasterKeyID>alias/a</KMSMasterKeyID></ApplyServerSideEncryptionByDefault></Rule>"
            b"</ServerSideEncryptionConfiguration>"
        ),
    }
    done = scan()
    lines = done.lines(CALLER, "eu-west-1")
    details = [
        (line["operation"], *line["parameters"].values())
        for line in lines
        if line["operation"].startswith(("Get", "Describe"))
    ]
    assert {
        ("GetBackupVaultAccessPolicy", "v 1"),
        ("GetBackupVaultNotifications", "v 1"),
        ("GetBackupPlan", "orgs/p"),
        ("GetBackupSelection", "orgs/p", "s"),
        ("DescribeTable", "table-1"),
        ("DescribeTable", "table-2"),
        ("GetBucketVersioning", "here", CALLER),
        ("GetBucketVersioning", "told", CALLER),
        ("DescribeKey", KEY),
        ("DescribeKey", KEY[:-1] + "2"),
        ("GetKeyPolicy", KEY, "default"),
    } <= set(details)
    assert "there" not in str(lines)
    assert sum(line["operation"] == "DescribeKey" for line in lines) == 2
    of_buckets = [r for r in aws.requests if r.key.startswith("s3:") and r.key != "s3:ListBuckets"]
    assert len({request.key for request in of_buckets}) == 4
    assert {r.headers.get("x-amz-expected-bucket-owner") for r in of_buckets} == {CALLER}
    assert done.status[CALLER, "eu-west-1"] == "complete"
    asked = [(r.key, r.region, r.account, str(sorted(r.parameters.items()))) for r in aws.requests]
    assert len(asked) == len(set(asked))


def test_keys_of_an_account_outside_the_scope_are_asked_for_by_arn(
    aws: FakeAws, scan: Callable[..., Any]
) -> None:
    foreign = KEY.replace(CALLER, OTHER)
    aws.script["efs:DescribeFileSystems"] = {"FileSystems": [{"KmsKeyId": foreign}]}
    aws.script["kms:DescribeKey"] = {
        "KeyMetadata": {"KeyId": "k-1", "Arn": foreign, "KeyManager": "CUSTOMER"}
    }
    scan()
    assert [request.parameters for request in aws.asked("kms:DescribeKey")] == [{"KeyId": foreign}]
    assert not aws.asked("kms:GetKeyPolicy")


def test_the_whole_organisation(aws: FakeAws, scan: Callable[..., Any]) -> None:
    organization(aws, a111111111111="ACTIVE", a222222222222="ACTIVE", a333333333333="SUSPENDED")
    done = scan(organization=True, external_id="external-canary")
    assert done.status == {
        (CALLER, "org"): "complete",
        (CALLER, "aws-global"): "complete",
        (CALLER, "eu-west-1"): "complete",
        (OTHER, "aws-global"): "complete",
        (OTHER, "eu-west-1"): "complete",
    }
    scope = done.collected.scope
    assert (scope.accounts, scope.organization_id, scope.management_account) == (
        (CALLER, OTHER),
        "o-1",
        CALLER,
    )
    assert scope.excluded == (Excluded(AccountId("333333333333"), "the account is SUSPENDED"),)
    assert [row.ou_path for row in done.collected.accounts] == ["o-1/r-1", "o-1/r-1/ou-a", "o-1/r-1"]
    org = done.lines(CALLER, "org")
    assert {(line["account"], line["region"]) for line in org} == {
        (CALLER, "us-east-1"),
        (CALLER, "eu-west-1"),
    }
    assert "organizations:ListDelegatedAdministrators" in names(org)
    assert names(org)[-1] == "backup:DescribeGlobalSettings"
    (assumed,) = aws.asked("sts:AssumeRole")
    assert assumed.parameters["ExternalId"] == "external-canary"
    assert {r.account for r in aws.asked("backup:ListBackupPlans")} == {CALLER, OTHER}
    for secret in (SECRET, TOKEN, "external-canary", f"AKIA{OTHER}", "base-secret"):
        assert secret.encode() not in done.everything()


def test_a_role_that_cannot_be_assumed_is_data(aws: FakeAws, scan: Callable[..., Any]) -> None:
    organization(aws, a111111111111="ACTIVE", a222222222222="ACTIVE")
    aws.script["sts:AssumeRole"] = xml_error("AccessDenied", 403, "not you")
    done = scan(organization=True, external_id="external-canary")
    for region in ("aws-global", "eu-west-1"):
        assert done.status[OTHER, region] == "failed"
        (line,) = done.lines(OTHER, region)
        assert names([line]) == ["sts:AssumeRole"]
        assert line["parameters"] == {"RoleArn": f"arn:aws:iam::{OTHER}:role/VaultproofReadOnly"}
        assert line["error"] == {"code": "AccessDenied", "message": "not you", "status": 403, "attempts": 1}
    assert done.status[CALLER, "eu-west-1"] == "complete"
    assert not [request for request in aws.requests if request.account == OTHER]


def test_a_role_that_leads_elsewhere_is_never_used(aws: FakeAws, scan: Callable[..., Any]) -> None:
    aws.script["sts:AssumeRole"] = lambda request: assume(request).replace(b"222222222222", b"333333333333")
    done = scan(accounts=(OTHER,))
    assert done.lines(OTHER, "eu-west-1")[0]["error"]["code"] == "WrongAccount"
    assert {request.account for request in aws.requests} == {CALLER}


def test_what_belongs_to_no_account_of_the_scope_is_in_the_organisations_file(
    scan: Callable[..., Any],
) -> None:
    done = scan(accounts=(OTHER,))
    assert names(done.lines(CALLER, "org")) == ["sts:GetCallerIdentity", "ec2:DescribeRegions"]
    assert [line["account"] for line in done.lines(CALLER, "org")] == [CALLER, CALLER]
    assert (CALLER, "aws-global") not in done.status


def test_a_region_that_is_not_enabled_is_skipped(aws: FakeAws, scan: Callable[..., Any]) -> None:
    aws.script["ec2:DescribeRegions"] = regions("eu-west-1", disabled=["af-south-1"])
    done = scan(regions=("eu-west-1", "af-south-1"))
    assert done.status[CALLER, "af-south-1"] == "skipped"
    assert {request.region for request in aws.requests} == {"eu-west-1"}
    assert scan(regions=()).collected.scope.regions == ("eu-west-1",)


def test_a_denied_call_makes_the_shard_partial(aws: FakeAws, scan: Callable[..., Any]) -> None:
    aws.script["rds:DescribeDBClusters"] = xml_error("AccessDenied", 403)
    aws.script["ec2:DescribeRegions"] = Reply(
        b"<Response><Errors><Error><Code>UnauthorizedOperation</Code></Error></Errors></Response>", 403
    )
    done = scan()
    records = {row.region: row for row in done.collected.shards}
    assert (records["eu-west-1"].status.value, records["eu-west-1"].errors) == ("partial", 1)
    assert (records["aws-global"].status.value, records["aws-global"].errors) == ("partial", 1)
    assert len(aws.asked("ec2:DescribeRegions")) == 1


def test_a_throttled_account_does_not_slow_another(aws: FakeAws, scan: Callable[..., Any]) -> None:
    aws.script["backup:ListBackupPlans"] = lambda request: (
        error("ThrottlingException") if request.account == OTHER else {"BackupPlansList": []}
    )
    done = scan(accounts=(CALLER, OTHER))
    assert done.status[CALLER, "eu-west-1"] == "complete"
    assert done.status[OTHER, "eu-west-1"] == "partial"
    (line,) = [line for line in done.lines(OTHER, "eu-west-1") if "error" in line]
    assert (line["error"]["code"], line["error"]["attempts"]) == ("ThrottlingException", 3)


def test_many_threads_never_mix_accounts(
    aws: FakeAws, scan: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = tuple(f"{number:012d}" for number in range(100, 112))

    def plans(request: Request) -> Answer:
        time.sleep(0.002)
        return {"BackupPlansList": [{"BackupPlanId": request.account}]}

    aws.script["backup:ListBackupPlans"] = plans
    aws.script["sts:AssumeRole"] = assume
    monkeypatch.setattr(credentials, "_RENEW_BEFORE", math.inf)  # always renewed
    done = scan(accounts=accounts, concurrency=12)
    for account in accounts:
        answers = [
            line["response"]["BackupPlansList"][0]["BackupPlanId"]
            for line in done.lines(account, "eu-west-1")
            if line["operation"] == "ListBackupPlans"
        ]
        assert answers == [account]
    assert len(aws.asked("sts:AssumeRole")) > 12 * 20


@pytest.mark.parametrize("years", [-10, 0, 10])
def test_a_role_is_assumed_once_whatever_the_clock_says(aws: FakeAws, tmp_path: Path, years: int) -> None:
    ends = rfc3339(datetime.now(UTC) + timedelta(hours=1))
    aws.script["sts:AssumeRole"] = lambda request: assume(request, ends)
    request = CollectRequest(accounts=(AccountId(OTHER),), regions=(RegionName("eu-west-1"),))
    wrong = timedelta(days=365 * years)
    collected = collect(request, tmp_path, clock=lambda: datetime.now(UTC) + wrong)
    assert len(aws.asked("sts:AssumeRole")) == 1
    assert len([request for request in aws.requests if request.account == OTHER]) > 20
    assert collected.started_at < collected.finished_at


def test_a_clock_that_is_set_back_during_a_scan_changes_only_the_times(aws: FakeAws, tmp_path: Path) -> None:
    clocks = iter(datetime(2026, 11, 22, tzinfo=UTC) - timedelta(days=day) for day in count())
    lock = threading.Lock()

    def falling() -> datetime:
        with lock:
            return next(clocks)

    aws.script["sts:AssumeRole"] = assume
    request = CollectRequest(accounts=(AccountId(OTHER),), regions=(RegionName("eu-west-1"),))
    collected = collect(request, tmp_path, clock=falling)
    assert len(aws.asked("sts:AssumeRole")) == 1
    assert {shard.status.value for shard in collected.shards} == {"complete"}
    times = [
        datetime.fromisoformat(line.at)
        for shard in collected.shards
        if shard.file
        for line in read_lines(tmp_path, shard.file)
    ]
    assert times
    assert all(collected.started_at <= time_ <= collected.finished_at for time_ in times)


def test_credentials_that_end_in_the_middle_are_gaps(
    aws: FakeAws, scan: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = threading.Event()

    def assume_for_a_while(request: Request) -> Answer:
        return xml_error("ExpiredToken", 403) if ended.is_set() else assume(request)

    def end(_: Request) -> Answer:
        ended.set()
        return {}

    def until_the_end(_: Request) -> Answer:
        assert ended.wait(60)
        return {"TableNames": ["one"], "LastEvaluatedTableName": "one"}

    aws.script |= {"sts:AssumeRole": assume_for_a_while, "backup:ListBackupJobs": end}
    aws.script |= {"dynamodb:ListTables": until_the_end}  # its second page is asked for with no credentials
    monkeypatch.setattr(credentials, "_RENEW_BEFORE", math.inf)
    monkeypatch.setattr(credentials, "_LAST_USE", math.inf)
    done = scan(accounts=(OTHER,))
    lines = done.lines(OTHER, "eu-west-1")
    assert {line["error"]["code"] for line in lines if "error" in line} == {"ExpiredToken"}
    (jobs,) = [line for line in lines if line["operation"] == "ListBackupJobs"]
    assert "response" in jobs
    assert done.status[OTHER, "eu-west-1"] == "partial"


def test_sessions_that_end_before_their_time_are_renewed_in_the_middle(
    aws: FakeAws, scan: Callable[..., Any]
) -> None:
    """STS says that sessions last for years, and each is refused after five calls."""
    used: dict[str, int] = {}

    def assume_anew(request: Request) -> Answer:
        return assume(request, number=len(aws.asked("sts:AssumeRole")))

    def expiring(script: Any) -> Callable[[Request], Answer]:
        def answer(request: Request) -> Answer:
            used[request.access_key] = used.get(request.access_key, 0) + 1
            if request.account == OTHER and used[request.access_key] > 5:
                return error("ExpiredTokenException", 403)
            return script(request) if callable(script) else script  # type: ignore[no-any-return]

        return answer

    aws.script["sts:AssumeRole"] = assume_anew
    aws.script["dynamodb:ListTables"] = {"TableNames": [str(number) for number in range(40)]}
    aws.script["dynamodb:DescribeTable"] = expiring({"Table": {}})
    done = scan(accounts=(OTHER,), concurrency=1)
    assert done.status[OTHER, "eu-west-1"] == "complete"
    assert len(aws.asked("sts:AssumeRole")) == 8
    tables = [line for line in done.lines(OTHER, "eu-west-1") if line["operation"] == "DescribeTable"]
    assert len(tables) == 40
    assert all("response" in line for line in tables)


def test_own_credentials_are_read_again_when_they_expire(
    aws: FakeAws, scan: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def plans(request: Request) -> Answer:
        if request.access_key.endswith("BASE"):
            monkeypatch.setenv("AWS_ACCESS_KEY_ID", f"AKIA{CALLER}NEXT")
            return error("ExpiredTokenException", 403)
        return {}

    aws.script["backup:ListBackupPlans"] = plans
    assert scan().status[CALLER, "eu-west-1"] == "complete"
    assert [request.access_key[-4:] for request in aws.asked("backup:ListBackupPlans")] == ["BASE", "NEXT"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}, "No AWS credentials were found"),
        ({"AWS_SECRET_ACCESS_KEY": None}, "cannot be used: Partial credentials"),
        ({"AWS_PROFILE": "nowhere"}, r"cannot be used: The config profile \(nowhere\)"),
    ],
)
def test_no_usable_credentials(
    aws: FakeAws,
    scan: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, str | None],
    message: str,
) -> None:
    for name, value in change.items():
        monkeypatch.delenv(name) if value is None else monkeypatch.setenv(name, value)
    with pytest.raises(CredentialsError, match=message):
        scan()
    assert aws.requests == []


@pytest.mark.parametrize("code", ["ExpiredToken", "InvalidClientTokenId", "SignatureDoesNotMatch"])
def test_credentials_that_aws_refuses(aws: FakeAws, scan: Callable[..., Any], code: str) -> None:
    aws.script["sts:GetCallerIdentity"] = xml_error(code, 403, "The security token is bad.")
    with pytest.raises(CredentialsError, match=r"The security token is bad\. Log in again"):
        scan()


def test_an_endpoint_that_does_not_answer(scan: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(EndpointError, match=r"http://127\.0\.0\.1:1/ does not answer"):
        scan()


@pytest.mark.parametrize("answer", [b"<html>", Reply(b"<p/>", 503), xml("<Arn>x</Arn>")])
def test_an_endpoint_that_is_not_aws(aws: FakeAws, scan: Callable[..., Any], answer: Answer) -> None:
    aws.script["sts:GetCallerIdentity"] = answer
    with pytest.raises((EndpointError, CredentialsError), match="AWS_ENDPOINT_URL"):
        scan()


def test_an_organisation_that_may_not_be_listed(aws: FakeAws, scan: Callable[..., Any]) -> None:
    aws.script["organizations:ListAccounts"] = error("AccessDeniedException")
    with pytest.raises(CredentialsError, match="delegated administrator"):
        scan(organization=True)
    aws.script["organizations:ListAccounts"] = error("AWSOrganizationsNotInUseException")
    with pytest.raises(UsageError, match="Run without --org"):
        scan(organization=True)


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        (error("ServiceException", 500), EndpointError, "ListAccounts failed: ServiceException"),
        ({"Accounts": []}, UsageError, "returned no account"),
    ],
)
def test_an_organisation_without_a_list(
    aws: FakeAws, scan: Callable[..., Any], answer: Answer, kind: type[Exception], message: str
) -> None:
    aws.script["organizations:ListAccounts"] = answer
    with pytest.raises(kind, match=message):
        scan(organization=True)


def test_an_organisation_that_may_not_be_described(aws: FakeAws, scan: Callable[..., Any]) -> None:
    organization(aws, a111111111111="ACTIVE")
    aws.script["organizations:DescribeOrganization"] = error("AccessDeniedException")
    done = scan(organization=True)
    assert done.status[CALLER, "org"] == "partial"
    assert (done.collected.scope.organization_id, done.collected.scope.management_account) == ("o-1", None)
    assert [row.ou_path for row in done.collected.accounts] == ["o-1/r-1"]


def test_sts_that_throttles_is_asked_again(aws: FakeAws, scan: Callable[..., Any]) -> None:
    aws.script["sts:AssumeRole"] = lambda request: (
        xml_error("Throttling") if len(aws.asked("sts:AssumeRole")) == 1 else assume(request)
    )
    assert scan(accounts=(OTHER,)).status[OTHER, "eu-west-1"] == "complete"


def test_nothing_left_to_scan(aws: FakeAws, scan: Callable[..., Any]) -> None:
    organization(aws, a111111111111="ACTIVE")
    with pytest.raises(EmptyScopeError, match="111111111111: by contract"):
        scan(organization=True, excluded=(Excluded(AccountId(CALLER), "by contract"),))


def test_an_unknown_region(scan: Callable[..., Any]) -> None:
    with pytest.raises(UsageError, match=r"no Region 'eu-wst-1'.*Did you mean 'eu-west-1'"):
        scan(regions=("eu-wst-1",))


class Watch:
    """Keeps what it is told, and acts when a shard starts."""

    def __init__(self, on_start: Callable[[Shard], None] = lambda _: None) -> None:
        self.told: list[str] = []
        self.total = 0
        self.finished: list[ShardRecord] = []
        self.refusals: list[str] = []
        self._on_start = on_start

    def scope_known(self, scope: Scope, kept: Collection[Shard]) -> None:
        assert not kept
        self.total = len(scope.accounts) * (1 + len(scope.regions))

    def shard_started(self, shard: Shard) -> None:
        self._on_start(shard)

    def called(self, shard: Shard, operation: str, *, ok: bool) -> None:
        self.told.append(f"{shard.region} {operation} {ok}")

    def retried(self, shard: Shard, operation: str, code: str, delay: float) -> None:
        assert delay >= 0
        self.told.append(f"{shard.region} {operation} {code}")

    def account_not_entered(self, gap: Gap) -> None:
        self.refusals.append(gap.sentence())

    def shard_finished(self, record: ShardRecord) -> None:
        self.finished.append(record)


def test_the_evidence_of_a_scan_reads_back(aws: FakeAws, scan: Callable[..., Any]) -> None:
    aws.script["backup:ListBackupPlans"] = [
        {"BackupPlansList": [{"BackupPlanId": "p"}], "NextToken": "n"},
        error("AccessDeniedException", 403),
    ]
    done = scan()
    shard = Shard(AccountId(CALLER), RegionName("eu-west-1"))
    answers = Answers(shard, read_lines(done.folder, f"evidence/{CALLER}/eu-west-1.jsonl.gz"))
    assert isinstance(answers.read("ec2:DescribeVolumes"), Known)
    plans = answers.one("backup:ListBackupPlans")
    assert len(plans.pages) == 1
    assert plans.gap is not None
    assert plans.gap.code == "AccessDeniedException"


def test_progress_is_told(aws: FakeAws, tmp_path: Path) -> None:
    aws.script["ec2:DescribeRegions"] = regions("eu-west-1", disabled=["af-south-1"])
    aws.script["efs:DescribeFileSystems"] = [error("ThrottlingException"), {}]
    watch = Watch()
    request = CollectRequest(regions=("eu-west-1", "af-south-1"), retries=RetryPolicy(3, 0.001))
    done = collect(request, tmp_path, watch)
    assert watch.total == len(watch.finished) == 3
    assert set(watch.finished) == set(done.shards)
    assert "eu-west-1 efs:DescribeFileSystems ThrottlingException" in watch.told
    assert "eu-west-1 efs:DescribeFileSystems True" in watch.told
    assert rfc3339(done.started_at) <= rfc3339(done.finished_at)


def test_a_watcher_learns_once_that_an_account_could_not_be_entered(aws: FakeAws, tmp_path: Path) -> None:
    organization(aws, a111111111111="ACTIVE", a222222222222="ACTIVE")
    aws.script["sts:AssumeRole"] = xml_error("AccessDenied", 403, "not you")
    watch = Watch()
    collect(CollectRequest(organization=True, regions=("eu-west-1",)), tmp_path, watch)
    role = f"arn:aws:iam::{OTHER}:role/VaultproofReadOnly"
    assert watch.refusals == [
        f"Account {OTHER} could not be entered: sts:AssumeRole of {role} was refused (AccessDenied: not you)."
    ]


def test_ctrl_c_keeps_everything_and_does_not_wait(aws: FakeAws, tmp_path: Path) -> None:
    reached, answered = threading.Event(), threading.Event()

    def slow(_: Request) -> Answer:
        reached.set()
        time.sleep(20)
        answered.set()
        return {}

    def interrupt() -> None:
        reached.wait()
        os.kill(os.getpid(), signal.SIGINT)

    aws.script["rds:DescribeDBInstances"] = slow
    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(Interrupted) as caught:
        collect(CollectRequest(regions=("eu-west-1",)), tmp_path)
    assert not answered.is_set()
    status = {str(row.region): row for row in caught.value.collected.shards}
    assert status["aws-global"].status.value == "complete"
    assert status["eu-west-1"].status.value == "partial"
    assert status["eu-west-1"].calls > 0
    assert not list(tmp_path.rglob("*.part"))


def test_a_full_disk_ends_the_scan_with_what_there_is(
    aws: FakeAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert aws
    opened = Path.open

    def open_on_a_full_disk(path: Path, *arguments: Any, **options: Any) -> Any:
        full = path.name == "eu-west-1.jsonl.gz.part"
        return opened(Path("/dev/full") if full else path, *arguments, **options)

    monkeypatch.setattr(Path, "open", open_on_a_full_disk)
    with pytest.raises(CutShortError, match="the disk is full") as caught:
        collect(CollectRequest(regions=("eu-west-1",)), tmp_path)
    by_region = {str(row.region): row for row in caught.value.collected.shards}
    assert by_region["aws-global"].status.value in ("complete", "partial")
    assert (by_region["eu-west-1"].status.value, by_region["eu-west-1"].file) == ("failed", "")


@pytest.mark.parametrize(
    ("code", "status"),
    [("SignatureDoesNotMatch", 403), ("InvalidSignatureException", 400), ("RequestExpired", 400)],
)
def test_a_signature_of_another_time_points_at_the_clock(
    aws: FakeAws, scan: Callable[..., Any], code: str, status: int
) -> None:
    aws.script["sts:GetCallerIdentity"] = xml_error(code, status, "Signature expired: 20161130T1 is earlier")
    with pytest.raises(CredentialsError, match="Check the clock of this machine"):
        scan()
