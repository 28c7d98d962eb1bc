"""The EventBridge event of a scan: docs/schema/scan-event.schema.json describes its detail.

EventBridge limits an entry: time, source, detail type and detail together (EventBridge user guide,
"Calculating PutEvents event entry size"). The lists of findings are shortened until the entry has at most
256 KB, which every target of a rule accepts.
EventBridge delivers at least once and has no deduplication: a consumer compares `scan_id`.
"""

from dataclasses import replace
from datetime import UTC
from typing import Any, Final

import orjson

from scanner.model.changes import Kind
from scanner.model.finding import Severity, Status
from scanner.model.notification import Call, ChangedFinding, FormerScan, ScanSummary

ELLIPSIS: Final = "..."
SCHEMA: Final = "backup-audit/scan-event/1"
SOURCE: Final = "vaultproof"
DETAIL_TYPE: Final = "Vaultproof Scan Completed"
TARGET: Final = "EventBridge"
MAX_ENTRY: Final = 256 * 1024
MAX_ADDRESS: Final = 2_048
MAX_FIELD: Final = 512

_TIME: Final = 14
"""Bytes that EventBridge counts for the time of an entry, whatever its text."""


def one_line(text: str, limit: int) -> str:
    """Return a text as one line of at most `limit` characters.

    Control and formatting characters become spaces: line breaks, terminal escapes, and those that reverse the
    direction of writing. A name from a tag can then neither add a line to a message nor hide one.
    """
    # Spaces may collapse, so a bit more than the limit is read; a text of megabytes is not.
    clean = " ".join("".join(char if char.isprintable() else " " for char in text[: 4 * limit]).split())
    return clean if len(clean) <= limit else clean[: limit - len(ELLIPSIS)].rstrip() + ELLIPSIS


def ascii_line(text: str, limit: int) -> str:
    """Return a text as one line of at most `limit` ASCII characters; others become question marks."""
    return one_line(text.encode("ascii", "replace").decode(), limit)


def count_of(number: int, noun: str) -> str:
    """Return a number with its noun: `1 new failed check`, `1,200 new failed checks`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def event_call(summary: ScanSummary, event_bus: str) -> Call:
    """Build the PutEvents request for a scan."""
    entry = {
        "Time": summary.evaluated_as_of.astimezone(UTC).isoformat(),
        "Source": SOURCE,
        "DetailType": DETAIL_TYPE,
        "Detail": _fitting_detail(summary),
        # A name or an ARN, which may be that of a bus in another account.
        "EventBusName": event_bus,
    }
    return Call(
        target=TARGET,
        service="events",
        operation="PutEvents",
        parameters={"Entries": [entry]},
        region=region_of(event_bus),
    )


def region_of(arn: str) -> str:
    """Return the Region of an event bus or topic; empty where it is a name, not an ARN."""
    parts = arn.split(":")
    return parts[3] if arn.startswith("arn:") and len(parts) > 4 else ""  # noqa: PLR2004 -- arn:p:service:region:account


def detail(summary: ScanSummary) -> dict[str, Any]:
    """Build the detail of the event."""
    return {
        "schema": SCHEMA,
        "scan_id": one_line(summary.scan_id, MAX_FIELD),
        "evaluated_as_of": _time(summary),
        "address": one_line(summary.address, MAX_ADDRESS),
        "organization_id": summary.organization_id,
        "accounts": summary.accounts,
        "regions": list(summary.regions),
        "score": summary.score,
        "counts": {status.value: summary.counts.get(status, 0) for status in Status},
        "failed_by_severity": {severity.value: summary.failed.get(severity, 0) for severity in Severity},
        "failed_reads": summary.gaps,
        "since": _former(summary.former),
        "changes": _changes(summary),
        "alarm": summary.alarm.value if summary.alarm else None,
        "new": [_finding(finding) for finding in summary.new],
        "fixed": [_finding(finding) for finding in summary.fixed],
    }


def _changes(summary: ScanSummary) -> dict[str, int] | None:
    # None is not zero: without an earlier scan, it is unknown what changed.
    if summary.former is None:
        return None
    return {kind.value: summary.changes.get(kind, 0) for kind in Kind}


def _former(former: FormerScan | None) -> dict[str, Any] | None:
    if former is None:
        return None
    at = former.evaluated_as_of.astimezone(UTC).isoformat()
    return {"scan_id": one_line(former.scan_id, MAX_FIELD), "evaluated_as_of": at, "score": former.score}


def _finding(finding: ChangedFinding) -> dict[str, str]:
    return {
        "kind": finding.kind.value,
        "control": finding.control,
        "severity": finding.severity.value,
        "subject": one_line(finding.subject, MAX_ADDRESS),
        "subject_type": finding.subject_type,
        "name": one_line(finding.name, MAX_FIELD),
        "account": finding.account,
        "region": finding.region,
        "reason": one_line(finding.reason, MAX_FIELD),
        "fingerprint": finding.fingerprint,
    }


def _time(summary: ScanSummary) -> str:
    return summary.evaluated_as_of.astimezone(UTC).isoformat()


def _fitting_detail(summary: ScanSummary) -> str:
    """Return the detail as JSON; the longer list of findings is halved until the entry is small enough."""
    room = MAX_ENTRY - _TIME - len(SOURCE) - len(DETAIL_TYPE)
    # Halving takes few attempts. The counts of the event stay complete.
    while len(text := orjson.dumps(detail(summary))) > room and (summary.new or summary.fixed):
        if len(summary.new) >= len(summary.fixed):
            summary = replace(summary, new=summary.new[: len(summary.new) // 2])
        else:
            summary = replace(summary, fixed=summary.fixed[: len(summary.fixed) // 2])
    return text.decode()
