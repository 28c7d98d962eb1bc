"""Changes between two scans as JSON, CSV and Markdown, in pieces of bytes while the changes stream by."""

import csv
from collections.abc import Iterable, Iterator
from io import StringIO
from typing import Any, Final

import orjson

from scanner.evidence.manifest import rfc3339
from scanner.model.changes import Change, Changes, Kind
from scanner.model.scan import Scan
from scanner.report.formats.csv import harmless
from scanner.report.formats.markdown import cell, code, inert
from scanner.report.wording import KIND_WORDS

SCHEMA: Final = "backup-audit/diff/1"

_HEAD: Final = "| Severity | Control | Subject | Reason |\n| --- | --- | --- | --- |\n"
_COLUMNS: Final = (
    *("kind", "severity", "control", "subject", "subject_type", "account", "region"),
    *("old_status", "new_status", "what", "reason", "fingerprint"),
)


def diff_json(old: Scan, new: Scan, notes: tuple[str, ...], changes: Iterable[Change]) -> Iterator[bytes]:
    """Yield all changes except unchanged findings, in filing order. `diff_json_tail` ends the document."""
    head = {"schema": SCHEMA, "old": _scan(old), "new": _scan(new), "notes": list(notes)}
    # The closing brace is cut off: changes stream by, and their counts are known only at the end.
    yield orjson.dumps(head)[:-1] + b',"changes":['
    between = b"\n"
    for change in changes:
        # Unchanged findings are most of them, and are in the scans themselves.
        if change.kind is not Kind.SAME:
            yield between + orjson.dumps(change.document())
            between = b",\n"
    yield b"\n]"


def diff_json_tail(changes: Changes) -> bytes:
    """Return the end of the JSON document: the counts."""
    counts = {
        "counts": {kind.value: changes.counts.get(kind, 0) for kind in Kind},
        "by_control": {
            control: {kind.value: number for kind, number in numbers.items()}
            for control, numbers in changes.by_control.items()
        },
    }
    return b"," + orjson.dumps(counts)[1:] + b"\n"


def _scan(scan: Scan) -> dict[str, Any]:
    manifest = scan.manifest
    return {
        "scan_id": manifest.scan_id,
        "evaluated_as_of": rfc3339(manifest.evaluated_as_of),
        "tool_version": manifest.tool_version,
    }


def diff_csv(changes: Iterable[Change]) -> Iterator[bytes]:
    """Yield a row for every change except unchanged findings."""
    yield _row(_COLUMNS)
    for change in changes:
        if change.kind is not Kind.SAME:
            yield _row(_cells(change))


def _cells(change: Change) -> tuple[str, ...]:
    finding, old, new = change.finding, change.old, change.new
    return (
        change.kind.value,
        *(
            finding.severity.value,
            finding.control,
            finding.subject,
            finding.subject_type,
            finding.account,
            finding.region,
        ),
        "" if old is None else old.status.value,
        "" if new is None else new.status.value,
        *(" ".join(change.what), change.reason, finding.fingerprint),
    )


def _row(cells: Iterable[str]) -> bytes:
    text = StringIO()
    # Names in AWS accounts may begin like a formula.
    csv.writer(text, lineterminator="\r\n").writerow(map(harmless, cells))
    return text.getvalue().encode()


def diff_markdown(changes: Changes) -> Iterator[bytes]:
    """Yield the notes, the counts, and the worst changes of each kind."""
    yield b"# Changes between two scans\n\n"
    yield "".join(f"- {inert(note)}\n" for note in changes.notes).encode()
    yield b"\n| Change | Findings |\n| --- | ---: |\n"
    for kind, word in KIND_WORDS.items():
        yield f"| {word} | {changes.counts.get(kind, 0):,} |\n".encode()
    for kind, word in KIND_WORDS.items():
        if worst := changes.worst.get(kind):
            yield f"\n## {word}\n\n{_HEAD}".encode()
            yield "".join(map(_markdown_row, worst)).encode()
            if more := changes.left_out(kind):
                yield f"\n{more:,} more are not shown.\n".encode()


def _markdown_row(change: Change) -> str:
    finding = change.finding
    cells = (finding.severity.value, code(finding.control), code(finding.subject), inert(change.reason))
    return f"| {' | '.join(map(cell, cells))} |\n"
