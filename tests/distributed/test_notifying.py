"""A scan that is in the evidence bucket does not fail because of its notifications."""

import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from scanner.distributed.events import ScanOptions
from scanner.distributed.notifying import FORMER, NOTIFIED, earlier_scan, notify
from scanner.distributed.options import Environment, Invocation, ScanRequest
from scanner.distributed.workspace import Workspace
from scanner.evidence.manifest import parse_manifest
from scanner.settings.settings import Settings

MANIFEST = parse_manifest(
    {
        "schema": "backup-audit/manifest/1",
        "evaluated_as_of": "2026-11-22T18:00:00Z",
        "scope": {"accounts": ["111111111111"], "regions": ["eu-west-1"]},
    },
    Path("none"),
)


@pytest.fixture
def step(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Invocation]:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "us-east-1",
        "VAULTPROOF_TOPIC": "arn:aws:sns:us-east-1:123456789012:backup-audit",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    environment = Environment(
        evidence_bucket="evidence-bucket", work_bucket="work-bucket", bucket_owner="123456789012"
    )
    with mock_aws():
        s3: Any = boto3.client("s3")
        for bucket in ("evidence-bucket", "work-bucket"):
            s3.create_bucket(Bucket=bucket)
        yield Invocation(
            scan_id="night-2",
            request=ScanRequest(ScanOptions(), Settings(), environment),
            evidence=Workspace(s3, environment.evidence("night-2"), environment.means),
            work=Workspace(s3, environment.work("night-2"), environment.means),
            folder=tmp_path / "scan",
            ends_at=time.monotonic() + 100,
        )


def test_a_scan_that_cannot_be_read_again_is_not_notified_about(
    step: Invocation, caplog: pytest.LogCaptureFixture
) -> None:
    answer = notify(step)
    assert answer["notified"] == 0
    assert len(answer["not_notified"]) == 1
    assert "The notifications were not sent" in caplog.text
    assert step.work.read_json(NOTIFIED) is None  # a repeated step tries again


def test_nothing_is_sent_twice(step: Invocation) -> None:
    step.work.write_json(NOTIFIED, {"notified": 1})
    assert notify(step) == {}


def test_an_earlier_scan_that_cannot_be_read_is_logged(
    step: Invocation, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "vaultproof")
    step.work.write_json(FORMER, {"prefix": "scans/night-1"})
    with earlier_scan(step, MANIFEST) as since:
        assert since is None
    assert "the earlier scan scans/night-1 cannot be read" in caplog.text
