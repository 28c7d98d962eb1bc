"""A summary of a scan, and AWS by moto."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from moto import mock_aws

from scanner.model.changes import Kind
from scanner.model.finding import Severity, Status
from scanner.model.notification import ChangedFinding, FormerScan, ScanSummary

REGION = "eu-west-1"
ACCOUNT = "123456789012"
AS_OF = datetime(2026, 11, 22, 18, tzinfo=UTC)


def changed(number: int = 1, **given: Any) -> ChangedFinding:
    """Return a finding that is new."""
    values: dict[str, Any] = {
        "kind": Kind.NEW,
        "control": "resource-in-backup-plan",
        "title": "Resource is not in any backup plan",
        "severity": Severity.CRITICAL,
        "subject": f"arn:aws:ec2:eu-west-1:111111111111:volume/vol-{number}",
        "subject_type": "EBS",
        "name": "orders",
        "account": "111111111111",
        "account_name": "prod",
        "region": REGION,
        "reason": "No selection matches it.",
        "to_do": "Tag the resource as one of your selections asks.",
        "fingerprint": f"{number:064x}",
    }
    return ChangedFinding(**values | given)


def summary_with(*new: ChangedFinding, **given: Any) -> ScanSummary:
    """Return a summary whose new findings are these."""
    counts = {kind: sum(each.kind is kind for each in new) for kind in Kind}
    values: dict[str, Any] = {
        "scan_id": "scan-2",
        "evaluated_as_of": AS_OF,
        "address": "s3://audits/scans/scan-2",
        "organization_id": "o-acme12345",
        "accounts": 5,
        "regions": (REGION, "eu-central-1"),
        "counts": {Status.PASS: 70, Status.FAIL: 30},
        "failed": {Severity.CRITICAL: 10, Severity.LOW: 20},
        "gaps": 3,
        "score": 71.25,
        "former": FormerScan(scan_id="scan-1", evaluated_as_of=AS_OF.replace(day=21), score=75.0),
        "changes": counts | {Kind.FIXED: 4},
        "new": new,
        "alarm": min((each.severity for each in new), key=lambda one: one.rank, default=None),
    }
    return ScanSummary(**values | given)


@pytest.fixture
def aws() -> Iterator[None]:
    """Simulate AWS, with credentials of the account 123456789012."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        with mock_aws():
            yield
