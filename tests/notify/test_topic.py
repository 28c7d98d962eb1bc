"""The message of a scan: when it is sent, what people read, and that a queue receives it."""

import json
from typing import Any

import boto3
import pytest

from scanner.model.changes import Kind
from scanner.model.finding import Severity
from scanner.model.notification import Call, DeliveryStatus, Targets
from scanner.notify.sending import notify
from scanner.notify.topic import MAX_MESSAGE, message, subject_line, topic_call
from tests.fakes.hostile import HOSTILE
from tests.notify.conftest import ACCOUNT, REGION, changed, summary_with

TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:team"


def test_people_read_what_where_and_what_to_do() -> None:
    summary = summary_with(changed(), changed(2, severity=Severity.LOW))
    assert subject_line(summary, Severity.HIGH) == "Vaultproof: 1 new failed check, worst severity critical"
    text = message(summary, Severity.HIGH)
    for words in (
        "1 new failed check, worst severity critical.",
        "Score:   71.2 of 100 (before: 75.0)",
        "Reports: s3://audits/scans/scan-2",
        "4 fixed",
        "Not read: 3 reads failed. What depends on them is unknown.",
        "1. CRITICAL (new): Resource is not in any backup plan",
        "Resource: arn:aws:ec2:eu-west-1:111111111111:volume/vol-1 (orders)",
        "Account:  111111111111 (prod), eu-west-1",
        "Why:      No selection matches it.",
        "To do:    Tag the resource as one of your selections asks.",
        "1 further new failed check of this or a lower severity: see the reports.",
    ):
        assert words in text
    assert "vol-2" not in text


@pytest.mark.parametrize(
    ("severity", "always", "is_sent"),
    [
        (Severity.CRITICAL, False, True),
        (Severity.HIGH, False, False),
        (Severity.HIGH, True, True),
        (None, False, False),
        (None, True, True),
    ],
)
def test_it_is_sent_for_what_is_new_and_bad_enough(
    severity: Severity | None,
    always: bool,  # noqa: FBT001
    is_sent: bool,  # noqa: FBT001
) -> None:
    new = [] if severity is None else [changed(severity=severity)]
    call = topic_call(summary_with(*new), Targets(topic=TOPIC, severity=Severity.CRITICAL, always=always))
    assert isinstance(call, Call) is is_sent
    if isinstance(call, str):
        assert "no new failed checks with severity critical or higher" in call


def test_without_an_earlier_scan_nothing_is_known_to_be_new() -> None:
    call = topic_call(summary_with(former=None, changes={}), Targets(topic=TOPIC))
    assert isinstance(call, str)
    assert "--since" in call
    call = topic_call(summary_with(former=None, changes={}), Targets(topic=TOPIC, always=True))
    assert isinstance(call, Call)
    assert "new" not in call.parameters["Subject"]


def test_a_number_that_is_not_known_is_said_to_be_at_least_so_many() -> None:
    new = [changed(number) for number in range(25)]
    counts = summary_with(*new).changes
    summary = summary_with(*new, changes={**counts, Kind.NEW: 900})
    assert "at least 25 new failed checks" in subject_line(summary, Severity.HIGH)
    assert "875 further new failed checks" in message(summary, Severity.HIGH)
    mild = summary_with(*new, changed(99, severity=Severity.LOW), changes={**counts, Kind.NEW: 900})
    assert "Vaultproof: 25 new failed checks" in subject_line(mild, Severity.HIGH)


@pytest.mark.parametrize("text", HOSTILE)
def test_what_people_write_adds_no_line_and_no_control_character(text: str) -> None:
    finding = changed(name=text, reason=text, title=text, to_do=text, account_name=text, subject=text)
    plain = message(summary_with(changed()), Severity.HIGH)
    summary = summary_with(finding, scan_id=text, address=text)
    text = message(summary, Severity.HIGH)
    assert text.count("\n") == plain.count("\n")
    assert all(line.isprintable() for line in text.splitlines())
    assert text.encode()


@pytest.mark.parametrize("severity", [*Severity])
def test_the_subject_is_short_and_ascii(severity: Severity) -> None:
    new = [changed(number, severity=severity) for number in range(40_000)]
    line = subject_line(summary_with(*new), severity)
    assert len(line) < 100
    assert line.isascii()
    assert line.isprintable()


def test_a_message_ends_before_it_is_too_long() -> None:
    new = [changed(number, reason="\U0001f4be" * 5_000, to_do="\U0001f4be" * 9_000) for number in range(900)]
    text = message(summary_with(*new), Severity.HIGH)
    assert len(text.encode()) <= MAX_MESSAGE
    assert "more are in the reports." in text


def test_a_fifo_topic_knows_the_same_scan_again() -> None:
    targets = Targets(topic=f"{TOPIC}.fifo")
    first, second = (topic_call(summary_with(changed()), targets) for _ in range(2))
    other = topic_call(summary_with(changed(), scan_id="scan-3"), targets)
    assert isinstance(first, Call)
    assert isinstance(second, Call)
    assert isinstance(other, Call)
    key = "MessageDeduplicationId"
    assert first.parameters[key] == second.parameters[key] != other.parameters[key]


def subscribed(topic: str) -> Any:
    sns, sqs = boto3.client("sns", REGION), boto3.client("sqs", REGION)
    arn = sns.create_topic(Name=topic)["TopicArn"]
    queue = sqs.create_queue(QueueName="inbox")["QueueUrl"]
    inbox = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(
        TopicArn=arn,
        Protocol="sqs",
        Endpoint=inbox,
        Attributes={"FilterPolicy": json.dumps({"severity": ["critical"]})},
    )
    return arn, lambda: sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])


@pytest.mark.usefixtures("aws")
def test_a_subscription_receives_what_it_filters_for() -> None:
    arn, receive = subscribed("team")
    targets = Targets(topic=arn, severity=Severity.LOW)
    for summary in (summary_with(changed()), summary_with(changed(severity=Severity.LOW)), summary_with()):
        notify(summary, targets)
    (received,) = receive()
    body = json.loads(received["Body"])
    assert body["Subject"].startswith("Vaultproof: 1 new failed check")
    assert "vol-1" in body["Message"]


@pytest.mark.usefixtures("aws")
def test_a_topic_that_does_not_exist_is_a_failure_that_names_it() -> None:
    (delivery,) = notify(summary_with(changed()), Targets(topic=TOPIC))
    assert delivery.status is DeliveryStatus.FAILED
    assert "Check the ARN of the topic" in delivery.text


@pytest.mark.usefixtures("aws")
def test_one_target_that_fails_keeps_no_other_from_being_told() -> None:
    deliveries = notify(summary_with(changed()), Targets(topic=TOPIC, event_bus="default"))
    assert {each.target: each.status for each in deliveries} == {
        "EventBridge": DeliveryStatus.SENT,
        "SNS": DeliveryStatus.FAILED,
    }
