"""The ordinary command against the simulation says of everything planted what the table expects."""

from typing import Any

import pytest


@pytest.mark.slow
def test_a_scan_finds_what_is_planted(scan: Any, planted: list[tuple[str, str, str]]) -> None:
    found = {(finding["control"], finding["subject"]): finding["status"] for finding in scan.findings}
    expected = {(control, subject): status for control, subject, status in planted}
    assert {key: found.get(key) for key in expected} == expected
