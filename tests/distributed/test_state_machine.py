"""The state machine of deploy/ over the simulated organisation, in moto's interpreter of Step Functions.

moto never fails a map: what the tests go by are events, and the files in the buckets.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from scanner.app.verification import verify
from scanner.demo.clock import DEMO_CLOCK
from scanner.demo.serve import Demo
from scanner.evidence.attestation import signed_statement
from scanner.evidence.bundle import Bundle
from scanner.evidence.keys import public_key_of_der
from scanner.evidence.verification import CheckResult, any_failed
from tests.distributed.simulated_aws import (
    EVIDENCE,
    ROOT,
    Account,
    FaultError,
    StateMachine,
    client_of,
    deployed,
    fetched,
    s3_of,
)

pytestmark = pytest.mark.slow

AS_OF: Final = DEMO_CLOCK.strftime("%Y-%m-%dT%H:%M:%SZ")
JUDGED: Final = ("facts", "findings", "inventory")
SLOW: Final = "333333333333"
ONCE: Final = "222222222222"
NEVER: Final = "444444444444"


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    before = dict(os.environ)
    try:
        with deployed() as running:
            yield running
    finally:
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(scope="module")
def machine(account: Account) -> StateMachine:
    assert account
    return StateMachine()


@pytest.fixture(scope="module")
def local(account: Account, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scan the organisation with the command line."""
    folder = tmp_path_factory.mktemp("local") / "scan"
    collected_here(account.demo, folder)
    return folder


def collected_here(demo: Demo, folder: Path, *more: str) -> None:
    """Run a scan with the command line."""
    regions = [word for region in demo.regions for word in ("--region", region)]
    command = [
        sys.executable, "-m", "scanner", "run", "--org", "--role-name", demo.role_name, *regions,
        "--as-of", AS_OF, "--format", "json", "--out", str(folder), "--quiet", "--allow-partial", *more,
    ]  # fmt: skip
    environment = demo.scrubbed(os.environ) | {"PYTHONPATH": str(ROOT)}
    subprocess.run(command, env=environment, check=True, capture_output=True)


def options(demo: Demo) -> dict[str, Any]:
    return {"regions": list(demo.regions), "role_name": demo.role_name, "as_of": AS_OF, "formats": ["json"]}


def contents(folder: Path, *prefixes: str) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for prefix in prefixes
        for path in (folder / prefix).rglob("*")
        if path.is_file()
    }


def versions(demo: Demo, scan: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    pages = (
        s3_of(demo).get_paginator("list_object_versions").paginate(Bucket=EVIDENCE, Prefix=f"scans/{scan}/")
    )
    for row in (row for page in pages for row in page["Versions"]):
        counts[row["Key"]] = counts.get(row["Key"], 0) + 1
    return counts


def test_two_executions_at_once_give_the_files_of_the_local_scan(
    account: Account, machine: StateMachine, local: Path, tmp_path: Path
) -> None:
    """One account needs a second round, one raises once; the role of another one is refused."""
    rounds: dict[tuple[str, str], int] = {}

    def fault(event: dict[str, Any]) -> float:
        if event["action"] != "collect":
            return 300.0
        key = (event["scan_id"], event["account"])
        rounds[key] = rounds.get(key, 0) + 1
        if event["account"] == ONCE and rounds[key] == 1:
            raise FaultError("the sandbox was ended")
        return 0.0 if event["account"] == SLOW and rounds[key] == 1 else 300.0

    account.fault = fault
    started = [machine.start(name, options(account.demo)) for name in ("night-1", "night-2")]
    for execution in started:
        ended = machine.ended(execution)
        assert ended["status"] == "SUCCEEDED", ended
        assert len(ended["output"]) < 10_000
    assert rounds["night-1", SLOW] == 3, "the second round reads one Region only"
    assert rounds["night-1", ONCE] == 2
    assert {
        answer["answer"]["more"] for event, answer in account.invoked("collect") if event["account"] == SLOW
    } == {
        True,
        False,
    }
    assert len(account.invoked("judge")) > 2
    for name in ("night-1", "night-2"):
        folder = fetched(account.demo, name, tmp_path / name)
        assert contents(folder, *JUDGED) == contents(local, *JUDGED)
        assert set(contents(folder, "evidence")) == set(contents(local, "evidence"))
        Bundle(folder).check()
        checks = {check.name: check for check in verify(folder, name, re_perform=True).checks}
        assert checks["inputs"].result is checks["re_performed"].result is CheckResult.OK, checks
        assert not any_failed(checks.values()), checks
        assert set(versions(account.demo, name).values()) == {1}
        check_signature(account.demo, folder)


def check_signature(demo: Demo, folder: Path) -> None:
    raw = (folder / "manifest.json").read_bytes()
    signed = signed_statement(raw, json.loads(raw)["scan_id"])
    assert signed is not None
    der = client_of(demo, "kms").get_public_key(KeyId=signed.attestation.key.id)["PublicKey"]
    assert public_key_of_der(der, "KMS").verifies(signed.signature, signed.message)


def test_a_scan_of_few_controls_collects_what_the_local_one_collects(
    account: Account, machine: StateMachine, tmp_path: Path
) -> None:
    account.fault = lambda _event: 300.0
    narrow = {**options(account.demo), "controls": ["resource-in-backup-plan", "account-region-assessed"]}
    ended = machine.ended(machine.start("narrow", narrow))
    assert ended["status"] == "SUCCEEDED", ended
    folder, beside = fetched(account.demo, "narrow", tmp_path / "narrow"), tmp_path / "local"
    collected_here(account.demo, beside, *(f"--controls={name}" for name in narrow["controls"]))
    assert contents(folder, *JUDGED) == contents(beside, *JUDGED)
    reads, ours = (json.loads((each / "manifest.json").read_text())["reads"] for each in (folder, beside))
    assert reads == ours
    assert "backup:ListRecoveryPointsByBackupVault" not in reads["operations"]


def test_steps_that_are_repeated_leave_nothing_twice(
    account: Account, machine: StateMachine, local: Path
) -> None:
    assert machine
    assert local
    account.fault = lambda _event: 300.0
    before = versions(account.demo, "night-1")
    for event, answer in [pair for pair in account.events if pair[0]["scan_id"] == "night-1"]:
        if event["action"] in ("collect", "gather", "judge", "finish") and "answer" in answer:
            assert "answer" in account.invoke(event)
    assert versions(account.demo, "night-1") == before


def test_an_account_whose_worker_always_fails_is_unknown(
    account: Account, machine: StateMachine, tmp_path: Path
) -> None:
    def fault(event: dict[str, Any]) -> float:
        if event["action"] == "collect" and event["account"] == NEVER:
            raise FaultError("Task timed out after 900.00 seconds")
        return 300.0

    account.fault = fault
    ended = machine.ended(machine.start("night-3", options(account.demo)))
    assert ended["status"] == "SUCCEEDED", ended
    folder = fetched(account.demo, "night-3", tmp_path / "night-3")
    manifest = json.loads((folder / "manifest.json").read_text())
    of_account = [row for row in manifest["shards"] if row["account"] == NEVER]
    assert {row["status"] for row in of_account} == {"failed"}
    assert len(of_account) == len(account.demo.regions) + 1
    findings = json.loads((folder / "findings.json").read_text())["findings"]
    own = [finding for finding in findings if finding["account"] == NEVER]
    assert {finding["status"] for finding in own} <= {"unknown", "fail", "not_applicable"}
    assert {finding["control"] for finding in own if finding["status"] == "fail"} <= {
        "account-region-assessed"
    }
    reasons = " ".join(finding["reason"] for finding in own)
    assert "could not be read, because the function and its retries timed out" in reasons


def test_an_account_that_never_gets_the_time_is_partial(account: Account) -> None:
    """Rounds without progress end with evidence that says so."""
    account.fault = lambda event: 0.0 if event["action"] == "collect" else 300.0
    scan = {**options(account.demo), "accounts": [SLOW], "organization": False}
    base = {"scan_id": "night-4", "scan": scan}
    assert account.invoke({**base, "action": "open"})["answer"]["accounts"] == 1
    event = {**base, "action": "collect", "account": SLOW}
    rounds = 0
    while account.invoke(event)["answer"]["more"]:
        rounds += 1
        assert rounds < 30
    account.invoke({**base, "action": "gather"})
    body = s3_of(account.demo).get_object(Bucket="work-bucket", Key="work/night-4/manifest.json")["Body"]
    shards = [row for row in json.load(body)["shards"] if row["account"] == SLOW]
    assert rounds > 2
    assert {row["status"] for row in shards} <= {"partial", "failed"}
    assert all(row["errors"] for row in shards)
