"""The event of a scan: its schema, its size, and that a rule receives it."""

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from jsonschema import Draft202012Validator

from scanner.model.changes import Kind
from scanner.model.notification import DeliveryStatus, ScanSummary, Targets
from scanner.notify.event import MAX_ENTRY, detail, event_call
from scanner.notify.sending import notify
from tests.fakes.hostile import HOSTILE
from tests.notify.conftest import REGION, changed, summary_with

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/schema/scan-event.schema.json").read_text("utf-8"))


def hostile_summary() -> ScanSummary:
    new = [
        changed(number, name=text, reason=text, subject=text, title=text, to_do=text, account_name=text)
        for number, text in enumerate(HOSTILE)
    ]
    return summary_with(*new, scan_id=HOSTILE[5], address=HOSTILE[8])


SUMMARIES = {
    "new": summary_with(changed(), fixed=(changed(2, kind=Kind.FIXED),)),
    "nothing new": summary_with(),
    "no earlier scan": summary_with(former=None, changes={}, score=None, organization_id=None),
    "hostile": hostile_summary(),
}


@pytest.mark.parametrize("name", SUMMARIES)
def test_the_detail_is_as_its_schema_says(name: str) -> None:
    document = json.loads(json.dumps(detail(SUMMARIES[name])))
    Draft202012Validator(SCHEMA).validate(document)
    assert set(document) == set(SCHEMA["properties"])


def test_without_an_earlier_scan_nothing_is_said_to_be_new_or_unchanged() -> None:
    document = detail(SUMMARIES["no earlier scan"])
    assert (document["since"], document["changes"], document["alarm"]) == (None, None, None)


def test_a_large_event_keeps_its_counts_and_loses_findings_of_the_end() -> None:
    new = [changed(number, reason="r" * 5_000, subject="s" * 5_000) for number in range(2_000)]
    call = event_call(summary_with(*new), "default")
    (entry,) = call.parameters["Entries"]
    assert sum(len(entry[key].encode()) for key in ("Detail", "Source", "DetailType")) + 14 <= MAX_ENTRY
    document = json.loads(entry["Detail"])
    assert document["changes"]["new"] == 2_000
    assert 0 < len(document["new"]) < 2_000
    assert document["new"][0]["fingerprint"] == new[0].fingerprint


def test_texts_of_aws_stay_in_one_line() -> None:
    for each in detail(hostile_summary())["new"]:
        assert all(each[key].isprintable() for key in ("subject", "name", "reason"))


def test_the_bus_of_an_arn_is_asked_in_its_region() -> None:
    bus = "arn:aws:events:us-west-2:123456789012:event-bus/audits"
    assert event_call(summary_with(), bus).region == "us-west-2"
    assert not event_call(summary_with(), "default").region


def received(queue: str) -> list[dict[str, Any]]:
    messages = boto3.client("sqs", REGION).receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
    return [json.loads(each["Body"]) for each in messages.get("Messages", [])]


@pytest.mark.usefixtures("aws")
def test_a_rule_receives_the_event() -> None:
    events, sqs = boto3.client("events", REGION), boto3.client("sqs", REGION)
    queue = sqs.create_queue(QueueName="scans")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["vaultproof"], "detail": {"alarm": ["critical", "high"]}}
    events.put_rule(Name="alarming", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="alarming", Targets=[{"Id": "queue", "Arn": arn}])
    targets = Targets(event_bus="default")
    for summary in (summary_with(changed()), summary_with()):
        (delivery,) = notify(summary, targets)
        assert delivery.status is DeliveryStatus.SENT
    (event,) = received(queue)
    assert event["source"] == "vaultproof"
    assert event["detail-type"] == "Vaultproof Scan Completed"
    assert event["detail"]["new"][0]["subject"].endswith("vol-1")


@pytest.mark.usefixtures("aws")
def test_a_bus_that_does_not_exist_is_a_failure_and_no_error() -> None:
    bus = f"arn:aws:events:{REGION}:123456789012:event-bus/missing"
    (delivery,) = notify(summary_with(), Targets(event_bus=bus))
    assert delivery.status is DeliveryStatus.FAILED
    assert delivery.text.endswith("Check the name of the event bus")
