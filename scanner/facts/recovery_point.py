"""The fact table `recovery_point`: a row for each recovery point in a vault."""

from datetime import datetime
from typing import Final

from scanner.facts.notes import Notes, instant_text
from scanner.graph.history import LocationDoubt
from scanner.model.facts import FOREVER_DAYS, RecoveryPointFacts
from scanner.model.inventory import RecoveryPoint, ScanResult, gib
from scanner.model.known import Answer, Gap, Known, Ternary, Unread, negate
from scanner.protection.lifecycle import point_age_hours, point_retention_days, point_usable

_THREATS: Final = "THREATS_FOUND"
_NO_THREATS: Final = "NO_THREATS_FOUND"


def recovery_point_row(
    point: RecoveryPoint,
    as_of: datetime,
    exists: Answer,
    unread: Gap | None = None,
    doubt: LocationDoubt | None = None,
) -> RecoveryPointFacts:
    """Build the row of one recovery point.

    `exists`: whether its resource still exists; `unread`: the list whose missing read leaves that unknown;
    `doubt`: its vault only gives access to another vault, or may do so (ruling 10).
    """
    notes = Notes()
    notes.evidence("", point.refs)
    if doubt is not None:
        notes.unknown("present", doubt.because, doubt.gap)
    days, age = point_retention_days(point), point_age_hours(point, as_of)
    usable = point_usable(point)
    _note_unreported(point, usable, days, age, notes)
    if exists.value is None:
        # The gap's own sentence explains more than the reason would.
        notes.unknown("orphaned", exists.because if unread is None else "", unread)
    clean = _clean(point, notes)
    return RecoveryPointFacts(
        subject=point.arn,
        subject_type="recovery_point",
        account=point.account,
        region=point.region,
        # Recovery points have no name; the last part of the ARN is their id.
        name=point.arn.rpartition(":")[2],
        not_applicable_because=(
            "The recovery point is temporary: AWS Backup deletes it as soon as it is copied."
            # DELETE_AFTER_COPY marks backups on the way into an air-gapped vault (API reference, Lifecycle).
            if point.temporary
            else ""
        ),
        resource=point.resource,
        resource_type=point.resource_type,
        vault=point.vault,
        present=None if doubt is not None else True,
        status=point.status,
        usable=usable,
        created_at=instant_text(point.created_at),
        age_hours=None if age is None else round(age, 4),
        size_gib=_size(point, notes),
        encrypted=point.encrypted,
        retention_days=days,
        keeps_forever=None if days is None else days == FOREVER_DAYS,
        continuous=point.continuous,
        temporary=point.temporary,
        orphaned=negate(exists.value),
        composite=point.is_parent,
        # Without AggregatedScanResult no malware scan was made (assumptions: "It was not scanned").
        scanned=point.scan is not None,
        clean=clean,
        scan_findings=_scan_findings(point.scan),
        not_known=notes.not_known,
        evidence=notes.references,
    )


def _note_unreported(
    point: RecoveryPoint, usable: Ternary, days: int | None, age: float | None, notes: Notes
) -> None:
    """Note the columns that the list of recovery points leaves open."""
    # `usable` depends on the status; a status that AWS adds later is noted separately below.
    for column, value in (("encrypted", point.encrypted), ("usable", point.status), ("age_hours", age)):
        if value is None:
            notes.unknown(column, f"the list of recovery points does not report {column}")
    if point.status is not None and usable is None:
        notes.unknown("usable", f"its status, {point.status}, is not one that AWS documents")
    if days is None:
        for column in ("retention_days", "keeps_forever"):
            notes.unknown(column, "the list of recovery points does not report when it expires")


def _size(point: RecoveryPoint, notes: Notes) -> float | None:
    if point.size_bytes is None:
        notes.unknown("size_gib", "the list of recovery points does not report size_gib")
        return None
    return gib(point.size_bytes)


def _clean(point: RecoveryPoint, notes: Notes) -> Ternary:
    """Check whether malware scans found nothing; a failed scan did not check everything."""
    scan = point.scan
    # Not scanned is not unclean: whether scans are required is the subject of another control.
    if scan is None:
        return True
    # A finding decides, even if another scan failed or was not read.
    if scan.findings or _point_in_time(scan) == _THREATS:
        return False
    unknown = _unknown_scan(scan)
    if unknown is None:
        return True
    notes.unknown("clean", *unknown)
    return None


def _unknown_scan(scan: ScanResult) -> tuple[str, Gap | None] | None:
    """Return why it is unknown whether scans found nothing, and the missing read; None: it is known."""
    if scan.findings is None:
        return "AWS does not report what its malware scans found", None
    if scan.failed:
        return "a malware scan of it failed", None
    if scan.failed is None:
        return "AWS does not report whether its malware scans finished", None
    if isinstance(scan.point_in_time, Unread):
        return "the newest malware scan of this continuous backup was not read", scan.point_in_time.gap
    status = _point_in_time(scan)
    # UNKNOWN, and any status that AWS adds later.
    if status not in ("", _NO_THREATS):
        return f"AWS Backup reports {status} for the newest malware scan of this continuous backup", None
    return None


def _point_in_time(scan: ScanResult) -> str:
    """Return the status of the newest scan of a continuous backup; empty: none, or it was not read."""
    return (scan.point_in_time.value or "") if isinstance(scan.point_in_time, Known) else ""


def _scan_findings(scan: ScanResult | None) -> tuple[str | None, ...]:
    """Return what malware scans found; a list that AWS does not report ends with None."""
    if scan is None:
        return ()
    point_in_time = (_THREATS,) if _point_in_time(scan) == _THREATS else ()
    # None stays last even after a threat: there may be others.
    return (*point_in_time, None) if scan.findings is None else (*scan.findings, *point_in_time)
