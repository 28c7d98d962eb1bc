"""`audit run` sends notifications when the scan is where it belongs; a failure of them costs no report."""

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from typer.testing import CliRunner

from scanner.cli.commands import audit
from scanner.history.first_seen import NAME
from tests.fakes.bundles import REGION
from tests.notify.conftest import ACCOUNT, aws  # noqa: F401 -- a fixture

CONTROL = "resource-in-backup-plan"


pytestmark = pytest.mark.usefixtures("two_volumes_collected")


def run(folder: Path, config: Path, *words: str, code: int = 0) -> str:
    options = ["--controls", CONTROL, "--format", "json", "--config", str(config), "-q"]
    done = CliRunner().invoke(audit, ["run", "--out", str(folder), *options, *words])
    assert done.exit_code == code, (done.stderr, done.exception)
    return done.stderr


@pytest.fixture
def inbox() -> Any:
    """Return a topic and what its subscriber received."""
    sns, sqs = boto3.client("sns", REGION), boto3.client("sqs", REGION)
    topic = sns.create_topic(Name="team")["TopicArn"]
    queue = sqs.create_queue(QueueName="inbox")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    def received() -> list[str]:
        answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
        return [json.loads(each["Body"])["Message"] for each in answer.get("Messages", [])]

    return topic, received


def written(folder: Path, text: str) -> Path:
    path = folder / "audit.yaml"
    path.write_text(text)
    return path


@pytest.mark.usefixtures("aws")
def test_a_first_scan_and_a_second_with_nothing_new_send_no_message(tmp_path: Path, inbox: Any) -> None:
    topic, received = inbox
    config = written(tmp_path, f"notify: {{topic: '{topic}', security_hub: {{role_name: Hub}}}}\n")
    run(tmp_path / "one", config)
    run(tmp_path / "two", config, "--since", str(tmp_path / "one"))
    assert received() == []
    assert (tmp_path / "one" / NAME).is_file()
    assert (tmp_path / "two" / NAME).is_file()


@pytest.mark.usefixtures("aws")
def test_the_message_names_the_place_in_s3_that_has_the_scan(tmp_path: Path, inbox: Any) -> None:
    topic, received = inbox
    s3 = boto3.client("s3", "us-east-1")
    s3.create_bucket(Bucket="audits")
    config = written(tmp_path, f"notify: {{topic: '{topic}', always: true}}\n")
    options = ["--controls", CONTROL, "--format", "json", "--config", str(config), "-q"]
    done = CliRunner().invoke(audit, ["run", "--out", "s3://audits/night", *options])
    assert done.exit_code == 0, (done.stderr, done.exception)
    (message,) = received()
    assert "Reports: s3://audits/night" in message
    assert s3.head_object(Bucket="audits", Key="night/manifest.json")


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(("options", "code"), [((), 5), (("--fail-on", "critical"), 10)])
def test_a_failure_leaves_the_scan_as_it_is(tmp_path: Path, options: tuple[str, ...], code: int) -> None:
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:missing"
    config = written(tmp_path, f"notify: {{topic: '{topic}', always: true}}\n")
    errors = run(tmp_path / "scan", config, *options, code=code)
    assert "error: SNS: NotFound" in errors
    assert (tmp_path / "scan" / "findings.json").is_file()


@pytest.mark.usefixtures("aws")
def test_a_former_file_that_is_broken_costs_the_import_alone(tmp_path: Path, inbox: Any) -> None:
    topic, received = inbox
    config = written(tmp_path, f"notify: {{topic: '{topic}', always: true, security_hub: {{}}}}\n")
    run(tmp_path / "one", written(tmp_path, "{}\n"))
    (tmp_path / "one" / NAME).write_bytes(b"no gzip")
    config = written(tmp_path, f"notify: {{topic: '{topic}', always: true, security_hub: {{}}}}\n")
    errors = run(tmp_path / "two", config, "--since", str(tmp_path / "one"), code=5)
    assert "warning: since when findings are open is not recorded" in errors
    assert "error: Security Hub:" in errors
    assert len(received()) == 1
