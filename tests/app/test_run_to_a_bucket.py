"""A whole scan of the simulated organisation into a bucket, redacted reports beside the evidence."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import boto3
import pytest

from scanner.demo.clock import DEMO_CLOCK
from scanner.demo.serve import DEFAULT_SEED, serve

pytestmark = pytest.mark.slow

ROOT: Final = Path(__file__).parents[2]
BUCKET: Final = "audits-of-the-demo"
PLACE: Final = f"s3://{BUCKET}/weekly"


def told_by(
    command: list[str], environment: dict[str, str], folder: Path
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)


def test_a_scan_goes_to_a_bucket_once(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    with serve(DEFAULT_SEED) as demo:
        told = demo.environment()
        s3 = boto3.client(
            "s3",
            endpoint_url=demo.endpoint,
            region_name="us-east-1",
            aws_access_key_id=told["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=told["AWS_SECRET_ACCESS_KEY"],
        )
        s3.create_bucket(Bucket=BUCKET)
        environment = demo.scrubbed(os.environ) | {"PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path / "tmp")}
        command = [
            sys.executable, "-m", "scanner", "run", "--org", "--role-name", demo.role_name,
            "--region", demo.regions[0], "--as-of", DEMO_CLOCK.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "--allow-partial", "--controls", "vault-locked", "--format", "json", "--redact", "--out", PLACE,
        ]  # fmt: skip
        first = told_by(command, environment, tmp_path)
        assert first.returncode == 0, first.stderr
        keys = {each["Key"] for each in s3.list_objects_v2(Bucket=BUCKET)["Contents"]}
        again = told_by(command, environment, tmp_path)
    names = ("manifest.json", "journal.jsonl", "evidence/org.jsonl.gz", "redacted/findings.json")
    assert {f"weekly/{name}" for name in names} <= keys
    assert f"{PLACE}/redacted/findings.json" in first.stdout.replace("\n", "")
    assert again.returncode == 2
    assert "There is a scan at" in again.stderr
    assert not list((tmp_path / "tmp").iterdir())
