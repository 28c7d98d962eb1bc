"""The Lambda handler over the simulated organisation: a whole scan in one invocation."""

import json
import logging
import os
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import boto3
import pytest

from scanner.demo.clock import DEMO_CLOCK
from scanner.demo.serve import DEFAULT_SEED, Demo, serve
from scanner.errors import UsageError, VaultproofError
from scanner.evidence.attestation import signed_statement
from scanner.evidence.keys import public_key_of_der
from scanner.lambda_handler import handler
from scanner.storage.tsa import request_time_stamp

EVIDENCE: Final = "evidence-of-the-handler"


class Context:
    """What AWS Lambda passes: the request's id, and a clock."""

    def __init__(self, request: str, seconds: float = 300.0) -> None:
        self.aws_request_id = request
        self._seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self._seconds * 1000)


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch) -> Iterator[Demo]:
    with serve(DEFAULT_SEED) as running:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            monkeypatch.delenv(name)
        for name, value in running.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("VAULTPROOF_EVIDENCE_BUCKET", EVIDENCE)
        monkeypatch.setenv("VAULTPROOF_WORK_BUCKET", "work-of-the-handler")
        monkeypatch.setenv("VAULTPROOF_BUCKET_OWNER", running.management_account)
        boto3.Session().client("s3", region_name="us-east-1").create_bucket(Bucket=EVIDENCE)
        yield running


def test_a_small_scan_is_written_once(demo: Demo, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "vaultproof")
    options = {"regions": [demo.regions[0]], "as_of": DEMO_CLOCK.isoformat(), "formats": ["json"]}
    event = {"scan": {**options, "controls": ["vault-locked"]}}
    answer = handler(event, Context("request-1"))
    assert answer["complete"]
    assert answer["location"] == f"s3://{EVIDENCE}/scans/request-1"
    assert json.loads(caplog.records[-1].message)["outcome"] == "done"
    assert "manifest.json" in keys("request-1")
    with pytest.raises(UsageError, match="is not empty"):
        handler(event, Context("request-1"))
    assert all(len(versions) == 1 for versions in keys("request-1").values())


def test_a_scan_that_runs_out_of_time_says_what_it_lacks(demo: Demo) -> None:
    options = {"regions": list(demo.regions), "organization": True, "role_name": demo.role_name}
    event = {"scan": {**options, "controls": ["account-region-assessed"], "formats": ["json"]}}
    answer = handler(event, Context("request-2", seconds=1.0))
    assert not answer["complete"]
    body = (
        boto3.Session()
        .client("s3", region_name="us-east-1")
        .get_object(Bucket=EVIDENCE, Key="scans/request-2/findings.json")
    )
    document = json.load(body["Body"])
    read = {(record["account"], record["region"]) for record in shards("request-2")}
    read.add(("333333333333", "eu-central-1"))  # passes with a refused call, in a whole scan, too
    assessed = {finding["subject"] for finding in document["findings"] if finding["status"] == "pass"}
    assert len(document["findings"]) == 20
    assert all(tuple(subject.removeprefix("aws:account-region:").split("/")) in read for subject in assessed)
    assert len(assessed) < 10


def shards(scan: str) -> list[dict[str, Any]]:
    """Return the account-Regions of which every call was answered. Keys of other accounts come last."""
    body = (
        boto3.Session()
        .client("s3", region_name="us-east-1")
        .get_object(Bucket=EVIDENCE, Key=f"scans/{scan}/manifest.json")["Body"]
    )
    records = json.load(body)["shards"]
    return [each for each in records if each["status"] != "failed" and not each["errors"]]


def test_a_bucket_that_does_not_exist_is_one_sentence(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    assert demo
    monkeypatch.setenv("VAULTPROOF_EVIDENCE_BUCKET", "no-such-bucket")
    with pytest.raises(VaultproofError, match="Bucket no-such-bucket does not exist"):
        handler({}, Context("request-3"))


def keys(scan: str) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    s3 = boto3.Session().client("s3", region_name="us-east-1")
    for row in s3.list_object_versions(Bucket=EVIDENCE, Prefix=f"scans/{scan}/")["Versions"]:
        found.setdefault(row["Key"].removeprefix(f"scans/{scan}/"), []).append(row["VersionId"])
    return found


def test_a_scan_is_signed_with_the_key_of_the_deployment(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    kms = boto3.Session().client("kms", region_name="us-east-1")
    arn = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    monkeypatch.setenv("VAULTPROOF_SIGNING_KEY", arn)
    monkeypatch.setenv("VAULTPROOF_TIMESTAMP_URL", "http://127.0.0.1:9/tsr")
    no_wait = partial(request_time_stamp, sleep=lambda _: None)
    monkeypatch.setattr("scanner.app.signing.request_time_stamp", no_wait)
    options = {"regions": [demo.regions[0]], "controls": ["vault-locked"], "formats": ["json"]}
    answer = handler({"scan": options}, Context("request-4"))
    assert "http://127.0.0.1:9/tsr does not answer" in answer["not_signed"]  # the time stamp alone is missing
    s3 = boto3.Session().client("s3", region_name="us-east-1")
    raw = s3.get_object(Bucket=EVIDENCE, Key="scans/request-4/manifest.json")["Body"].read()
    signed = signed_statement(raw, "request-4")
    assert signed is not None
    assert signed.attestation.key.id == arn
    der = kms.get_public_key(KeyId=arn)["PublicKey"]
    assert public_key_of_der(der, arn).verifies(signed.signature, signed.message)


def test_a_key_that_cannot_be_used_ends_a_scan_before_it_reads_anything(
    demo: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    arn = f"arn:aws:kms:us-east-1:{demo.management_account}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    monkeypatch.setenv("VAULTPROOF_SIGNING_KEY", arn)
    with pytest.raises(UsageError, match=r"kms:GetPublicKey on .* failed"):
        handler({"scan": {"controls": ["vault-locked"]}}, Context("request-5"))
    assert "Versions" not in boto3.Session().client("s3", region_name="us-east-1").list_object_versions(
        Bucket=EVIDENCE, Prefix="scans/request-5/"
    )
