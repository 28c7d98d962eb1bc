"""Five gaps of the simulated organisation are fixed for real, and the next scan shows what was promised.

The generated scripts run in bash. Their `aws` is `tests/fakes/aws_cli.py`, whose calls go to a simulation of
its own, which nothing else uses. All findings are compared, not only the promised ones.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest

from scanner.demo.clock import DEMO_CLOCK
from scanner.demo.command import CONFIG
from scanner.demo.story.accounts import MANAGEMENT, REGIONS
from scanner.demo.story.organisation import ROLE_NAME

ROOT = Path(__file__).parents[2]
SHIM = ROOT / "tests/fakes/aws_cli.py"
SERVER = """
import sys, time
from scanner.demo.serve import serve
with serve() as demo:
    print(demo.endpoint, flush=True)
    sys.stdin.read()
"""
GAPS = (
    ("rule-target-vault-exists",),
    ("resource-opted-in",),
    ("copy-destination-admits-source",),
    ("copy-source-key-shared",),
    ("selection-role-usable",),
    ("plan-frequency-and-retention",),
    ("rule-retention-within-vault-lock",),
    ("resource-in-backup-plan",),
)
Statuses = dict[tuple[str, str], str]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Serve a simulation in a process of its own, and return the environment that talks to it."""
    bin_folder = tmp_path_factory.mktemp("bin")
    shim = bin_folder / "aws"
    shim.write_text(f'#!/bin/sh\nexec {sys.executable} {SHIM} "$@"\n')
    shim.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    path = {"PYTHONPATH": str(ROOT), "PATH": f"{bin_folder}:{os.environ['PATH']}"}
    with subprocess.Popen(
        [sys.executable, "-c", SERVER],
        env=kept | path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        endpoint = server.stdout.readline().strip()
        yield (
            kept
            | path
            | {
                "AWS_ENDPOINT_URL": endpoint,
                "AWS_ACCESS_KEY_ID": "AKIAVAULTPROOFDEMO01",
                "AWS_SECRET_ACCESS_KEY": "simulated/organisation/on/this/machine00",
                "AWS_DEFAULT_REGION": REGIONS[0],
                "AWS_CONFIG_FILE": os.devnull,
                "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
                "AWS_EC2_METADATA_DISABLED": "true",
            }
        )
        server.communicate("")


def audit(environment: Mapping[str, str], *words: str | Path) -> str:
    """Run the command, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "scanner", *words],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def scanned(environment: Mapping[str, str], out: Path, controls: str = "all") -> Statuses:
    """Scan the simulation, and return the status of each finding of some controls."""
    words: list[str | Path] = ["run", "--org", "--out", out, "--role-name", ROLE_NAME, "--config", CONFIG]
    for region in REGIONS:
        words += ["--region", region]
    words += [
        "--as-of",
        f"{DEMO_CLOCK:%Y-%m-%dT%H:%M:%SZ}",
        "--controls",
        controls,
        "--format",
        "json",
        "--quiet",
    ]
    audit(environment, *words)
    findings = json.loads((out / "findings.json").read_text("utf-8"))["findings"]
    return {(finding["control"], finding["subject"]): finding["status"] for finding in findings}


def credentials(environment: Mapping[str, str], account: str) -> dict[str, str]:
    """Return the environment of an administrator of an account."""
    if account == MANAGEMENT:
        return dict(environment)
    sts = boto3.client(
        "sts",
        region_name=REGIONS[0],
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )
    role = f"arn:aws:iam::{account}:role/{ROLE_NAME}"
    keys = sts.assume_role(RoleArn=role, RoleSessionName="fix")["Credentials"]
    return {
        **environment,
        "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
        "AWS_SESSION_TOKEN": keys["SessionToken"],
    }


def apply(environment: Mapping[str, str], folder: Path) -> None:
    """Run the scripts of a proposal in their order, each with the credentials of its account."""
    for script in sorted((folder / "cli").iterdir()):
        account = script.name.split("-")[1]
        own = credentials(environment, account)
        done = subprocess.run(["/bin/bash", script], env=own, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{script.name}: {done.stderr}"


@pytest.mark.slow
def test_the_next_scan_shows_what_was_promised(environment: dict[str, str], tmp_path: Path) -> None:
    before = scanned(environment, tmp_path / "before")
    controls = [word for (control,) in GAPS for word in ("--control", control)]
    out = tmp_path / "changes"
    document = json.loads(
        audit(environment, "fix", tmp_path / "before", *controls, "--format", "json", "--out", out)
    )
    foretold = what_if(environment, tmp_path / "before", out / "changes.json")
    apply(environment, out)
    after = scanned(environment, tmp_path / "after")
    promised = [name_of(each) for each in document["findings"] if each["outcome"] == "turns_to_pass"]
    assert len({control for control, _ in promised}) >= 5
    assert {name: after.get(name) for name in promised} == dict.fromkeys(promised, "pass")
    for each in document["findings"]:
        if each["outcome"] in {"stays", "needs_time"}:
            assert after[name_of(each)] == "fail", each
    # What had a finding before: all of it is as foretold, changed or not. New things have other ids in each.
    expected = {name: foretold.get(name, status) for name, status in before.items()}
    differences = {
        name: (status, after.get(name)) for name, status in expected.items() if after.get(name) != status
    }
    assert differences == {}


@pytest.mark.slow
def test_the_scripts_can_run_again(environment: dict[str, str], tmp_path: Path) -> None:
    scanned(environment, tmp_path / "before", "vault-locked")
    out = tmp_path / "changes"
    audit(environment, "fix", tmp_path / "before", "--control", "vault-locked", "--out", out)
    apply(environment, out)
    apply(environment, out)


def what_if(environment: Mapping[str, str], scan: Path, changes: Path) -> Statuses:
    """Return the statuses that `audit what-if` foretells for findings that change."""
    judged: dict[str, Any] = json.loads(
        audit(environment, "what-if", scan, "--change", changes, "--format", "json")
    )
    return {name_of(each): each["status_after"] for each in judged["findings"]}


def name_of(finding: Mapping[str, Any]) -> tuple[str, str]:
    return (finding["control"], finding["subject"])
