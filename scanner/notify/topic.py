"""The SNS message of a scan, for people: the new findings at or above a severity.

A message has at most 256 KiB of UTF-8, a subject fewer than 100 characters without line breaks or control
characters, here of ASCII alone (SNS API reference, Publish). A FIFO topic drops the same scan sent again
within five minutes; a standard topic delivers it again.
"""

import hashlib
from collections.abc import Iterator
from typing import Final

from scanner.model.changes import ALARMING, Kind
from scanner.model.finding import Severity
from scanner.model.notification import Call, ChangedFinding, ScanSummary, Targets
from scanner.notify.event import ascii_line, count_of, one_line, region_of

TARGET: Final = "SNS"
MAX_SUBJECT: Final = 99
MAX_MESSAGE: Final = 256 * 1024
MAX_NAME: Final = 256
MAX_SUBJECT_ARN: Final = 1_024
MAX_TEXT: Final = 600
_FIFO: Final = ".fifo"
# Bytes for the last lines, which say how many findings are left out.
_ROOM_FOR_REST: Final = 200

KIND_WORDS: Final = {Kind.NEW: "new", Kind.REOPENED: "failed again", Kind.WAIVER_ENDED: "waiver ended"}


def topic_call(summary: ScanSummary, targets: Targets) -> Call | str:
    """Build the Publish request for a scan, or return the reason why nothing is sent."""
    if not targets.always:
        if summary.former is None:
            return (
                "nothing was sent: without an earlier scan (--since), it is not known which findings are new"
            )
        if not _is_alarming(summary, targets.severity):
            return f"nothing was sent: no new failed checks with severity {targets.severity} or higher"
    parameters = {
        "TopicArn": targets.topic,
        "Subject": subject_line(summary, targets.severity),
        "Message": message(summary, targets.severity),
        "MessageAttributes": _attributes(summary),
        **(_fifo(summary) if targets.topic.endswith(_FIFO) else {}),
    }
    return Call(
        target=TARGET,
        service="sns",
        operation="Publish",
        parameters=parameters,
        region=region_of(targets.topic),
    )


def _is_alarming(summary: ScanSummary, severity: Severity) -> bool:
    # A smaller rank is more severe.
    return summary.alarm is not None and summary.alarm.rank <= severity.rank


def _attributes(summary: ScanSummary) -> dict[str, dict[str, str]]:
    """Return the message attributes, by which a subscription can filter."""
    values = {
        "severity": summary.alarm.value if summary.alarm else "none",
        # SNS refuses empty values (API reference, "MessageAttributeValue").
        "scan_id": ascii_line(summary.scan_id, MAX_NAME) or "unknown",
    }
    return {name: {"DataType": "String", "StringValue": value} for name, value in values.items()}


def _fifo(summary: ScanSummary) -> dict[str, str]:
    key = f"{summary.scan_id}\n{summary.evaluated_as_of.isoformat()}\n{summary.address}"
    return {
        # One group, so that messages arrive in order.
        "MessageGroupId": "vaultproof",
        "MessageDeduplicationId": hashlib.sha256(key.encode()).hexdigest(),
    }


def subject_line(summary: ScanSummary, severity: Severity) -> str:
    """Return the subject of the message."""
    return ascii_line(f"Vaultproof: {_headline(summary, severity)}", MAX_SUBJECT)


def _headline(summary: ScanSummary, severity: Severity) -> str:
    if summary.former is None:
        failed = sum(summary.failed.values())
        return f"scan completed, {count_of(failed, 'failed check')}"
    if not _is_alarming(summary, severity):
        return f"no new failed checks with severity {severity} or higher"
    shown, exact = _at_or_above(summary, severity)
    at_least = "" if exact else "at least "
    return f"{at_least}{count_of(len(shown), 'new failed check')}, worst severity {summary.alarm}"


def _at_or_above(summary: ScanSummary, severity: Severity) -> tuple[list[ChangedFinding], bool]:
    """Return the new findings at or above a severity, and whether these are all of them.

    A summary lists the worst findings of each kind only. Where a kind has more, those left out may be as
    severe, unless a listed one is already below the severity.
    """
    shown = [finding for finding in summary.new if finding.severity.rank <= severity.rank]
    for kind in ALARMING:
        of_kind = [finding for finding in summary.new if finding.kind is kind]
        is_cut = summary.changes.get(kind, 0) > len(of_kind)
        if is_cut and all(finding.severity.rank <= severity.rank for finding in of_kind):
            return shown, False
    return shown, True


def message(summary: ScanSummary, severity: Severity) -> str:
    """Return the text of the message: for each finding what, where and what to do, worst first."""
    shown = _at_or_above(summary, severity)[0]
    lines = [*_head(summary, severity), ""]
    size = sum(len(line.encode()) + 1 for line in lines)
    for number, finding in enumerate(shown, 1):
        block = "\n".join(_block(number, finding)) + "\n"
        # In bytes, as SNS counts.
        size += len(block.encode()) + 1
        if size > MAX_MESSAGE - _ROOM_FOR_REST:
            lines.append(f"{len(shown) - number + 1:,} more are in the reports.")
            break
        lines.append(block)
    if rest := _rest(summary, shown):
        lines.append(rest)
    return "\n".join(lines).rstrip() + "\n"


def _head(summary: ScanSummary, severity: Severity) -> Iterator[str]:
    yield f"{_headline(summary, severity)[:1].upper()}{_headline(summary, severity)[1:]}."
    yield ""
    yield f"Scan:    {one_line(summary.scan_id, MAX_NAME)}, {summary.evaluated_as_of:%Y-%m-%d %H:%M} UTC"
    yield f"Scope:   {count_of(summary.accounts, 'account')}, {count_of(len(summary.regions), 'Region')}"
    yield f"Score:   {_score(summary.score)}{_before(summary)}"
    yield f"Reports: {one_line(summary.address, MAX_SUBJECT_ARN)}"
    if summary.former is not None:
        fixed = summary.changes.get(Kind.FIXED, 0)
        earlier = f"{summary.former.evaluated_as_of:%Y-%m-%d %H:%M} UTC"
        yield f"Since:   {one_line(summary.former.scan_id, MAX_NAME)}, {earlier}; {fixed:,} fixed"
    if summary.gaps:
        yield f"Not read: {count_of(summary.gaps, 'read')} failed. What depends on them is unknown."


def _score(score: float | None) -> str:
    return "unknown" if score is None else f"{score:.1f} of 100"


def _before(summary: ScanSummary) -> str:
    former = summary.former
    return "" if former is None or former.score is None else f" (before: {former.score:.1f})"


def _block(number: int, finding: ChangedFinding) -> Iterator[str]:
    word = KIND_WORDS.get(finding.kind, finding.kind.value)
    yield f"{number}. {finding.severity.upper()} ({word}): {one_line(finding.title, MAX_TEXT)}"
    name = f" ({one_line(finding.name, MAX_NAME)})" if finding.name else ""
    yield f"   Resource: {one_line(finding.subject, MAX_SUBJECT_ARN)}{name}"
    account = f" ({one_line(finding.account_name, MAX_NAME)})" if finding.account_name else ""
    yield f"   Account:  {finding.account}{account}, {finding.region}"
    yield f"   Why:      {one_line(finding.reason, MAX_TEXT)}"
    if finding.to_do:
        yield f"   To do:    {one_line(finding.to_do, MAX_TEXT)}"
    yield f"   Control:  {one_line(finding.control, MAX_NAME)}"


def _rest(summary: ScanSummary, shown: list[ChangedFinding]) -> str:
    rest = sum(summary.changes.get(kind, 0) for kind in ALARMING) - len(shown)
    return (
        f"{count_of(rest, 'further new failed check')} of this or a lower severity: see the reports."
        if rest
        else ""
    )
