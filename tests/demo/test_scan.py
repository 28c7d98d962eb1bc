"""The ordinary command against the simulation says of everything planted what the table expects."""

import gzip
import json
import os
from pathlib import Path

import pytest

from scanner.demo.command import run_scan, scan_arguments
from scanner.demo.server import Demo

pytest.importorskip("scanner.cli", reason="the command line is not there yet")


@pytest.mark.slow
def test_a_scan_finds_what_is_planted(
    demo: Demo, planted: list[tuple[str, str, str]], tmp_path: Path
) -> None:
    out = tmp_path / "scan"
    arguments = scan_arguments(demo, out, "json", quiet=True)
    assert run_scan(arguments, demo.scrubbed(os.environ)) == 0
    lines = gzip.decompress((out / "findings.jsonl.gz").read_bytes()).decode().splitlines()
    findings = [json.loads(line) for line in lines]
    found = {(finding["control"], finding["subject"]): finding["status"] for finding in findings}
    expected = {(control, subject): status for control, subject, status in planted}
    assert {key: found.get(key) for key in expected} == expected
