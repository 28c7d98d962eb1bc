"""An organisation of hundreds of accounts through all steps; prints the memory that the sandboxes took."""

import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import Queue
from typing import Any, Final

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.distributed.simulated_aws import EVIDENCE, ROOT, WORK
from tests.fakes.aws import CALLER, FakeAws, Request, serve

pytestmark = pytest.mark.exhaustive

ACCOUNTS: Final = int(os.environ.get("VAULTPROOF_TEST_ACCOUNTS", "300"))
REGIONS: Final = ["eu-central-1", "eu-west-1", "us-east-1", "us-west-2"]
SCAN: Final = {"regions": REGIONS, "organization": True, "as_of": "2026-11-22", "formats": ["json"]}

Sandboxes = Queue[tuple["subprocess.Popen[str]", dict[str, Any]]]


def script(aws: FakeAws) -> None:
    """Have an organisation, and in each account and Region a vault and a plan."""
    ids = [CALLER, *(f"{200_000_000_000 + number}" for number in range(ACCOUNTS - 1))]
    rows = [
        {"Id": each, "Name": each, "Status": "ACTIVE", "Arn": f"arn:aws:organizations::1:account/o-1/{each}"}
        for each in ids
    ]
    aws.script["organizations:DescribeOrganization"] = {
        "Organization": {"Id": "o-1", "MasterAccountId": CALLER}
    }
    aws.script["organizations:ListAccounts"] = {"Accounts": rows}
    aws.script["organizations:ListRoots"] = {"Roots": [{"Id": "r-1"}]}
    aws.script["organizations:ListAccountsForParent"] = {"Accounts": rows}
    aws.script["backup:ListBackupVaults"] = vaults


def vaults(request: Request) -> dict[str, Any]:
    arn = f"arn:aws:backup:{request.region}:{request.account}:backup-vault:nightly"
    return {"BackupVaultList": [{"BackupVaultName": "nightly", "BackupVaultArn": arn, "Locked": True}]}


@contextmanager
def sandboxes(endpoint: str, s3: str) -> Iterator[Sandboxes]:
    """Start sandboxes that call the fake for everything but S3."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment = kept | {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ENDPOINT_URL_S3": s3,
        "AWS_ACCESS_KEY_ID": f"AKIA{CALLER}BASE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "PYTHONPATH": str(ROOT),
        "VAULTPROOF_EVIDENCE_BUCKET": EVIDENCE,
        "VAULTPROOF_WORK_BUCKET": WORK,
        "VAULTPROOF_BUCKET_OWNER": CALLER,
    }
    waiting: Sandboxes = Queue()
    command = [sys.executable, "-m", "tests.distributed.lambda_worker"]
    running = [
        subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in running:
        waiting.put((process, {}))
    try:
        yield waiting
    finally:
        for process in running:
            process.kill()
            process.communicate()


def test_hundreds_of_accounts_go_through_all_steps(capsys: pytest.CaptureFixture[str]) -> None:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    s3 = boto3.client(
        "s3",
        endpoint_url=address,
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )
    memory: defaultdict[str, int] = defaultdict(int)
    try:
        for bucket in (EVIDENCE, WORK):
            s3.create_bucket(Bucket=bucket)
        with serve() as (aws, endpoint), sandboxes(endpoint, address) as waiting:
            script(aws)

            def step(event: dict[str, Any]) -> dict[str, Any]:
                process, _ = taken = waiting.get()
                try:
                    assert process.stdin is not None
                    assert process.stdout is not None
                    named = {"scan_id": "night-1", "scan": SCAN, **event}
                    process.stdin.write(json.dumps({"event": named, "seconds": 900.0}) + "\n")
                    process.stdin.flush()
                    answer: dict[str, Any] = json.loads(process.stdout.readline())
                finally:
                    waiting.put(taken)
                assert "answer" in answer, answer
                memory[event["action"]] = max(memory[event["action"]], answer["mebibytes"])
                done: dict[str, Any] = answer["answer"]
                return done

            def over(action: str, items: str) -> list[dict[str, Any]]:
                body = s3.get_object(Bucket=WORK, Key=f"work/night-1/{items}")["Body"]
                with ThreadPoolExecutor(2) as pool:
                    return list(pool.map(step, [{"action": action, **item} for item in json.load(body)]))

            assert step({"action": "open"})["accounts"] == ACCOUNTS
            collected = over("collect", "accounts.json")
            assert not any(answer["more"] for answer in collected)
            step({"action": "gather"})
            assert sum(answer["accounts"] for answer in over("judge", "batches.json")) == ACCOUNTS
            finished = step({"action": "finish"})
        manifest = json.load(s3.get_object(Bucket=EVIDENCE, Key="scans/night-1/manifest.json")["Body"])
        summary = s3.get_object(Bucket=EVIDENCE, Key="scans/night-1/summary.json")
    finally:
        server.stop()
    records = [row for row in manifest["shards"] if row["region"] in REGIONS]
    assert len(records) == ACCOUNTS * len(REGIONS)
    assert json.load(summary["Body"])["schema"]
    with capsys.disabled():
        peaks = ", ".join(f"{action} {size} MiB" for action, size in memory.items())
        sys.stdout.write(f"\n{ACCOUNTS} accounts, {finished['findings']} findings; peak memory: {peaks}\n")
