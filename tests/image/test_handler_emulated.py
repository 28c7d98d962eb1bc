"""The handler under AWS's own runtime: `awslambdaric` in the runtime interface emulator.

Without VAULTPROOF_IMAGE it is the handler of this checkout, with it that of the image.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.error import HTTPError

import boto3
import orjson
import pytest

from scanner.demo.clock import DEMO_CLOCK
from scanner.demo.serve import serve
from tests.image.emulator import ROOT, Function, function

EVIDENCE: Final = "vaultproof-evidence"
WORK: Final = "vaultproof-work"
SCAN: Final = {"regions": ["eu-west-1"], "formats": ["json"], "as_of": DEMO_CLOCK.isoformat()}
PAYLOAD_LIMIT: Final = (
    6 * 1024 * 1024
)  # of a request and of an answer (Lambda Developer Guide, "Lambda quotas")

pytestmark = pytest.mark.image


@pytest.fixture(scope="module")
def aws() -> Iterator[dict[str, str]]:
    """The simulated organisation with both buckets; the environment of the function."""
    with serve() as running:
        environment = dict(running.environment())
        s3 = client(environment)
        for bucket in (EVIDENCE, WORK):
            s3.create_bucket(Bucket=bucket)
        yield environment | {
            "VAULTPROOF_EVIDENCE_BUCKET": EVIDENCE,
            "VAULTPROOF_WORK_BUCKET": WORK,
            "VAULTPROOF_BUCKET_OWNER": "111111111111",
        }


@pytest.fixture(scope="module")
def scanner(aws: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Function]:
    with function(tmp_path_factory.mktemp("function"), aws, seconds=120) as running:
        yield running


def client(environment: dict[str, str]) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name="us-east-1",
    )


def objects(environment: dict[str, str], scan_id: str) -> dict[str, bytes]:
    s3, prefix = client(environment), f"scans/{scan_id}/"
    keys = [
        row["Key"]
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=EVIDENCE, Prefix=prefix)
        for row in page.get("Contents", ())
    ]
    return {key.removeprefix(prefix): s3.get_object(Bucket=EVIDENCE, Key=key)["Body"].read() for key in keys}


def starts(running: Function) -> int:
    """How many sandboxes were initialized."""
    return running.log.read_text(encoding="utf-8", errors="replace").count("INIT START")


@pytest.mark.parametrize(
    "event",
    [
        [],
        "scan",
        None,
        7,
        {"action": "bake"},
        {"action": "scan", "scan": {"regions": [1]}},
        {"action": "scan", "scan_id": "../../other"},
        {"action": "collect", "scan_id": "x"},
        {"action": "scan", "scan": {"role_arn": "arn:aws:iam::111111111111:role/x"}},
    ],
    ids=repr,
)
def test_an_event_of_garbage_is_refused_in_one_sentence(scanner: Function, event: object) -> None:
    answer = scanner.invoke(event)
    assert answer["errorType"] == "UsageError"
    assert answer["errorMessage"].startswith("The event is not ")
    assert "\n" not in answer["errorMessage"]


@pytest.mark.parametrize("body", [b"", b"not JSON", b'{"action": ', b"\xff\xfe"])
def test_a_body_that_is_no_json_ends_no_sandbox(scanner: Function, body: bytes) -> None:
    answer = scanner.send(body)
    assert answer["errorType"] == "Runtime.UnmarshalError"
    assert scanner.invoke([])["errorType"] == "UsageError"
    assert starts(scanner) == 1


def test_an_event_above_the_limit_is_refused(scanner: Function, aws: dict[str, str]) -> None:
    try:
        answer = scanner.invoke({"action": "scan", "scan_id": "large", "more": "x" * PAYLOAD_LIMIT})
    except HTTPError as refused:
        assert refused.code == 413  # noqa: PT017 -- either of two parts may refuse it
    else:
        assert answer["errorType"] == "UsageError"
        assert len(answer["errorMessage"]) < 500
    assert objects(aws, "large") == {}


def test_a_cold_and_a_warm_sandbox_find_the_same(scanner: Function, aws: dict[str, str]) -> None:
    answers = [
        scanner.invoke({"action": "scan", "scan_id": scan_id, "scan": SCAN}) for scan_id in ("cold", "warm")
    ]
    assert starts(scanner) == 1
    for answer, scan_id in zip(answers, ("cold", "warm"), strict=True):
        assert answer["complete"] is True
        assert answer["location"] == f"s3://{EVIDENCE}/scans/{scan_id}"
        assert len(repr(answer)) < 10_000
    cold, warm = objects(aws, "cold"), objects(aws, "warm")
    assert {"manifest.json", "summary.json", "findings.jsonl.gz"} <= set(cold)
    assert cold["findings.jsonl.gz"] == warm["findings.jsonl.gz"]


def test_one_id_names_one_scan(scanner: Function, aws: dict[str, str]) -> None:
    event = {"action": "scan", "scan_id": "once", "scan": SCAN}
    scanner.invoke(event)
    before = objects(aws, "once")
    answer = scanner.invoke(event)
    assert answer["errorType"] == "UsageError"
    assert "not empty" in answer["errorMessage"]
    assert objects(aws, "once") == before


def test_a_time_out_leaves_no_scan_that_looks_whole(aws: dict[str, str], tmp_path: Path) -> None:
    with function(tmp_path, aws, seconds=1) as running:
        answers = [
            running.invoke({"action": "scan", "scan_id": f"short-{n}", "scan": SCAN}) for n in range(2)
        ]
        assert all("timed out" in str(answer) for answer in answers), answers
        assert starts(running) == 2
    for number in range(2):
        assert "manifest.json" not in objects(aws, f"short-{number}")


def test_the_steps_of_a_scan_get_through_with_a_time_out_of_five_seconds(
    aws: dict[str, str], scanner: Function, tmp_path: Path
) -> None:
    event = {"scan_id": "steps", "scan": {**SCAN, "organization": True}}
    with function(tmp_path, aws, seconds=5) as hasty:
        until_done(hasty, {**event, "action": "open"})
        for item in items(aws, "steps", "accounts"):
            until_done(hasty, {**event, "action": "collect", "account": item["account"]})
    # Judging starts anew after a time-out, so it gets the time that it needs.
    until_done(scanner, {**event, "action": "gather"})
    for item in items(aws, "steps", "batches"):
        until_done(scanner, {**event, "action": "judge", "batch": item["batch"]})
    until_done(scanner, {**event, "action": "finish"})
    scan = objects(aws, "steps")
    manifest = orjson.loads(scan["manifest.json"])
    statuses = {
        shard["account"]: shard["status"] for shard in manifest["shards"] if shard["region"] == "eu-west-1"
    }
    assert statuses.pop("555555555555", "failed") == "failed"  # the account that refuses the role
    assert len(statuses) >= 3
    assert set(statuses.values()) <= {"complete", "partial"}
    until_done(scanner, {**event, "action": "finish"})
    assert objects(aws, "steps") == scan


def until_done(running: Function, event: dict[str, Any]) -> None:
    """Repeat a step as the state machine does: after a time-out, and while it says that there is more."""
    for _ in range(20):
        answer = running.invoke(event)
        if "timed out" in str(answer):
            continue
        assert "errorType" not in answer, answer
        if not answer.get("more"):
            return
    pytest.fail(f"{event} makes no progress")


def items(environment: dict[str, str], scan_id: str, name: str) -> list[dict[str, Any]]:
    """The items of a map, as the state machine reads them."""
    body = client(environment).get_object(Bucket=WORK, Key=f"work/{scan_id}/{name}.json")["Body"].read()
    rows: list[dict[str, Any]] = orjson.loads(body)
    return rows


def test_a_function_without_its_environment_says_which_variable(aws: dict[str, str], tmp_path: Path) -> None:
    environment = {name: value for name, value in aws.items() if name != "VAULTPROOF_WORK_BUCKET"}
    with function(tmp_path, environment, seconds=60) as running:
        answer = running.invoke({"action": "scan", "scan": SCAN})
    assert answer["errorType"] == "UsageError"
    assert "VAULTPROOF_WORK_BUCKET" in answer["errorMessage"]


@pytest.mark.parametrize("steps", [False, True], ids=["whole", "steps"])
def test_without_pango_the_scan_is_kept_and_one_sentence_says_what_is_missing(
    aws: dict[str, str], tmp_path: Path, *, steps: bool
) -> None:
    scan_id = f"no-pango-{steps}"
    event = {"scan_id": scan_id, "scan": {**SCAN, "formats": ["json", "pdf"], "controls": ["vault-locked"]}}
    # Of the checkout WeasyPrint itself is hidden, of the image Pango.
    (tmp_path / "weasyprint.py").write_text("raise OSError(\"cannot load library 'libpango-1.0-0'\")\n")
    hidden = aws | {"PYTHONPATH": f"{tmp_path}:{ROOT}"} if "VAULTPROOF_IMAGE" not in os.environ else aws
    with function(tmp_path, hidden, seconds=120, without_pango=True) as running:
        answer = every_step(running, aws, event) if steps else running.invoke({**event, "action": "scan"})
        log = running.log.read_text(encoding="utf-8", errors="replace")
    kept = objects(aws, scan_id)
    assert {"manifest.json", "findings.json", "summary.json"} <= set(kept)
    assert "report.pdf" not in kept
    assert "Pango" in answer["not_written"]
    assert kept["reports-not-written.txt"].decode().strip() == answer["not_written"]
    assert answer["not_written"] in log


def every_step(running: Function, environment: dict[str, str], event: dict[str, Any]) -> dict[str, Any]:
    scan_id = event["scan_id"]
    running.invoke({**event, "action": "open"})
    for item in items(environment, scan_id, "accounts"):
        until_done(running, {**event, "action": "collect", "account": item["account"]})
    running.invoke({**event, "action": "gather"})
    for item in items(environment, scan_id, "batches"):
        running.invoke({**event, "action": "judge", "batch": item["batch"]})
    answer: dict[str, Any] = running.invoke({**event, "action": "finish"})
    return answer


@pytest.mark.skipif("VAULTPROOF_IMAGE" in os.environ, reason="the folder of the image is its own")
def test_nothing_of_an_invocation_stays_in_the_sandbox(aws: dict[str, str], tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with function(tmp_path, aws | {"TMPDIR": str(temporary)}, seconds=120) as running:
        running.invoke({"action": "scan", "scan_id": "tidy", "scan": SCAN})
        assert list(temporary.iterdir()) == []
