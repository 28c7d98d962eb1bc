"""The environment of a command under test: a simulated AWS, and no settings of this machine."""

import os
from pathlib import Path

import pytest


def lead_to(
    endpoint: str, monkeypatch: pytest.MonkeyPatch, *, region: str = "us-east-1", scratch: Path | None = None
) -> None:
    """Let boto3 call an address, with invented credentials. `scratch`: the folder for temporary files."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    settings = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    if scratch is not None:
        scratch.mkdir()
        monkeypatch.setattr("tempfile.tempdir", None)
        monkeypatch.setenv("TMPDIR", str(scratch))
