"""Step Functions and Lambda in this process, the simulated organisation behind them; handlers elsewhere."""

import json
import os
import queue
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import boto3
from moto import mock_aws
from moto.awslambda_simple.models import LambdaSimpleBackend

from scanner.demo.serve import DEFAULT_SEED, Demo, serve

ROOT: Final = Path(__file__).parents[2]
EVIDENCE: Final = "evidence-bucket"
WORK: Final = "work-bucket"
_PATIENCE: Final = 400.0
_SECONDS: Final = 300.0

Fault = Callable[[dict[str, Any]], float]
"""Gives the seconds that an event has, or raises what the function's failure is."""


class FaultError(Exception):
    """What a function raises that is not of this program."""


@dataclass
class Account:
    """The AWS account that the scanner is deployed in."""

    demo: Demo
    workers: "queue.Queue[subprocess.Popen[str]]"
    fault: Fault = lambda _event: _SECONDS
    events: list[tuple[dict[str, Any], dict[str, Any]]] = field(default_factory=list)

    def invoke(self, event: dict[str, Any]) -> dict[str, Any]:
        """Carry out an event in one of the sandboxes."""
        try:
            seconds = self.fault(event)
        except FaultError as problem:
            return {"error": {"errorType": "Sandbox.Timedout", "errorMessage": str(problem)}}
        worker = self.workers.get()
        try:
            assert worker.stdin is not None
            assert worker.stdout is not None
            worker.stdin.write(json.dumps({"event": event, "seconds": seconds}) + "\n")
            worker.stdin.flush()
            answer: dict[str, Any] = json.loads(worker.stdout.readline())
        finally:
            self.workers.put(worker)
        self.events.append((event, answer))
        return answer

    def invoked(self, action: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Return the events of an action, with their answers."""
        return [(event, answer) for event, answer in self.events if event["action"] == action]


@contextmanager
def deployed() -> Iterator[Account]:
    """Deploy the scanner beside the simulated organisation."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY="x", AWS_DEFAULT_REGION="us-east-1")
    config: Any = {"lambda": {"use_docker": False}, "stepfunctions": {"execute_state_machine": True}}
    with mock_aws(config=config), serve(DEFAULT_SEED) as demo:
        account = Account(demo, queue.Queue())
        before = LambdaSimpleBackend.invoke
        LambdaSimpleBackend.invoke = _invoking(account)  # type: ignore[method-assign]
        key = client_of(demo, "kms").create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
        environment = demo.scrubbed(os.environ) | {
            "VAULTPROOF_SIGNING_KEY": key["KeyMetadata"]["Arn"],
            "PYTHONPATH": str(ROOT),
            "VAULTPROOF_EVIDENCE_BUCKET": EVIDENCE,
            "VAULTPROOF_WORK_BUCKET": WORK,
            "VAULTPROOF_BUCKET_OWNER": demo.management_account,
            "VAULTPROOF_BATCH_BYTES": "60000",
        }
        workers = [_worker(environment) for _ in range(2)]
        for worker in workers:
            account.workers.put(worker)
        try:
            s3 = s3_of(demo)
            for bucket in (EVIDENCE, WORK):
                s3.create_bucket(Bucket=bucket)
                s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
            yield account
        finally:
            LambdaSimpleBackend.invoke = before  # type: ignore[method-assign]
            for worker in workers:
                worker.kill()
                worker.communicate()


def s3_of(demo: Demo) -> Any:
    """Return a client of the simulated organisation's S3."""
    return client_of(demo, "s3")


def client_of(demo: Demo, service: str) -> Any:
    """Return a client of a service in the simulated organisation."""
    variables = demo.environment()
    client: Any = boto3.client
    return client(
        service,
        endpoint_url=demo.endpoint,
        region_name="us-east-1",
        aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
    )


def _worker(environment: dict[str, str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "tests.distributed.lambda_worker"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _invoking(account: Account) -> Callable[..., bytes]:
    def invoke(
        _self: object,
        _name: str,
        _qualifier: str,
        body: str,
        _headers: object,
        response_headers: dict[str, str],
    ) -> bytes:
        answer = account.invoke(json.loads(body))
        if "error" in answer:
            response_headers["x-amz-function-error"] = "Unhandled"
            return json.dumps(answer["error"]).encode()
        return json.dumps(answer["answer"]).encode()

    return invoke


def definition(concurrency: int = 2) -> str:
    """Return the state machine of deploy/ as CloudFormation would make it, but with short waits."""
    text = (ROOT / "deploy" / "scan.asl.json").read_text("utf-8")
    text = text.replace('"IntervalSeconds": 5', '"IntervalSeconds": 1').replace(
        '"BackoffRate": 2', '"BackoffRate": 1'
    )
    for name, value in {
        "Function": "vaultproof",
        "WorkBucket": WORK,
        "MaxConcurrency": str(concurrency),
    }.items():
        text = text.replace(f"${{{name}}}", value)
    return text


class StateMachine:
    """The state machine, created in the mock."""

    def __init__(self) -> None:
        role = boto3.client("iam").create_role(RoleName="machine", AssumeRolePolicyDocument="{}")["Role"][
            "Arn"
        ]
        boto3.client("lambda").create_function(
            FunctionName="vaultproof", Role=role, Runtime="python3.12", Handler="x.y", Code={"ZipFile": b"x"}
        )
        self._client = boto3.client("stepfunctions")
        self._arn = self._client.create_state_machine(name="scan", definition=definition(), roleArn=role)[
            "stateMachineArn"
        ]

    def start(self, name: str, scan: dict[str, Any]) -> str:
        """Start an execution; return its ARN."""
        started = self._client.start_execution(
            stateMachineArn=self._arn, name=name, input=json.dumps({"scan": scan})
        )
        return str(started["executionArn"])

    def ended(self, execution: str) -> dict[str, Any]:
        """Wait for the end of an execution; return what Step Functions says of it."""
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            described: dict[str, Any] = self._client.describe_execution(executionArn=execution)
            if described["status"] != "RUNNING":
                return described
            time.sleep(0.2)
        raise AssertionError("the execution does not end")


def fetched(demo: Demo, scan: str, folder: Path) -> Path:
    """Fetch a scan from the evidence bucket."""
    s3 = s3_of(demo)
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=EVIDENCE, Prefix=f"scans/{scan}/"):
        for row in page["Contents"]:
            path = folder / row["Key"].removeprefix(f"scans/{scan}/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(s3.get_object(Bucket=EVIDENCE, Key=row["Key"])["Body"].read())
    return folder
