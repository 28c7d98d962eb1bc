"""What AWS accepts in part is sent again, what it refuses is a sentence; accounts have their own keys."""

from typing import Any

import boto3
import orjson
import pytest
from botocore.exceptions import ClientError, NoRegionError
from moto import mock_aws

from scanner.model.notification import Call, DeliveryStatus, SecurityHubTarget, Targets
from scanner.notify.event import event_call
from scanner.notify.sending import SECURITY_HUB, NotSentError, Sender, deliver, notify
from tests.notify.conftest import ACCOUNT, REGION, summary_with

OTHER = "222222222222"
ROLE = "VaultproofSecurityHub"


def finding(number: int, account: str = ACCOUNT, region: str = REGION, **more: Any) -> dict[str, Any]:
    arn = f"arn:aws:securityhub:{region}:{account}:product/{account}/default"
    return {
        "SchemaVersion": "2018-10-08",
        "Id": f"vaultproof/{number}",
        "ProductArn": arn,
        "GeneratorId": "vaultproof/a-control",
        "AwsAccountId": account,
        "CreatedAt": "2026-11-01T00:00:00Z",
        "UpdatedAt": "2026-11-22T00:00:00Z",
        "Title": "A title",
        "Description": "A description",
        "Resources": [{"Type": "Other", "Id": "x"}],
        **more,
    }


def imported(account: str = ACCOUNT, region: str = REGION) -> list[str]:
    from moto.securityhub.models import securityhub_backends  # noqa: PLC0415 -- within the simulation

    return [each.id for each in securityhub_backends[account][region].findings]


def batch(*findings: dict[str, Any]) -> bytes:
    return orjson.dumps(findings)


class Scripted:
    """A client whose answers are scripted; it remembers what it was sent."""

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)
        self.sent: list[list[str]] = []

    def batch_import_findings(self, Findings: list[dict[str, Any]]) -> Any:  # noqa: N803 -- boto3's name
        self.sent.append([each["Id"] for each in Findings])
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def put_events(self, Entries: list[dict[str, Any]]) -> Any:  # noqa: N803 -- boto3's name
        self.sent.append([each["Source"] for each in Entries])
        return self._answers.pop(0)


def sender_of(client: Scripted, waits: list[float] | None = None) -> Sender:
    class OfClient(Sender):
        def _client(self, call: Call) -> Any:
            assert call
            return client

    return OfClient(sleep=(waits if waits is not None else []).append)


def failed(code: str, *ids: str) -> dict[str, Any]:
    return {"FailedCount": len(ids), "FailedFindings": [{"Id": each, "ErrorCode": code} for each in ids]}


def import_of(*numbers: int) -> Call:
    return Call(
        target=SECURITY_HUB,
        service="securityhub",
        operation="BatchImportFindings",
        parameters={"Findings": [finding(number) for number in numbers]},
        region=REGION,
        account=ACCOUNT,
    )


def test_only_what_was_throttled_is_sent_again() -> None:
    client = Scripted(failed("ThrottlingException", "vaultproof/2"), failed("InternalException"))
    waits: list[float] = []
    assert sender_of(client, waits).send(import_of(1, 2, 3)) == 3
    assert client.sent == [["vaultproof/1", "vaultproof/2", "vaultproof/3"], ["vaultproof/2"]]
    assert waits == [1.0]


def test_what_is_throttled_again_and_again_is_reported() -> None:
    client = Scripted(*[failed("ThrottlingException", "vaultproof/2")] * 4)
    with pytest.raises(NotSentError, match=r"did not accept 1 of 2, first vaultproof/2: ThrottlingException"):
        sender_of(client).send(import_of(1, 2))
    assert len(client.sent) == 4


def test_what_is_invalid_is_reported_at_once() -> None:
    client = Scripted(failed("InvalidInput", "vaultproof/1"))
    with pytest.raises(NotSentError, match=r"1 of 2, first vaultproof/1: InvalidInput"):
        sender_of(client).send(import_of(1, 2))


def test_an_event_that_was_not_accepted_is_sent_again() -> None:
    refused = {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure", "ErrorMessage": "x"}]}
    client = Scripted(refused, {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]})
    (delivery,) = deliver([event_call(summary_with(), "default")], sender_of(client))
    assert delivery.status is DeliveryStatus.SENT
    assert len(client.sent) == 2


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("InvalidAccessException", "Enable Security Hub there"),
        ("AccessDeniedException", "Allow securityhub:BatchImportFindings, see docs/notifications.md"),
        ("SomethingElse", ""),
    ],
)
def test_a_refusal_is_a_sentence_with_advice(code: str, advice: str) -> None:
    refusal = ClientError({"Error": {"Code": code, "Message": "No.\nNever\x1b[31m."}}, "BatchImportFindings")
    with pytest.raises(NotSentError) as error:
        sender_of(Scripted(refusal)).send(import_of(1))
    assert f"{error.value}" == f"{code}: No. Never [31m. {advice}".rstrip(". ")


@pytest.mark.usefixtures("aws")
def test_findings_go_to_their_account_and_region() -> None:
    for region in (REGION, "eu-central-1"):
        boto3.client("securityhub", region).enable_security_hub()
    target = SecurityHubTarget(role_name=ROLE)
    batches = [
        batch(finding(1), finding(2)),
        batch(finding(3, region="eu-central-1")),
        batch(finding(4, OTHER)),
    ]
    (delivery,) = notify(summary_with(), Targets(security_hub=target), batches)
    assert (delivery.status, delivery.text) == (
        DeliveryStatus.SENT,
        "4 findings imported in 3 account-Regions",
    )
    assert imported() == ["vaultproof/1", "vaultproof/2"]
    assert imported(region="eu-central-1") == ["vaultproof/3"]
    assert imported(OTHER) == ["vaultproof/4"]


@pytest.mark.usefixtures("aws")
def test_the_same_scan_twice_leaves_no_second_record() -> None:
    for _ in range(2):
        notify(summary_with(), Targets(security_hub=SecurityHubTarget()), [batch(finding(1))])
    assert imported() == ["vaultproof/1"]


@pytest.mark.usefixtures("aws")
def test_without_a_role_other_accounts_are_failures_that_say_what_to_set() -> None:
    batches = [batch(finding(1, OTHER)), batch(finding(2))]
    deliveries = notify(summary_with(), Targets(security_hub=SecurityHubTarget()), batches)
    assert [each.status for each in deliveries] == [DeliveryStatus.SENT, DeliveryStatus.FAILED]
    assert deliveries[1].target == f"Security Hub {OTHER} {REGION}"
    assert "Set notify.security_hub.role_name" in deliveries[1].text
    assert imported() == ["vaultproof/2"]


@pytest.mark.usefixtures("aws")
def test_what_security_hub_refuses_of_a_batch_is_reported() -> None:
    bad = finding(1, Resources=[])
    deliveries = notify(summary_with(), Targets(security_hub=SecurityHubTarget()), [batch(bad, finding(2))])
    assert [each.status for each in deliveries] == [DeliveryStatus.FAILED]
    assert "1 of 2, first vaultproof/1: InvalidInput" in deliveries[0].text
    assert imported() == ["vaultproof/2"]


def test_without_credentials_or_region_it_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    with mock_aws():
        (delivery,) = notify(summary_with(), Targets(event_bus="default"))
    assert delivery.status is DeliveryStatus.FAILED
    assert str(NoRegionError()).rstrip(".") in delivery.text
