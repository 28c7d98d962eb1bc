"""China and GovCloud: Regions, endpoints, ARNs; and who may start a scan of an organisation."""

from collections.abc import Callable
from typing import Any

import pytest

from scanner.collect.clients import Clients
from scanner.collect.credentials import CredentialStore
from scanner.collect.session import home_region, open_session
from scanner.errors import CredentialsError, UsageError
from scanner.model.names import RegionName
from scanner.services.catalogue import OPERATIONS
from tests.fakes.aws import CALLER, FakeAws, Request, regions, xml, xml_error

OTHER = "222222222222"


def in_partition(aws: FakeAws, partition: str, *names: str) -> None:
    """Let the fake be of a partition: what it says of itself, and the Regions that it has."""

    def identity(request: Request) -> bytes:
        arn = f"arn:{partition}:iam::{request.account}:user/tester"
        return xml(f"<Arn>{arn}</Arn><Account>{request.account}</Account>", "GetCallerIdentity")

    aws.script["sts:GetCallerIdentity"] = identity
    aws.script["ec2:DescribeRegions"] = regions(*names)


def organization(aws: FakeAws, management: str) -> None:
    rows = [
        {
            "Id": account,
            "Status": "ACTIVE",
            "Arn": f"arn:aws:organizations::{management}:account/o-1/{account}",
        }
        for account in (CALLER, OTHER)
    ]
    aws.script |= {
        "organizations:DescribeOrganization": {"Organization": {"Id": "o-1", "MasterAccountId": management}},
        "organizations:ListAccounts": {"Accounts": rows},
        "organizations:ListRoots": {"Roots": [{"Id": "r-1"}]},
        "organizations:ListOrganizationalUnitsForParent": lambda request: (
            {"OrganizationalUnits": [{"Id": "ou-a"}]} if request.parameters["ParentId"] == "r-1" else {}
        ),
        "organizations:ListAccountsForParent": lambda request: {
            "Accounts": [
                row for row in rows if (row["Id"] == OTHER) == (request.parameters["ParentId"] == "ou-a")
            ]
        },
    }


@pytest.mark.parametrize(
    ("partition", "region", "organizations_region"),
    [
        ("aws-cn", "cn-north-1", "cn-northwest-1"),
        ("aws-us-gov", "us-gov-east-1", "us-gov-west-1"),
        ("aws", "eu-central-1", "us-east-1"),
    ],
)
def test_a_scan_stays_in_its_partition(
    aws: FakeAws, scan: Callable[..., Any], partition: str, region: str, organizations_region: str
) -> None:
    in_partition(aws, partition, region)
    organization(aws, CALLER)
    done = scan(organization=True, regions=(region,), external_id="external-1")
    assert done.status[OTHER, region] in {"complete", "partial"}
    (assumed,) = aws.asked("sts:AssumeRole")
    assert assumed.parameters["RoleArn"] == f"arn:{partition}:iam::{OTHER}:role/VaultproofReadOnly"
    assert {one.region for one in aws.requests if one.key.startswith("sts:")} == {region}
    assert {one.region for one in aws.asked("organizations:ListAccounts")} == {organizations_region}
    elsewhere = {
        one.region for one in aws.requests if one.key.split(":")[0] not in {"organizations", "iam"}
    } - {region}
    assert elsewhere == set()


@pytest.mark.parametrize(
    ("configured", "asked", "home"),
    [
        (None, (), "us-east-1"),
        ("eu-west-1", (), "eu-west-1"),
        ("eu-west-1", ("us-east-2",), "eu-west-1"),
        (None, ("eu-west-2", "eu-west-1"), "eu-west-2"),
        (None, ("cn-northwest-1",), "cn-northwest-1"),
        ("us-east-1", ("cn-north-1",), "cn-north-1"),
        ("us-gov-west-1", ("us-gov-east-1",), "us-gov-west-1"),
        (None, ("cn-nroth-1",), "cn-north-1"),
        ("eu-west-1", ("us-gov-wset-1",), "us-gov-west-1"),
        (None, ("eu-wset-1",), "us-east-1"),
        (None, ("eusc-de-east-1",), "eusc-de-east-1"),
    ],
)
def test_the_home_region(
    aws: FakeAws, monkeypatch: pytest.MonkeyPatch, configured: str | None, asked: tuple[str, ...], home: str
) -> None:
    assert aws  # it sees to it that no variable of this machine is set
    if configured:
        monkeypatch.setenv("AWS_DEFAULT_REGION", configured)
    assert home_region(open_session(None), asked) == home


@pytest.mark.parametrize(
    ("service", "region", "endpoint"),
    [
        ("sts", "eu-central-1", "https://sts.eu-central-1.amazonaws.com"),
        ("sts", "us-east-1", "https://sts.us-east-1.amazonaws.com"),
        ("sts", "cn-north-1", "https://sts.cn-north-1.amazonaws.com.cn"),
        ("sts", "us-gov-west-1", "https://sts.us-gov-west-1.amazonaws.com"),
        ("organizations", "cn-northwest-1", "https://organizations.cn-northwest-1.amazonaws.com.cn"),
        ("organizations", "us-gov-west-1", "https://organizations.us-gov-west-1.amazonaws.com"),
    ],
)
def test_endpoints(
    aws: FakeAws, monkeypatch: pytest.MonkeyPatch, service: str, region: str, endpoint: str
) -> None:
    assert aws
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv("AWS_STS_REGIONAL_ENDPOINTS", "legacy")
    clients = Clients(open_session(None), CredentialStore(), frozenset(OPERATIONS), 1)
    assert clients.of(service, RegionName(region)).meta.endpoint_url == endpoint


def test_regions_of_another_partition(aws: FakeAws, scan: Callable[..., Any]) -> None:
    in_partition(aws, "aws-cn", "cn-north-1", "cn-northwest-1")
    with pytest.raises(UsageError, match="no Region 'us-east-1' in partition aws-cn"):
        scan(regions=("cn-north-1", "us-east-1"))


def test_all_regions_of_china(
    aws: FakeAws, scan: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "cn-north-1")
    in_partition(aws, "aws-cn", "cn-north-1", "cn-northwest-1")
    assert scan(regions=()).collected.scope.regions == ("cn-north-1", "cn-northwest-1")


def test_credentials_of_another_partition(aws: FakeAws, scan: Callable[..., Any]) -> None:
    aws.script["sts:GetCallerIdentity"] = xml_error("InvalidClientTokenId", 403, "The token is invalid.")
    with pytest.raises(CredentialsError, match=r"tried in us-east-1; those of China or GovCloud .* --region"):
        scan(regions=())
    with pytest.raises(CredentialsError, match=r"tried in cn-north-1\.$"):
        scan(regions=("cn-north-1",))


def test_the_management_account_is_read_without_a_role(aws: FakeAws, scan: Callable[..., Any]) -> None:
    organization(aws, CALLER)
    done = scan(organization=True)
    assert done.collected.scope.management_account == CALLER
    assert [one.parameters["RoleArn"].split(":")[4] for one in aws.asked("sts:AssumeRole")] == [OTHER]
    assert {one.account for one in aws.asked("backup:ListBackupPlans")} == {CALLER, OTHER}


def test_a_delegated_administrator_enters_the_management_account_by_its_role(
    aws: FakeAws, scan: Callable[..., Any]
) -> None:
    organization(aws, OTHER)
    done = scan(organization=True)
    assert done.collected.scope.management_account == OTHER
    assert {one.account for one in aws.asked("organizations:ListAccounts")} == {CALLER}
    assert [one.parameters["RoleArn"].split(":")[4] for one in aws.asked("sts:AssumeRole")] == [OTHER]
    assert {one.account for one in aws.asked("backup:ListBackupPlans")} == {CALLER, OTHER}


@pytest.mark.parametrize(
    ("narrowed", "accounts"),
    [({"organizational_units": ("ou-a",)}, {OTHER}), ({"accounts": (CALLER,)}, {CALLER})],
)
def test_what_is_not_asked_for_is_not_entered(
    aws: FakeAws, scan: Callable[..., Any], narrowed: dict[str, Any], accounts: set[str]
) -> None:
    organization(aws, CALLER)
    done = scan(organization=True, regions=("eu-central-1",), **narrowed)
    assert set(done.collected.scope.accounts) == accounts
    read = [one for one in aws.requests if one.key.split(":")[0] in {"backup", "s3", "rds"}]
    assert {one.account for one in read if one.key != "backup:DescribeGlobalSettings"} == accounts
    assert {one.region for one in aws.asked("backup:ListBackupPlans")} == {"eu-central-1"}
