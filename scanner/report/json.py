"""`findings.json` and `findings.jsonl.gz`: the findings as data (evidence format, "findings").

Beyond the contract `findings.json` carries, under keys of their own, what else a report says: the
definitions of the controls with the parameters in effect (`controls`), and in `summary` the totals, the
missing reads, the reconciliation and the limitations. `scanner.report.read` reads all of it back.
"""

import gzip
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import orjson

from scanner.evidence.manifest import manifest_document
from scanner.model.control import Control
from scanner.model.finding import Finding, Status
from scanner.model.reading import Gap
from scanner.model.scan import Reconciliation, Scan
from scanner.report.assessment import assessment_document
from scanner.report.audit_manager import side_by_side_document
from scanner.report.counts import Counts, count

SCHEMA: Final = "backup-audit/findings/1"
MAX_FINDINGS: Final = 50_000
LEFT_OUT: Final = (Status.PASS, Status.NOT_APPLICABLE)
"""What `findings.json` leaves out when there are more than MAX_FINDINGS."""

Document = dict[str, Any]


def findings_json(scan: Scan) -> bytes:
    """Give the text of findings.json: one line, the same bytes for the same scan."""
    return encode(findings_document(scan)) + b"\n"


def findings_document(scan: Scan) -> Document:
    """Give the document of findings.json, its keys in the contract's order."""
    kept = scan.findings
    truncated = None
    if len(kept) > MAX_FINDINGS:
        kept = tuple(finding for finding in kept if finding.status not in LEFT_OUT)
        left_out = len(scan.findings) - len(kept)
        truncated = {"left_out": left_out, "statuses": [status.value for status in LEFT_OUT]}
    manifest = manifest_document(scan.manifest)
    del manifest["shards"]
    return {
        "schema": SCHEMA,
        "scan": manifest,
        "summary": _summary(scan),
        "findings": [finding.document() for finding in kept],
        "truncated": truncated,
        "controls": [_control(control, scan.parameters.get(control.id, {})) for control in scan.controls],
    }


def findings_jsonl(findings: Iterable[Finding]) -> Iterator[bytes]:
    """Give the lines of findings.jsonl, one a finding, in the order given (that of the contract)."""
    for finding in findings:
        yield encode(finding.document()) + b"\n"


def findings_jsonl_gz(findings: Iterable[Finding]) -> bytes:
    """Give findings.jsonl.gz: without a name and with time 0, so that equal findings are equal bytes."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, mtime=0) as packed:
        packed.writelines(findings_jsonl(findings))
    return buffer.getvalue()


def encode(document: object) -> bytes:
    """Encode JSON as the contract has it. Text that is no Unicode (a lone surrogate) becomes U+FFFD."""
    try:
        return orjson.dumps(document)
    except TypeError:
        return orjson.dumps(_mended(document))


def _mended(content: object) -> object:
    if isinstance(content, str):
        return content.encode(errors="surrogatepass").decode(errors="replace")
    if isinstance(content, Mapping):
        return {_mended(key): _mended(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_mended(member) for member in content]
    return content


def _summary(scan: Scan) -> Document:
    by_control: dict[str, list[Status]] = {control.id: [] for control in scan.controls}
    for finding in scan.findings:
        by_control.setdefault(finding.control, []).append(finding.status)
    totals = count(finding.status for finding in scan.findings)
    return {
        "controls": {name: _statuses(count(found)) for name, found in sorted(by_control.items())},
        "totals": {**_statuses(totals), "judged": totals.judged, "asked": totals.asked},
        "gaps": [_gap(gap) for gap in scan.gaps],
        "reconciliation": [_reconciliation(row) for row in scan.reconciliation],
        "limitations": list(scan.limitations),
        "audit_manager": side_by_side_document(scan),
        **assessment_document(scan.assessment),
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
        "severity": control.severity.value,
        "subject": control.subject,
        "population": control.population,
        "require": control.require,
        "reason": control.reason,
        "reasons": dict(control.reasons),
        "reason_cases": {
            status: [{"when": each.when, "text": each.text} for each in cases]
            for status, cases in control.reason_cases.items()
        },
        "defaults": dict(control.parameters),
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
        "audit_manager": control.audit_manager,
    }
