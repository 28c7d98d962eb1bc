"""What a SARIF run says of itself: when it ran, what it could not read, and the numbers of all answers."""

from collections.abc import Iterator
from typing import Any, Final

from scanner.evidence.manifest import rfc3339
from scanner.model.inventory import ShardStatus
from scanner.model.reading import ASSUME_ROLE
from scanner.report.gaps import GapGroup
from scanner.report.sarif_rules import counts_document
from scanner.report.view import View
from scanner.report.words import count_word, visible

_NOTIFICATIONS: Final = 500
"""Groups of missing reads that are told one by one; of the others, how many there are."""

_PLACES: Final = 5
_NAMED: Final = 12

Document = dict[str, Any]


def message(text: str) -> str:
    """Write a message that holds no placeholder and no link (SARIF 2.1.0, 3.11.5 and 3.11.6)."""
    shown = visible(text).replace("{", "{{").replace("}", "}}")
    if "](" in shown:
        shown = shown.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")
    return shown


def invocation(view: View, left_out: int) -> Document:
    """Give the invocation. It was successful where every account-Region was reached and no control broke.

    A missing read is a notification of level `error`: what is listed cannot be all (SARIF, appendix I).
    """
    manifest = view.manifest
    started, finished = rfc3339(manifest.started_at), rfc3339(manifest.finished_at)
    reached = not any(
        view.completeness.number(status) for status in (ShardStatus.FAILED, ShardStatus.MISSING)
    )
    return {
        "executionSuccessful": reached and not view.counts.error,
        **({"startTimeUtc": started} if started else {}),
        **({"endTimeUtc": finished} if finished else {}),
        "toolExecutionNotifications": list(_notifications(view, left_out)),
    }


def run_properties(view: View, left_out: int) -> Document:
    """Give the numbers of all answers, those that are no results among them."""
    manifest = view.manifest
    return {
        "organization": view.organization,
        "scanId": manifest.scan_id,
        "evaluatedAsOf": rfc3339(manifest.evaluated_as_of),
        "caller": manifest.caller_arn,
        "counts": counts_document(view.counts),
        "resultsLeftOut": left_out,
        "missingReads": len(view.completeness.gaps),
        "limitations": list(view.limitations),
    }


def _notifications(view: View, left_out: int) -> Iterator[Document]:
    if view.notice:
        yield _notification("redacted", "warning", view.notice)
    if left_out:
        yield _notification(
            "results-left-out",
            "warning",
            f"{left_out:,} more results are left out: those here are the worst. findings.jsonl.gz has all.",
        )
    if view.counts.error:
        yield _notification(
            "control-broke",
            "error",
            f"{count_word(view.counts.error, 'answer')} could not be evaluated because of an error.",
        )
    if view.completeness.broken_shards:
        yield _notification("shard-not-read", "error", _shards(view))
    groups = view.completeness.groups
    for group in groups[:_NOTIFICATIONS]:
        yield _notification("missing-read", "error", _missing(group))
    if rest := groups[_NOTIFICATIONS:]:
        number = sum(group.number for group in rest)
        yield _notification("missing-read", "error", f"{count_word(number, 'more read')} are missing.")


def _notification(name: str, level: str, text: str) -> Document:
    return {"descriptor": {"id": name}, "level": level, "message": {"text": message(text)}}


def _shards(view: View) -> str:
    told = ", ".join(f"{number:,} {status.value}" for status, number in view.completeness.tally)
    return f"Of {count_word(view.completeness.shards, 'account-Region')}: {told}."


def _missing(group: GapGroup) -> str:
    code = f" ({group.code})" if group.code else ""
    blinds = f" Affected controls: {_some(group.blinds, _NAMED)}." if group.blinds else ""
    said = f" AWS said: {group.message}" if group.message else ""
    if group.is_no_entry:
        accounts = tuple(account for account, _ in group.where)
        return visible(
            f"{count_word(len(accounts), 'account')} could not be entered: {ASSUME_ROLE} of "
            f"{_some(group.abouts, _NAMED)} was {group.kind.value}{code}.{blinds}{said}"
        )
    return visible(
        f"{_some(group.operations, _NAMED)}: {count_word(group.number, 'read')} {group.kind.value}{code} in "
        f"{_some(group.places, _PLACES)}.{blinds}{said}"
    )


def _some(words: tuple[str, ...], shown: int) -> str:
    more = f" and {len(words) - shown:,} more" if len(words) > shown else ""
    return ", ".join(words[:shown]) + more
