"""The series of scans in a redacted copy."""

from collections.abc import Callable
from dataclasses import replace

from scanner.model.finding import Finding
from scanner.model.scan import Scan
from scanner.model.timeline import FirstSeenTimes, Timeline, TrendPoint
from scanner.report.redact.pseudonyms import Pseudonyms


def redacted_timeline(timeline: Timeline | None, names: Pseudonyms) -> Timeline | None:
    """Redact the ids of scans, and the sentences about them."""
    if timeline is None:
        return None

    def point(original: TrendPoint) -> TrendPoint:
        return replace(
            original,
            scan_id=names.name(original.scan_id),
            differences=tuple(map(names.sentence, original.differences)),
            notes=tuple(map(names.sentence, original.notes)),
        )

    notes = tuple(map(names.sentence, timeline.notes))
    return replace(timeline, points=tuple(map(point, timeline.points)), notes=notes)


def redacted_first_seen(scan: Scan, finding: Callable[[Finding], Finding]) -> FirstSeenTimes | None:
    """Return the times by the fingerprints of redacted findings, whose subjects are pseudonyms."""
    times = scan.first_seen
    if times is None:
        return None
    seen = ((original, times.get(original.fingerprint)) for original in scan.findings)
    pairs = {finding(original).fingerprint: value for original, value in seen if value is not None}
    return FirstSeenTimes(sorted(pairs.items()))
