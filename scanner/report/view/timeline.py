"""The series of scans in a summary: its document, and the same read back."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, TypeVar

from scanner.evidence.manifest import rfc3339
from scanner.model.finding import Severity, Status
from scanner.model.timeline import FirstSeen, FixTimes, Timeline, TrendPoint
from scanner.report.view.counts import counts_of
from scanner.report.wording import count_word, short_day

Document = dict[str, Any]
K = TypeVar("K", Severity, Status)

_DIGITS: Final = 2
"""Decimals of days: a quarter of an hour."""

_SUMS: Final = frozenset({"judged", "asked"})


def timeline_document(timeline: Timeline | None) -> Document:
    """Return the key `trend` of a summary; empty without earlier scans."""
    if timeline is None:
        return {}
    return {
        "trend": {
            "points": [_point(point) for point in timeline.points],
            "time_to_fix": [_fix_times(times) for times in timeline.fix_times],
            "notes": list(timeline.notes),
        }
    }


def _point(point: TrendPoint) -> Document:
    counts = counts_of(point.totals)
    numbers = {status.value: counts.of(status) for status in Status}
    return {
        "scan_id": point.scan_id,
        "evaluated_as_of": rfc3339(point.evaluated_as_of),
        "failed": {severity.value: point.failed.get(severity, 0) for severity in Severity},
        "totals": {**numbers, "judged": counts.judged, "asked": counts.asked},
        "score": point.score,
        "tool": point.tool,
        "differences": list(point.differences),
        "notes": list(point.notes),
        "fixed": point.fixed,
        "fix_days": _rounded(point.fix_days),
    }


def _fix_times(times: FixTimes) -> Document:
    return {
        "severity": times.severity and times.severity.value,
        "fixed": times.fixed,
        "median_days": _rounded(times.median_days),
        "open": times.open,
        "open_days": _rounded(times.open_days),
        "ended": times.ended,
        "at_least": times.at_least,
        "half_days": _rounded(times.half_days),
    }


def _rounded(days: float | None) -> float | None:
    return None if days is None else round(days, _DIGITS)


def timeline_of(summary: Mapping[str, Any]) -> Timeline | None:
    """Parse the series. KeyError, TypeError, ValueError or AttributeError: it has another shape."""
    document = summary.get("trend")
    if document is None:
        return None
    return Timeline(
        points=tuple(map(_read_point, document["points"])),
        fix_times=tuple(map(_read_fix_times, document["time_to_fix"])),
        notes=tuple(document["notes"]),
    )


def _read_point(document: Mapping[str, Any]) -> TrendPoint:
    return TrendPoint(
        scan_id=document["scan_id"],
        evaluated_as_of=datetime.fromisoformat(document["evaluated_as_of"]),
        failed=_counts(Severity, document["failed"]),
        totals=_counts(Status, document["totals"]),
        score=_number(document["score"]),
        tool=document["tool"],
        differences=tuple(document["differences"]),
        notes=tuple(document["notes"]),
        fixed=int(document["fixed"]),
        fix_days=_number(document["fix_days"]),
    )


def _read_fix_times(document: Mapping[str, Any]) -> FixTimes:
    severity = document["severity"]
    return FixTimes(
        severity=None if severity is None else Severity(severity),
        fixed=int(document["fixed"]),
        median_days=_number(document["median_days"]),
        open=int(document["open"]),
        open_days=_number(document["open_days"]),
        ended=int(document["ended"]),
        at_least=int(document["at_least"]),
        half_days=_number(document["half_days"]),
    )


def _counts(kind: Callable[[str], K], document: Mapping[str, Any]) -> dict[K, int]:
    """Return the numbers that are not zero. The totals also have sums, which are no statuses."""
    return {kind(name): int(number) for name, number in document.items() if number and name not in _SUMS}


def _number(document: Any) -> float | None:  # noqa: ANN401 -- JSON
    return None if document is None else float(document)


def first_seen_words(value: FirstSeen | None, now: datetime) -> str:
    """Return when a finding was first seen, and its age; empty: it is not known."""
    if value is None:
        return ""
    # Never negative: a scan may be judged as of a time before that of an earlier scan.
    age = count_word(max(0, (now - value.at).days), "day")
    older = " or earlier" if value.may_be_older else ""
    unknown = f"; unknown in {count_word(value.unknown_scans, 'scan')} since" if value.unknown_scans else ""
    return f"First seen {short_day(value.at)}, {age} ago{older}{unknown}."


def fix_note(timeline: Timeline) -> str:
    """Return what the times to fix count, and what they cannot know."""
    (all_of, *_) = timeline.fix_times
    total = all_of.fixed + all_of.open + all_of.ended
    older = (
        f" {all_of.at_least:,} of {count_word(total, 'failure')} failed in the first of these scans already, "
        "or after one that could not determine it: they are older than is shown."
        if all_of.at_least
        else ""
    )
    return (
        "From the first scan that shows a failure to the first that shows it as passing by the same rule, so "
        "times are as exact as the scans are close. Waived failures count as failing. The median is of fixed "
        "failures alone. The last column counts the others, too, until they were last seen failing "
        f"(Kaplan-Meier estimate). A scan in which a check is unknown fixes nothing.{older}"
    )
