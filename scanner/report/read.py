"""Reading a judged scan back from its files, so that `audit report SCAN_DIR` can draw it again.

`findings.json` of another program has only what the contract names: then there are no definitions of
controls (they are named by their ids), no gaps and no reconciliation, and the limitations say so.
"""

import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from gzip import BadGzipFile
from gzip import open as open_gzip
from pathlib import Path
from typing import Any, Final

import orjson

from scanner.errors import BundleError
from scanner.evidence.manifest import read_manifest
from scanner.model.control import Control, ParameterRule, ReasonCase, Remediation
from scanner.model.finding import Finding, Severity, finding_from_document
from scanner.model.manifest import Manifest
from scanner.model.names import AccountId, RegionName
from scanner.model.reading import EvidenceRef, Gap, GapKind
from scanner.model.scan import Reconciliation, Scan
from scanner.report.assessment import assessment_of
from scanner.report.audit_manager import frameworks_of
from scanner.report.json import SCHEMA

FINDINGS: Final = "findings.json"
LINES: Final = ("findings.jsonl.gz", "findings.jsonl")

FOREIGN: Final = (
    "findings.json carries no definitions of its controls, missing reads or reconciliation: "
    "these findings were written by another program, and this report can say no more than they do."
)

_Document = Mapping[str, Any]
_NO_DOCUMENT = (KeyError, TypeError, ValueError, AttributeError)


def read_scan(folder: Path) -> Scan:
    """Read the scan that lies in `folder`.

    Raises:
        BundleError: a file is missing, is no JSON, or has not the shape of the contract.
    """
    manifest = read_manifest(folder)
    try:
        document = orjson.loads((folder / FINDINGS).read_bytes())
    except OSError as problem:
        raise BundleError(
            f"{folder / FINDINGS} cannot be read ({problem.strerror}). "
            "Name the folder of a scan that was judged, or judge it: audit evaluate BUNDLE."
        ) from problem
    except orjson.JSONDecodeError as problem:
        raise BundleError(f"{FINDINGS}: line {problem.lineno} is no JSON: {problem}.") from problem
    return scan_from_documents(manifest, document, _lines(folder))


def scan_from_documents(manifest: Manifest, document: object, lines: Iterable[bytes]) -> Scan:
    """Put a scan together from its documents.

    `document` is that of findings.json; `lines` are those of findings.jsonl, which are read only when
    findings.json says that it was truncated.

    Raises:
        BundleError: a document has not the shape of the contract.
    """
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise BundleError(f"{FINDINGS}: the schema is not {SCHEMA!r}. This version reads no other.")
    try:
        scan = _scan(manifest, document)
    except _NO_DOCUMENT as problem:
        raise BundleError(f"{FINDINGS} has not the shape of the contract: {_what(problem)}.") from problem
    if document.get("truncated"):
        scan = replace(scan, findings=tuple(_findings(lines)))
    return replace(scan, findings=tuple(sorted(scan.findings, key=lambda each: each.order)))


def _scan(manifest: Manifest, document: _Document) -> Scan:
    summary = document["summary"]
    findings = tuple(finding_from_document(each) for each in document["findings"])
    definitions = document.get("controls")
    foreign = (FOREIGN,) if definitions is None else ()
    return Scan(
        manifest=manifest,
        controls=_unnamed(summary, findings) if definitions is None else tuple(map(_control, definitions)),
        parameters={each["id"]: each["parameters"] for each in definitions or ()},
        findings=findings,
        gaps=tuple(_gap(each) for each in summary.get("gaps", ())),
        reconciliation=tuple(_reconciliation(each) for each in summary.get("reconciliation", ())),
        limitations=(*foreign, *summary.get("limitations", ())),
        assessment=assessment_of(summary),
        frameworks=frameworks_of(summary.get("audit_manager", ())),
    )


def _what(problem: Exception) -> str:
    return f"the key {problem} is missing" if isinstance(problem, KeyError) else str(problem)


def _lines(folder: Path) -> Iterator[bytes]:
    """Give the lines of findings.jsonl; opened only when somebody asks for the first."""
    path = next((folder / name for name in LINES if (folder / name).is_file()), None)
    if path is None:
        raise BundleError(f"{folder}: {FINDINGS} is truncated, and {LINES[0]}, which holds all, is missing.")
    try:
        with open_gzip(path) if path.suffix == ".gz" else path.open("rb") as file:
            yield from file
    except (BadGzipFile, EOFError, zlib.error, OSError) as problem:
        raise BundleError(f"{path} cannot be read to its end: {problem}.") from problem


def _findings(lines: Iterable[bytes]) -> Iterator[Finding]:
    for number, line in enumerate(lines, start=1):
        try:
            yield finding_from_document(orjson.loads(line))
        except _NO_DOCUMENT as problem:
            raise BundleError(f"{LINES[0]}: line {number} is no finding: {_what(problem)}.") from problem


def _unnamed(summary: _Document, findings: Iterable[Finding]) -> tuple[Control, ...]:
    """Stand in for controls without a definition; the worst severity found is theirs."""
    severities: dict[str, Severity] = dict.fromkeys(summary.get("controls", ()), Severity.INFO)
    for finding in findings:
        known = severities.get(finding.control, Severity.INFO)
        severities[finding.control] = min(known, finding.severity, key=lambda each: each.rank)
    return tuple(
        Control(id=name, title=name, severity=severity, subject="", population="", require="", reason="")
        for name, severity in sorted(severities.items())
    )


def _control(document: _Document) -> Control:
    return Control(
        id=document["id"],
        title=document["title"],
        severity=Severity(document["severity"]),
        subject=document["subject"],
        population=document["population"],
        require=document["require"],
        reason=document["reason"],
        reasons=document["reasons"],
        reason_cases={
            status: tuple(ReasonCase(each["when"], each["text"]) for each in cases)
            for status, cases in document.get("reason_cases", {}).items()
        },
        parameters=document["defaults"],
        parameter_rules={
            name: ParameterRule(doc=doc) for name, doc in document.get("parameter_docs", {}).items()
        },
        evidence=tuple(document["evidence"]),
        motivation=document["motivation"],
        remediation=Remediation(**document["remediation"]),
        frameworks={name: tuple(ids) for name, ids in document["frameworks"].items()},
        audit_manager=document["audit_manager"],
    )


def _gap(document: _Document) -> Gap:
    evidence = document["evidence"]
    return Gap(
        account=AccountId(document["account"]),
        region=RegionName(document["region"]),
        operation=document["operation"],
        about=document["about"],
        kind=GapKind(document["kind"]),
        code=document["code"],
        message=document["message"],
        ref=None if evidence is None else EvidenceRef(evidence["file"], evidence["line"]),
    )


def _reconciliation(document: _Document) -> Reconciliation:
    return Reconciliation(
        account=document["account"],
        region=document["region"],
        subject_type=document["subject_type"],
        listed=document["listed"],
        elsewhere=tuple(document["elsewhere"]),
    )
