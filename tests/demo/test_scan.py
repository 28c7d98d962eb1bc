"""The ordinary command against the simulation says of everything planted what the table expects."""

from typing import Any

import pytest


@pytest.mark.slow
def test_a_scan_finds_what_is_planted(scan: Any, planted: list[tuple[str, str, str]]) -> None:
    found = {(finding["control"], finding["subject"]): finding["status"] for finding in scan.findings}
    expected = {(control, subject): status for control, subject, status in planted}
    assert {key: found.get(key) for key in expected} == expected


@pytest.mark.slow
def test_what_the_organisation_has_settled_shows(scan: Any) -> None:
    """Owners, tiers and waivers of scanner/demo/audit.yaml: one of each kind is in the findings."""
    waived = [finding for finding in scan.findings if finding["status"] == "waived"]
    assert [(each["subject"].rpartition(":")[2], each["waiver"]["id"]) for each in waived] == [
        ("playground", "W-2026-031")
    ]
    expired = [each["subject"] for each in scan.findings if each["control"] == "waiver-expired"]
    assert expired == ["waiver/W-2026-007"]
    assert {each["details"].get("tier") for each in scan.findings} >= {"gold", "development", "", None}
    assert {each["owner"] for each in scan.findings} >= {"payments", "aws+production@example.com"}
