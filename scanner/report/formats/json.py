"""`findings.json`, `summary.json`, `findings.jsonl.gz`: the findings as data (evidence format, "findings").

Besides what the contract requires, `findings.json` contains the other contents of a report under keys of
their own: the definitions of the controls with the effective parameters (`controls`), and in `summary` the
totals, missing reads, reconciliation and limitations. `summary.json` is the same without the findings:
`scanner.report.read` reads it back together with `findings.jsonl.gz`.
"""

import zlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

from scanner.evidence.manifest import manifest_document
from scanner.findings.documents import documents
from scanner.findings.filed import Filed
from scanner.model.control import Control
from scanner.model.finding import Finding, Status
from scanner.model.known import Gap
from scanner.model.scan import Reconciliation, Stream
from scanner.report.view.assessment import assessment_document
from scanner.report.view.audit_manager import side_by_side_document
from scanner.report.view.blast_radius import blast_radius_document
from scanner.report.view.changes import changes_document
from scanner.report.view.completeness import unsupported_document
from scanner.report.view.counts import Counts
from scanner.report.view.coverage import coverage_document
from scanner.report.view.decisions import owners_document, sets_document, settled_document
from scanner.report.view.details import details_document
from scanner.report.view.root_causes import root_causes_document
from scanner.report.view.selection import selection_document
from scanner.report.view.timeline import timeline_document
from scanner.report.view.view import View
from scanner.storage.encoding import encode

SCHEMA: Final = "backup-audit/findings/1"
MAX_FINDINGS: Final = 50_000
LEFT_OUT: Final = (Status.PASS, Status.NOT_APPLICABLE)
"""Statuses that `findings.json` leaves out if there are more than MAX_FINDINGS findings."""

_BATCH: Final = 500
_GZIP: Final = 16 + zlib.MAX_WBITS
"""zlib's number for a gzip header."""
_LEVEL: Final = 3
"""Compression level. Level 6 takes more than twice the time for files that are a quarter smaller."""

Document = dict[str, Any]


def findings_json(view: View) -> Iterator[bytes]:
    """Yield findings.json in pieces: one line, the same bytes for the same scan."""
    truncated = None
    if view.counts.total > MAX_FINDINGS:
        left_out = sum(view.counts.of(status) for status in LEFT_OUT)
        truncated = {"left_out": left_out, "statuses": [status.value for status in LEFT_OUT]}
    head, tail = _around(view, truncated)
    # Written in pieces: the document as a whole may not fit into memory.
    yield encode(head)[:-1] + b',"findings":['
    between = b""
    for text in _findings(view.findings, LEFT_OUT if truncated else ()):
        yield between + text
        between = b","
    yield b"]," + encode(tail)[1:] + b"\n"


def _findings(findings: Stream[Finding], left_out: tuple[Status, ...]) -> Iterator[bytes]:
    """Yield the documents of findings without some statuses: many at a time, joined by commas."""
    if left_out and isinstance(findings, Filed):
        # Rendered from Parquet many at a time, which is much faster than one by one.
        return documents(findings, [status for status in Status if status not in left_out])
    return _joined(encode(finding.document()) for finding in findings if finding.status not in left_out)


def summary_json(view: View) -> Iterator[bytes]:
    """Yield summary.json: findings.json without its findings."""
    head, tail = _around(view, None)
    # Without `truncated`, which is about the findings of findings.json.
    yield encode({**head, "controls": tail["controls"]}) + b"\n"


def _around(view: View, truncated: Document | None) -> tuple[Document, Document]:
    """Return the parts before and after the findings, in the contract's order."""
    scan = view.scan
    manifest = manifest_document(scan.manifest)
    # Thousands of entries, which manifest.json has already.
    del manifest["shards"]
    redacted = {"redacted": True} if scan.redacted else {}
    head = {"schema": SCHEMA, **redacted, "scan": manifest, "summary": _summary(view)}
    controls = [
        {**_control(control, scan.parameters.get(control.id, {})), **sets_document(scan.tiers, control.id)}
        for control in scan.controls
    ]
    return head, {"truncated": truncated, "controls": controls}


def _joined(texts: Iterator[bytes]) -> Iterator[bytes]:
    """Yield texts joined by commas, many at a time: fewer pieces are faster to write."""
    while batch := tuple(islice(texts, _BATCH)):
        yield b",".join(batch)


def findings_jsonl(findings: Iterable[Finding]) -> Iterator[bytes]:
    """Yield the lines of findings.jsonl, one per finding, in the given order (that of the contract)."""
    for finding in findings:
        yield encode(finding.document()) + b"\n"


def findings_jsonl_gz(findings: Iterable[Finding]) -> Iterator[bytes]:
    """Yield findings.jsonl.gz in pieces, without name and time, so that equal findings give equal bytes."""
    packed = zlib.compressobj(_LEVEL, wbits=_GZIP)
    lines = findings_jsonl(findings)
    while batch := b"".join(islice(lines, _BATCH)):
        yield packed.compress(batch)
    yield packed.flush()


def _summary(view: View) -> Document:
    scan = view.scan
    return {
        "controls": {name: _statuses(counts) for name, counts in sorted(view.by_control.items())},
        "totals": {**_statuses(view.counts), "judged": view.counts.judged, "asked": view.counts.asked},
        "gaps": [_gap(gap) for gap in scan.gaps],
        "reconciliation": [_reconciliation(row) for row in scan.reconciliation],
        "limitations": list(scan.limitations),
        "audit_manager": side_by_side_document(view.audit_manager),
        **selection_document(scan.selection),
        **owners_document(view.owners),
        **settled_document(scan),
        **unsupported_document(scan.unsupported),
        **blast_radius_document(scan.blast_radius),
        **root_causes_document(scan.root_causes),
        **coverage_document(scan.coverage),
        **details_document(scan.report),
        **assessment_document(scan.assessment, view.baseline),
        **changes_document(scan.changes),
        **timeline_document(scan.timeline),
    }


def _statuses(counts: Counts) -> dict[str, int]:
    return {status.value: counts.of(status) for status in Status}


def _gap(gap: Gap) -> Document:
    return {
        "account": gap.account,
        "region": gap.region,
        "operation": gap.operation,
        "about": gap.about,
        "kind": gap.kind.value,
        "code": gap.code,
        "message": gap.message,
        "evidence": None if gap.ref is None else {"file": gap.ref.file, "line": gap.ref.line},
    }


def _reconciliation(row: Reconciliation) -> Document:
    return {
        "account": row.account,
        "region": row.region,
        "subject_type": row.subject_type,
        "listed": row.listed,
        "elsewhere": list(row.elsewhere),
    }


def _control(control: Control, in_effect: Mapping[str, object]) -> Document:
    remediation = control.remediation
    return {
        "id": control.id,
        "title": control.title,
        "failure_title": control.failure_title,
        "severity": control.severity.value,
        "subject": control.subject,
        "population": control.population,
        "require": control.require,
        "reason": control.reason,
        "reasons": dict(control.reasons),
        "reason_cases": {
            status: [{"when": case.when, "text": case.text} for case in cases]
            for status, cases in control.reason_cases.items()
        },
        "defaults": dict(control.parameters),
        # Defaults first: what audit.yaml sets replaces them.
        "parameters": {**control.parameters, **in_effect},
        "parameter_docs": {name: rule.doc for name, rule in control.parameter_rules.items()},
        "evidence": list(control.evidence),
        "motivation": control.motivation,
        "remediation": {
            "text": remediation.text,
            "effort": remediation.effort,
            "cli": remediation.cli,
            "terraform": remediation.terraform,
            "cloudformation": remediation.cloudformation,
        },
        "frameworks": {name: list(ids) for name, ids in control.frameworks.items()},
        "documentation": control.documentation,
        "audit_manager": control.audit_manager,
        "baseline": control.baseline and control.baseline.document(),
    }
