"""What GetPITRMalwareScanResults says of a continuous recovery point that was scanned."""

from pathlib import Path
from typing import Any

import pytest

from scanner.model.facts import RecoveryPointFacts
from scanner.model.known import Ternary
from tests.fakes.bundles import REGION, BundleBuilder, facts_of, stamp

BUCKET = "arn:aws:s3:::docs"
POINT = f"arn:aws:backup:{REGION}:111111111111:recovery-point:continuous:docs-1"
RESULTS = "backup:GetPITRMalwareScanResults"


def row(folder: Path, *, findings: list[str], failed: bool = False, **call: Any) -> RecoveryPointFacts:
    """Return the row of a scanned continuous recovery point. `call`: how the results were answered."""
    bundle = BundleBuilder(folder)
    aggregated = {"FailedScan": failed, "Findings": findings, "LastComputed": stamp(20)}
    shard = bundle.shard().vault("main")
    shard.point("main", BUCKET, arn=POINT, ResourceType="S3", AggregatedScanResult=aggregated)
    if call:
        call |= {"RecoveryPointArn": POINT, "BackupVaultName": "main", "ScanEndTime": stamp(20)}
        shard.call(RESULTS, **call, MalwareScanner="GUARDDUTY")
    found = facts_of(bundle.write())["recovery_point"][POINT]
    assert isinstance(found, RecoveryPointFacts)
    return found


def result(status: str) -> dict[str, Any]:
    return {"response": {"ScanResult": {"ScanResultStatus": status}, "ScanMode": "FULL_SCAN"}}


@pytest.mark.parametrize(
    ("findings", "failed", "call", "clean", "found"),
    [
        ([], False, result("NO_THREATS_FOUND"), True, ()),
        ([], False, result("THREATS_FOUND"), False, ("THREATS_FOUND",)),
        ([], False, result("UNKNOWN"), None, ()),
        ([], False, result("A_STATUS_OF_TOMORROW"), None, ()),
        ([], False, {"response": {}}, True, ()),  # AWS has no result for that time: the list decides
        ([], False, {"error": "ResourceNotFoundException"}, True, ()),
        ([], False, {"error": "AccessDeniedException"}, None, ()),
        ([], False, {}, True, ()),  # recorded before the operation existed
        ([], True, result("NO_THREATS_FOUND"), None, ()),
        (["MALWARE"], False, result("NO_THREATS_FOUND"), False, ("MALWARE",)),
        (["MALWARE"], False, {"error": "AccessDeniedException"}, False, ("MALWARE",)),
        (["MALWARE"], False, result("THREATS_FOUND"), False, ("MALWARE", "THREATS_FOUND")),
    ],
)
def test_both_results_must_be_clean(  # noqa: PLR0913, PLR0917 -- a row of the table
    findings: list[str],
    failed: Any,
    call: dict[str, Any],
    clean: Ternary,
    found: tuple[str, ...],
    tmp_path: Path,
) -> None:
    point = row(tmp_path, findings=findings, failed=failed, **call)
    assert (point.scanned, point.clean, point.scan_findings) == (True, clean, found)


def test_a_refused_read_is_named(tmp_path: Path) -> None:
    point = row(tmp_path, findings=[], error="AccessDeniedException")
    (note,) = [note for note in point.not_known if note.about == "clean"]
    assert "GetPITRMalwareScanResults" in note.reason
