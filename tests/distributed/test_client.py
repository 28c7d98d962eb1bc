"""A scan in AWS from the command line: started, watched, fetched, listed; against moto."""

import json
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import boto3
import pytest
from jsonschema import Draft202012Validator
from moto.server import ThreadedMotoServer
from moto.stepfunctions.models import stepfunctions_backends
from typer.testing import CliRunner, Result

from scanner.cli.commands import audit
from scanner.distributed import client
from scanner.distributed.client import (
    MapCounts,
    RunState,
    Stack,
    StackClient,
    numbers_of,
    open_stack,
    scan_id_of,
)
from scanner.distributed.events import Open, parse_event
from scanner.errors import UsageError
from scanner.storage.s3 import S3Options
from tests.fakes.bundles import BundleBuilder
from tests.fakes.environment import lead_to
from tests.fakes.stacks import serve_stacks

ROOT: Final = Path(__file__).parents[2]
OWNER: Final = "123456789012"  # moto's own
REGION: Final = "eu-west-1"
BUCKET: Final = "evidence-of-acme"
STACK: Final = "vaultproof"
NOW: Final = datetime(2026, 11, 30, 5, 40, tzinfo=UTC)


def command(*words: str | Path) -> Result:
    return CliRunner().invoke(audit, list(map(str, words)))


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A judged scan, as Finish leaves one."""
    made = BundleBuilder(tmp_path_factory.mktemp("bundle"))
    made.shard().vault("payments-archive").volume("vol-0a1b2c3d4e5f60718", {"team": "payments"})
    folder = tmp_path_factory.mktemp("judged") / "scan"
    words = ("--controls", "resource-in-backup-plan", "--out", folder, "--format", "html,json")
    assert command("evaluate", made.write(), *words).exit_code == 0
    return folder


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def aws(endpoint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """An account with the stack of a scanner; gives a function that makes clients."""
    lead_to(endpoint, monkeypatch, region=REGION)
    monkeypatch.chdir(tmp_path)
    location: Any = {"LocationConstraint": REGION}
    boto3.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=location)
    role = f"arn:aws:iam::{OWNER}:role/states"
    definition = json.dumps({"StartAt": "Open", "States": {"Open": {"Type": "Pass", "End": True}}})
    machine = boto3.client("stepfunctions").create_state_machine(
        name="scan", definition=definition, roleArn=role
    )["stateMachineArn"]
    outputs = {"StateMachineArn": machine, "EvidenceBucket": BUCKET, "WorkBucket": "w", "FunctionName": "f"}
    with serve_stacks({STACK: outputs, "another": {"Url": "x"}}) as stacks:
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFORMATION", stacks)
        yield boto3.client
    request = urllib.request.Request(f"{endpoint}/moto-api/reset", method="POST")  # noqa: S310
    urllib.request.urlopen(request).close()  # noqa: S310


def pause_with(monkeypatch: pytest.MonkeyPatch, act: Callable[[float], object]) -> None:
    """Act instead of the pause between two polls. Other threads, such as moto's, sleep as before."""
    monkeypatch.setattr(client, "time", SimpleNamespace(sleep=act))


def end(status: str = "SUCCEEDED", scan: Path | None = None) -> list[str]:
    """End all executions, and file `scan` as what they made. Gives their names."""
    names = []
    for machine in stepfunctions_backends[OWNER][REGION].state_machines:
        for execution in machine.executions:
            execution.status = status
            names.append(str(execution.name))
            execution.stop_date = execution.start_date
            if scan is not None:
                file(scan, str(execution.name))
    return names


def file(scan: Path, scan_id: str) -> None:
    s3 = boto3.client("s3")
    for path in scan.rglob("*"):
        if path.is_file():
            key = f"scans/{scan_id}/{path.relative_to(scan).as_posix()}"
            s3.upload_file(str(path), BUCKET, key)


def test_a_scan_is_started_watched_and_fetched(
    aws: Any, scan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[str] = []
    pause_with(monkeypatch, lambda _: names.extend(end(scan=scan)))
    words = (
        "run",
        "--org",
        "--region",
        REGION,
        "--distributed",
        STACK,
        "--controls",
        "resource-in-backup-plan",
    )
    done = command(*words, "--out", "out", "--fail-on", "high")
    assert done.exit_code == 10, done.output
    out = tmp_path / "out"
    assert (out / "report.html").exists()
    assert not (out / "evidence").exists()
    (name,) = names
    assert f"Scan {name} was started" in done.stderr
    assert "resource-in-backup-plan" in done.stdout
    (execution,) = aws("stepfunctions").list_executions(
        stateMachineArn=open_stack(STACK).stack.state_machine
    )["executions"]
    described = aws("stepfunctions").describe_execution(executionArn=execution["executionArn"])
    sent = json.loads(described["input"])
    assert sent == {
        "scan": {"organization": True, "regions": [REGION], "controls": ["resource-in-backup-plan"]}
    }
    # What the state machine makes of it is an event of the function.
    assert isinstance(parse_event({"action": "open", "scan_id": name, "scan": sent["scan"]}), Open)


def test_quiet_prints_one_line(aws: Any, scan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert aws
    pause_with(monkeypatch, lambda _: end(scan=scan))
    done = command("run", "--org", "--distributed", STACK, "--out", "out", "-q")
    (line,) = done.stdout.splitlines()
    assert (done.exit_code, f"s3://{BUCKET}/scans/" in line) == (0, True)


def test_an_execution_that_leaves_no_scan_is_an_error(aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert aws
    pause_with(monkeypatch, lambda _: end("FAILED"))
    done = command("run", "--org", "--distributed", STACK, "--out", "out")
    assert (done.exit_code, "ended with FAILED" in done.stderr) == (5, True)


def test_a_scan_in_the_bucket_counts_more_than_the_state(
    aws: Any, scan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert aws
    pause_with(monkeypatch, lambda _: end("TIMED_OUT", scan))
    done = command("run", "--org", "--distributed", STACK, "--out", "out", "-q")
    assert (done.exit_code, "warning: The execution ended with TIMED_OUT" in done.stderr) == (0, True)


def test_interrupting_leaves_the_scan_running(aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    pause_with(monkeypatch, interrupt)
    done = command("run", "--org", "--distributed", STACK, "--out", "out")
    assert done.exit_code == 130
    assert f"audit status {STACK}" in done.stderr
    assert f"audit report s3://{BUCKET}/scans/" in done.stderr
    machine = open_stack(STACK).stack.state_machine
    (execution,) = aws("stepfunctions").list_executions(stateMachineArn=machine)["executions"]
    assert execution["status"] == "RUNNING"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--org", "--distributed", "nowhere"), "There is no stack nowhere"),
        (("--org", "--distributed", "another"), "has no output StateMachineArn and EvidenceBucket"),
        (("--distributed", STACK), "--distributed needs --org"),
        (("--org", "--distributed", STACK, "--resume", "x"), "--resume"),
        (("--org", "--distributed", STACK, "--out", "s3://a-bucket/x"), "name a folder with --out"),
        (("--org", "--distributed", STACK, "--out", "full"), "not an empty folder"),
    ],
)
def test_mistakes_are_told_before_anything_is_started(
    aws: Any, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    done = command("run", *words)
    assert (done.exit_code, message in done.stderr) == (2, True), done.stderr
    machine = open_stack(STACK).stack.state_machine
    assert not aws("stepfunctions").list_executions(stateMachineArn=machine)["executions"]


def test_the_last_scans_are_listed(aws: Any, scan: Path) -> None:
    assert aws
    client = open_stack(STACK)
    client.start("first", {"organization": True})
    end(scan=scan)
    client.start("second", {"organization": True})
    done = command("status", STACK, "--format", "json")
    document = json.loads(done.stdout)
    schema = json.loads((ROOT / "docs/schema/runs.schema.json").read_text("utf-8"))
    Draft202012Validator(schema).validate(document)
    runs = {run["scan_id"]: run for run in document["runs"]}
    assert (runs["first"]["state"], runs["first"]["accounts"], runs["first"]["findings"]["fail"]) == (
        "SUCCEEDED",
        1,
        1,
    )
    second = runs["second"]
    assert (second["state"], second["ended_at"], second["accounts"], second["findings"]) == (
        "RUNNING",
        None,
        None,
        None,
    )
    table = command("status", STACK)
    assert f"s3://{BUCKET}/scans/first" in table.stdout.replace("\n", "")
    assert "not known" in table.stdout
    assert len(json.loads(command("status", STACK, "--limit", "1", "--format", "json").stdout)["runs"]) == 1


def test_a_stack_that_has_scanned_nothing(aws: Any) -> None:
    assert aws
    done = command("status", STACK)
    assert (done.exit_code, "has run no scan yet" in done.stdout) == (0, True)


def test_the_same_name_is_not_started_with_other_options(aws: Any) -> None:
    assert aws
    client = open_stack(STACK)
    client.start("one", {"organization": True})
    with pytest.raises(UsageError, match="Scan one already exists"):
        client.start("one", {"organization": False})


class _States:
    """Step Functions with two map runs."""

    def list_map_runs(self, **_: Any) -> Any:
        arn = f"arn:aws:states:eu-west-1:{OWNER}:mapRun:scan"
        return {"mapRuns": [{"mapRunArn": f"{arn}/Judge:2"}, {"mapRunArn": f"{arn}/Collect:1"}]}

    def describe_map_run(self, *, mapRunArn: str) -> Any:  # noqa: N803 -- boto3's name
        counts = {"total": 300, "succeeded": 120, "running": 40, "failed": 1, "timedOut": 1, "aborted": 0}
        started = NOW.replace(minute=50 if "Judge" in mapRunArn else 41)
        return {"mapRunArn": mapRunArn, "startDate": started, "itemCounts": counts}


def test_progress_shows_the_counts_of_each_map_in_order() -> None:
    stack = Stack(name="s", region=REGION, state_machine="m", evidence_bucket=BUCKET, owner=OWNER)
    counts = StackClient(stack, _States(), S3Options()).counts("execution")
    assert [each.line() for each in counts] == [
        "Collect: 120 of 300 done, 40 running, 2 failed",
        "Judge: 120 of 300 done, 40 running, 2 failed",
    ]
    assert MapCounts("Collect", 3, 3, 0, 0).line() == "Collect: 3 of 3 done, 0 running"


def test_an_id_is_a_valid_name_and_follows_from_time_and_options() -> None:
    stack = Stack(name="s", region=REGION, state_machine="m", evidence_bucket=BUCKET, owner=OWNER)
    one, same = (scan_id_of(stack, {"organization": True}, NOW) for _ in range(2))
    other = scan_id_of(stack, {"accounts": ["111111111111"]}, NOW)
    assert one == same != other
    assert one.startswith("20261130T054000Z-")
    assert isinstance(parse_event({"action": "open", "scan_id": one, "scan": {}}), Open)


@pytest.mark.parametrize("summary", [None, {}, {"scan": [], "summary": 3}, {"summary": {"score": None}}])
def test_a_summary_of_another_shape_is_not_known(summary: Any) -> None:
    assert numbers_of(summary) == (None, None, None)


def test_states() -> None:
    assert RunState("RUNNING").is_running
    assert not RunState("FAILED").is_running
