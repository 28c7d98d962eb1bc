"""The client of a deployed scanner: starts and watches scans in AWS, fetches their reports, lists them.

The outputs of the stack name the state machine and the bucket. Each execution of the state machine is a scan,
and its name is the scan's id. Whether a scan succeeded depends on the content of the evidence bucket, not on
the state of the execution.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self

import boto3
from botocore import exceptions as aws
from botocore.config import Config

from scanner.errors import CredentialsError, EndpointError, OutputError, UsageError, VaultproofError
from scanner.model.names import parse_arn
from scanner.storage.place import Place
from scanner.storage.s3 import S3Options, code_of, download, open_s3, translated_errors, with_owner

RUNNING: Final = frozenset({"RUNNING", "PENDING_REDRIVE"})


@dataclass(frozen=True, slots=True)
class RunState:
    """The state of an execution, as Step Functions names it, and why it failed."""

    status: str
    error: str = ""
    cause: str = ""

    @property
    def is_running(self) -> bool:
        """Whether the execution has not ended."""
        return self.status in RUNNING


@dataclass(frozen=True, slots=True)
class MapCounts:
    """The progress of a map. `name`: the label of the map state."""

    name: str
    total: int
    succeeded: int
    running: int
    failed: int

    @classmethod
    def of(cls, arn: str, counts: Mapping[str, int]) -> Self:
        """Build the counts from an answer of DescribeMapRun, whose ARN ends with `.../LABEL:ID`."""
        failed = sum(counts.get(name, 0) for name in ("failed", "timedOut", "aborted"))
        label = arn.rpartition("/")[2].partition(":")[0]
        return cls(
            label or "Map",
            counts.get("total", 0),
            counts.get("succeeded", 0),
            counts.get("running", 0),
            failed,
        )

    def line(self) -> str:
        """Return the counts as a line of text."""
        failed = f", {self.failed:,} failed" if self.failed else ""
        return f"{self.name}: {self.succeeded:,} of {self.total:,} done, {self.running:,} running{failed}"


Progress = Callable[[RunState, tuple[MapCounts, ...]], None]
OUTPUTS: Final = ("StateMachineArn", "EvidenceBucket")

NOT_FETCHED: Final = ("evidence",)
"""Folders of a scan that are not fetched: no report needs them."""

_CONFIG: Final = Config(
    retries={"mode": "standard", "total_max_attempts": 5},
    connect_timeout=10,
    read_timeout=60,
    user_agent_extra="vaultproof",
)
_INTERVAL: Final = 5.0
_SUMMARY: Final = "summary.json"

_CREDENTIALS: Final = (
    aws.NoCredentialsError,
    aws.PartialCredentialsError,
    aws.ProfileNotFound,
    aws.CredentialRetrievalError,
    aws.TokenRetrievalError,
    aws.SSOError,
    aws.LoginError,
)

_EXPIRED: Final = frozenset(
    ("ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A scan in AWS. Numbers are None without a summary: they are unknown.

    `state`: as Step Functions names it. `counts`: findings by status. `address`: of the scan in S3.
    """

    scan_id: str
    state: str
    started_at: datetime
    ended_at: datetime | None
    address: str
    accounts: int | None = None
    counts: Mapping[str, int] | None = None
    score: float | None = None

    def document(self) -> dict[str, Any]:
        """Return the JSON document of a run (docs/schema/runs.schema.json)."""
        return {
            "scan_id": self.scan_id,
            "state": self.state,
            "started_at": self.started_at.isoformat(),
            "ended_at": self.ended_at.isoformat() if self.ended_at else None,
            "address": self.address,
            "accounts": self.accounts,
            "findings": dict(self.counts) if self.counts is not None else None,
            "score": self.score,
        }


def numbers_of(
    summary: Mapping[str, Any] | None,
) -> tuple[int | None, Mapping[str, int] | None, float | None]:
    """Return accounts, findings by status and score of a scan's summary, which may have any shape."""
    accounts = _at(summary, "scan", "scope", "accounts")
    counts = _at(summary, "summary", "totals")
    score = _at(summary, "summary", "score", "total", "score")
    return (
        len(accounts) if isinstance(accounts, list) else None,
        _counts(counts) if isinstance(counts, dict) else None,
        float(score) if isinstance(score, int | float) else None,
    )


def _at(document: object, *path: str) -> object:
    for key in path:
        document = document.get(key) if isinstance(document, dict) else None
    return document


def _counts(totals: Mapping[str, object]) -> dict[str, int]:
    return {status: number for status, number in totals.items() if isinstance(number, int)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A deployed scanner. `owner`: the account of the state machine and the buckets."""

    name: str
    region: str
    state_machine: str
    evidence_bucket: str
    owner: str


@dataclass(frozen=True, slots=True)
class StackClient:
    """Calls the state machine and the evidence bucket of a stack."""

    stack: Stack
    states: Any  # boto3's client of Step Functions
    means: S3Options

    def place(self, scan_id: str) -> Place:
        """Return the place of a scan in the evidence bucket."""
        return Place(self.stack.evidence_bucket, f"scans/{scan_id}")

    def start(self, scan_id: str, scan: Mapping[str, Any]) -> str:
        """Start an execution, and return its ARN. UsageError: a scan with other options has this id."""
        with _translated("states:StartExecution"):
            try:
                answer = self.states.start_execution(
                    stateMachineArn=self.stack.state_machine,
                    name=scan_id,
                    # StartExecution is idempotent for the same name and input (Step Functions API reference).
                    input=json.dumps({"scan": dict(scan)}, sort_keys=True),
                )
            except aws.ClientError as problem:
                if code_of(problem) == "ExecutionAlreadyExists":
                    raise UsageError(f"Scan {scan_id} already exists. Try again in a second.") from problem
                raise
        return str(answer["executionArn"])

    def wait(
        self, execution: str, progress: Progress, pause: Callable[[float], None] | None = None
    ) -> RunState:
        """Wait until an execution ends. `progress` is called after each poll."""
        while True:
            state = self.state(execution)
            progress(state, self.counts(execution))
            if not state.is_running:
                return state
            # DescribeExecution is throttled for the whole account, and a scan takes minutes.
            (pause or time.sleep)(_INTERVAL)

    def state(self, execution: str) -> RunState:
        """Return the state of an execution."""
        with _translated("states:DescribeExecution"):
            answer = self.states.describe_execution(executionArn=execution)
        return RunState(str(answer["status"]), str(answer.get("error") or ""), str(answer.get("cause") or ""))

    def counts(self, execution: str) -> tuple[MapCounts, ...]:
        """Return the progress of each map. Empty where it cannot be read: it is only displayed."""
        try:
            runs = self.states.list_map_runs(executionArn=execution)["mapRuns"]
            answers = [self.states.describe_map_run(mapRunArn=run["mapRunArn"]) for run in runs]
        except (aws.ClientError, aws.BotoCoreError, KeyError):
            return ()
        # In the order of the states: collecting, then judging.
        ordered = sorted(answers, key=lambda answer: str(answer.get("startDate", "")))
        return tuple(MapCounts.of(answer["mapRunArn"], answer["itemCounts"]) for answer in ordered)

    def runs(self, most: int) -> tuple[Run, ...]:
        """Return the last executions, newest first, with the numbers of their summaries."""
        rows = []
        with _translated("states:ListExecutions"):
            pages = self.states.get_paginator("list_executions").paginate(
                stateMachineArn=self.stack.state_machine, PaginationConfig={"MaxItems": most}
            )
            rows = [row for page in pages for row in page["executions"]]
        s3 = open_s3(self.means)
        return tuple(self._run(row, s3) for row in rows)

    def _run(self, row: Mapping[str, Any], s3: Any) -> Run:  # noqa: ANN401 -- a client
        scan_id = str(row["name"])
        accounts, counts, score = numbers_of(self._summary(s3, scan_id))
        return Run(
            scan_id=scan_id,
            state=str(row["status"]),
            started_at=row["startDate"],
            ended_at=None if row["status"] in RUNNING else row.get("stopDate"),
            address=str(self.place(scan_id)),
            accounts=accounts,
            counts=counts,
            score=score,
        )

    def _summary(self, s3: Any, scan_id: str) -> Mapping[str, Any] | None:  # noqa: ANN401 -- a client
        """Read the summary of a scan. None: there is none yet, or it cannot be read."""
        place = self.place(scan_id)
        where = {"Bucket": place.bucket, "Key": place.key(_SUMMARY), **self.means.owner}
        try:
            document = json.loads(s3.get_object(**where)["Body"].read())
        # A scan is listed even if its numbers cannot be read.
        except (aws.ClientError, aws.BotoCoreError, ValueError):
            return None
        return document if isinstance(document, dict) else None

    def has_scan(self, scan_id: str) -> bool:
        """Check whether the evidence bucket has the complete scan: its manifest is written last."""
        place = self.place(scan_id)
        where = {"Bucket": place.bucket, "Key": place.key("manifest.json"), **self.means.owner}
        with translated_errors(place, self.means, writes=False):
            try:
                open_s3(self.means).head_object(**where)
            except aws.ClientError as problem:
                # HEAD has no body, so that botocore uses the HTTP status as the code.
                if code_of(problem) in ("404", "NoSuchKey", "NotFound"):
                    return False
                raise
        return True

    def fetch(self, scan_id: str, folder: Path) -> int:
        """Fetch reports, findings and facts of a scan into a folder, and return the number of files."""
        return download(self.place(scan_id), folder, self.means, NOT_FETCHED)


def open_stack(name: str, profile: str | None = None) -> StackClient:
    """Read the outputs of a stack, and return its client.

    Raises:
        UsageError: there is no such stack, or it is not a scanner.
        CredentialsError, EndpointError: AWS cannot be called.
    """
    with _translated("cloudformation:DescribeStacks"):
        try:
            session = boto3.Session(profile_name=profile)
            client = session.client("cloudformation", config=_CONFIG)
            answer = client.describe_stacks(StackName=name)
        except aws.NoRegionError as problem:
            raise UsageError("No Region is set. Set AWS_REGION to the Region of the stack.") from problem
        except (aws.ClientError, aws.ParamValidationError) as problem:
            # A missing stack has the code ValidationError, like many other mistakes.
            if "does not exist" in str(problem) or isinstance(problem, aws.ParamValidationError):
                region = session.region_name
                raise UsageError(
                    f"There is no stack {name} in {region}. Check the name, AWS_REGION and the profile."
                ) from problem
            raise
    stack = _stack(name, str(client.meta.region_name), answer)
    states = session.client("stepfunctions", region_name=stack.region, config=_CONFIG)
    means = with_owner(S3Options(bucket_owner=stack.owner, profile=profile))
    return StackClient(stack, states, means)


def _stack(name: str, region: str, answer: Mapping[str, Any]) -> Stack:
    rows = answer["Stacks"][0].get("Outputs", ()) if answer.get("Stacks") else ()
    outputs = {row["OutputKey"]: row["OutputValue"] for row in rows}
    missing = [key for key in OUTPUTS if not outputs.get(key)]
    if missing:
        raise UsageError(
            f"The stack {name} has no output {' and '.join(missing)}: it is not a scanner, or its "
            "deployment is not complete yet (docs/deploy.md)."
        )
    arn = parse_arn(outputs["StateMachineArn"])
    return Stack(
        name=name,
        region=region,
        state_machine=outputs["StateMachineArn"],
        evidence_bucket=outputs["EvidenceBucket"],
        owner=arn.account if arn is not None else "",
    )


def scan_id_of(stack: Stack, scan: Mapping[str, Any], now: datetime) -> str:
    """Return the id of a scan and the name of its execution, made from the time and what is scanned.

    Repeating a command within a second names the same execution, so no second one is started.
    """
    text = json.dumps([stack.state_machine, dict(scan)], sort_keys=True)
    return f"{now:%Y%m%dT%H%M%SZ}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def failure_of(state: RunState, scan_id: str) -> VaultproofError:
    """Return the error of an execution that ended without a scan."""
    because = ": ".join(part for part in (state.error, " ".join(state.cause.split())[:500]) if part)
    why = f" ({because})" if because else ""
    return OutputError(
        f"Scan {scan_id} ended with {state.status}{why} and wrote no scan to the evidence bucket. See the "
        "execution in the Step Functions console, and the log group of the function."
    )


@contextmanager
def _translated(action: str) -> Iterator[None]:
    """Turn errors of AWS into one sentence. `action`: the permission that the block needs."""
    try:
        yield
    except aws.ClientError as problem:
        code = code_of(problem)
        message = str(problem.response.get("Error", {}).get("Message") or code)
        if code in _EXPIRED:
            raise CredentialsError(
                f"AWS does not accept the credentials ({message}). Log in again."
            ) from problem
        # CloudFormation has AccessDenied, Step Functions AccessDeniedException.
        if "AccessDenied" in code:
            raise UsageError(
                f"{action} was refused ({message}). Grant the caller this permission."
            ) from problem
        raise EndpointError(f"{action} failed ({code}: {message}).") from problem
    except _CREDENTIALS as problem:
        raise CredentialsError(f"The credentials cannot be used: {problem}. Log in again.") from problem
    except (aws.HTTPClientError, aws.ConnectionError) as problem:
        raise EndpointError(f"AWS does not answer {action}: {problem}. Check the network.") from problem
    except aws.BotoCoreError as problem:
        raise EndpointError(f"{action} failed: {problem}.") from problem
