"""The findings that are imported into Security Hub: what is open, and what is closed since an earlier scan.

The Id of a finding is its fingerprint, so a second import of the same scan updates records and adds none.
After the first import BatchImportFindings cannot change `Workflow`, which belongs to the customer (Security
Hub API reference, BatchImportFindings): a provider closes a finding with `RecordState` ARCHIVED. Security Hub
itself sets a RESOLVED finding to NEW again when it becomes ACTIVE.

What is only unknown, or was not asked, is never closed.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from scanner.evidence.manifest import rfc3339
from scanner.model.changes import Change, Kind
from scanner.model.finding import Finding, Status
from scanner.model.timeline import FirstSeenTimes
from scanner.report.formats.asff import MAX_REASON, Batches, Hub, text_field
from scanner.report.view.view import View
from scanner.storage.encoding import encode

OPEN: Final = frozenset({Status.FAIL, Status.WAIVED, Status.UNKNOWN, Status.ERROR})
_CLOSED: Final = frozenset({Status.PASS, Status.NOT_APPLICABLE})
_GONE: Final = frozenset({Kind.DELETED, Kind.NO_LONGER_ASKED})

Document = dict[str, Any]


def import_batches(
    view: View,
    first_seen: FirstSeenTimes,
    changes: Iterable[Change] = (),
    *,
    passed: bool = False,
) -> Iterator[bytes]:
    """Return the findings to import, one call each: a JSON array of one account and one Region.

    `first_seen`: by fingerprint, since when a finding is open. `changes`: since an earlier scan. `passed`:
    also what passes and was not open before.
    """
    hub, batches = Hub(view), Batches()
    fixed: set[str] = set()
    for change in changes:
        # First what is closed: the same finding may also be among those of the new scan.
        if (closed := closed_finding(hub, change)) is None:
            continue
        region, document = closed
        fixed.add(change.finding.fingerprint)
        yield from batches.add((change.finding.account, region), encode(document))
    for finding in view.findings:
        # A pass that was never open would only add records that cost money and need no attention.
        if finding.fingerprint in fixed or not (passed or finding.status in OPEN):
            continue
        region = hub.region(finding)
        yield from batches.add((finding.account, region), encode(_open(hub, finding, region, first_seen)))
    yield from batches.rest()


def _open(hub: Hub, finding: Finding, region: str, first_seen: FirstSeenTimes) -> Document:
    document = hub.finding(finding, region)
    since = first_seen.get(finding.fingerprint)
    if since is not None and finding.status in OPEN:
        # Security Hub shows the age of a finding from these.
        document["CreatedAt"] = document["FirstObservedAt"] = rfc3339(since.at)
    return document


def closed_finding(hub: Hub, change: Change) -> tuple[str, Document] | None:
    """Build the archived record of a finding that was open and no longer is; None: it is no such finding."""
    if change.old is None or change.old.status not in OPEN:
        return None
    if change.new is not None:
        # Unknown is no proof that it was mended: the record stays open.
        return _archived(hub, change.new) if change.new.status in _CLOSED else None
    if change.kind not in _GONE:
        return None
    region, document = _archived(hub, change.old)
    why = text_field(change.why or "The finding no longer exists.", MAX_REASON)
    reason = {"ReasonCode": change.kind.name, "Description": why}
    document["Compliance"] = {
        **document["Compliance"],
        "Status": "NOT_AVAILABLE",
        "StatusReasons": [reason],
    }
    return region, document


def _archived(hub: Hub, finding: Finding) -> tuple[str, Document]:
    region = hub.region(finding)
    document = hub.finding(finding, region)
    return region, {**document, "RecordState": "ARCHIVED", "Workflow": {"Status": "RESOLVED"}}
